"""Child processes for parts of the conformance suite, so that a hang or crash fails one backend only.

The process says through a pipe what it found, and in a file (util/activity.py) what it is doing. What it prints is
caught and counted. Where it ends early, or stays in one call for too long, the backend that was at work is to blame;
another process goes on with the rest.
"""

from __future__ import annotations

import importlib
import json
import os
import selectors
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from nbcnn.conformance.report import Report
from nbcnn.errors import printable
from nbcnn.util import activity

Line = dict[str, Any]
Pair = tuple[str, str]
Say = Callable[..., None]

AT_ONCE = 1 << 20
"""How many bytes of what is printed are read before results are looked at again."""
TAIL = 4000


def plugins_of(reports: Sequence[Report]) -> dict[str, list[Pair]]:
    """The plugins that have some of the backends, as ``load_plugin`` takes them, and all backends of each."""
    from nbcnn.plugins import loaded_plugins

    wanted = {(report.op, report.name) for report in reports}
    return {
        plugin.name if plugin.package else str(plugin.file): plugin.backends
        for plugin in loaded_plugins()
        if wanted.intersection(plugin.backends)
    }


def apart(
    module: str, reports: Sequence[Report], task: Line, environment: dict[str, str], seconds: float
) -> Iterator[Line]:
    """Have ``work(pairs, task, say)`` of a module done for the reports' backends; gives what it says, line by line.

    A line with ``done`` ends a pair. Where a process is lost, a line has ``failure``, ``problem``, ``check`` and
    ``hint``. ``seconds`` is how long one call may take. Raises RuntimeError where a process fails by itself.
    """
    plugins, left = plugins_of(reports), [(report.op, report.name) for report in reports]
    while left:
        process = _Process({**task, "module": module, "plugins": list(plugins), "pairs": left}, environment, seconds)
        try:
            for line in process.lines():
                if "pair" in line:
                    line["pair"] = tuple(line["pair"])
                yield line
                if line.get("done"):
                    left.remove(line["pair"])
                    yield from _printed(line["pair"], process)
        finally:
            process.end()
        if not left:
            return
        failure, state = process.failure(), process.state
        if "pair" in state:
            pair = (str(state["pair"][0]), str(state["pair"][1]))
            yield from _printed(pair, process)
            lost, check, problem = [pair], state.get("check", "contract"), state.get("problem", "")
            failure = {**failure, "failure": f"{pair[0]}={pair[1]}: {failure['failure']}"}
        elif state.get("plugin") in plugins:
            lost, check, problem = plugins.pop(state["plugin"]), "contract", ""
            failure = {**failure, "failure": f"{process.ended()} while the plugin was loaded"}
        else:
            raise RuntimeError(f"the process for {module} {process.ended()}: {process.complaint()}")
        for pair in [pair for pair in lost if pair in left]:
            yield {"pair": pair, "check": check, "problem": problem, **failure}
            left.remove(pair)


def _printed(pair: Pair, process: _Process) -> Iterator[Line]:
    if process.printed:
        yield {"pair": pair, "printed": process.printed, "first": process.first}
    process.forget()


