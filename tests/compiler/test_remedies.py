"""A kernel that can't be compiled says what to write instead; and what it says is right: written so, it compiles."""

from __future__ import annotations

import functools
import hashlib
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

from nbcnn.compiler.jit import kernel
from nbcnn.errors import KernelError, NbcnnError, PluginError
from nbcnn.plugins.modules import module_name, run_file

HEAD = """
import math
import numpy as np
from functools import partial
from nbcnn.compiler.jit import kernel
from nbcnn.lanes import exp, lane, lane_sum, load, maximum, splat, store, where

SLOPE, NUMBERS, COUNT, WHOLE, NAMED, COUNTED = 0.1, [3, 4], [], (1, 2), {"a": 1}, np.zeros(3)

def helper(v): return v + v
anonymous = lambda v: v + v
half = partial(helper, 1)
class Settings:
    rate = 2
@kernel
def nothing(v):
    v + v
@kernel
def endless(n):
    return endless(n - 1)
@kernel
def two(v, u):
    return v + u
"""
FORWARD = """
@kernel
def forward(x, w, b, y, counted):
    for c in range(x.shape[0]):
        v = s = load(x, (c, 0))
        LINE
        store(y, (c, 0), s)
"""


class Case(NamedTuple):
    """A line that Numba refuses, words of the remedy, and the line written as it says ("" where it needs more)."""

    line: str
    words: str
    mended: str = ""
    at: str = ""
    """Words of the line that is named, where that is another."""


