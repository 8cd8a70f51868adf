"""The wrapper around Numba: options in one place, an honest cache, and what happens where there is none."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import re
import stat
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import nbcnn
from nbcnn.kernels import jit
from nbcnn.kernels.jit import LEDGER, announced, kernel

pytestmark = pytest.mark.jit

SOURCE = Path(nbcnn.__file__).parent

PROGRAM = """
import sys, warnings
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("always")
import numpy as np
from tiny import doubled
from nbcnn.kernels.jit import LEDGER
print(doubled(np.arange(4, dtype=np.float32)).tolist())
print([(entry.kernel, entry.how) for entry in LEDGER], all(entry.seconds > 0 for entry in LEDGER))
"""

TINY = """
from nbcnn.kernels.jit import kernel
from callee import FACTOR, scaled

@kernel
def doubled(x):
    return scaled(x) * FACTOR
"""

CALLEE = """
from nbcnn.kernels.jit import kernel

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
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import load, store

@kernel
def pack(x, i):
    store(x, (i,), load(x, (i,)))

@kernel
def row(x, i, k):
    store(x, (i, k), load(x, (i, k)))
"""


def test_bounds_are_checked_on_request(tmp_path: Path) -> None:
    (tmp_path / "copying.py").write_text(COPYING)
    assert run(tmp_path, tmp_path / "cache", BOUNDS) == (["in in in in "], "")
    # Not by the code that is there already, which checks nothing.
    checked = run(tmp_path, tmp_path / "cache", BOUNDS, NUMBA_BOUNDSCHECK="1")
    assert checked == (["in in in in out out out out out "], "")


def test_without_compiling_a_kernel_is_the_function(tmp_path: Path) -> None:
    program = "from nbcnn.kernels.jit import kernel\ndef f(x): return x\nprint(kernel(f) is f)"
    assert run(tmp_path, tmp_path / "cache", program, NUMBA_DISABLE_JIT="1") == (["True"], "")
    assert not (tmp_path / "cache").exists()


# In one process: a freshly decorated function knows nothing of an earlier one, but finds its entry.


def _one_more(x):  # type: ignore[no-untyped-def]
    return x + 1


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NBCNN_CACHE_DIR", str(tmp_path))
    yield tmp_path / "kernels"
    jit._safe_folder.cache_clear()


def use() -> list[str]:
    """How a kernel came to be, and that it works."""
    before = len(LEDGER)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kernel(_one_more)(41) == 42
    return [entry.how for entry in LEDGER[before:]]


def use_warned(sentence: str) -> list[str]:
    before = len(LEDGER)
    with pytest.warns(RuntimeWarning, match=sentence) as caught:
        assert kernel(_one_more)(41) == 42
    assert len(caught) == 1
    return [entry.how for entry in LEDGER[before:]]


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
    jit._safe_folder.cache_clear()
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


def test_each_signature_has_an_entry_of_its_own(cache: Path) -> None:
    both, before = kernel(_one_more), len(LEDGER)
    assert (both(1), both(1.5), both(2)) == (2, 2.5, 3)
    assert len(LEDGER) - before == len(list(cache.iterdir())) == 2


def test_compilation_is_announced_and_loading_is_not(cache: Path) -> None:
    told: list[str] = []
    with announced(told.append):
        kernel(_one_more)(1)
        kernel(_one_more)(1)
    kernel(_one_more)(1.5)
    assert [name.rpartition(".")[2] for name in told] == ["_one_more"]


# What a digest depends on.


def imported(folder: Path, name: str, text: str) -> ModuleType:
    """A module by its path, as new, under a name that the others can import."""
    path = folder / f"{name}.py"
    path.write_text(text)
    jit._file_digest.cache_clear()
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


MAIN = """
import nbcnn_test_callee
from nbcnn_test_callee import FACTOR, TABLE, TABLES, helper, plain
from nbcnn.kernels.jit import kernel

def closed_over(number):
    @kernel
    def inner(x):
        return x * number
    return inner

inner = closed_over(3)

@kernel
def by_name(x):
    return helper(x)

@kernel
def by_name_of_its_module(x):
    return nbcnn_test_callee.other(x)

@kernel
def by_a_callee_that_is_plain_numba(x):
    return plain(x)

@kernel
def by_constant(x):
    return x * FACTOR

@kernel
def by_constant_of_a_module(x):
    return x * nbcnn_test_callee.RATE

@kernel
def by_table(x):
    return x + TABLE[0]

@kernel
def by_several(x):
    return x + TABLES[1][0]

@kernel
def by_closure(x):
    return inner(x)

@kernel
def by_a_callee_further_down(x):
    return by_name(x) + 1
"""

HELPERS = """
import numba
import numpy as np
from nbcnn.kernels.jit import kernel

