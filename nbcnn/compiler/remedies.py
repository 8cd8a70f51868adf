"""Hints for code that Numba refuses: common mistakes in kernels, and the line to write instead."""

from __future__ import annotations

import re
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

from nbcnn.compiler.statements import Statement
from nbcnn.errors import shown
from nbcnn.util.suggestions import closest

WORDS = "nbcnn.plugin"
LANE_FUNCTIONS: list[str] = []
"""The names that kernels can import from there; the package lanes sets them when it is imported."""

_NO_LANES = f"lanes have the words of {WORDS} alone"
_ELSE = "or do it in a Python function around the kernels, as nbcnn/kernels/conv2d/im2col.py does"
_WHERE = "16 images may each say otherwise: choose between two values with where(v > 0, this, that)"

OF_LANES = {
    **dict.fromkeys(("bool", "truth", "is_true"), f"{_WHERE}; conditions are combined with & and |, in brackets"),
    "not_": "write the opposite condition, such as v <= 0 for not v > 0",
    "getitem": "the number of one image is lane(v, l), the sum of all 16 lane_sum(v)",
    "setitem": "lanes are changed as a whole: v = where(mask, this, v); lanes are written with store(y, index, v)",
    **dict.fromkeys(("sum", "len"), "the sum of the 16 numbers is lane_sum(v); there are always 16"),
    **dict.fromkeys(("exp", "expm1"), f"write exp(v) or expm1(v) of {WORDS}"),
    **dict.fromkeys(("erf", "sqrt"), f"write erf(v) or sqrt(v) of {WORDS}"),
    "tanh": f"write it with exp, expm1 or sigmoid of {WORDS}; nbcnn/kernels/tanh/direct.py shows how",
    **dict.fromkeys(("max", "maximum", "fmax"), f"write maximum(u, v) of {WORDS}"),
    **dict.fromkeys(("min", "minimum", "fmin"), f"write where(u < v, u, v), with where of {WORDS}"),
    **dict.fromkeys(("abs", "absolute", "fabs"), f"write maximum(v, -v), with maximum of {WORDS}"),
    **dict.fromkeys(("pow", "ipow"), "write v * v for v ** 2"),
    **dict.fromkeys(("floordiv", "ifloordiv"), "divide with /, or multiply by a number of the arrays' precision"),
    "where": "write where(mask, u, v): a comparison, then two values, one of which at least is lanes: splat(number)",
    "float": "the number of one image is lane(v, l), the sum of all 16 lane_sum(v)",
    "int": "the number of one image is lane(v, l), the sum of all 16 lane_sum(v)",
}
"""Hints by the function or operator that was given lanes."""

_IN_PLACE = {"iadd", "isub", "imul", "itruediv"}
_TAKE_LANES = {
    "lane",
    "lane_sum",
    "where",
    "maximum",
    "exp",
    "expm1",
    "sigmoid",
    "erf",
    "sqrt",
    "rint",
    "power_of_two",
    "store",
}
_WHOLE = "an index is a whole number: divide with //"
_MASKS = "a comparison of lanes is no number: write where(mask, v, 0)"
_LOAD = "write load(x, (c, i, j)): an array of floats, and one tuple of whole numbers, at most one for each axis"
_STORE = "write store(y, (o, i, j), v): an array of floats, one tuple of whole numbers, and lanes of the same precision"

BY_SENTENCE: tuple[tuple[str, str], ...] = (
    (r"Use of unsupported NumPy function|of module numpy", f"Numba has it not: write loops, {_ELSE}"),
    (r"^Variable '\w+' is not defined", "give it a value before, whichever way leads here"),
    (r"of type (Uni)?Tuple", "what is in a tuple has numbers, not names: numbers[0], or stride, padding = numbers"),
    (r"^np\.dot and @", f"write loops, {_ELSE}"),
    (r"opcode \(STORE_GLOBAL\)", "a kernel can't change a global: give it an array, and count in that: count[0] += 1"),
    (r"Cannot modify readonly array", "an array outside of kernels is a constant in them: give it as an argument"),
    (r"opcode \(IMPORT_NAME\)", "import at the top of the file"),
    (r"context manager|Exception matching|opcode \(.*EXCEPT|try.*except|format spec", f"do without, {_ELSE}"),
    (r"^\w+ is a list outside", "write a tuple, (1, 2) for [1, 2]; what changes is an array, given as an argument"),
    (r"type: list\(undefined\)", "keep numbers in an array, np.zeros(n, x.dtype), and lanes in a pack, with store"),
    (r"type infer runaway recursion", "first say when it ends: a return that does not call it again"),
    (r"^load\(\) (takes|missing)", _LOAD),
    (r"^store\(\) (takes|missing)", _STORE),
    (r"attribute '(sum|mean|max|min|dtype|shape|size|copy)' of type lanes", f"{_NO_LANES}; the sum is lane_sum(v)"),
    (r"of type lanes\(", _NO_LANES),
    (r"truth value of an array", _WHERE),
)  # fmt: skip