TYPE = "x.dtype.type"
MISTAKES = {
    # @kernel forgotten
    "a helper": Case("s += helper(v)", r"put @kernel above def helper at mine\.py:10, for kernels call only kernels$"),
    "a lambda": Case("s += anonymous(v)", r"write anonymous = kernel\(lambda \.\.\.\) at mine\.py:11$"),
    "a partial function": Case("s += half(v)", "write a kernel that calls helper with these arguments$"),
    # float64 beside float32 lanes
    "a float": Case("s += 0.5 * v", rf"float64 would be rounded beside float32 lanes: write {TYPE}\(0\.5\)$", f"s += {TYPE}(0.5) * v"),
    "a float, divided by": Case("s = v / 9.5", rf"write {TYPE}\(9\.5\)$", f"s = v / {TYPE}(9.5)"),
    "a quotient": Case("s += v * (1 / w.shape[0])", rf"write {TYPE}\(1 / w\.shape\[0\]\)$", f"s += v * {TYPE}(1 / w.shape[0])"),
    "a quotient with a name": Case("f = 1 / 3; s += v * f", rf"write {TYPE}\(f\)$", f"f = 1 / 3; s += v * {TYPE}(f)"),
    "a global": Case("s *= SLOPE", rf"write {TYPE}\(SLOPE\)$", f"s *= {TYPE}(SLOPE)"),
    "NumPy's float64": Case("s += v * np.float64(3)", rf"write {TYPE}\(np\.float64\(3\)\)$", f"s += v * {TYPE}(np.float64(3))"),
    "a root": Case("s += v * math.sqrt(2)", rf"write {TYPE}\(math\.sqrt\(2\)\)$", f"s += v * {TYPE}(math.sqrt(2))"),
    "a comparison": Case("s = where(v > 0.5, v, s)", rf"write {TYPE}\(0\.5\)$", f"s = where(v > {TYPE}(0.5), v, s)"),
    "a choice": Case("s = where(v > 0, v, 0.5)", rf"write {TYPE}\(0\.5\)$", f"s = where(v > 0, v, {TYPE}(0.5))"),
    "the larger one": Case("s = maximum(v, 0.5)", rf"write {TYPE}\(0\.5\)$", f"s = maximum(v, {TYPE}(0.5))"),
    "a sum that begins with a float": Case("t = 0.0\n        t += v", rf"write t = splat\({TYPE}\(0\.0\)\) in line 29$", f"t = splat({TYPE}(0.0))\n        t += v", "t += v"),
    "a sum that begins with float64 lanes": Case("t = splat(0.0)\n        t += v", rf"write t = splat\({TYPE}\(0\.0\)\) in line 29$", f"t = splat({TYPE}(0.0))\n        t += v", "t += v"),
    "a sum that begins with 0": Case("t = 0\n        for _ in range(2):\n            t += v", rf"write t = splat\({TYPE}\(0\)\) in line 29$", f"t = splat({TYPE}(0))\n        for _ in range(2):\n            t += v", "range(2)"),
    "a sum that begins with a bias": Case("t = b[c]\n        for _ in range(2):\n            t += v", r"write t = splat\(b\[c\]\) in line 29$", "t = splat(b[c])\n        for _ in range(2):\n            t += v", "range(2)"),
    "float64 lanes": Case("s += v * load(np.zeros((1, 16)), (0,))", rf"make both of x\.dtype, with np\.zeros\(shape, x\.dtype\) and splat\({TYPE}\(0\)\)$", "s += v * load(np.zeros((1, 16), x.dtype), (0,))"),
    "float64 lanes stored": Case("store(y, (c, 0), splat(0.5))", rf"the array's precision, float32, such as splat\({TYPE}\(0\.5\)\)$", f"store(y, (c, 0), splat({TYPE}(0.5)))"),
    "a whole number splat": Case("s += splat(2)", rf"write splat\({TYPE}\(2\)\): it takes floats alone$", f"s += splat({TYPE}(2))"),
    # an array where lanes are meant
    "no load": Case("s += x[c, 0] * w[c, 0]", r"are lanes: write load\(x, \(c, 0\)\) for x\[c, 0\]$", "s += load(x, (c, 0)) * w[c, 0]"),
    "no load, the weight first": Case("s += w[c, 0] * x[c, 0]", r"are lanes: write load\(x, \(c, 0\)\) for x\[c, 0\]$", "s += w[c, 0] * load(x, (c, 0))"),
    "no load in a function": Case("s = exp(x[c, 0])", r"write load\(x, \(c, 0\)\) for x\[c, 0\]$", "s = exp(load(x, (c, 0)))"),
    "no load in store": Case("store(y, (c, 0), x[c, 0])", r"write load\(x, \(c, 0\)\) for x\[c, 0\]$", "store(y, (c, 0), load(x, (c, 0)))"),
    "no store": Case("y[c, 0] = s", r"lanes are written with store\(y, index, v\): store\(y, \(c, 0\), s\)$", "store(y, (c, 0), s)"),
    "no store to a slice": Case("y[c, 0, :] = s + v", r"lanes are written with .*: store\(y, \(c, 0\), s \+ v\)$", "store(y, (c, 0), s + v)"),
    # a list or a global that changes
    "an empty list": Case("t = []", r"keep numbers in an array, np\.zeros\(n, x\.dtype\), and lanes in a pack, with store$"),
    "a global list": Case("s = s * NUMBERS[0]", r"NUMBERS is a list outside .*; write a tuple, \(1, 2\) for \[1, 2\]", "s = s * WHOLE[0]"),
    "a global list that grows": Case("COUNT.append(1)", "what changes is an array that is given as an argument$", "counted[0] += 1"),
    "a global dictionary": Case('s = s * NAMED["a"]', "write a number, a tuple or an array for each entry"),
    "a global counter": Case("global SLOPE; SLOPE += 1", r"a kernel can't change a global: give it an array, and count in that: count\[0\] \+= 1$", "counted[0] += 1"),
    "a global array": Case("COUNTED[0] += 1", "an array outside of kernels is a constant in them: give it as an argument$", "counted[0] += 1"),
    "a class": Case("s = s * Settings.rate", "Settings is a class: kernels take numbers, arrays, tuples of these, and other kernels$"),
    # NumPy
    "no such function in Numba": Case("t = np.einsum('ij->i', w)", "Numba has it not: write loops, or do it in a Python function around the kernels"),
    "a transform": Case("t = np.fft.rfft2(w)", "'rfft2' of module numpy.fft; Numba has it not: write loops, or do it in a Python function"),
    "no such function": Case("t = np.maximun(b[0], b[1])", r"module 'numpy' has no attribute 'maximun'; did you mean np\.maximum\?$", "t = np.maximum(b[0], b[1])"),
    "a function of lanes": Case("s = np.exp(v)", r"exp can't be used so: exp\(lanes\(float32\)\); write exp\(v\)", "s = exp(v)"),
    "the larger of lanes": Case("s = max(v, s)", r"write maximum\(u, v\)", "s = maximum(v, s)"),
    "the smaller of lanes": Case("s = np.minimum(v, s)", r"write where\(u < v, u, v\)", "s = where(v < s, v, s)"),
    "the absolute value of lanes": Case("s = abs(v)", r"write maximum\(v, -v\)", "s = maximum(v, -v)"),
    "lanes squared": Case("s = v ** 2", r"write v \* v for v \*\* 2$", "s = v * v"),
    "the sum of lanes": Case("s += np.sum(v)", r"the sum of the 16 numbers is lane_sum\(v\)", "s += lane_sum(v)"),
    "the sum of lanes, as a method": Case("s += v.sum()", r"the sum is lane_sum\(v\)$", "s += lane_sum(v)"),
    # neighbours
    "lanes in a condition": Case("if v > 0:\n            s += v", r"16 images may each say otherwise: choose between two values with where\(v > 0, this, that\)", "s = where(v > 0, s + v, s)", "if v > 0"),
    "two conditions": Case("s = where(v > 0 and v < 1, v, s)", "conditions are combined with & and |, in brackets$", "s = where((v > 0) & (v < 1), v, s)"),
    "not": Case("s = where(not v > 0, v, s)", "write the opposite condition, such as v <= 0 for not v > 0$", "s = where(v <= 0, v, s)"),
    "a mask as a number": Case("s += (v > 0) * v", r"a comparison of lanes is no number: write where\(mask, v, 0\)$", "s += where(v > 0, v, 0)"),
    "an index of lanes": Case("s += v[3]", r"the number of one image is lane\(v, l\)", "s += lane(v, 3)"),
    "arguments of store in another order": Case("store((c, 0), y, s)", r"write store\(y, \(o, i, j\), v\)", "store(y, (c, 0), s)"),
    "a number stored": Case("store(y, (c, 0), b[c])", r"write splat\(b\[c\]\) for b\[c\]", "store(y, (c, 0), splat(b[c]))"),
    "an index that is no tuple": Case("s += load(x, c, 0)", r"load\(\) takes 2 arguments, 3 were given; write load\(x, \(c, i, j\)\)", "s += load(x, (c, 0))"),
    "too many indices": Case("s += load(x, (c, 0, 0, 0))", "the array has 3 axes; write load"),
    "an index that is no whole number": Case("s += load(x, (c / 2, 0))", "an index is a whole number: divide with //$", "s += load(x, (c // 2, 0))"),
    "lanes of whole numbers": Case("s += load(np.zeros((2, 16), np.int64), (c,))", "lanes are made of floats, not of int64"),
    "a slice": Case("s += load(x[:, 0], (c,))", "load from the array itself, with an index for each axis"),
    "nothing returned": Case("s += nothing(v)", r"a function called here gives nothing back: end it with return \.\.\.$"),
    "an argument missing": Case("s += two(v)", r"missing a required argument: 'u'; what is called takes \(v, u\)$", "s += two(v, v)"),
    "a name misspelt": Case("s += laod(x, (c, 0))", "'laod' is not defined; did you mean load?"),
    "a name that was not imported": Case("s = expm1(v)", "'expm1' is not defined; add from nbcnn.plugin import expm1$"),
    "a recursion without an end": Case("s += endless(3)", "first say when it ends", at="return endless"),
    "an import": Case("import os", "import at the top of the file$"),
    "a context": Case("with open('x') as f: pass", "do without, or do it in a Python function around the kernels"),
}  # fmt: skip


