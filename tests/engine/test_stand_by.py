"""Helpers that stand by for the next batch: whom they hear, when they leave, and that what they do is as if given by Python."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from kernels.networks import LENET_LIKE, build, images

import nbcnn.engine.engine
from nbcnn.compiler.jit import kernel
from nbcnn.engine import helpers
from nbcnn.engine.batch import Batch
from nbcnn.engine.call_list import CallList
from nbcnn.engine.engine import Engine
from nbcnn.engine.helpers import Helpers, Ready
from nbcnn.engine.replay import DONE, LATE
from nbcnn.engine.stand_by import (
    AWAY,
    CALLED,
    CAME,
    GIVEN,
    IN_PYTHON,
    LINE,
    LISTENING,
    PACKS,
    RESTED,
    STATE,
    WANTED,
    call_wanted,
    replay_batches,
    wait_for_batch,
    wait_for_rest,
)
from nbcnn.kernels.turns import swap

FOREVER = 2**40


def test_a_swap_writes_where_the_old_number_is_there() -> None:
    place = np.array([3, 7])
    assert not swapped(place, 2, 5)
    assert swapped(place, 3, 5)
    assert place.tolist() == [5, 7]


@kernel
def swapped(place, old, new):
    return swap(place, old, new)


@kernel
def count_up(number, times):
    for _ in range(times):
        while True:
            seen = number[0]
            if swap(number, seen, seen + 1):
                break


@pytest.mark.jit
def test_of_two_swaps_at_once_one_fails() -> None:
    number = np.zeros(1, np.int64)
    count_up(number, 0)
    threads = [threading.Thread(target=count_up, args=(number, 200_000)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert number[0] == 600_000


def test_those_who_are_wanted_and_listen_are_called() -> None:
    lines = np.zeros((4, LINE), np.int64)
    lines[:, STATE], lines[:, WANTED] = [LISTENING, AWAY, LISTENING, LISTENING], [1, 1, 0, 1]
    call_wanted(lines, 3)
    assert lines[:, STATE].tolist() == [CALLED, AWAY, LISTENING, LISTENING]
    assert lines[:, CAME].tolist() == [1, 0, 0, 0]


def test_who_waits_for_others_sees_all_of_them_rest_and_gives_up_after_a_while() -> None:
    lines = np.zeros((3, LINE), np.int64)
    lines[0, STATE], lines[1:, GIVEN] = CALLED, 1
    wait_for_rest(lines, 3, 1000)
    waiting = threading.Thread(target=wait_for_rest, args=(lines, 2, FOREVER), daemon=True)
    waiting.start()
    for helper, place, number, left in ((1, RESTED, 1, True), (2, RESTED, 1, True), (0, STATE, LISTENING, False)):
        lines[helper, place] = number
        waiting.join(timeout=0.05 if left else 20)
        assert waiting.is_alive() == left


def test_who_waits_sees_a_batch_begin_and_gives_up_after_a_while() -> None:
    following, line = np.array([7]), np.zeros(LINE, np.int64)  # of the batch before, which had 7 pieces
    wait_for_batch(following, 7, 1000, line, 4)
    assert line[RESTED] == 4
    waiting = threading.Thread(target=wait_for_batch, args=(following, 7, FOREVER, line, 5), daemon=True)
    waiting.start()
    until(lambda: line[RESTED] == 5)
    for number, left in ((9, True), (0, True), (1, False)):
        following[0] = number
        waiting.join(timeout=0.05 if left else 20)
        assert waiting.is_alive() == left


def until(true: Callable[[], Any]) -> None:
    """Wait for it, 20 s at most."""
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


@kernel
def note(place, sums, late):
    """A call on a list: the piece is added to sums[0]; piece 13 is late."""
    sums[0] += place[0]
    late[0] = place[0] == 13


class Player:
    """A helper in a thread of its own, on a list of one call."""

    def __init__(self) -> None:
        self.place, self.sums, self.late = (np.zeros(1, np.int64) for _ in range(3))
        self.following, self.finished = np.zeros(1, np.int64), np.zeros(20, np.int64)
        self.line, self.outcomes = np.zeros(LINE, np.int64), list[int]()
        self.calls = CallList([(note, (self.place, self.sums, self.late))])

    def play(self, looks: int, jobs: int) -> None:
        where = self.place, self.late, self.following, self.finished
        (stretch,) = self.calls.parts
        moves = stretch.moves(self.calls.rows)
        self.outcomes.append(stretch.play(replay_batches, where, 0, moves, (self.line, looks, jobs)))

    def call(self, pieces: int) -> None:
        self.following[0], self.line[PACKS], self.line[WANTED] = 0, pieces, 1
        call_wanted(self.line.reshape(1, LINE), 1)
        assert self.line[CAME] == 1

    def listens(self) -> bool:
        return bool(self.line[STATE] == LISTENING)


@pytest.mark.jit
def test_a_helper_plays_each_batch_that_it_is_called_to() -> None:
    player = Player()
    player.play(1000, 0)
    assert player.outcomes == [DONE] and player.line[STATE] == AWAY and player.sums[0] == 0
    player.line[GIVEN] = 3
    thread = threading.Thread(target=player.play, args=(FOREVER, 3), daemon=True)
    thread.start()
    for pieces, total in ((3, 3), (5, 13), (1, 13)):
        until(player.listens)
        player.call(pieces)
        until(player.listens)
        assert player.sums[0] == total and player.finished[:pieces].all()
    assert player.line[RESTED] == 3 and thread.is_alive()
    player.line[GIVEN] = 4  # a job of Python's
    thread.join(timeout=20)
    assert player.outcomes == [DONE, DONE] and player.line[STATE] == AWAY


@pytest.mark.jit
def test_a_helper_leaves_where_a_call_is_late_and_says_so() -> None:
    player = Player()
    thread = threading.Thread(target=player.play, args=(FOREVER, 0), daemon=True)
    thread.start()
    until(player.listens)
    player.call(15)
    thread.join(timeout=20)
    assert player.outcomes == [LATE] and player.line[STATE] == IN_PYTHON
    assert player.finished.tolist() == [1] * 13 + [0] * 7


class Struck:
    """Instead of a call list: leaves as often as there are numbers, with an error at the end of them."""

    def __init__(self, *outcomes: bool | Exception) -> None:
        self.outcomes = list(outcomes)

    def play_batches(self, where: object, helper: object) -> bool:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Noting:
    """Instead of a worker."""

    def __init__(self) -> None:
        self.went_on = list[str]()

    def go_on(self, mode: str) -> None:
        self.went_on.append(mode)


def test_what_a_helper_meets_is_ended_in_python_or_kept_for_the_caller() -> None:
    made, worker, error = Helpers(1), Noting(), ValueError("struck")
    batch = Batch(48, 1, np.zeros(1, np.float32))
    batch.begin(np.arange(48), 1)
    made._batch = batch
    made._ready[0] = Ready(weakref.ref(worker), "train", Struck(False, False, True), ())  # type: ignore[arg-type]
    made.rest(0, np.zeros(LINE, np.int64), 1)
    assert worker.went_on == ["train", "train"] and not batch.failed and made.take_failures() == []
    made._ready[0] = Ready(weakref.ref(worker), "train", Struck(error), ())  # type: ignore[arg-type]
    made.rest(0, np.zeros(LINE, np.int64), 1)
    assert batch.failed and made.take_failures() == [error] and made.take_failures() == []
    assert made._standing == [None]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the helper came without Python, batch after batch; it stands by as long as it takes."""
    came = list[bool]()
    call = Helpers.call

    def noted(self: Helpers, lines: np.ndarray, packs: int) -> list[bool]:
        if len(lines) and self._standing[0] is not None:
            until(lambda: lines[0, STATE] in (LISTENING, AWAY))
        came.extend(found := call(self, lines, packs))
        return found

    monkeypatch.setattr(Helpers, "call", noted)
    monkeypatch.setattr(helpers, "LOOKS", 100_000_000)
    monkeypatch.setattr(nbcnn.engine.engine, "available_threads", lambda: 2)
    return came