class _Process:
    """One child process: its results line by line, its printed output, how it ended."""

    def __init__(self, task: Line, environment: dict[str, str], seconds: float) -> None:
        self._seconds = seconds
        self._watcher, self._late, self._rest = activity.Watcher(seconds), False, b""
        self.state: activity.State = {}
        self._complaints = b""
        self.forget()
        self._results, results = os.pipe()
        task = {**task, "results": results, "doing": self._watcher.fileno()}
        paths = os.pathsep.join(path for path in sys.path if path)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from nbcnn.conformance.isolation import main; main()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(results, self._watcher.fileno()),
                env={**os.environ, **environment, "PYTHONPATH": paths},
                start_new_session=True,  # so that what it starts can be ended with it
            )
        finally:
            os.close(results)
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._out, self._err = self._process.stdout.fileno(), self._process.stderr.fileno()
        with suppress(BrokenPipeError), self._process.stdin as stdin:
            stdin.write(json.dumps(task).encode() + b"\n")

    @property
    def first(self) -> str:
        """The first line of what is printed that is not blank, cut to 80 characters."""
        lines = self._head.decode(errors="replace").split("\n")
        return printable(next((line for line in lines if line.strip()), ""))[:80]

    def forget(self) -> None:
        """Count what is printed from nothing."""
        self.printed, self._head = 0, b""

    def lines(self) -> Iterator[Line]:
        """Its result lines, until it ends or is late."""
        with selectors.DefaultSelector() as selector:
            for file in (self._out, self._err, self._results):
                os.set_blocking(file, False)
                selector.register(file, selectors.EVENT_READ)
            while True:
                ended = self._process.poll() is not None  # asked first: all that it wrote is there by then
                selector.select(0 if ended else 0.5)
                for file, take in ((self._out, self._print), (self._err, self._complain), (self._results, self._keep)):
                    if file in selector.get_map() and not _read(file, take):
                        selector.unregister(file)
                *whole, self._rest = self._rest.split(b"\n")
                for line in map(json.loads, whole):
                    if "loaded" in line:
                        self.forget()
                    yield line
                self.state = self._watcher.read()
                if ended:
                    return
                if self._watcher.overdue():
                    self._late = True
                    return

    def end(self) -> None:
        """End it and all that it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for file in (self._process.stdout, self._process.stderr):
            assert file
            file.close()
        with suppress(OSError):
            os.close(self._results)
            self._watcher.close()
            self._results = -1

    def ended(self) -> str:
        """How, as a clause."""
        if self._late:
            return f"its process was ended after {self._seconds:g} s without a sign of life"
        return f"its process ended with {activity.ending(self._process.returncode)}"

    def complaint(self) -> str:
        """The last line of its error output."""
        lines = self._complaints.decode(errors="replace").split("\n")
        return next((printable(line.strip()) for line in reversed(lines) if line.strip()), "it says nothing")

    def failure(self) -> Line:
        """The failure of the call that was under way, as a clause."""
        now, recursion = self.state.get("now") or "a kernel", self.state.get("recursion")
        if self._late:
            why = f"{recursion}: has that an end?" if recursion else "is there a loop that never ends?"
            hint = f"{why} (--patience, or {activity.VARIABLE}, allows more seconds)"
            return {"failure": f"{now} has not come back within {self._seconds:g} s", "hint": hint}
        code = self._process.returncode
        words = f": {self.complaint()}" if code == 1 and self._complaints else ""
        return {
            "failure": f"its process ended with {activity.ending(code)} in {now}: "
            f"{activity.why(code, self.state)}{words}"
        }

    def _print(self, data: bytes) -> None:
        if b"\n" not in self._head.lstrip():  # a line may come in pieces
            self._head = (self._head + data)[:TAIL]
        self.printed += data.count(b"\n")

    def _complain(self, data: bytes) -> None:
        self._complaints = (self._complaints + data)[-TAIL:]

    def _keep(self, data: bytes) -> None:
        self._rest += data


def _read(file: int, take: Callable[[bytes], None]) -> bool:
    """Hand over what can be read without waiting; False at the end."""
    read = 0
    while read < AT_ONCE:
        try:
            data = os.read(file, 1 << 16)
        except BlockingIOError:
            return True
        if not data:
            return False
        take(data)
        read += len(data)
    return True


def main() -> None:
    """The process: reads what to do, loads the plugins, does the work."""
    from nbcnn.plugins import load_plugin
    from nbcnn.util.blas import one_blas_thread

    task = json.loads(sys.stdin.readline())
    activity.watched_through(task["doing"])

    def say(**line: Any) -> None:
        if "done" in line:
            sys.stdout.flush()
            _flush()  # what compiled kernels print is kept back by C
        data = json.dumps(line).encode() + b"\n"
        while data:
            data = data[os.write(task["results"], data) :]

    try:
        for plugin in task["plugins"]:
            activity.tell(now="loading", plugin=plugin)
            load_plugin(plugin)
        activity.tell(now="", plugin=None)
        say(loaded=True)
        with one_blas_thread():
            importlib.import_module(task["module"]).work([tuple(pair) for pair in task["pairs"]], task, say)
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads that a kernel keeps, or what a plugin has for the end, hold up nobody


def _flush() -> None:
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).fflush(None)
