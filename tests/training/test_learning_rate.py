"""Trainings with a schedule: what the optimizer gets, what the metrics hold, and going on with one to the bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from configs import written
from exhaustive import parametrize
from stripes import TINY

import nbcnn
from nbcnn.errors import CheckpointError, ConfigError
from nbcnn.optim.base import OPTIMIZERS, Optimizer, OptimizerConfig
from nbcnn.runs.run_folder import Run
from nbcnn.training.signals import StoppedError
from training.test_resume import At, config, outcome

pytestmark = pytest.mark.usefixtures("no_pictures")

SGD = {"sgd": {"lr": 0.1, "momentum": 0.9}}
SCHEDULES: dict[str, dict[str, Any]] = {
    "step": {"schedule": {"step": {"step_size": 13, "gamma": 0.5, "interval": "step"}}},
    "multi_step": {"schedule": {"multi_step": {"milestones": [1, 2]}}},
    "cosine": {"schedule": "cosine"},
    "one_cycle": {"schedule": "one_cycle", "optimizer": SGD},
    "one_cycle of adam": {"schedule": {"one_cycle": {"max_lr": 0.02}}},
    "reduce_on_plateau": {"schedule": {"reduce_on_plateau": {"patience": 0, "factor": 0.5, "threshold": 0.9}}},
    "warm-up": {"schedule": {"cosine": {"interval": "step"}}, "warmup": {"steps": 14}},
}


def cut(folder: Path, stripes: Path, steps: int, **train: Any) -> Run:
    """A training of three epochs, eleven steps each, stopped after so many."""
    with pytest.raises(StoppedError):
        nbcnn.train(config(stripes, **train), out=folder, reporter=At(steps))
    return Run.open(folder)


def rates(run: Run) -> list[float]:
    return [record["lr"] for record in run.metrics()]


@pytest.mark.trust
@pytest.mark.parametrize("name", SCHEDULES)
@parametrize("steps", [1, 11, 15, 22, 32], quick=[15])
def test_resumed_it_ends_with_the_same_bits(name: str, steps: int, stripes: Path, tmp_path: Path) -> None:
    whole = nbcnn.train(config(stripes, **SCHEDULES[name]), out=tmp_path / "whole")
    stopped = cut(tmp_path / "cut", stripes, steps, **SCHEDULES[name])
    resumed = nbcnn.resume(stopped.folder, threads=1)
    assert outcome(resumed) == outcome(whole)
    assert rates(resumed) == rates(whole)
    constant = nbcnn.train(config(stripes, optimizer=SCHEDULES[name].get("optimizer", TINY["train"]["optimizer"])))
    assert outcome(constant)["last.safetensors"] != outcome(whole)["last.safetensors"]


def test_the_rate_of_the_last_step_is_in_the_metrics(stripes: Path, tmp_path: Path) -> None:
    run = nbcnn.train(config(stripes, schedule={"step": {"step_size": 1, "gamma": 0.5}}), out=tmp_path / "run")
    assert rates(run) == [0.01, 0.005, 0.0025]
    assert run.metrics_csv.read_text().splitlines()[-1].endswith(",,,0.0025,")
    plain = nbcnn.train(config(stripes, epochs=1), out=tmp_path / "plain")
    assert rates(plain) == [0.01]


def test_the_optimizer_is_handed_the_rate_of_each_step(
    stripes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sgd, given = OPTIMIZERS.get("sgd"), []
    step = sgd.step

    def spy(self: Any, p: np.ndarray, g: np.ndarray, lr: Any = None, momentum: Any = None) -> None:
        if p.size:
            given.append((lr, momentum))
        step(self, p, g, lr, momentum)

    monkeypatch.setattr(sgd, "step", spy)
    train = {"epochs": 1, "optimizer": {"sgd": {"lr": 1.0}}}
    linear = {"cycle_momentum": False, "anneal_strategy": "linear", "pct_start": 0.1, "div_factor": 1}
    nbcnn.train(
        config(stripes, **train, schedule={"one_cycle": linear | {"final_div_factor": 2}}), out=tmp_path / "run"
    )
    # Phases end at steps 0.1 and 10: from 1 down to 0.5
    assert given[0] == (1.0, None)
    assert [lr for lr, _ in given[1:]] == pytest.approx([1 - 0.5 * (t - 0.1) / 9.9 for t in range(1, 11)], rel=1e-12)
    given.clear()
    nbcnn.train(config(stripes, **train), out=tmp_path / "plain")
    assert given == [(None, None)] * 11


def test_a_constant_schedule_has_the_bits_of_none(stripes: Path, tmp_path: Path) -> None:
    """Of one that takes the way of schedules: steps that change nothing."""
    plain = nbcnn.train(config(stripes, optimizer=SGD), out=tmp_path / "plain")
    for name, schedule in (("a", {"step": {"step_size": 1, "gamma": 1.0}}), ("b", {"constant": {}})):
        run = nbcnn.train(config(stripes, optimizer=SGD, schedule=schedule), out=tmp_path / name)
        assert outcome(run) == outcome(plain)


def test_other_epochs_are_refused_where_the_schedule_goes_over_all(stripes: Path, tmp_path: Path) -> None:
    run = cut(tmp_path / "run", stripes, 15, schedule="cosine")
    with pytest.raises(ConfigError) as refused:
        nbcnn.resume(run.folder, epochs=5)
    lines = str(refused.value).splitlines()
    assert lines[1:] == [
        "  train.epochs: 3 → 5",
        "  (cosine goes over all epochs of a training: with more or fewer of them every rate is another)",
        "undo this, or go on with the new values: --allow-changes (in Python allow_changes=True)",
    ]
    longer = nbcnn.resume(run.folder, epochs=5, allow_changes=True)
    assert len(rates(longer)) == 5 and rates(longer)[1:] == sorted(rates(longer)[1:], reverse=True)


@pytest.mark.parametrize(
    "schedule", [{"cosine": {"T_max": 3}}, {"step": {"step_size": 2}}, {"reduce_on_plateau": {"patience": 0}}]
)
def test_more_epochs_train_longer_with_other_schedules(schedule: Any, stripes: Path, tmp_path: Path) -> None:
    run = cut(tmp_path / "run", stripes, 15, schedule=schedule)
    longer = nbcnn.train(config(stripes, epochs=4, schedule=schedule), out=tmp_path / "longer")
    assert outcome(nbcnn.resume(run.folder, epochs=4)) == outcome(longer)


def test_another_schedule_is_refused(stripes: Path, tmp_path: Path) -> None:
    run = cut(tmp_path / "run", stripes, 15, schedule={"cosine": {"T_max": 5}})
    with pytest.raises(ConfigError, match=r"\n  train\.schedule\.cosine\.T_max: 5 → 6\nundo"):
        nbcnn.resume(run.folder, sets=("train.schedule.cosine.T_max=6",))
    with pytest.raises(ConfigError, match=r"\n  train\.warmup: null → nothing\n  train\.warmup\.steps: nothing → 3\n"):
        nbcnn.resume(run.folder, sets=("train.warmup.steps=3",))


def test_a_plateau_needs_the_metrics_of_all_epochs(stripes: Path, tmp_path: Path) -> None:
    run = cut(tmp_path / "run", stripes, 25, schedule={"reduce_on_plateau": {"patience": 0}})
    lines = run.metrics_jsonl.read_text().splitlines()
    run.metrics_jsonl.write_text(lines[1] + "\n")
    assert json.loads(lines[1])["epoch"] == 2
    with pytest.raises(CheckpointError, match=r"lacks 1 of 2 epochs, first epoch 1, and reduce_on_plateau follows the"):
        nbcnn.resume(run.folder)


def test_a_warm_up_longer_than_the_training_is_refused_with_its_place(stripes: Path, tmp_path: Path) -> None:
    source = json.loads(json.dumps(config(stripes)))
    del source["train"]
    text = json.dumps(source)[:-1] + ',\n "train": {"batch_size": 20, "epochs": 3, "warmup": {"steps": 33}}}'
    file = written(tmp_path, text)
    with pytest.raises(
        ConfigError,
        match=r"x\.yaml:2:\d+: train\.warmup: a warm-up of 33 steps leaves nothing to the "
        r"schedule, for the training has 3 · 11 = 33 steps; warm up for fewer",
    ):
        nbcnn.train(file, out=tmp_path / "run")


@pytest.fixture
def plain_optimizer() -> Iterator[None]:
    """An optimizer whose steps take no learning rate, as plugins had them before there were schedules."""

    class PlainConfig(OptimizerConfig):
        lr: float = 0.1

    class Plain(Optimizer):
        Config = PlainConfig

        def __init__(self, config: OptimizerConfig, size: int) -> None: ...

        def step(self, parameters: np.ndarray, gradients: np.ndarray) -> None:
            parameters -= np.float32(0.1) * gradients

        @property
        def state(self) -> dict[str, np.ndarray]:
            return {}

    OPTIMIZERS.register("plain")(Plain)
    yield
    OPTIMIZERS.forget("plain")


@pytest.mark.usefixtures("plain_optimizer")
def test_an_optimizer_that_takes_no_rate_trains_without_a_schedule_alone(stripes: Path, tmp_path: Path) -> None:
    assert rates(nbcnn.train(config(stripes, optimizer="plain"), out=tmp_path / "run")) == [0.1, 0.1, 0.1]
    for key, value in (("schedule", "cosine"), ("warmup", {"steps": 3})):
        words = rf"train\.{key}: optimizer plain keeps its own learning rate: its step takes no lr; leave {key} out"
        with pytest.raises(ConfigError, match=words):
            nbcnn.train(config(stripes, optimizer="plain", **{key: value}))
    with pytest.raises(ConfigError, match="weight_decay_on: plain has no weight_decay to keep from bias"):
        nbcnn.train(config(stripes, optimizer="plain", weight_decay_on="weights"))