def loaded(folder: Path, text: str) -> Any:
    path = folder / "mine.py"
    path.write_text(text)
    run_file(path, text.encode(), hashlib.sha256(text.encode()).hexdigest())
    return sys.modules.pop(module_name(path))


def call(folder: Path, line: str) -> str:
    """Compile and run a kernel with this line; gives its module's text."""
    text = HEAD + FORWARD.replace("LINE", line)
    arrays = [np.ones(shape, np.float32) for shape in ((2, 3, 16), (2, 3), (2,), (2, 3, 16), (1,))]
    loaded(folder, text).forward(*arrays)
    return text


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.jit
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_line_and_what_to_write(name: str, tmp_path: Path) -> None:
    case = MISTAKES[name]
    with pytest.raises(KernelError) as caught:
        call(tmp_path, case.line)
    told = str(caught.value)
    place = re.match(r"mine\.py:(\d+): \w+: ", told)
    assert place, told
    lines = (tmp_path / "mine.py").read_text().splitlines()
    assert (case.at or case.line) in lines[int(place[1]) - 1]
    assert re.search(case.words, told), told
    assert "\n" not in told and "0x" not in told


@pytest.mark.jit
@pytest.mark.parametrize("name", [name for name, case in MISTAKES.items() if case.mended])
def test_what_is_written_instead_compiles(name: str, tmp_path: Path) -> None:
    call(tmp_path, MISTAKES[name].mended)


