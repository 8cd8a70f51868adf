"""Compiling in parallel: child processes compile some kernels into the cache, this process compiles the rest.

Threads would gain nothing, for Numba compiles one kernel at a time in a process. Another process is a program of its
own (compile_process.py), so nothing of this one is copied or run again. It gets kernels of nbcnn's own modules, one
after the other, as long as there are any. Whatever becomes of it, this process compiles what is left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, NamedTuple

from nbcnn.compiler.compile_log import announce, compiled_elsewhere, expected_kernels
from nbcnn.compiler.type_words import words_of_type
from nbcnn.errors import NbcnnError
from nbcnn.util.cpu_quota import available_threads
from nbcnn.util.memory import memory

VARIABLE = "NBCNN_COMPILE_PROCESSES"

FEWEST, MOST = 6, 4
"""Kernels for each process, below which it isn't worth its start, half a second; and how many processes there are."""

BYTES = 1 << 30
"""Memory that has to be free for each: it takes a quarter of that."""

PATIENCE = 120
"""Seconds for which other processes are waited for."""


class Expected(NamedTuple):
    """A kernel that is to be compiled for a signature, its key (jit.py) and the file where its code will be."""

    dispatcher: object
    signature: tuple
    key: tuple[str, str]
    path: Path | None

    @property
    def name(self) -> str:
        """Module and function."""
        return f"{self.dispatcher.py_func.__module__}.{self.dispatcher.py_func.__name__}"  # type: ignore[attr-defined]

    @property
    def importable(self) -> bool:
        """Whether another process finds it by its name, and its code in the cache, and runs nobody's program for it."""
        module, _, name = self.name.rpartition(".")
        found = module.startswith("nbcnn.") and getattr(sys.modules.get(module), name, None) is self.dispatcher
        return found and self.path is not None and None not in map(words_of_type, self.signature)

    def compile(self) -> None:
        """Compile it here, or load it."""
        self.dispatcher.compile(self.signature)  # type: ignore[attr-defined]


def compile_expected() -> None:
    """Compile what this thread is known to have to (compile_log.py), with other processes if it is much.

    Raises NbcnnError where NBCNN_COMPILE_PROCESSES is no whole number from 1 on.
    """
    kernels = [one for one in expected_kernels() if isinstance(one, Expected)]
    count = _process_count(sum(one.importable for one in kernels))
    if count:
        _Kernels(kernels).compile(count)


def _process_count(kernels: int) -> int:
    """How many processes to start beside this one."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted and not (wanted.isdecimal() and int(wanted)):
        raise NbcnnError(f"{VARIABLE} must be a whole number from 1 on, got {wanted!r}")
    most = int(wanted) if wanted else min(MOST, available_threads())
    if most < 2 or not Path(sys.executable or "").stem.lower().startswith("python"):  # another program has Python in it
        return 0
    return min(most - 1, kernels // FEWEST, int(min(memory().bytes, 1e15)) // BYTES)


class _Kernels:
    """The kernels that are still to be compiled: some by this process alone, some by any."""

    def __init__(self, kernels: Sequence[Expected]) -> None:
        self._own = [one for one in kernels if not one.importable]
        self._any = [one for one in kernels if one.importable]
        self._parts = {one.key: _parts(one.dispatcher, {}) for one in self._any}
        self._begun: SimpleQueue[Expected] = SimpleQueue()
        self._under_way: list[Expected] = []
        self._done: list[Expected] = []
        self._lock = threading.Lock()

    def compile(self, count: int) -> None:
        """Compile all, with so many other processes."""
        with ExitStack() as stack:
            threads = [stack.enter_context(_process(self)) for _ in range(count)]
            while (kernel := self.take(own=True)) is not None:
                self._tell()
                kernel.compile()
                self.ended(kernel)
            started = time.perf_counter()
            while any(thread.is_alive() for thread in threads) and time.perf_counter() - started < PATIENCE:
                self._tell(0.01)
            waited = time.perf_counter() - started
        self._tell()
        with compiled_elsewhere([kernel.key for kernel in self._done], waited):
            for kernel in (*self._done, *self._own, *self._any):  # those of a process that failed have come back
                kernel.compile()

    def take(self, own: bool = False) -> Expected | None:
        """The next: that which takes longest, without what it has in common with those that are under way."""
        with self._lock:
            if own and self._own:
                return self._own.pop(0)
            if not self._any:
                return None
            busy = {part for kernel in self._under_way for part in self._parts[kernel.key]}
            new = [sum(size for part, size in self._parts[one.key].items() if part not in busy) for one in self._any]
            kernel = self._any.pop(new.index(max(new)))
            self._under_way.append(kernel)
        if not own:
            self._begun.put(kernel)
        return kernel

    def ended(self, kernel: Expected, here: bool = True, done: bool = True) -> None:
        """It is compiled, in this process or another, or could not be."""
        with self._lock:
            self._under_way = [one for one in self._under_way if one is not kernel]
            if not here:
                (self._done if done else self._own).append(kernel)

    def _tell(self, patience: float = 0) -> None:
        """Tell this thread's listeners what other processes have begun; wait so long for the first."""
        with suppress(Empty):
            while True:
                kernel = self._begun.get(timeout=patience) if patience else self._begun.get_nowait()
                announce(kernel.name, kernel.key, elsewhere=True)
                patience = 0


def _parts(kernel: object, found: dict[int, int]) -> dict[int, int]:
    """A kernel and the functions that it calls, and how long their code is: about how long each takes to compile."""
    function = getattr(kernel, "py_func", None)
    if function is not None and id(function) not in found:
        found[id(function)] = len(function.__code__.co_code)
        for name in function.__code__.co_names:
            _parts(function.__globals__.get(name), found)
    return found


@contextmanager
def _process(kernels: _Kernels) -> Iterator[threading.Thread]:
    """A process, and the thread that hands it kernels; both end here."""
    places = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "nbcnn.compiler.compile_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": places},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            _warn(error.strerror or str(error))
            yield threading.Thread()
            return
        went_well: list[bool] = []
        thread = threading.Thread(target=_hand_over, args=(kernels, process, went_well), name=__name__, daemon=True)
        try:
            thread.start()
            yield thread
        finally:
            process.kill()  # with nothing left to do, or for too long
            process.wait()
            thread.join()
        if not went_well:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
            _warn(lines[-1] if lines else f"exit code {process.returncode}")


def _hand_over(kernels: _Kernels, process: subprocess.Popen[bytes], went_well: list[bool]) -> None:
    """Give a process one kernel after the other, until there are no more or it fails."""
    given, told = process.stdin, process.stdout
    assert given and told
    kernel = None
    with given, told, suppress(OSError, ValueError):
        while told.readline():  # "ready"
            if (kernel := kernels.take()) is None:
                went_well.append(True)
                return
            kernels.ended(kernel, here=False, done=_compiled(kernel, given, told))
            kernel = None
    if kernel is not None:
        kernels.ended(kernel, here=False, done=False)


def _compiled(kernel: Expected, given: IO[bytes], told: IO[bytes]) -> bool:
    """Have a process compile a kernel; whether it did."""
    module, _, name = kernel.name.rpartition(".")
    words = [words_of_type(kind) for kind in kernel.signature]
    given.write(json.dumps([module, name, words, str(kernel.path)]).encode() + b"\n")
    given.flush()
    return told.readline() == b"done\n"


def _warn(reason: str) -> None:
    warnings.warn(
        f"a process that was to help with compiling kernels failed ({reason}); this one compiles the rest, which takes "
        f"longer. {VARIABLE}=1 starts none",
        RuntimeWarning,
        stacklevel=2,
    )
