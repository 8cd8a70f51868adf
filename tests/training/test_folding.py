"""``nbcnn fold``: numbers by hand, branches, what stays, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stripes import write_stripes

import nbcnn
from nbcnn.cli import main
from nbcnn.config import load_config
from nbcnn.errors import CheckpointError, TrainingError
from nbcnn.training import folding
from nbcnn.training.model import Model

CONV: dict[str, Any] = {"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": "same", "bias": False}}
LAYERS: list[Any] = [
    CONV,
    "batch_norm2d",
    "relu",
    {"repeat": {"times": 2, "body": [{"residual": {"body": [CONV, {"batch_norm2d": {"affine": False}}, "relu", "batch_norm2d"]}}]}},
    {"dense": [{"conv2d": {"out_channels": 3, "kernel_size": 1}}, {"sequential": [CONV, {"batch_norm2d": {"eps": 0.1}}]}]},
    "global_avg_pool2d",
    "flatten",
    {"linear": {"out_features": 5}},
    "batch_norm1d",
    {"linear": {"out_features": 3}},
]  # fmt: skip
FOLDED = ["0", "3.0.0.body.0", "3.1.0.body.0", "4.layers.1.0.0", "7"]
KEPT = ["3.0.0.body.3", "3.1.0.body.3"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose running statistics are far from their first values."""
    folder = tmp_path_factory.mktemp("fold")
    write_stripes(folder / "stripes")
    config = {
        "name": "norms",
        "input": {"channels": 1, "height": 12, "width": 12},
        "layers": LAYERS,
        "data": {"folder": str(folder / "stripes"), "mean": 0.3, "std": 0.4},
        "train": {"epochs": 2, "batch_size": 30, "optimizer": {"adam": {"lr": 0.02}}},
    }
    return nbcnn.train(config, out=folder / "run").folder


def command(*words: object) -> None:
    with pytest.raises(SystemExit) as done:
        main([str(word) for word in words])
    assert done.value.code == 0


def test_numbers_by_hand() -> None:
    layers = [{"conv2d": {"out_channels": 2, "kernel_size": 1}}, {"batch_norm2d": {"eps": 1.0}}]
    network = Model(load_config({"name": "t", "input": {"channels": 1, "height": 1, "width": 1}, "layers": layers}))
    given = {"0.weight": [[[[2]]], [[[3]]]], "0.bias": [1, 4], "1.weight": [6, 1], "1.bias": [7, 0]}
    network.load_state_dict({**given, "1.running_mean": [3, 0], "1.running_var": [8, 0], "1.num_batches_tracked": 5})
    made = folding.folded_network(network, folding.pairs_of(network))
    assert made.tensors["0.weight"].ravel().tolist() == [4, 3]  # 2·6/√(8 + 1), 3·1/√(0 + 1)
    assert made.tensors["0.bias"].tolist() == [3, 4]  # (1 - 3)·6/3 + 7, (4 - 0)·1 + 0
    assert list(made.tensors) == ["0.weight", "0.bias"]


def test_scores_stay_what_they_were_and_the_run_can_be_used(run: Path, tmp_path: Path, capsys: Any) -> None:
    result = nbcnn.fold(run, out=tmp_path / "folded")
    assert [layer for layer, _ in result.folded] == FOLDED
    assert list(result.kept) == KEPT
    assert 0 < result.difference < 1e-5
    assert (result.images, result.test_images) == (50, True)
    old, new = nbcnn.load(run), nbcnn.load(result.folder)
    assert sum(layer.kind.startswith("batch_norm") for layer in new.layers()) == len(KEPT)
    x = np.random.default_rng(0).standard_normal((40, 1, 12, 12)).astype(np.float32)
    np.testing.assert_allclose(new(x), old(x), rtol=1e-4, atol=1e-5)
    assert np.abs(old.tensors["1.running_mean"]).max() > 0.01
    assert nbcnn.evaluate(result.folder).accuracy == nbcnn.evaluate(run).accuracy
    command("eval", result.folder)
    assert new.classes == old.classes
    assert json.loads((result.folder / "run.json").read_text())["folded"]["weights"] == "best"
    capsys.readouterr()
    with pytest.raises(CheckpointError, match="cannot be resumed: it has no state"):
        nbcnn.resume(result.folder)
    with pytest.raises(CheckpointError, match="exists"):
        nbcnn.fold(run, out=result.folder)
    with pytest.raises(TrainingError, match=r"no batch norm of this network can be folded: 2\.0\.0\.body\.2, "):
        nbcnn.fold(result.folder, out=tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_the_command_says_what_it_did(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    command("fold", run, "--last", "--out", tmp_path / "new")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "batch norm 1 is in the weights of 0"
    assert "batch norm 3.1.0.body.3 stays: it follows no conv2d or linear" in lines
    assert lines[-2].startswith("scores differ by ") and lines[-2].endswith(
        "of the largest one at most, on 50 test images"
    )
    assert lines[-1] == f"written to {tmp_path / 'new'}"
    command("fold", run, "--json", "--out", tmp_path / "json")
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == str(tmp_path / "json")
    assert [layer for layer, _ in told["folded"]] == FOLDED


def test_scores_that_differ_too_much_are_refused(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (1.001, np.nan):
        right = folding._folded
        with monkeypatch.context() as patched:
            patched.setattr(
                folding, "_folded", lambda *a, f=wrong, r=right: {name: f * array for name, array in r(*a).items()}
            )
            with pytest.raises(TrainingError, match=r"a score differs by (\S+e-0|nan).* more than 1e-04"):
                nbcnn.fold(run, out=tmp_path / "none")
    assert not (tmp_path / "none").exists()
