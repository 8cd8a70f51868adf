"""What the name of a cache entry depends on: a change in anything that goes into a kernel's code gives another digest."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import nbcnn
from nbcnn.compiler import fingerprint as digest
from nbcnn.compiler import jit
from nbcnn.compiler.fingerprint import fingerprint
from nbcnn.compiler.jit import kernel

pytestmark = pytest.mark.jit

SOURCE = Path(nbcnn.__file__).parent
BY_ADDRESS = ("call_list.py", "replay.py", "timed_replay.py", "turns.py")
"""Files with instructions that Python has not: calls by address, atomic reads and writes."""


def digest_of(dispatcher: Any) -> str:
    return fingerprint(dispatcher.py_func, jit.OPTIONS).digest


def _one_more(x):  # type: ignore[no-untyped-def]
    return x + 1


def imported(folder: Path, name: str, text: str) -> ModuleType:
    """A module by its path, as new, under a name that the others can import."""
    path = folder / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # Not through the loader: it would take the bytecode of a text of the same length that was written this second.
    exec(compile(text, path, "exec"), module.__dict__)
    return module


MAIN = """
import nbcnn_test_callee
from nbcnn_test_callee import FACTOR, TABLE, TABLES, helper, plain
from nbcnn.compiler.jit import kernel

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
from nbcnn.compiler.jit import kernel

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
        return {name: digest_of(value) for name, value in vars(module).items() if name.startswith("by_")}

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

    assert digest_of(closed_over(3)) == digest_of(closed_over(3)) != digest_of(closed_over(4))
    assert closed_over(3)(5) == 15
    assert closed_over(4)(5) == 20
    # What can't be told apart by its content is told apart by its place in memory: compiled anew, but never mixed up.
    things = object(), object()
    some, other = (fingerprint(closed_over(thing).py_func, {}) for thing in things)
    assert some.digest != other.digest
    assert not some.lasting and not other.lasting
    assert fingerprint(closed_over(3).py_func, {}).lasting


@pytest.mark.parametrize("file", ["compiler/jit.py", "lanes/intrinsics.py", "lanes/math.py", "lanes/words.py"])
def test_the_language_of_kernels_counts(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest_of(kernel(_one_more))
    assert digest._LANGUAGE[file] == sha256((SOURCE / file).read_bytes()).hexdigest()
    monkeypatch.setitem(digest._LANGUAGE, file, "changed")
    assert digest_of(kernel(_one_more)) != before


def test_options_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest_of(kernel(_one_more))
    monkeypatch.setitem(jit.OPTIONS, "error_model", "python")
    assert digest_of(kernel(_one_more)) != before


def test_every_file_of_the_language_is_named() -> None:
    files = {f"lanes/{path.name}" for path in (SOURCE / "lanes").glob("*.py")} - {
        "lanes/plain.py",
        "lanes/block_sums.py",
    }
    compiling = {f"compiler/{name}.py" for name in ("callees", "jit", "object_code")}
    assert set(digest.LANGUAGE) == files | compiling | {"util/lane_width.py"}


def test_options_stand_in_one_place() -> None:
    from nbcnn.kernels.conv2d.direct import correlate

    options = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy", "no_cfunc_wrapper": True}
    assert options == jit.OPTIONS
    assert all(correlate.targetoptions[name] == value for name, value in jit.OPTIONS.items())
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        assert set(re.findall(r"\b(?:n?jit|vectorize|guvectorize|cfunc)\([^)]*", text)) <= {"njit(**OPTIONS"}, path
        assert path.name == "jit.py" or not re.search("fastmath|nogil|error_model", text), path
        if path.parent.name not in ("compiler", "lanes") and path.name not in BY_ADDRESS:
            assert not re.search(r"^\s*(import|from) (numba|llvmlite)", text, re.MULTILINE), path
