"""The wrapper around Numba: options in one place, an honest cache, and what happens where there is none."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nbcnn
from nbcnn.compiler import jit, kernel_cache
from nbcnn.compiler.compile_log import COMPILE_LOG, compile_listener
from nbcnn.compiler.jit import kernel

pytestmark = pytest.mark.jit

SOURCE = Path(nbcnn.__file__).parent

PROGRAM = """
import sys, warnings
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("always")
import numpy as np
from tiny import doubled
from nbcnn.compiler.compile_log import COMPILE_LOG
print(doubled(np.arange(4, dtype=np.float32)).tolist())
print([(entry.kernel, entry.how) for entry in COMPILE_LOG], all(entry.seconds > 0 for entry in COMPILE_LOG))
"""

TINY = """
from nbcnn.compiler.jit import kernel
from callee import FACTOR, scaled

@kernel
def doubled(x):
    return scaled(x) * FACTOR
"""

CALLEE = """
from nbcnn.compiler.jit import kernel

FACTOR = 2

@kernel
def scaled(x):
    return x + 1
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "tiny.py").write_text(TINY)
    (folder / "callee.py").write_text(CALLEE)
    return folder


def process(sources: Path, cache: Path, program: str = PROGRAM, **environment: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_BOUNDSCHECK"}
    settings = {**kept, "NBCNN_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    command = [sys.executable, "-c", program, str(sources)]
    return subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*arguments: Any, **environment: str) -> tuple[list[str], str]:
    """Lines of output, and what was written to stderr."""
    started = process(*arguments, **environment)
    out, err = started.communicate(timeout=120)
    assert started.returncode == 0, err
    return out.splitlines(), err


def test_a_second_process_loads_what_the_first_compiled(sources: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert run(sources, cache) == (
        ["[2.0, 4.0, 6.0, 8.0]", "[('callee.scaled', 'compiled'), ('tiny.doubled', 'compiled')] True"],
        "",
    )
    entries = sorted(path.name for path in (cache / "kernels").iterdir())
    assert [re.sub("-[0-9a-f]{20}", "-*", name) for name in entries] == ["callee.scaled-*.nbk", "tiny.doubled-*.nbk"]
    assert stat.S_IMODE((cache / "kernels").stat().st_mode) == 0o700
    assert run(sources, cache) == (["[2.0, 4.0, 6.0, 8.0]", "[('tiny.doubled', 'loaded')] True"], "")
    assert sorted(path.name for path in (cache / "kernels").iterdir()) == entries


def test_a_changed_callee_is_noticed_in_a_second_process(sources: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run(sources, cache)
    (sources / "callee.py").write_text(CALLEE.replace("x + 1", "x + 5"))
    lines, _ = run(sources, cache)
    assert lines == ["[10.0, 12.0, 14.0, 16.0]", "[('callee.scaled', 'compiled'), ('tiny.doubled', 'compiled')] True"]


def test_two_processes_that_compile_at_once_do_not_disturb_one_another(sources: Path, tmp_path: Path) -> None:
    both = [process(sources, tmp_path / "cache") for _ in range(2)]
    for started in both:
        out, err = started.communicate(timeout=120)
        assert (started.returncode, out.splitlines()[0], err) == (0, "[2.0, 4.0, 6.0, 8.0]", "")
    assert len(list((tmp_path / "cache" / "kernels").iterdir())) == 2
    assert run(sources, tmp_path / "cache")[0][1] == "[('tiny.doubled', 'loaded')] True"


BOUNDS = """
import os, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from copying import pack, row

inside = [(pack, (2, 16), (1,)), (row, (2, 16), (1, 0)), (pack, (40,), (24,)), (row, (2, 20), (1, 4))]
outside = [(pack, (2, 16), (2,)), (pack, (2, 16), (-1,)), (row, (2, 16), (1, 1)), (pack, (40,), (25,)), (pack, (2, 32), (1,))]
for copy, shape, place in inside + outside * ("NUMBA_BOUNDSCHECK" in os.environ):
    try:
        copy(np.zeros(shape, np.float32), *place)
    except IndexError:
        print("out", end=" ")
    else:
        print("in", end=" ")
"""

COPYING = """
from nbcnn.compiler.jit import kernel
from nbcnn.lanes import load, store

@kernel
def pack(x, i):
    store(x, (i,), load(x, (i,)))

@kernel
def row(x, i, k):
    store(x, (i, k), load(x, (i, k)))
"""


FACTORY = """
from nbcnn.compiler.jit import kernel

def times(factor):
    @kernel
    def scale(x, y):
        for i in range(x.size):
            y[i] = factor * x[i]
    return scale
"""

MADE = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from factory import times
from nbcnn.engine.call_list import CallList
x, y, found = np.ones(1), np.zeros(1), []
made = [times(factor) for factor in {factors}]
for call in (lambda function: function(x, y), lambda function: CallList([(function, (x, y))])()):
    for function in made:
        call(function)
        found.append(float(y[0]))
print(found)
"""


def test_functions_of_one_factory_are_not_mixed_up(sources: Path, tmp_path: Path) -> None:
    """Each compiled first in a process of its own, so that both are the first of their name there."""
    (sources / "factory.py").write_text(FACTORY)
    for factors, wanted in (([2.0], [2, 2]), ([3.0], [3, 3]), ([2.0, 3.0], [2, 3, 2, 3])):
        lines, _ = run(sources, tmp_path / "cache", MADE.replace("{factors}", str(factors)))
        assert lines == [str([float(number) for number in wanted])]


def test_bounds_are_checked_on_request(tmp_path: Path) -> None:
    (tmp_path / "copying.py").write_text(COPYING)
    assert run(tmp_path, tmp_path / "cache", BOUNDS) == (["in in in in "], "")
    # Not by the code that is there already, which checks nothing.
    checked = run(tmp_path, tmp_path / "cache", BOUNDS, NUMBA_BOUNDSCHECK="1")
    assert checked == (["in in in in out out out out out "], "")


def test_without_compiling_a_kernel_is_the_function(tmp_path: Path) -> None:
    program = "from nbcnn.compiler.jit import kernel\ndef f(x): return x\nprint(kernel(f) is f)"
    assert run(tmp_path, tmp_path / "cache", program, NUMBA_DISABLE_JIT="1") == (["True"], "")
    assert not (tmp_path / "cache").exists()


# In one process: a freshly decorated function knows nothing of an earlier one, but finds its entry.


def _one_more(x):  # type: ignore[no-untyped-def]
    return x + 1


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NBCNN_CACHE_DIR", str(tmp_path))
    yield tmp_path / "kernels"
    kernel_cache._safe_folder.cache_clear()


def use() -> list[str]:
    """How a kernel came to be, and that it works."""
    before = len(COMPILE_LOG)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kernel(_one_more)(41) == 42
    return [entry.how for entry in COMPILE_LOG[before:]]


def use_warned(sentence: str) -> list[str]:
    before = len(COMPILE_LOG)
    with pytest.warns(RuntimeWarning, match=sentence) as caught:
        assert kernel(_one_more)(41) == 42
    assert len(caught) == 1
    return [entry.how for entry in COMPILE_LOG[before:]]


def _flip(entry: bytes) -> bytes:
    return entry[:-100] + bytes([entry[-100] ^ 1]) + entry[-99:]


def _another_pickle(entry: bytes) -> bytes:
    """Whole by its checksum, but not what the loader can use."""
    body = b"N."
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


@pytest.mark.parametrize(
    "damage",
    [
        _flip,
        _another_pickle,
        lambda entry: entry[:-1],
        lambda entry: entry[:80],
        lambda entry: b"",
        lambda entry: b"\0" * 999,
    ],
    ids=["a flipped bit", "another pickle", "the last byte gone", "nearly all gone", "empty", "zeros"],
)
def test_a_damaged_entry_is_compiled_anew_with_one_warning(damage: Callable[[bytes], bytes], cache: Path) -> None:
    assert (use(), use()) == (["compiled"], ["loaded"])
    (entry,) = cache.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    sentence = rf"compiling .*_one_more anew, its cached code is damaged: {re.escape(str(entry))}: ."
    assert use_warned(sentence) == ["compiled"]
    assert use() == ["loaded"]


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_may_write_to_is_not_used(mode: int, cache: Path) -> None:
    cache.mkdir()
    cache.chmod(mode)
    sentence = (
        rf"compiled kernels are not kept: {re.escape(str(cache))}: others may write there\. "
        r"Set NBCNN_CACHE_DIR to a folder of your own\."
    )
    assert use_warned(sentence) == ["compiled"]
    assert use() == ["compiled"]  # told once is enough
    assert not list(cache.iterdir())


def test_a_folder_of_another_user_is_not_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use()
    kernel_cache._safe_folder.cache_clear()
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert use_warned(r"compiled kernels are not kept: .*kernels: it belongs to another user\. Set") == ["compiled"]
    assert len(list(cache.iterdir())) == 1


def test_a_file_where_the_folder_should_be(cache: Path) -> None:
    cache.write_text("not a folder")
    assert use_warned("compiled kernels are not kept: .*kernels: File exists") == ["compiled"]
    assert cache.read_text() == "not a folder"


def test_a_full_disk_costs_a_warning(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        assert use_warned("compiled kernels are not kept: .*: No space left on device") == ["compiled"]
    assert not list(cache.iterdir())
    assert (use(), use()) == (["compiled"], ["loaded"])


def test_the_ledgers_seconds_add_up_to_the_time_that_went_by(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second at each look: callee's and caller's seconds can be counted by hand."""
    looks = iter(range(1000))
    inner = kernel(_one_more)

    def calls(x):  # type: ignore[no-untyped-def]
        return inner(x) + inner(x + 0.5)

    before = len(COMPILE_LOG)
    with monkeypatch.context() as patch:
        patch.setattr(jit.time, "perf_counter", lambda: float(next(looks)))
        assert kernel(calls)(1) == 4.5
    found = [(entry.kernel.rpartition(".")[2], entry.how, entry.seconds) for entry in COMPILE_LOG[before:]]
    # Looks: 0 caller begins; 1, 2 the first callee; 3, 4 the second; 5 caller ends.
    assert found == [("_one_more", "compiled", 1), ("_one_more", "compiled", 1), ("calls", "compiled", 3)]
    assert sum(seconds for _, _, seconds in found) == 5


def test_each_signature_has_an_entry_of_its_own(cache: Path) -> None:
    both, before = kernel(_one_more), len(COMPILE_LOG)
    assert (both(1), both(1.5), both(2)) == (2, 2.5, 3)
    assert len(COMPILE_LOG) - before == len(list(cache.iterdir())) == 2


def test_compilation_is_announced_and_loading_is_not(cache: Path) -> None:
    told: list[tuple[str, int]] = []
    with compile_listener(lambda name, left: told.append((name.rpartition(".")[2], left))):
        kernel(_one_more)(1)
        kernel(_one_more)(1)
    kernel(_one_more)(1.5)
    assert told == [("_one_more", 1), ("_one_more", 0)]


def test_what_stands_for_something_else_by_now_is_compiled_so_and_not_kept(cache: Path, tmp_path: Path) -> None:
    """Numba keeps what names stood for at each compilation: of one kernel, and of it as the callee of another."""
    names: dict[str, Any] = {"FACTOR": 2, "__name__": "changing"}
    exec("def scaled(x):\n    return x * FACTOR\ndef called(x):\n    return scaled(x) + x * FACTOR\n", names)
    names["scaled"] = scaled = kernel(names["scaled"])
    called = kernel(names["called"])
    assert scaled(1) == 2
    names["FACTOR"] = 3
    assert (scaled(1), scaled(1.5)) == (2, 4.5)  # the first is compiled already
    assert called(1) == 3 + 3  # a callee is compiled apart
    assert [path.name.partition("-")[0] for path in cache.iterdir()] == ["changing.scaled"]
    # Where they stand for that from the beginning, it is right.
    exec("def called(x):\n    return scaled(x) + x * FACTOR\ndef scaled(x):\n    return x * FACTOR\n", names)
    names["scaled"] = kernel(names["scaled"])
    assert kernel(names["called"])(1) == 3 + 3
    assert len(list(cache.iterdir())) == 3


def test_a_function_that_is_an_argument_is_not_kept(cache: Path) -> None:
    """Numba tells it by its place in memory, where another process may have another function."""
    apply = kernel(lambda f, x: f(x))
    assert apply(kernel(_one_more), 1) == 2
    assert [path.name.rpartition("-")[0].rpartition(".")[2] for path in cache.iterdir()] == ["_one_more"]
