"""Statistics that are gathered while a training runs: what they say, and that no bit of the training depends on them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stripes import TINY

import nbcnn
from nbcnn.compiler.compile_log import COMPILE_LOG
from nbcnn.errors import CheckpointError, TrainingError
from nbcnn.runs.run_folder import Run
from nbcnn.training.doctor import statistics_file
from nbcnn.training.doctor.recorder import Recorder, is_due

pytestmark = pytest.mark.usefixtures("no_pictures")

NORMED: dict[str, Any] = TINY | {
    "layers": [
        {"conv2d": {"out_channels": 3, "kernel_size": 3}},
        "batch_norm2d",
        "tanh",
        {"avg_pool2d": {"kernel_size": 2}},
        "flatten",
        {"dropout": {"p": 0.2}},
        {"linear": {"out_features": 3}},
    ]
}


def bits(run: Run) -> str:
    return hashlib.sha256((run.folder / "last.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("network", [TINY, NORMED], ids=["relu", "batch norm"])
@pytest.mark.parametrize("executor", ["threads", "serial"])
def test_no_bit_of_a_training_depends_on_them(
    stripes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: dict[str, Any], executor: str
) -> None:
    options: dict[str, Any] = {"data": str(stripes), "sets": (f"train.executor={executor}",)}
    watched = nbcnn.train(network, out=tmp_path / "watched", **options)
    compiled = len(COMPILE_LOG)
    again = nbcnn.train(network, out=tmp_path / "again", **options)
    assert len(COMPILE_LOG) == compiled
    assert (again.folder / "statistics.jsonl").read_bytes() == (watched.folder / "statistics.jsonl").read_bytes()
    monkeypatch.setattr(Recorder, "step", lambda self, order: self._trainer.step(order))
    alone = nbcnn.train(network, out=tmp_path / "alone", **options)
    assert not (alone.folder / "statistics.jsonl").exists()
    assert bits(alone) == bits(watched)


def test_the_first_step_in_numbers(stripes: Path, tmp_path: Path) -> None:
    """Against NumPy: a training of one step, whose weights before it are those of the initialisation."""
    config = TINY | {"train": {"epochs": 1, "batch_size": 210, "optimizer": {"sgd": {"lr": 0.5}}}}
    before = nbcnn.load(config).state_dict()
    run = nbcnn.train(config, data=str(stripes), out=tmp_path / "run")
    (row,) = statistics_file.read(run)
    after = {name: np.asarray(tensor, np.float64) for name, tensor in nbcnn.load(run.folder).state_dict().items()}
    for layer in ("0", "4"):
        old = before[f"{layer}.weight"].astype(np.float64)
        moved = np.linalg.norm(after[f"{layer}.weight"] - old)
        found = row["layers"][layer]
        assert found["weight"] == pytest.approx(np.linalg.norm(old), rel=1e-4)
        assert found["update"] == pytest.approx(moved / np.linalg.norm(old), rel=1e-3)
        assert found["gradient"] == pytest.approx(moved / 0.5, rel=1e-3)
    record = run.metrics()[0]
    assert (row["epoch"], row["step"]) == (1, 1)
    assert row["loss"] == pytest.approx(record["train_loss"], rel=1e-4)
    assert row["accuracy"] == pytest.approx(record["train_accuracy"], rel=1e-4)


def test_a_layer_s_numbers_are_those_of_its_arrays(stripes: Path, tmp_path: Path) -> None:
    """Sixteen images in one batch, so that the pack is all of it; weights that no step changes."""
    images = nbcnn.data.load_dataset(nbcnn.config.load_config(TINY, nbcnn.Overrides(data=str(stripes))).data).train
    few = (images.images[:16], images.labels[:16])
    config = NORMED | {"train": {"epochs": 1, "batch_size": 16, "optimizer": {"sgd": {"lr": 1e-30}}, "shuffle": False}}
    network = nbcnn.load(config)
    run = nbcnn.train(config, data=(few, few), out=tmp_path / "run")
    (row,) = statistics_file.read(run)
    x = few[0].astype(np.float64)[:, 0] / 255
    w, b = (network.tensors[f"0.{name}"].astype(np.float64) for name in ("weight", "bias"))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    y = np.einsum("nijab,oab->noij", windows, w[:, 0]) + b[:, None, None]
    assert row["inputs"]["mean"] == pytest.approx(x.mean(), rel=1e-4)
    assert row["inputs"]["std"] == pytest.approx(x.std(), rel=1e-4)
    assert row["layers"]["0"]["output"] == pytest.approx(y.std(), rel=1e-4)
    mean, variance = y.mean(axis=(0, 2, 3)), y.var(axis=(0, 2, 3))
    normalised = (y - mean[:, None, None]) / np.sqrt(variance + 1e-5)[:, None, None]
    assert row["layers"]["2"]["saturated"] == pytest.approx(np.mean(np.abs(normalised) > 3), abs=1e-4)
    running, unbiased = 0.1 * mean, 0.9 + 0.1 * variance * y[:, 0].size / (y[:, 0].size - 1)
    drift = np.sqrt(np.mean(((running - mean) ** 2) / variance))
    assert row["layers"]["1"]["mean_drift"] == pytest.approx(drift, rel=1e-3)
    factor = np.exp(np.median(np.abs(np.log(unbiased / variance))))
    assert row["layers"]["1"]["variance_drift"] == pytest.approx(factor, rel=1e-3)


def test_dead_channels_are_counted(stripes: Path, tmp_path: Path) -> None:
    network = nbcnn.load(TINY)
    network.tensors["0.weight"][1] = 0
    network.tensors["0.bias"][1] = -1
    network.tensors["0.bias"][[0, 2]] = 1
    run = nbcnn.train(network, data=str(stripes), out=tmp_path / "run", epochs=1)
    assert statistics_file.read(run)[0]["layers"]["1"]["dead"] == pytest.approx(1 / 3, rel=1e-4)


def test_when_a_step_is_looked_at() -> None:
    assert [step for step in range(1, 41) if is_due(step, step, 40, 64)] == [1, 4, 16, 40]
    assert [done for done in range(1, 142) if is_due(1000, done, 141, 64)] == [71, 141]
    assert [done for done in range(1, 5) if is_due(1000, done, 4, 5000)] == [1, 2, 3, 4]


def test_a_training_that_can_t_go_on_says_why(stripes: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        nbcnn.train(TINY, data=str(stripes), out=tmp_path / "run", sets=("train.optimizer={sgd: {lr: 1e30}}",))
    last = statistics_file.read(Run(tmp_path / "run"))[-1]
    assert last["stopped"].startswith(("the loss became", "the gradient became", "a parameter became"))
    assert last["stopped"].endswith(f"at step {last['step']} (epoch 1)")


def test_what_is_no_row_is_refused(stripes: Path, tmp_path: Path) -> None:
    run = nbcnn.train(TINY, data=str(stripes), out=tmp_path / "run", epochs=1)
    path = run.folder / "statistics.jsonl"
    rows = path.read_text()
    path.write_text(rows + '{"epoch": 1')  # cut by a kill
    assert [json.loads(line) for line in rows.splitlines()] == statistics_file.read(run)
    for bad in ("[]", "{}", '{"epoch": 1, "step": 2}', '{"epoch": 1, "step": 2, "stopped": 3}', "no"):
        path.write_text(rows + bad + "\n")
        with pytest.raises(
            CheckpointError, match=rf"jsonl:{len(rows.splitlines()) + 1}: not a row of statistics; remove"
        ):
            statistics_file.read(run)
