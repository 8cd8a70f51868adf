"""Interrupted anywhere, what comes next is in step: each call gives its own bits, no thread waits for ever."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import threadpoolctl
from exhaustive import parametrize
from kernels.networks import LENET_LIKE, build, images
from strikes import Strike, places, soon, struck

import nbcnn.engine.thread_pool
from nbcnn.autotune.sampler import together
from nbcnn.engine.batch import Batch, BatchInputs
from nbcnn.engine.engine import Engine
from nbcnn.engine.thread_pool import AbandonedError, ThreadPool
from nbcnn.engine.worker import Worker
from nbcnn.util import blas

pytestmark = pytest.mark.jit  # in plain Python a kernel alone has thousands of places

COUNT = 48


@pytest.fixture
def late_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Helpers begin late and pause between packs, so that the caller waits for them, in few looks and then asleep."""
    share = Engine._share

    def late(engine: Engine, worker: int, wanted: str) -> None:
        if worker:
            time.sleep(0.001)
        share(engine, worker, wanted)

    monkeypatch.setattr(Engine, "_share", late)
    monkeypatch.setattr(nbcnn.engine.thread_pool, "SPINS", 4)


def blas_threads() -> list[int | None]:
    return [library.num_threads for library in blas.libraries()[0]]


@pytest.fixture
def blas_as_before() -> Iterator[None]:
    """After a test, and one use of BLAS that nothing struck, it has as many threads as before."""
    before = blas_threads()
    yield
    with blas.one_blas_thread():
        pass
    assert blas_threads() == before


def used(engine: Engine, wanted: str, x: np.ndarray, labels: np.ndarray) -> bytes:
    """All bits that an engine gives when it is asked for something."""
    order = np.arange(len(x))
    if wanted in ("predict", "few"):
        return engine.predict(x[:3] if wanted == "few" else x).tobytes()
    if wanted == "warm":
        engine.warm_up(x, labels)
        return b""
    outcome = (engine.train_step if wanted == "train" else engine.evaluate)(x, labels, order)
    return outcome.losses.tobytes() + outcome.guesses.tobytes() + engine.gradient.tobytes() * (wanted == "train")


WANTED = ("predict", "few", "eval", "train", "warm")


@pytest.mark.usefixtures("late_helpers", "blas_as_before")
@parametrize(
    "struck_in, backend",
    [*((wanted, "direct") for wanted in WANTED), ("train", "im2col")],
    quick=[("predict", "direct"), ("train", "direct")],
)
def test_struck_anywhere_an_engine_gives_its_own_bits_afterwards(struck_in: str, backend: str) -> None:
    network = build(LENET_LIKE, backends={"conv2d": backend})
    given = [images(network, COUNT, seed) for seed in range(2)]

    def compare() -> int:
        engine, other = Engine(network, threads=3), Engine(network, threads=1)
        right = {(wanted, k): used(other, wanted, *given[k]) for wanted in WANTED[:4] for k in range(2)}
        for wanted in WANTED:
            used(engine, wanted, *given[0])
        number = 0
        while struck(partial(used, engine, struck_in, *given[number % 2]), number + 1):
            number += 1
            for wanted in WANTED[number % 2 : 4 : 2]:
                k = (number + len(wanted)) % 2
                assert used(engine, wanted, *given[k]) == right[wanted, k], (number, wanted)
        engine.close()
        other.close()
        return number

    assert soon(compare) > 30