FACTOR = 2
RATE = 0.5
TABLE = np.array([4.0, 5.0])
TABLES = (np.zeros(3), np.arange(5000.0))

@kernel
def helper(x):
    return x + 1

@kernel
def other(x):
    return x + 2

@numba.njit
def plain(x):
    return deeper(x) + 3

@numba.njit
def deeper(x):
    return x * plain(x - 1) if x > 0 else x  # calls the one that calls it
"""


@pytest.fixture
def digests(tmp_path: Path) -> Iterator[Callable[..., dict[str, str]]]:
    """Digests of MAIN's kernels, after replacements (old, new) in the text of either module."""

    def of(main: tuple[str, str] = ("", ""), helpers: tuple[str, str] = ("", "")) -> dict[str, str]:
        for text, change in ((MAIN, main), (HELPERS, helpers)):
            assert change[0] in text
        imported(tmp_path, "nbcnn_test_callee", HELPERS.replace(*helpers) if helpers[0] else HELPERS)
        module = imported(tmp_path, "nbcnn_test_main", MAIN.replace(*main) if main[0] else MAIN)
        return {name: value.digest for name, value in vars(module).items() if name.startswith("by_")}

    yield of
    for name in ("nbcnn_test_callee", "nbcnn_test_main"):
        sys.modules.pop(name, None)


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    assert before.keys() == after.keys()
    return sorted(name for name in before if before[name] != after[name])


def test_the_same_code_has_the_same_digest(digests: Callable[..., dict[str, str]]) -> None:
    assert changed(digests(), digests()) == []
    assert len(set(digests().values())) == 9


def test_a_changed_file_of_ones_own_changes_the_digest(digests: Callable[..., dict[str, str]]) -> None:
    assert len(changed(digests(), digests(main=("+ 1", "+ 2")))) == 9


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        # A callee's file counts as a whole, so callers of its other functions change as well.
        ("x + 1", "x + 7", ["by_a_callee_further_down", "by_name"]),
        ("x + 2", "x + 7", ["by_name_of_its_module"]),
        ("+ 3", "+ 7", ["by_a_callee_that_is_plain_numba"]),
        ("FACTOR = 2", "FACTOR = 7", ["by_constant"]),
        ("RATE = 0.5", "RATE = 0.7", ["by_constant_of_a_module"]),
        ("[4.0, 5.0]", "[6.0, 5.0]", ["by_table"]),
        ("np.arange(5000.0)", "np.arange(5000.0) + (np.arange(5000) == 2500)", ["by_several"]),
    ],
)
def test_a_change_in_another_file_changes_the_digest(
    old: str, new: str, names: list[str], digests: Callable[..., dict[str, str]]
) -> None:
    assert set(names) <= set(changed(digests(), digests(helpers=(old, new))))


def test_what_is_closed_over_counts() -> None:
    def closed_over(number: Any) -> Any:
        @kernel
        def inner(x):  # type: ignore[no-untyped-def]
            return x * number

        return inner

    assert closed_over(3).digest == closed_over(3).digest != closed_over(4).digest
    assert closed_over(3)(5) == 15
    assert closed_over(4)(5) == 20
    # What can't be told apart by its content is told apart by its place in memory: compiled anew, but never mixed up.
    some, other = object(), object()
    assert closed_over(some).digest != closed_over(other).digest


@pytest.mark.parametrize("file", ["jit.py", "lanes_numba.py", "lanes_math.py", "lanes.py"])
def test_the_language_of_kernels_counts(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, real = kernel(_one_more).digest, jit._file_digest
    monkeypatch.setattr(jit, "_file_digest", lambda path: real(path) + ("changed" if path.endswith(f"/{file}") else ""))
    assert kernel(_one_more).digest != before


def test_options_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = kernel(_one_more).digest
    monkeypatch.setitem(jit.OPTIONS, "error_model", "python")
    assert kernel(_one_more).digest != before


def test_every_file_of_the_language_is_named() -> None:
    files = {path.name for path in (SOURCE / "kernels").glob("lanes*.py")} - {"lanes_plain.py"}
    assert set(jit.LANGUAGE) == files | {"jit.py"}


def test_options_stand_in_one_place() -> None:
    from nbcnn.kernels.conv2d.direct import correlate

    assert {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy"} == jit.OPTIONS
    assert all(correlate.targetoptions[name] == value for name, value in jit.OPTIONS.items())
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        assert set(re.findall(r"\b(?:n?jit|vectorize|guvectorize|cfunc)\([^)]*", text)) <= {"njit(**OPTIONS"}, path
        assert path.name == "jit.py" or not re.search("fastmath|nogil|error_model", text), path
        if path.parent.name != "kernels":
            assert not re.search(r"^\s*(import|from) (numba|llvmlite)", text, re.MULTILINE), path
