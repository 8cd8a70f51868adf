"""Learning-rate schedules, against curves recorded from PyTorch, formulas, and by hand."""

from __future__ import annotations

from itertools import accumulate
from math import cos, pi
from typing import Any

import pytest
from configs import TINY

from nbcnn.config import TrainConfig, load_config
from nbcnn.optim.schedules import SCHEDULES
from nbcnn.training.learning_rate import LearningRate
from nbcnn.training.state import Position
from optim.pytorch_curves import CURVES, EPOCHS, LR, STEPS

TOLERANCE = 1e-12


def settings(epochs: int = EPOCHS, **train: Any) -> TrainConfig:
    import yaml

    whole = {"epochs": epochs, "batch_size": 10, "optimizer": {"sgd": {"lr": LR, "momentum": 0.9}}, **train}
    return load_config({**yaml.safe_load(TINY), "train": whole}).train


def curve(chosen: TrainConfig, metric: str = "loss", metrics: Any = ()) -> list[dict[str, float]]:
    """What every step's optimizer gets, of epochs of 5 steps: 48 images in batches of 10."""
    rate, position, records = LearningRate(chosen, 48), Position(), []
    found = []
    for epoch in range(chosen.epochs):
        for number in range(STEPS):
            found.append(rate.arguments(position, records))
            position.step += 1
            position.seen = min(10 * number + 10, 48)
        assert rate.last(position, records) == found[-1].get("lr", LR)
        values = {f"test_{metric}": metrics[epoch]} if metrics else {}
        records.append({"epoch": epoch + 1, "step": position.step, **values})
        position.next_epoch()
    return found


@pytest.mark.parametrize("number", range(len(CURVES)), ids=lambda number: f"{number} {CURVES[number][0]}")
def test_curves_are_pytorchs(number: int) -> None:
    name, arguments, warmup, metrics, rates, momenta = CURVES[number]
    found = curve(settings(schedule={name: arguments}, warmup=warmup), *(metrics or ()))
    every = EPOCHS * STEPS // len(rates)
    assert [step["lr"] for step in found] == pytest.approx(
        [rate for rate in rates for _ in range(every)], rel=TOLERANCE, abs=TOLERANCE
    )
    if momenta is not None:
        assert [step["momentum"] for step in found] == pytest.approx(momenta, rel=TOLERANCE)
    assert (momenta is None) == all("momentum" not in step for step in found)


def test_every_schedule_has_a_curve() -> None:
    assert {name for name, *_ in CURVES} == set(SCHEDULES.names())


def rates(chosen: TrainConfig) -> list[float]:
    return [step["lr"] for step in curve(chosen)]


@pytest.mark.parametrize("gamma", [0.1, 0.7])
def test_step_and_multi_step_by_their_formula(gamma: float) -> None:
    """Multiplied up, epoch by epoch, as the name says."""
    for milestones, found in (
        ([4, 8], rates(settings(schedule={"step": {"step_size": 4, "gamma": gamma}}))),
        ([1, 2, 9], rates(settings(schedule={"multi_step": {"milestones": [1, 2, 9], "gamma": gamma}}))),
    ):
        falls = (gamma if epoch in milestones else 1.0 for epoch in range(1, EPOCHS))
        by_epoch = accumulate(falls, lambda rate, factor: rate * factor, initial=LR)
        assert found == pytest.approx([rate for rate in by_epoch for _ in range(STEPS)], rel=TOLERANCE)