# What @kernel may stand above

ALONE = "write @kernel alone above the function"
UNFIT = {
    "a default": ("@kernel\ndef f(x, n=3): ...", "f has a default for n; a kernel is called with all arguments, by position: write def f(x, n): and give n in each call"),
    "a default of an annotated one": ("@kernel\ndef f(x: int, n: int = 3): ...", "f has a default for n; a kernel is called with all arguments, by position: write def f(x, n): and give n in each call"),
    "a default of a lambda": ("f = kernel(\nlambda x, n=3: x)", "a lambda has a default for n; a kernel is called with all arguments, by position: write lambda x, n: ... and give n in each call"),
    "any number of arguments": ("@kernel\ndef f(*xs): ...", "f takes *xs; name each argument, or take one tuple"),
    "any keywords": ("@kernel\ndef f(x, **more): ...", "f takes **more; name each argument, or take one tuple"),
    "a keyword": ("@kernel\ndef f(x, *, n): ...", "f takes n by keyword only; a kernel is called with all arguments, by position: write def f(x, n):"),
    "a generator": ("@kernel\ndef f(x): yield x", "f is a generator (it has yield); a kernel runs to its end at once: write into an array"),
    "a coroutine": ("@kernel\nasync def f(x): ...", "f is async; a kernel runs to its end at once: write into an array"),
    "a method": ("class A:\n  @kernel\n  def f(self, x): ...", "f is a method: kernels know no self; take it out of the class A, and give it arrays and numbers"),
    "a class's own method": ("class A:\n  f = kernel(\n  classmethod(print))", "a classmethod can't be a kernel; take the function out of the class, and give it arrays"),
    "a class": ("@kernel\nclass A: ...", "A is a class; put @kernel above the functions that compute, outside of a class"),
    "a function of Python's own": ("f = kernel(\nlen)", "len is no function written with def, so there is nothing to compile; write one that calls it"),
    "a partial function": ("import functools; f = kernel(\nfunctools.partial(print, 1))", "partial is no function written with def, so there is nothing to compile; write one that calls it"),
    "text that is run": ("exec('''@kernel\ndef f(x, n=3): ...''')", "f has a default for n; a kernel is called with all arguments, by position: write def f(x, n): and give n in each call"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNFIT)
def test_what_is_no_kernel_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    text, sentence = UNFIT[name]
    with pytest.raises(PluginError) as caught:
        loaded(tmp_path, f"from nbcnn.compiler.jit import kernel\n{text}\n")
    place, _, told = str(caught.value).partition(": ")
    assert told.removeprefix("<string>:1: ") == sentence
    file, line = place.split(":")
    assert file == "mine.py"
    assert re.search("def |lambda|exec|kernel", f"\n{text}".splitlines()[int(line) - 1])


@pytest.mark.parametrize(
    "made",
    [
        lambda: kernel("float32(float32)"),
        lambda: kernel(["float32(float32)"]),
        lambda: kernel(numba.float32(numba.float32)),
        lambda: kernel(fastmath=True),
        lambda: kernel(),
        lambda: kernel(lambda x: x, True),
    ],
)
def test_a_signature_or_options_are_refused(made: Any) -> None:
    with pytest.raises(
        KernelError, match=rf"test_remedies\.py:\d+: @kernel takes no signature and no options: .*; {ALONE}$"
    ):
        made()


@pytest.mark.jit
def test_what_is_compiled_already_is_not_compiled_again() -> None:
    for decorator in (kernel, numba.njit):
        with pytest.raises(KernelError, match=f"f is compiled already, by @kernel or by Numba's njit; {ALONE}$"):

            @kernel
            @decorator
            def f(x):  # type: ignore[no-untyped-def]
                return x


def test_what_may_be_a_kernel() -> None:
    class Holder:
        @staticmethod
        @kernel
        def f(x):  # type: ignore[no-untyped-def]
            return x + 1

    def by_position(x, /, y):  # type: ignore[no-untyped-def]
        return x - y

    assert (Holder.f(2), kernel(lambda x: x)(3), kernel(by_position)(5, 1)) == (3, 3, 4)
    with pytest.raises(NbcnnError, match="partial is no function"):
        kernel(functools.partial(by_position, 1))
