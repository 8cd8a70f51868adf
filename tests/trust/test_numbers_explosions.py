"""A learning rate that explodes: the last good checkpoint stays, and the message reaches whoever trained."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nbcnn
from nbcnn.cli import main
from nbcnn.errors import TrainingError
from nbcnn.report.verdict import verdicts
from nbcnn.runs.checkpoint import load_tensors
from trust import wrong_numbers

pytestmark = [pytest.mark.trust, pytest.mark.usefixtures("no_pictures")]


@pytest.fixture(autouse=True)
def data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every training and comparison meets the same few images."""
    for module in ("train", "comparison"):
        monkeypatch.setattr(f"nbcnn.training.{module}.load_dataset", lambda _: wrong_numbers.dataset())


TWO = "  - flatten\n  - linear: {out_features: 6}\n  - linear: {out_features: 4}\n"
DEEP = "  - flatten\n" + "  - linear: {out_features: 6}\n" * 4 + "  - linear: {out_features: 4}\n"
"""Adam's steps do not grow with the gradient, so only the product of many weights gets large."""

EXPLOSIONS = [
    "sgd: {lr: 200}",
    "sgd: {lr: 100, momentum: 0.9}",
    "sgd: {lr: 100, momentum: 0.9, nesterov: true}",
    "sgd: {lr: 20, weight_decay: 0.5}",
    "adam: {lr: 5e+6}",
    "adam: {lr: 5e+6, weight_decay: 0.1}",
    "adamw: {lr: 1e+4}",
    "adamw: {lr: 1e+6, weight_decay: 0.1}",
]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("optimizer", EXPLOSIONS)
def test_an_explosion_leaves_the_last_good_checkpoint(
    tmp_path: Path, count: Callable[..., None], optimizer: str, threads: int
) -> None:
    options = {"epochs": 60, "batch_size": wrong_numbers.IMAGES, "optimizer": "{" + optimizer + "}", "threads": threads}
    wrong_numbers.config(tmp_path, DEEP if optimizer.startswith("adam:") else TWO, **options)
    with pytest.raises(TrainingError) as caught:
        nbcnn.train(tmp_path / "numbers.yaml", out=tmp_path / "run")
    lines = str(caught.value).splitlines()
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    last = len(records)
    assert [record["epoch"] for record in records] == list(range(1, last + 1)) and last >= 1
    assert all(np.isfinite(value) for record in records for value in record.values() if value is not None)
    assert f"; the checkpoints of epoch {last} are in {tmp_path / 'run'}" in lines[0]
    assert re.match(
        rf"(the (test )?loss|the gradient|a parameter|the optimizer's \w+) became (nan|inf) at step \d+ \(epoch {last + 1}\)",
        lines[0],
    )
    assert lines[1].startswith("it began in ")
    assert lines[-1].startswith("try a smaller step, for instance --set train.optimizer.")
    for name in ("last.safetensors", "best.safetensors", "state.safetensors"):
        tensors, _ = load_tensors(tmp_path / "run" / name)
        assert all(np.isfinite(tensor).all() for tensor in tensors.values()), name
    assert json.loads((tmp_path / "run" / "last.json").read_text())["epochs"] == last
    network = nbcnn.load(tmp_path / "run", which="last")
    scores = network.scores(wrong_numbers.dataset().test.images)
    labels = wrong_numbers.dataset().test.labels
    assert np.mean(scores.argmax(axis=1) == labels) == pytest.approx(records[-1]["test_accuracy"])
    count("wrong numbers located")


WILD = ("optimizer={sgd: {lr: 1e+30}}", "batch_size=40", "epochs=1")


def test_the_command_line_says_it_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong_numbers.config(tmp_path, TWO)
    words = [word for text in WILD for word in ("--set", f"train.{text}")]
    with pytest.raises(SystemExit) as left:
        main(["train", str(tmp_path / "numbers.yaml"), "--out", str(tmp_path / "run"), *words])
    assert left.value.code == 2
    errors = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        r"error: the loss became (nan|inf) at step 2 \(epoch 1\), so training stopped; there is no checkpoint yet",
        errors[-4],
    )
    assert errors[-3].startswith(
        f"error: it began in {tmp_path}/numbers.yaml:6:5: layers[2].linear, forward: of 64 outputs "
    )
    assert re.match(
        r"error: what went in: inputs up to .*, weights up to .*e\+.*; first in training image \d+ ", errors[-2]
    )
    assert errors[-1] == "error: try a smaller step, for instance --set train.optimizer.sgd.lr=..., or another init"


def test_a_comparison_keeps_it(tmp_path: Path) -> None:
    wrong_numbers.config(tmp_path, TWO)
    options = nbcnn.Overrides(sets=tuple(f"train.{text}" for text in WILD))
    result = nbcnn.compare(
        tmp_path / "numbers.yaml", ["linear=direct", "linear=naive"], options, out=tmp_path / "compare"
    )
    for variant in result.variants:
        assert variant.diverged is not None and variant.diverged.step == 2
        assert (
            f"\nit began in {tmp_path}/numbers.yaml:6:5: layers[2].linear, forward: of 64 outputs "
            in variant.diverged.why
        )
    assert verdicts(result)[0].startswith(
        "linear=direct: diverged at step 2; weights are held against it up to the step before. It began in "
        f"{tmp_path}/numbers.yaml:6:5: layers[2].linear, forward: "
    )
    kept = json.loads(result.json.read_text())["variants"]
    assert [one["diverged"]["why"] for one in kept] == [one.diverged.why for one in result.variants if one.diverged]


def test_the_example_of_the_documentation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command of docs/reliability.md prints what stands there; sums, which a processor may round otherwise, aside."""
    root = Path(__file__).parents[2]
    monkeypatch.undo()  # the data are the model's own
    monkeypatch.chdir(root)
    text = (root / "docs" / "reliability.md").read_text(encoding="utf-8")
    command, *wanted = re.search(r"```console\n\$ nbcnn (.*?)```", text, re.DOTALL)[1].splitlines()  # type: ignore[index]
    with pytest.raises(SystemExit) as left:
        main([*command.split(), "--out", str(tmp_path / "run")])
    assert left.value.code == 2
    found = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(wanted) == 4
    assert [re.sub(r"[\d,.]+(e\+\d+)?( of the)?", "N", line) for line in found] == [
        re.sub(r"[\d,.]+(e\+\d+)?( of the)?", "N", line) for line in wanted
    ]
    assert found[1].partition(" outputs ")[0] == wanted[1].partition(" outputs ")[0]