def remedy(sentence: str, statement: Statement) -> str:
    """The code to write instead, or "" where there is no hint."""
    if found := re.search(r"^Untyped (?:global|freevar) name '(\w+)'", sentence):
        return _of_a_thing(found[1], statement.value(found[1]), statement)
    if found := re.search(r"^name '(\w+)' is not defined", sentence):
        return _of_a_name(found[1])
    if found := re.search(r"^module 'numpy(?:\.\w+)*' has no attribute '(\w+)'", sentence):
        import numpy as np  # here, because names of backends are known without it

        near = closest(found[1], dir(np))
        return f"did you mean np.{near}?" if near else f"write loops, {_ELSE}"
    if found := re.search(r"^Cannot unify .*lanes\(.*\) for '(\w+)'", sentence):
        return _begin(found[1], statement)
    if found := re.search(r"can't be used so: (\w+)\((.*)\)", sentence):
        return _of_a_call(found[1], _split(found[2]), statement)
    return remedy_by_words(sentence)


def remedy_by_words(sentence: str) -> str:
    """The hint by the words of Numba's or Python's error alone."""
    return next((words for pattern, words in BY_SENTENCE if re.search(pattern, sentence)), "")


def _of_a_thing(name: str, value: Any, statement: Statement) -> str:
    """The hint for an object outside of the kernel that has no Numba type."""
    if isinstance(value, FunctionType):
        code = value.__code__
        place = f"{shown(code.co_filename)}:{code.co_firstlineno}"
        if value.__module__.partition(".")[0] == "nbcnn":
            return f"{name} is for Python: kernels stand beside each other in a file, not within each other"
        if code.co_name == "<lambda>":
            return f"write {name} = kernel(lambda ...) at {place}"
        return f"put @kernel above def {code.co_name} at {place}, for kernels call only kernels"
    if isinstance(value, list):
        return "write a tuple for numbers that stay as they are; what changes is an array that is given as an argument"
    if isinstance(value, dict):
        return (
            "write a number, a tuple or an array for each entry; what changes is an array that is given as an argument"
        )
    if isinstance(value, partial):
        return f"write a kernel that calls {getattr(value.func, '__name__', 'the function')} with these arguments"
    if isinstance(value, ModuleType):
        return f"kernels know math and NumPy of modules; write loops, {_ELSE}"
    kind = "a class" if isinstance(value, type) else f"an object of the class {type(value).__name__}"
    return f"{name} is {kind}: kernels take numbers, arrays, tuples of these, and other kernels"


def _of_a_name(name: str) -> str:
    if name in LANE_FUNCTIONS:
        return f"add from {WORDS} import {name}"
    near = closest(name, LANE_FUNCTIONS)
    return f"did you mean {near}?" if near else ""


def _begin(name: str, statement: Statement) -> str:
    """The hint for a sum that begins as a number, or in another precision, and goes on as lanes."""
    found = statement.begins(name)
    if found is None:
        return f"begin with lanes: {name} = splat({statement.array}.dtype.type(0))"
    line, value = found
    if typed := re.fullmatch(r"(?:splat\()?([-+\d.e]+)\)?", value):
        return f"write {name} = splat({statement.array}.dtype.type({typed[1]})) in line {line}"
    if "load(" in value or "splat(" in value:
        return f"make {name} lanes of {statement.array}.dtype in every case, a number with splat"
    return f"write {name} = splat({value}) in line {line}"


