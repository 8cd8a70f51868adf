"""Trainings and predictions at once, in processes and in threads, and after a fork: each as if it were alone."""

from __future__ import annotations

import copy
import pickle
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadpoolctl
from exhaustive import exhaustive
from stripes import TINY as STRIPED

import nbcnn
from nbcnn.compiler.compile_log import COMPILE_LOG, compile_listener, since
from nbcnn.compiler.jit import kernel
from nbcnn.config import load_config
from nbcnn.training.model import Model
from nbcnn.training.reporter import Reporter
from nbcnn.util.blas import one_blas_thread
from trust import matrix
from trust.processes import TINY, bits, end, start

pytestmark = [pytest.mark.trust, pytest.mark.jit]


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """What each job gives, all begun at once in threads of their own; raises the first error."""
    gate, results, errors = threading.Barrier(len(jobs)), [None] * len(jobs), []

    def work(number: int) -> None:
        try:
            gate.wait()
            results[number] = jobs[number]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
        assert not thread.is_alive()
    for error in errors:
        raise error
    return results


@exhaustive
def test_three_processes_with_one_cold_cache(tmp_path: Path, long: bool, count: Callable[..., None]) -> None:
    """They share a cache that is empty at first, and take the next free folder below runs."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    for cold in range(5 if long else 1):
        cache = tmp_path / f"cache-{cold}"
        three = [start(tmp_path, cache, "-m", "nbcnn", "train", "tiny.yaml") for _ in range(3)]
        told = [end(process) for process in three]
        assert not [line for _, lines in told for line in lines if "warning" in line]
        runs = [tmp_path / re.search(r"run folder: (\S+)", out)[1] for out, _ in told]  # type: ignore[index]
        assert len(set(runs)) == 3
        assert len(list((tmp_path / "runs").iterdir())) == 3 * (cold + 1)
        end(start(tmp_path, cache, "-m", "nbcnn", "train", "tiny.yaml", "--out", f"alone-{cold}"))
        assert {bits(run) for run in runs} == {bits(tmp_path / f"alone-{cold}")}
        assert not list(cache.glob("kernels/*.tmp"))
        count("trainings side by side", 3)


class Hears(Reporter):
    """Which kernels one training compiles."""

    def __init__(self) -> None:
        self.kernels: list[str] = []
        self.epochs = 0

    def compiling(self, kernel: str, left: int) -> None:
        self.kernels.append(kernel)

    def epoch_done(self, record: Any) -> None:
        self.epochs += 1


def test_two_trainings_in_two_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: bool, count: Callable[..., None]
) -> None:
    """Of different networks, one of them with BLAS; their pictures are drawn too. Neither is in the main thread."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    one = load_config(matrix.models()["lenet"].to_mapping(), nbcnn.Overrides(epochs=1, threads=2))
    other = load_config(one.to_mapping(), nbcnn.Overrides(backends=("conv2d=im2col",)))
    filters = list(sys.modules["warnings"].filters)  # type: ignore[attr-defined]

    def train(config: Any, out: str) -> str:
        heard = Hears()
        run = nbcnn.train(config, out=tmp_path / out, reporter=heard)
        assert heard.epochs == 1 and run.samples.exists() == run.curves.exists() == (not out.startswith("alone"))
        return bits(run.folder)

    with monkeypatch.context() as patched:  # pictures take longer than the trainings
        patched.setattr("nbcnn.training.loop.draw_run", lambda *_: None)
        alone = [train(one, "alone-0"), train(other, "alone-1")]
    for round_ in range(10 if long else 1):
        jobs = [lambda k=k, c=c: train(c, f"both-{round_}-{k}") for k, c in enumerate((one, other))]  # noqa: B023
        assert at_once(*jobs) == alone
        count("trainings side by side", 2)
    assert filters == list(sys.modules["warnings"].filters)  # type: ignore[attr-defined]


SIZES = (1, 3, 7, 33, 64)


def calls(network: Model, x: np.ndarray, wanted: bytes, times: int) -> int:
    """How many of so many calls gave other bits."""
    return sum(network(x).tobytes() != wanted for _ in range(times))


def test_one_network_called_from_several_threads(long: bool) -> None:
    """Single images and packs, other images each; a network that nobody has called before."""
    network, random = nbcnn.load("lenet"), np.random.default_rng(0)
    given = [random.standard_normal((size, 1, 28, 28)).astype(np.float32) for size in SIZES]
    wanted = [nbcnn.load("lenet")(x).tobytes() for x in given]
    jobs = [lambda x=x, w=w: calls(network, x, w, 2000 if long else 100) for x, w in zip(given, wanted, strict=True)]
    assert at_once(*jobs) == [0] * len(SIZES)


def test_two_networks_in_two_threads() -> None:
    x = np.random.default_rng(0).standard_normal((40, 1, 28, 28)).astype(np.float32)
    networks = [nbcnn.load(name) for name in ("lenet", "lenet-relu")]
    wanted = [network(x).tobytes() for network in networks]
    assert at_once(*(lambda n=n, w=w: calls(n, x, w, 100) for n, w in zip(networks, wanted, strict=True))) == [0, 0]


def _one(x):  # type: ignore[no-untyped-def]
    return x + 1


def _two(x):  # type: ignore[no-untyped-def]
    return x + 2


def test_each_thread_hears_of_its_own_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBCNN_CACHE_DIR", str(tmp_path))
    listening = threading.Barrier(2)

    def use(function: Any) -> tuple[list[str], int]:
        heard: list[str] = []
        with compile_listener(lambda name, left: heard.append(f"{name.rpartition('.')[2]} {left}")):
            listening.wait()
            before = len(COMPILE_LOG)
            kernel(function)(1)
            listening.wait()
            return heard, len(since(before))

    assert at_once(lambda: use(_one), lambda: use(_two)) == [(["_one 1", "_one 0"], 1), (["_two 1", "_two 0"], 1)]


