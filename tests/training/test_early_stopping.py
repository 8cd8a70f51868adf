"""Early stopping and averaged weights in trainings: when they end, what is kept, and going on to the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize

import nbcnn
from nbcnn.config import EarlyStopping
from nbcnn.errors import CheckpointError
from nbcnn.runs.checkpoint import load_tensors
from nbcnn.runs.run_folder import Run
from nbcnn.training.early_stopping import stopped_early
from training.test_learning_rate import cut
from training.test_resume import At, config, outcome

pytestmark = pytest.mark.usefixtures("no_pictures")


def after(values: list[float], key: str = "test_loss", **rule: Any) -> list[int]:
    """The epochs after which a training with such metrics would end."""
    records = [{"epoch": n, key: value} for n, value in enumerate(values, 1)]
    return [n for n in range(len(values) + 1) if stopped_early(EarlyStopping(**rule), records[:n])]


def test_it_ends_after_so_many_epochs_in_a_row_that_are_not_better() -> None:
    assert after([3, 2, 2, 1, 1, 1.5], patience=2) == [6]
    assert after([3, 2, 1], patience=1) == []
    assert after([3, 3], patience=1) == [2]
    assert after([3, 2.95, 2.9, 2.8], patience=2, min_delta=0.1) == [3, 4]
    assert after([0.5, 0.6, 0.55, 0.6], "val_accuracy", patience=2, metric="accuracy") == [4]
    assert after([0.5, 0.6, 0.7], "test_accuracy", patience=1, metric="accuracy") == []


def test_it_says_why() -> None:
    records = [{"epoch": n, "val_loss": value, "test_loss": 1 / n} for n, value in enumerate([2, 0.5, 0.75, 0.625], 1)]
    assert stopped_early(EarlyStopping(patience=2, min_delta=0.25), records) == (
        "stopped early after epoch 4: in the last 2 epochs the validation loss was not better by more than 0.25 than "
        "0.5, that of epoch 2"
    )
    assert stopped_early(EarlyStopping(patience=1), [{"epoch": n, "test_loss": 1.0} for n in (1, 2)]) == (
        "stopped early after epoch 2: in the last epoch the test loss was not better than 1, that of epoch 1"
    )
    assert stopped_early(None, records) is None


class Why(At):
    """Keeps what is said of early stopping."""

    def __init__(self, step: int = 0) -> None:
        super().__init__(step)
        self.said: list[str] = []

    def stopped_early(self, why: str) -> None:
        self.said.append(why)


STOPS: dict[str, Any] = {"epochs": 6, "early_stopping": {"patience": 2, "min_delta": 100.0}}
"""No loss of these is smaller by 100 than another: it ends after three epochs."""


@pytest.mark.trust
@parametrize("steps", [5, 22, 30], quick=[22])
def test_resumed_it_stops_at_the_same_epoch(steps: int, stripes: Path, tmp_path: Path) -> None:
    reporter = Why()
    whole = nbcnn.train(config(stripes, **STOPS), out=tmp_path / "whole", reporter=reporter)
    assert len(whole.metrics()) == 3 and len(reporter.said) == 1
    assert reporter.said[0].startswith("stopped early after epoch 3: in the last 2 epochs the test loss was not better")
    stopped = cut(tmp_path / "cut", stripes, steps, **STOPS)
    assert outcome(nbcnn.resume(stopped.folder)) == outcome(whole)
    again = Why()
    assert outcome(nbcnn.resume(stopped.folder, reporter=again)) == outcome(whole)
    assert again.said == reporter.said


def test_another_patience_may_be_given_to_go_on(stripes: Path, tmp_path: Path) -> None:
    run = nbcnn.train(config(stripes, **STOPS), out=tmp_path / "run")
    whole = nbcnn.train(config(stripes, epochs=6), out=tmp_path / "whole")
    assert outcome(nbcnn.resume(run.folder, sets=("train.early_stopping=null",))) == outcome(whole)


def test_it_needs_the_metrics_of_all_epochs(stripes: Path, tmp_path: Path) -> None:
    run = cut(tmp_path / "run", stripes, 25, **STOPS)
    run.metrics_jsonl.write_text("")
    with pytest.raises(CheckpointError, match="lacks 2 of 2 epochs, first epoch 1, and early_stopping follows the met"):
        nbcnn.resume(run.folder)


EMA: dict[str, Any] = {"ema": {"decay": 0.9}}


@pytest.mark.trust
@parametrize("steps", [1, 11, 15, 33], quick=[15])
def test_averages_go_on_to_the_same_bits(steps: int, stripes: Path, tmp_path: Path) -> None:
    whole = nbcnn.train(config(stripes, **EMA), out=tmp_path / "whole")
    stopped = cut(tmp_path / "cut", stripes, steps, **EMA)
    assert outcome(nbcnn.resume(stopped.folder, threads=1)) == outcome(whole)


def test_evaluation_and_checkpoints_have_the_averages_and_training_the_weights(stripes: Path, tmp_path: Path) -> None:
    run = nbcnn.train(config(stripes, **EMA), out=tmp_path / "run")
    plain = nbcnn.train(config(stripes), out=tmp_path / "plain")
    state, _ = load_tensors(run.state)
    last, _ = load_tensors(run.weights_path("last"))
    theirs, _ = load_tensors(plain.weights_path("last"))
    averaged = np.concatenate([tensor.ravel() for tensor in (last[n] for n in theirs)])
    assert np.array_equal(np.sort(averaged), np.sort(state["ema.parameters"]))
    for name, tensor in theirs.items():  # the training itself is the same
        assert state[f"weights.{name}"].tobytes() == tensor.tobytes() != last[name].tobytes()
    for key in ("train_loss", "train_accuracy"):
        assert [row[key] for row in run.metrics()] == [row[key] for row in plain.metrics()]
    assert [row["test_loss"] for row in run.metrics()] != [row["test_loss"] for row in plain.metrics()]
    found = nbcnn.evaluate(nbcnn.load(run.folder, which="last"))
    assert found.loss == run.metrics()[-1]["test_loss"]


def test_a_run_with_averages_and_one_without_do_not_mix(stripes: Path, tmp_path: Path) -> None:
    run = cut(tmp_path / "run", stripes, 15)
    with pytest.raises(
        CheckpointError, match=r"the file has count, moments and the optimizer count, ema\.count, ema\.p"
    ):
        nbcnn.resume(run.folder, sets=("train.ema.decay=0.9",), allow_changes=True)
    assert Run.open(run.folder).metrics()