def _of_a_call(name: str, given: list[str], statement: Statement) -> str:
    lanes = [kind for kind in given if re.fullmatch(r"lanes\(float\d+\)", kind)]
    wide = [
        place for place, kind in enumerate(given) if kind in ("float64", "float32") and f"lanes({kind})" not in lanes
    ]
    if name == "load":
        return _of_load(given, statement)
    if name == "splat":
        return f"write splat({statement.array}.dtype.type({statement.number('splat', 0) or 0})): it takes floats alone"
    if name == "setitem" and given and given[0].startswith("array"):
        return f"lanes are written with store(y, index, v){statement.stored()}" if lanes else ""
    if name in ("getitem", "setitem") and len(given) > 1 and "float" in given[1]:
        return _WHOLE
    begun = lanes and name in _IN_PLACE and given[1] in lanes and given[0] not in ("lanes(mask)", given[1])
    if begun and (variable := statement.variable(name)):
        return _begin(variable, statement)
    if (lanes or name in _TAKE_LANES) and any(kind.startswith("array(") for kind in given[2 * (name == "store") :]):
        part = statement.part_of_array()
        written = f"load({part[0]}, {part[1]}) for {part[0]}[{part[1].strip('(),')}]" if part else "load(x, (c, i, j))"
        return f"the 16 numbers of an array, one of each image, are lanes: write {written}"
    if "none" in given:
        return "a function called here gives nothing back: end it with return ..."
    if "lanes(mask)" in given and name in ("mul", "add", "sub", "imul", "iadd", "isub", "truediv"):
        return _MASKS
    if lanes and wide and (name not in OF_LANES or name in ("where", "maximum")):
        number = f"{statement.array}.dtype.type({statement.number(name, wide[0]) or '0.5'})"
        return f"{given[wide[0]]} would be rounded beside {_plain(lanes[0])}: write {number}"
    if len(set(lanes)) > 1:
        return (
            f"lanes of two precisions: make both of {statement.array}.dtype, with np.zeros(shape, "
            f"{statement.array}.dtype) and splat({statement.array}.dtype.type(0))"
        )
    if name == "store":
        return _of_store(given, statement)
    if any(kind.startswith("lanes(") for kind in given):
        return OF_LANES.get(name, _NO_LANES)
    return f"{name} takes lanes: make them with load or splat" if name in _TAKE_LANES else ""


def _of_load(given: list[str], statement: Statement) -> str:
    array = re.match(r"(?:readonly )?array\((\w+), (\d+)d, (\w)", given[0]) if given else None
    if array and array[3] != "C":
        return "load from the array itself, with an index for each axis: a slice or .T does not lie in memory in order"
    if array and not array[1].startswith("float"):
        return f"lanes are made of floats, not of {array[1]}: a number of it is x[i], or x.dtype.type(n[i]) as a float"
    if len(given) > 1 and "float" in given[1]:
        return _WHOLE
    if array and len(given) > 1 and given[1].count(",") + 1 > int(array[2]) and "Tuple" in given[1]:
        return f"the array has {array[2]} axes; {_LOAD}"
    return _LOAD


def _of_store(given: list[str], statement: Statement) -> str:
    if len(given) == 3 and re.match(r"(float|int)\w*$", given[2]):
        operand = statement.number("store", 2)
        return f"write splat({operand}) for {operand}: the same number for all 16 images" if operand else _STORE
    array = re.match(r"(?:readonly )?array\((\w+),", given[0]) if given else None
    if array and len(given) == 3 and given[2].startswith("lanes(float") and given[2] != f"lanes({array[1]})":
        operand = re.sub(
            r"splat\(([-+\d.e]+)\)", rf"splat({statement.array}.dtype.type(\1))", statement.argument("store", 2)
        )
        written = (
            f", such as {operand}" if ".dtype.type(" in operand else f": numbers are {statement.array}.dtype.type(0.5)"
        )
        return f"make lanes of the array's precision, {array[1]}{written}"
    return _STORE


def _plain(lanes: str) -> str:
    """``float32 lanes`` for ``lanes(float32)``."""
    return f"{lanes.removeprefix('lanes(').removesuffix(')')} lanes"


def _split(text: str) -> list[str]:
    """Types between commas that are in no brackets."""
    parts, depth = [""], 0
    for sign in text:
        depth += sign in "(<[" or -(sign in ")>]")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [re.sub(r"^int -?\d+$", "int", part.strip()) for part in parts]