def test_cosine_by_its_formula() -> None:
    found = rates(settings(schedule={"cosine": {"eta_min": 0.02, "interval": "step"}}))
    assert found == pytest.approx([0.06 + 0.04 * cos(pi * t / 60) for t in range(60)], rel=TOLERANCE)
    by_epoch = rates(settings(schedule="cosine"))
    assert by_epoch == pytest.approx([0.05 + 0.05 * cos(pi * (t // 5) / 12) for t in range(60)], abs=TOLERANCE)


def test_one_cycle_by_hand() -> None:
    cycle = {"pct_start": 0.5, "anneal_strategy": "linear", "div_factor": 2, "final_div_factor": 4}
    found = rates(settings(epochs=1, schedule={"one_cycle": {"max_lr": 0.8, **cycle}}))
    # 5 steps: up from 0.4 at step 0 to 0.8 at step 1.5, then down to 0.1 at step 4
    wanted = [0.4, 0.4 + 0.4 / 1.5, 0.8 - 0.7 * 0.5 / 2.5, 0.8 - 0.7 * 1.5 / 2.5, 0.1]
    assert found == pytest.approx(wanted, rel=TOLERANCE)
    assert rates(settings(epochs=1, schedule="one_cycle"))[0] == pytest.approx(LR / 25)
    fixed = curve(settings(schedule={"one_cycle": {"cycle_momentum": False}}))
    assert all(list(step) == ["lr"] for step in fixed)


def test_warm_up_rises_at_every_step_and_the_schedule_begins_after_it() -> None:
    found = rates(settings(schedule={"step": {"step_size": 6, "gamma": 0.5}}, warmup={"epochs": 2}))
    assert found[:10] == pytest.approx([LR * (1 / 3 + 2 / 3 * t / 10) for t in range(10)], rel=TOLERANCE)
    assert found[10:] == [LR] * 30 + [LR / 2] * 20
    found = rates(settings(warmup={"steps": 3, "start_factor": 0.5}))
    assert found == pytest.approx([LR / 2, LR * (0.5 + 0.5 / 3), LR * (0.5 + 1 / 3), *[LR] * 57], rel=TOLERANCE)


def test_a_plateau_counts_the_epochs_after_the_warm_up() -> None:
    chosen = settings(schedule={"reduce_on_plateau": {"patience": 1, "factor": 0.5}}, warmup={"epochs": 3})
    found = [step["lr"] for step in curve(chosen, "loss", [1.0] * EPOCHS)]
    assert found[15::5] == [LR] * 3 + [LR / 2] * 2 + [LR / 4] * 2 + [LR / 8] * 2


@pytest.mark.parametrize(("eps", "last"), [(0.03, LR / 4), (0.024, LR / 8)])
def test_a_plateau_makes_no_smaller_change_than_eps(eps: float, last: float) -> None:
    """From 0.1 to 0.05, 0.025 and 0.0125: by 0.05, 0.025 and 0.0125."""
    chosen = settings(schedule={"reduce_on_plateau": {"patience": 0, "factor": 0.5, "eps": eps / 2}})
    found = [step["lr"] for step in curve(chosen, "loss", [1.0] * EPOCHS)]
    assert found[-1] == last


def test_a_plateau_is_that_of_the_validation_images_where_there_are_some() -> None:
    rate = LearningRate(settings(schedule={"reduce_on_plateau": {"patience": 0, "factor": 0.5}}), 48)
    falls = [{"step": 5 * n, "test_loss": 1.0, "val_loss": 1 / n} for n in range(1, 4)]
    rises = [{"step": 5 * n, "test_loss": 1 / n, "val_loss": 1.0} for n in range(1, 4)]
    place = Position(epochs=3, step=15)
    assert rate.arguments(place, falls) == {"lr": LR}
    assert rate.arguments(place, rises) == {"lr": LR / 4}


def test_without_a_schedule_the_optimizer_keeps_its_own_rate() -> None:
    assert curve(settings()) == [{}] * 60
    assert LearningRate(settings(), 48).last(Position(seen=10), []) == LR


@pytest.mark.parametrize("warmup", [None, {"epochs": 3}])
@pytest.mark.parametrize("interval", ["epoch", "step"])
@pytest.mark.parametrize("earlier", [0, 1])
@pytest.mark.parametrize("name", ["step", "multi_step", "reduce_on_plateau"])
def test_a_change_that_comes_after_the_end_is_told(name: str, earlier: int, interval: str, warmup: Any) -> None:
    """The first that is too late, and one that is just in time: rates tell whether it came."""
    length = (EPOCHS - (3 if warmup else 0)) * (STEPS if interval == "step" else 1)
    if name == "reduce_on_plateau":
        late = EPOCHS - (3 if warmup else 0) - 2
        given, words = {"patience": late - earlier}, f"a patience of {late} reduces nothing: it takes {late + 2} epochs"
    elif name == "step":
        given = {"step_size": length - earlier, "interval": interval}
        words = f"a step_size of {length} changes nothing: there are {length} {interval}s"
    else:
        given = {"milestones": [1, length - earlier], "interval": interval}
        words = f"milestones {length} are never reached: there are {length} {interval}s"
    chosen = settings(schedule={name: given}, **({"warmup": warmup} if warmup else {}))
    if earlier:
        found = [step["lr"] for step in curve(chosen, "loss", [1.0] * EPOCHS)]
    else:
        with pytest.warns(RuntimeWarning, match=rf"train\.schedule.*: {words}"):
            found = [step["lr"] for step in curve(chosen, "loss", [1.0] * EPOCHS)]
    before = found[-2] if "interval" in given and interval == "step" else found[-STEPS - 1]
    assert (found[-1] < before) == bool(earlier)
