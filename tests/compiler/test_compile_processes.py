"""Other processes that compile kernels: what they did is used and told, and what they did not do is done here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numba import typeof

from nbcnn.compiler import compile_processes
from nbcnn.compiler.compile_log import COMPILE_LOG, compile_listener, since, total
from nbcnn.compiler.compile_processes import compile_expected
from nbcnn.compiler.jit import kernel
from nbcnn.compiler.type_words import type_of_words, words_of_type
from nbcnn.engine.call_list import expect_calls
from nbcnn.errors import NbcnnError
from nbcnn.kernels import packs

pytestmark = pytest.mark.jit

KINDS = ("int8", "int16", "uint16")
"""Which no network has, so that no other test has compiled the kernel for them."""


def _expect() -> None:
    packs.add.overloads.clear()
    expect_calls([(packs.add, (np.zeros(3, kind), np.zeros(3, kind))) for kind in KINDS])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    kernel(_nothing)(np.zeros(1))
    monkeypatch.setenv("NBCNN_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("NBCNN_COMPILE_PROCESSES", "2")
    monkeypatch.setattr(compile_processes, "FEWEST", 3)
    yield tmp_path / "kernels"
    assert compile_processes.__name__ not in [thread.name for thread in threading.enumerate()]


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that another process may compile is compiled here."""
    take = compile_processes._Kernels.take
    monkeypatch.setattr(
        compile_processes._Kernels, "take", lambda self, own=False: None if own and not self._own else take(self, own)
    )


def _nothing(x):  # type: ignore[no-untyped-def]
    x[0] = 0


def _kinds(cache: Path) -> int:
    return sum(path.name.startswith("nbcnn.kernels.packs.add-") for path in cache.iterdir())


def _works() -> None:
    for kind in KINDS:
        x = np.array([1, 2, 3], kind)
        packs.add(x, x)
        assert x.tolist() == [2, 4, 6]


def _arguments():  # type: ignore[no-untyped-def]
    """What kernels take, of every kind."""
    numbers, locked = np.zeros((2, 3), np.float32), np.zeros(3, np.uint8)
    locked.flags.writeable = False
    window = ((0, 1), (0, 1, 2)), 4, ((1.5, 2),)
    return numbers, numbers.T, numbers[:, 1], locked, np.zeros(5)[1:], window, (), 7, 0.5, np.float32(2), True


def test_types_in_words() -> None:
    for argument in _arguments():
        kind = typeof(argument)
        assert type_of_words(json.loads(json.dumps(words_of_type(kind)))) == kind, kind
    for other in (typeof(None), typeof("text"), typeof(np.zeros(1, "f4,i4")), typeof((1, None))):
        assert words_of_type(other) is None, other


@pytest.mark.usefixtures("idle")
def test_another_process_compiles_and_this_one_is_told(cache: Path) -> None:
    before, told, started = len(COMPILE_LOG), list[tuple[str, int]](), time.perf_counter()
    with compile_listener(lambda name, left: told.append((name.rpartition(".")[2], left))):
        _expect()
        known = len(compile_processes.expected_kernels())
        compile_expected()
    spent = time.perf_counter() - started
    assert known >= 3 and [left for _, left in told if left] == [*range(known, 0, -1)] and told[-1][1] == 0
    assert _kinds(cache) == 3
    kernels, seconds = total(since(before), "compiled")
    assert kernels == known and 0 < seconds <= spent
    assert total(since(before), "loaded") == (0, 0)
    _works()
    assert total(since(before), "compiled")[0] == known  # nothing more