def blas_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]


def test_blas_has_one_thread_until_the_last_one_is_done() -> None:
    with threadpoolctl.threadpool_limits(2, "blas"):
        before = blas_threads()
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert set(blas_threads()) == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == before and set(before) == {2}


def test_blas_has_one_thread_in_whichever_thread_asks() -> None:
    """As where a training is not in the main thread; and whoever came first need not be the last."""
    with threadpoolctl.threadpool_limits(2, "blas"):
        seen: list[list[int]] = []

        def inside(entered: threading.Event, leave: threading.Event) -> None:
            with one_blas_thread():
                seen.append(blas_threads())
                entered.set()
                leave.wait(60)

        events = [(threading.Event(), threading.Event()) for _ in range(2)]
        threads = [threading.Thread(target=inside, args=pair) for pair in events]
        for thread, (entered, _) in zip(threads, events, strict=True):
            thread.start()
            assert entered.wait(60)
        for thread, (_, leave) in zip(threads, events, strict=True):
            leave.set()
            thread.join()
        assert all(set(numbers) == {1} for numbers in seen) and set(blas_threads()) == {2}


class OfEachThread:
    """A BLAS that was built with OpenMP: what a thread sets is its own."""

    def __init__(self) -> None:
        self.own = threading.local()

    num_threads = property(lambda self: getattr(self.own, "number", 8))

    def set_num_threads(self, number: int) -> None:
        self.own.number = number


def test_where_each_thread_has_its_own_number_every_one_of_ours_sets_it(
    stripes: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    library, seen, product = OfEachThread(), set(), np.matmul
    monkeypatch.setattr("nbcnn.util.blas.libraries", lambda: ([], [library]))

    def matmul(*arrays: Any, **named: Any) -> Any:
        seen.add((threading.current_thread().name, library.num_threads))
        return product(*arrays, **named)

    monkeypatch.setattr(np, "matmul", matmul)
    config = STRIPED | {"data": {"folder": str(stripes)}, "backends": {"conv2d": "im2col"}}
    nbcnn.train(config, epochs=1, batch_size=105, threads=3, out=tmp_path / "run")
    assert {number for _, number in seen} == {1} and len(seen) > 1
    assert library.num_threads == 8


@pytest.mark.parametrize("made", [copy.copy, copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_a_copied_network_is_whole(made: Callable[[Model], Model]) -> None:
    """Its tensors are views of its parameters, so that training changes what it computes; it has threads of its own."""
    network = nbcnn.load("lenet")
    x = np.random.default_rng(0).standard_normal((20, 1, 28, 28)).astype(np.float32)
    wanted = network(x)
    other = made(network)
    assert other(x).tobytes() == wanted.tobytes()
    assert all(np.shares_memory(tensor, other.parameters) for tensor in other.tensors.values())
    other.parameters[:] = 0
    assert not other(x).any()
    assert (network(x).tobytes() == wanted.tobytes()) == (made is not copy.copy)


MADE = """
from nbcnn.compiler.jit import kernel

def plus(number):
    @kernel
    def add(y):
        return y + number
    return add
"""

FORKED = """
import multiprocessing, os, signal, sys, threading, warnings
import numpy as np
import nbcnn
warnings.simplefilter("ignore")  # Python's own, of forks of processes that have threads

def ended(child):
    return os.waitpid(child, 0)[1]

def forked(work):
    child = os.fork()
    if not child:
        signal.alarm(60)  # a hang is an end by SIGALRM
        try:
            assert work()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    return ended(child)

net = nbcnn.load("small.yaml")
x = np.random.default_rng(0).standard_normal((64, 1, 28, 28)).astype(np.float32)
wanted, alone = net(x), net(x[:1])
same = lambda: (net(x) == wanted).all() and (net(x[:1]) == alone).all()
print("child", forked(same))
print("grandchild", forked(lambda: same() and forked(same) == 0 and same()))

stop = threading.Event()
def busy():
    while not stop.is_set():
        net(x)
thread = threading.Thread(target=busy)
thread.start()
print("while another thread predicts", [forked(same) for _ in range(20)])
stop.set()
thread.join()

with multiprocessing.get_context("fork").Pool(2) as pool:
    print("pool", all((y == wanted).all() for y in pool.map(net, [x] * 4)))
with multiprocessing.get_context("spawn").Pool(1) as pool:
    print("spawned", all((y == wanted).all() for y in pool.map(net, [x])))

def train():
    nbcnn.train("small.yaml", out="forked")
    return True
nbcnn.train("small.yaml", out="before")
print("training", forked(train), forked(same))

from made import plus
def compile_some():
    for number in range(8):
        assert plus(number)(1) == 1 + number
thread = threading.Thread(target=compile_some)
thread.start()
print("while another thread compiles", forked(lambda: plus(30)(2) == 32))
thread.join()
print("here", same())
"""


@exhaustive
def test_forked_processes(tmp_path: Path, count: Callable[..., None]) -> None:
    """A child has none of its parent's threads; what they held would be waited for, for ever."""
    (tmp_path / "small.yaml").write_text(TINY)
    (tmp_path / "made.py").write_text(MADE)
    out, _ = end(start(tmp_path, tmp_path / "cache", "-c", FORKED))
    assert out.splitlines() == [
        "child 0",
        "grandchild 0",
        f"while another thread predicts {[0] * 20}",
        "pool True",
        "spawned True",
        "training 0 0",
        "while another thread compiles 0",
        "here True",
    ]
    assert bits(tmp_path / "forked") == bits(tmp_path / "before")
    count("trainings side by side", 2)
