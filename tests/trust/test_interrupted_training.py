"""A training that an exception interrupts anywhere: another one in the process is as if there had been none."""

from __future__ import annotations

import gc
import random
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from exhaustive import parametrize
from strikes import places, soon, struck
from stripes import TINY

import nbcnn
from nbcnn.autotune import auto
from nbcnn.compiler import compile_log
from nbcnn.config import load_config
from nbcnn.data import load_dataset
from nbcnn.errors import TrainingError
from nbcnn.layers import entries
from nbcnn.plugins import hints
from nbcnn.training.model import Model
from nbcnn.training.signals import SIGNALS, StopRequest
from nbcnn.training.trainer import Trainer

pytestmark = pytest.mark.jit


def settings(stripes: Path, **train: Any) -> dict[str, Any]:
    return TINY | {"data": {"folder": str(stripes)}, "train": TINY["train"] | train}


def bits(folder: Path) -> bytes:
    return (folder / "last.safetensors").read_bytes() + (folder / "best.safetensors").read_bytes()


@parametrize("strikes", [3, 6], quick=[3])
def test_trainings_after_one_that_was_struck(
    strikes: int, stripes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of the one that was struck can be gone on with, too, once there is something in it."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    monkeypatch.setattr("nbcnn.training.loop.draw_run", lambda *_: None)
    config = settings(stripes, epochs=2, threads=2, checkpoint_every={"steps": 3})
    whole = bits(nbcnn.train(config, out=tmp_path / "whole").folder)
    count = soon(lambda: places(lambda: nbcnn.train(config, out=tmp_path / "counted")))
    chosen = random.Random(0)
    resumed = 0
    part = count // strikes
    for number in range(strikes):
        folder, place = tmp_path / f"struck-{number}", chosen.randrange(part * number, part * (number + 1))
        # After the last step, or while it waits longer than when it was counted, it may end before it is struck.
        soon(partial(struck, partial(nbcnn.train, config, out=folder), place + 1))
        gc.collect()
        assert bits(nbcnn.train(config, out=tmp_path / f"after-{number}").folder) == whole
        if (folder / "config.yaml").exists():
            resumed += 1
            assert bits(soon(partial(nbcnn.resume, folder)).folder) == whole
    assert resumed > strikes // 3


def test_a_trainer_that_was_struck_in_a_step_goes_on_to_the_same_bits_or_not_at_all(stripes: Path) -> None:
    config = load_config(settings(stripes, threads=1))
    data = load_dataset(config.data)

    def made() -> Trainer:
        return Trainer(Model(config), data)

    right = made()
    orders = list(right.batches())[:3]
    for order in orders:
        right.step(order)
    wanted, number, refused, done = right.network.parameters.tobytes(), 0, 0, False
    while not done:
        number += 1
        trainer = made()
        trainer.step(orders[0])
        done = not struck(partial(trainer.step, orders[1]), number)
        if trainer._unfinished:
            refused += 1
            for forbidden in (partial(trainer.step, orders[1]), partial(trainer.end, 1.0), trainer.save):
                with pytest.raises(TrainingError, match=r"interrupted half-way.*nbcnn train --resume"):
                    forbidden()
        else:
            for order in orders[trainer.steps :]:
                trainer.step(order)
            assert trainer.network.parameters.tobytes() == wanted
        trainer.close()
    assert refused > 10


def test_listeners_and_what_holds_inside_are_forgotten_wherever_they_were_struck() -> None:
    def listen() -> None:
        with (
            compile_log.compile_listener(print),
            auto.choice_listener(auto.Listener()),
            entries.replacing(["conv2d"]),
            hints.near(Path()),
        ):
            pass

    for number in range(1, places(listen) + 1):
        struck(listen, number)
        gc.collect(1)
        assert not compile_log.listened_to() and not auto._here.listeners, number
        assert not entries._replaced.get() and hints._near.get() is None, number


def test_signals_are_given_back_where_stopping_was_struck_as_it_began() -> None:
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def begin() -> None:
        StopRequest().__enter__()

    number = 0
    try:
        while struck(begin, number + 1):
            number += 1
            assert {one: signal.getsignal(one) for one in SIGNALS} == before, number
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert number > 5