def test_both_compile_what_there_is(cache: Path) -> None:
    before = len(COMPILE_LOG)
    with compile_listener(lambda *_: None):
        _expect()
        compile_expected()
        assert not compile_processes.expected_kernels()
    assert _kinds(cache) == 3
    assert total(since(before), "compiled")[0] >= 3 and total(since(before), "loaded") == (0, 0)
    _works()


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; sys.exit('there is no such module')", "there is no such module"),
        ("import os; print('ready', flush=True); os.read(0, 1); os._exit(3)", "exit code 3"),
        ("import os; print('ready', flush=True); os.read(0, 1); print('nothing', flush=True)", "exit code 0"),
    ],
)
@pytest.mark.usefixtures("idle")
def test_what_a_process_that_fails_has_left_is_compiled_here(
    program: str, reason: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, before = subprocess.Popen, len(COMPILE_LOG)

    def another(command: list[str], **options: object) -> object:
        assert command[1:] == ["-P", "-m", "nbcnn.compiler.compile_process"]
        return start([sys.executable, "-c", program], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", another)
    with compile_listener(lambda *_: None):
        _expect()
        with pytest.warns(RuntimeWarning) as found:
            compile_expected()
    sentence = str(found[0].message)
    assert len(found) == 1 and f"to help with compiling kernels failed ({reason}" in sentence
    assert "this one compiles the rest" in sentence and "NBCNN_COMPILE_PROCESSES=1" in sentence
    assert _kinds(cache) == 3 and total(since(before), "compiled")[0] >= 3
    _works()


def test_a_process_that_cannot_be_started(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(cache / "python3"))
    with compile_listener(lambda *_: None):
        _expect()
        with pytest.warns(RuntimeWarning, match=r"failed \(No such file or directory\)"):
            compile_expected()
    assert _kinds(cache) == 3
    _works()


@pytest.mark.usefixtures("idle")
def test_a_process_that_would_make_other_code_makes_none(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_OPT", "1")  # here Numba has read it
    with compile_listener(lambda *_: None):
        _expect()
        compile_expected()
    assert _kinds(cache) == 3  # all of this process
    _works()


def test_an_interrupt_ends_the_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    start, begun = subprocess.Popen, list[subprocess.Popen[bytes]]()

    def remembered(*arguments: object, **options: object) -> object:
        begun.append(start(*arguments, **options))  # type: ignore[call-overload]
        return begun[-1]

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", remembered)
    monkeypatch.setattr(compile_processes.Expected, "compile", interrupted)
    with compile_listener(lambda *_: None):
        _expect()
        with pytest.raises(KeyboardInterrupt):
            compile_expected()
    assert len(begun) == 1 and begun[0].poll() is not None


@pytest.mark.parametrize("why", ["wanted", "few", "program", "memory", "processors", "cache"])
def test_no_process_is_started(why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(subprocess, "Popen", started)
    if why == "wanted":
        monkeypatch.setenv("NBCNN_COMPILE_PROCESSES", "1")
    elif why == "few":
        monkeypatch.setattr(compile_processes, "FEWEST", 100)
    elif why == "program":
        monkeypatch.setattr(sys, "executable", "/usr/bin/blender")
    elif why == "memory":
        monkeypatch.setattr(compile_processes, "BYTES", 1 << 60)
    elif why == "processors":
        monkeypatch.delenv("NBCNN_COMPILE_PROCESSES")
        monkeypatch.setattr(compile_processes, "available_threads", lambda: 1)
    else:
        (tmp_path / "file").touch()
        monkeypatch.setenv("NBCNN_CACHE_DIR", str(tmp_path / "file"))
    with warnings.catch_warnings(), compile_listener(lambda *_: None):
        warnings.filterwarnings("ignore", "compiled kernels are not kept")
        _expect()
        compile_expected()
    if why == "cache":
        packs.add.overloads.clear()
        os.environ["NBCNN_CACHE_DIR"] = str(tmp_path)  # for what follows, as the fixture had it


@pytest.mark.parametrize("wanted", ["lots", "0", "-1", "1.5"])
def test_a_wrong_number_of_processes_is_refused(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBCNN_COMPILE_PROCESSES", wanted)
    with pytest.raises(
        NbcnnError, match=rf"^NBCNN_COMPILE_PROCESSES must be a whole number from 1 on, got '{wanted}'$"
    ):
        compile_expected()