@pytest.mark.jit
def test_batches_of_a_mode_have_the_bits_of_one_thread(calls: list[bool]) -> None:
    network = build(LENET_LIKE)
    x, labels = images(network, 300)
    orders = [np.random.default_rng(k).permutation(300)[: 300 - 30 * (k % 4)] for k in range(12)]
    found = []
    for threads in (1, 2):
        results = list[bytes]()
        with closing(Engine(network, threads=threads)) as engine:
            for k, order in enumerate(orders):
                results.append(engine.train_step(x, labels, order, step=k).losses.tobytes())
                results.append(engine.gradient.tobytes())
                if k % 5 == 4:  # another mode in between
                    results += [engine.evaluate(x, labels, order).losses.tobytes() for _ in range(3)]
        found.append(results)
    assert found[0] == found[1]
    assert True in calls  # one that was late comes from Python to the next batch


@pytest.mark.jit
def test_an_error_of_a_helper_that_was_called_is_the_caller_s(
    calls: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = build(LENET_LIKE)
    x, labels = images(network, 64)

    play, left = CallList.play_batches, [ValueError("struck")]

    def struck(self: CallList, where: Any, helper: tuple[np.ndarray, int, int]) -> bool:
        if not left:
            return play(self, where, helper)
        line = helper[0]
        line[RESTED], line[STATE] = helper[2], LISTENING
        until(lambda: line[STATE] == CALLED)
        line[STATE] = IN_PYTHON
        raise left.pop()

    monkeypatch.setattr(CallList, "play_batches", struck)
    with closing(Engine(network, threads=2)) as engine:
        wanted = engine.train_step(x, labels, np.arange(64)).losses.tobytes()
        with pytest.raises(ValueError, match=r"^struck$"):
            engine.train_step(x, labels, np.arange(64))
        assert calls == [False, True]
        for _ in range(5):
            assert engine.train_step(x, labels, np.arange(64)).losses.tobytes() == wanted
    assert True in calls[2:]


@pytest.mark.jit
def test_a_helper_that_stands_by_keeps_no_engine(calls: list[bool]) -> None:
    network = build(LENET_LIKE)
    x, labels = images(network, 64)
    engine = Engine(network, threads=2)
    for _ in range(5):
        engine.train_step(x, labels, np.arange(64))
    assert True in calls
    known = weakref.ref(engine)
    del engine
    gc.collect()
    assert known() is None