@pytest.mark.usefixtures("late_helpers")
@pytest.mark.parametrize("second", ["before it fails", "while it waits"])
@pytest.mark.parametrize("wanted", ["predict", "train"])
def test_struck_again_while_it_waits_for_its_helpers(second: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = build(LENET_LIKE)
    x, labels = images(network, COUNT)
    engine, other = Engine(network, threads=3), Engine(network, threads=1)
    right = used(other, wanted, x, labels)
    assert used(engine, wanted, x, labels) == right
    settle, result, strikes = ThreadPool.settle, ThreadPool._result, [0]

    def struck_result(pool: ThreadPool, run: Any) -> Any:
        if strikes[0] == 1:
            strikes[0] = 2
            raise Strike
        return result(pool, run)

    def struck_settle(pool: ThreadPool) -> None:
        if strikes[0] == 2:
            strikes[0] = 3
            if second == "while it waits" and pool._unended:
                pool._unended.fail()
            raise Strike
        settle(pool)

    monkeypatch.setattr(ThreadPool, "_result", struck_result)
    monkeypatch.setattr(ThreadPool, "settle", struck_settle)
    for _ in range(3):
        strikes[0] = 1
        with pytest.raises(Strike):
            used(engine, wanted, x, labels)
        assert strikes[0] == 3
        assert soon(lambda: used(engine, wanted, x, labels)) == right
    engine.close()
    other.close()


class Alarm(BaseException):
    pass


def test_a_signal_while_it_sleeps_until_its_helpers_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with a real signal: the calls after it differ from one another."""
    network, share = build(LENET_LIKE), Engine._share
    given = [images(network, COUNT, seed)[0] for seed in range(3)]
    other = Engine(network, training=False, threads=1)
    right = [other.predict(x) for x in given]

    def late(engine: Engine, worker: int, wanted: str) -> None:
        if worker:
            time.sleep(0.03)
        share(engine, worker, wanted)

    def ring(*_: object) -> None:
        raise Alarm

    engine = Engine(network, training=False, threads=2)
    engine.predict(given[0])
    before = signal.signal(signal.SIGALRM, ring)
    monkeypatch.setattr(Engine, "_share", late)
    monkeypatch.setattr(Worker, "run", _one_pack(Worker.run))
    try:
        for _ in range(5):
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            with pytest.raises(Alarm):
                engine.predict(given[0])
            for x, y in zip(given, right, strict=True):
                np.testing.assert_array_equal(engine.predict(x), y)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        engine.close()
        other.close()


def _one_pack(run: Callable[..., None]) -> Callable[..., None]:
    """The caller does not take all packs before its helper wakes up."""

    def slowly(worker: Worker, wanted: str) -> None:
        if threading.current_thread() is threading.main_thread():
            time.sleep(0.002)
        run(worker, wanted)

    return slowly


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_thread_of_a_pool_works_once_in_a_run_whatever_struck_the_run_before(workers: int) -> None:
    def strike_all() -> int:
        pool, number = ThreadPool(3), 0
        try:
            while struck(lambda: pool.run(workers, lambda worker: time.sleep(0.0002)), number + 1):
                number += 1
                done: list[int] = []
                pool.run(3, done.append)
                assert sorted(done) == [0, 1, 2], number
        finally:
            pool.close()
        return number

    assert soon(strike_all) > 10


def test_threads_that_begin_at_once_never_wait_for_one_that_was_struck() -> None:
    def strike_all() -> int:
        pool, number = ThreadPool(3), 0
        player = lambda: time.sleep(0.0001)  # noqa: E731
        while struck(lambda: together(pool, [player] * 3, 2), number + 1):
            number += 1
        assert together(pool, [player] * 3, 2) > 0
        pool.close()
        return number

    assert soon(strike_all) > 30


def test_of_threads_that_begin_at_once_the_error_of_the_one_that_failed_is_raised() -> None:
    def fail(worker: int) -> None:
        raise ZeroDivisionError(worker)

    pool, begun = ThreadPool(3), threading.Barrier(3)
    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            soon(lambda: pool.run(3, fail, at_once=True))
    soon(lambda: pool.run(3, lambda worker: begun.wait(60) and None, at_once=True))
    pool.close()


def test_after_an_error_nobody_begins_who_comes_late() -> None:
    pool, begun, busy = ThreadPool(2), [], threading.Event()

    def work(worker: int) -> None:
        begun.append(worker)
        raise ZeroDivisionError

    pool._jobs[0].put(lambda: busy.wait(60) and None)  # the helper has something else to do first
    with pytest.raises(ZeroDivisionError):
        pool.run(2, work, failed=busy.set)
    assert begun == [0]
    pool.close()


def test_nobody_waits_for_the_turn_of_a_pack_that_failed_though_another_passed_its_own_on() -> None:
    """Who is adding while a batch fails ends with passing the turn on: to a pack that never comes."""
    network = build(LENET_LIKE)
    x, labels = images(network, 48)
    worker = Worker(network, training=True)
    scaling = np.stack([np.ones(1, np.float32), np.zeros(1, np.float32)])
    batch = Batch(48, network.out_shape[0], np.zeros(network.parameters.size, np.float32))
    batch.begin(np.arange(48), 1 / 48)
    worker.begin("train", batch, BatchInputs(x, scaling, labels), 48)
    batch.stage(0).next_pack[0] = 2  # the third pack, whose turn comes after the second's
    batch.fail()
    batch.stage(0).next_pack[0], batch.turn(0)[0] = 2, 1
    with pytest.raises(AbandonedError):
        soon(lambda: worker.run("train"))


def test_a_thread_that_was_left_waiting_for_its_turn_does_not_wait_in_an_evaluation() -> None:
    network = build(LENET_LIKE)
    x, labels = images(network, COUNT)
    engine = Engine(network, threads=2)
    right = used(engine, "eval", x, labels)
    used(engine, "train", x, labels)
    gradient = engine.gradient.tobytes()
    for worker in engine.workers:
        worker.stages("train")[0].late[0] = 1  # as a training leaves it whose batch failed
    assert soon(lambda: used(engine, "eval", x, labels)) == right
    assert engine.gradient.tobytes() == gradient  # it has added nothing, either
    engine.close()


def test_blas_gets_its_threads_back_wherever_it_was_struck() -> None:
    def inside() -> None:
        with blas.one_blas_thread():
            assert set(blas_threads()) <= {1}

    with threadpoolctl.threadpool_limits(2, "blas"):
        for number in range(1, places(inside) + 1):
            struck(inside, number)
            inside()
            assert set(blas_threads()) == {2}, number


def test_backends_are_chosen_all_or_none() -> None:
    layers: list[Any] = [{"conv2d": {"out_channels": 2, "kernel_size": 3, "backend": "auto"}}, "flatten"]
    names, found = {"0": "naive"}, set()
    count = [places(partial(build(layers).choose_backends, names)) for _ in range(2)][-1]  # the first fills caches
    for number in [*range(1, count, count // 30), *range(count - 20, count + 9)]:
        network = build(layers)
        struck(partial(network.choose_backends, names), number)
        in_config = network.config.layers[0].backend  # type: ignore[attr-defined]
        found.add((in_config, next(iter(network.layers())).backend))
    assert found == {("auto", "auto"), ("naive", "naive")}


def test_an_array_whose_shape_was_changed_in_place_is_another() -> None:
    network = build(LENET_LIKE)
    engine = Engine(network, training=False, threads=2)
    black = engine.predict(np.zeros((100 * COUNT, 1, 8, 8), np.float32))  # so that no later batch is larger
    x = images(network, COUNT)[0]
    right = engine.predict(x)
    x.resize((100 * COUNT, 1, 8, 8), refcheck=False)  # lies elsewhere now
    again = engine.predict(x)
    np.testing.assert_array_equal(again[:COUNT], right)
    np.testing.assert_array_equal(again[COUNT:], black[COUNT:])
    engine.close()
