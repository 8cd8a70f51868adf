"""Code of an earlier text is never run: however a kernel reaches what was edited, the next process has the new value.

Each layout is a small module whose ``answer(1.0)`` is the number in place of ``@@``. One process compiles all layouts
with 1, a second must find them all in the cache, and after all texts were edited a third must answer 2.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from exhaustive import parametrize

pytestmark = pytest.mark.jit

HEAD = "import numba\nimport numpy as np\nfrom nbcnn.compiler.jit import kernel\n"
CALLS = "@kernel\ndef answer(x):\n    return helper(x)\n"
HELPER = "@kernel\ndef helper(x):\n    return x * @@\n"
TIMES = "@kernel\ndef answer(x):\n    return x * FACTOR\n"
ONE_FILE = {
    "a callee above": HELPER + CALLS,
    "a callee below": CALLS + HELPER,
    "a callee of a callee, both below": CALLS + HELPER.replace("@@", "deeper(1)") + HELPER.replace("helper", "deeper"),
    "a plain Numba callee below": CALLS + HELPER.replace("@kernel", "@numba.njit"),
    "a constant above": "FACTOR = @@\n" + TIMES,
    "a constant below": TIMES + "FACTOR = @@\n",
    "a constant rebound below": "FACTOR = 7\n" + TIMES + "FACTOR = @@\n",
    "a constant of a callee below": CALLS + HELPER.replace("@@", "FACTOR") + "FACTOR = @@\n",
    "a NumPy number below": TIMES + "FACTOR = np.float32(@@)\n",
    "a truth value below": TIMES.replace("FACTOR", "(2 if FACTOR else 1)") + "FACTOR = @@ == 2\n",
    "a text below": TIMES.replace("FACTOR", '(2 if FACTOR == "a 2" else 1)') + 'FACTOR = "a @@"\n',
    "a tuple below": TIMES.replace("FACTOR", "FACTOR[1]") + "FACTOR = (5, @@)\n",
    "a tuple of tuples below": TIMES.replace("FACTOR", "FACTOR[1][0]") + "FACTOR = (5, (@@, 6))\n",
    "an array below": TIMES.replace("FACTOR", "FACTOR[2000]") + "FACTOR = np.arange(4000)\nFACTOR[2000] = @@\n",
    "an array that is turned": TIMES.replace("FACTOR", "FACTOR[0, 1]")
    + "FACTOR = np.array([[0, 2], [1, 0]])\nFACTOR = FACTOR if @@ == 2 else FACTOR.T\n",
    "a record below": TIMES.replace("FACTOR", "FACTOR.b")
    + "from typing import NamedTuple\nclass Pair(NamedTuple):\n    a: int\n    b: int\nFACTOR = Pair(5, @@)\n",
    "a record's fields in another order": TIMES.replace("FACTOR", "FACTOR.b")
    + "from collections import namedtuple\nFACTOR = namedtuple('Pair', 'b a' if @@ == 1 else 'a b')(1, 2)\n",
    "an enumeration below": TIMES.replace("FACTOR", "FACTOR.TWO.value")
    + "from enum import IntEnum\nclass FACTOR(IntEnum):\n    ONE = 9\n    TWO = @@\n",
    "another name": CALLS + HELPER.replace("helper", "inner") + "helper = inner\n",
    "a name rebound below": HELPER.replace("@@", "7") + CALLS + HELPER,
    "a lambda": "answer = kernel(lambda x: x * @@)\n",
    "a lambda that is called": CALLS + "helper = kernel(lambda x: x * @@)\n",
    "a factory": "def made(factor):\n    @kernel\n    def answer(x):\n        return x * factor\n    return answer\nanswer = made(@@)\n",
    "a factory of a callee below": CALLS
    + "def made(factor):\n    @kernel\n    def helper(x):\n        return x * factor\n    return helper\nhelper = made(@@)\n",
    "closed over before it is made": "def made():\n    @kernel\n    def answer(x):\n        return later(x)\n"
    + "    @kernel\n    def later(x):\n        return x * @@\n    return answer\nanswer = made()\n",
    "one of two of one name": "def made(more):\n    if more:\n        @kernel\n        def helper(x):\n            return x\n"
    + "    else:\n        @kernel\n        def helper(x):\n            return x + x\n    return helper\nhelper = made(@@ == 1)\n"
    + CALLS,
    "a function given to a function": "@kernel\ndef answer(x):\n    return apply(helper, x)\n@kernel\ndef apply(f, x):\n    return f(x)\n"
    + HELPER,
    "text that is run": CALLS + "exec('''" + HELPER + "''')\n",
    "text that is run with names of its own": "names = {'kernel': kernel, 'FACTOR': @@}\nexec('''"
    + HELPER.replace("@@", "FACTOR")
    + "''', names)\nhelper = names['helper']\n"
    + CALLS,
    "itself": "@kernel\ndef answer(x):\n    return x * @@ if x < 2 else answer(x - 1)\n",
    "itself, by way of another": "@kernel\ndef answer(x):\n    return 1.0 * FACTOR if x < 9 else other(x)\n"
    + "@kernel\ndef other(x):\n    return 0.5 if x < 0 else answer(x - 1)\nFACTOR = @@\n",
    "a ufunc below": CALLS + "@numba.vectorize\ndef helper(x):\n    return x * @@\n",
    "a function that may be compiled": CALLS + "from numba.extending import register_jitable\n@register_jitable\ndef helper(x):\n    return x * @@\n",
    "an overload below": CALLS
    + "from numba.extending import overload\ndef helper(x): ...\n@overload(helper)\ndef _helper(x):\n    return lambda x: x * @@\n",
    "what an overload calls": CALLS
    + "from numba.extending import overload\ndef helper(x): ...\n@overload(helper)\ndef _helper(x):\n    return written(@@)\n"
    + "def written(factor):\n    return lambda x: x * factor\n",
    "a number read from a file": TIMES + "from pathlib import Path\nFACTOR = int((Path(__file__).parent / 'number.txt').read_text())\n",
}  # fmt: skip
INTRINSIC = """
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
WORD = ir.DoubleType()

@intrinsic
def helper(typingctx, x):
    def codegen(context, builder, sig, args):
        cgutils.alloca_once(builder, ir.IntType(64))
        return builder.fmul(args[0], factor())
    return types.float64(x), codegen

def factor():
    return WORD(@@)
"""
METHOD = """
from numba import types
from numba.extending import overload_method

@overload_method(types.UniTuple, "METHOD")
def _method(x):
    return lambda x: x[0] * @@
"""
IN = HEAD + CALLS
SEVERAL: dict[str, dict[str, str]] = {
    "from a module": {"main": IN + "from .other import helper\n", "other": HEAD + HELPER},
    "from a module, as another name": {"main": IN + "from .other import inner as helper\n", "other": HEAD + HELPER.replace("helper", "inner")},
    "a constant from a module": {"main": HEAD + TIMES + "from .other import FACTOR\n", "other": "FACTOR = @@\n"},
    "a constant through two modules": {"main": HEAD + TIMES + "from .other import FACTOR\n", "other": "from .third import FACTOR\n", "third": "FACTOR = @@\n"},
    "a constant computed of another": {"main": HEAD + TIMES + "from .other import FACTOR\n", "other": "from .third import HALF\nFACTOR = HALF + HALF\n", "third": "HALF = @@ / 2\n"},
    "of a module": {"main": IN.replace("helper", "other.helper") + "from . import other\n", "other": HEAD + HELPER},
    "a constant of a module": {"main": HEAD + TIMES.replace("FACTOR", "other.FACTOR") + "from . import other\n", "other": "FACTOR = @@\n"},
    "of a module of a package": {"main": IN.replace("helper", "m.inner.helper") + "import PACKAGE.sub as m\n", "sub/__init__": "from . import inner\n", "sub/inner": HEAD + HELPER},
    "by a module's full name": {"main": IN.replace("helper", "PACKAGE.sub.inner.helper") + "import PACKAGE.sub.inner\n", "sub/__init__": "", "sub/inner": HEAD + HELPER},
    "a module closed over": {"main": HEAD + "def made():\n    from . import other as m\n    @kernel\n    def answer(x):\n        return m.helper(x) * m.ONE\n    return answer\nanswer = made()\n", "other": HEAD + HELPER + "ONE = 1\n"},
    "modules that import each other": {"main": IN + "from . import other\nfrom .other import helper\nFACTOR = @@\n", "other": HEAD + "from . import main\n" + HELPER.replace("@@", "main.FACTOR")},
    "a callee of a callee, each in a file": {"main": IN + "from .other import helper\n", "other": HEAD + HELPER.replace("@@", "deeper(1)") + "from .third import deeper\n", "third": HEAD + HELPER.replace("helper", "deeper")},
    "a module that is called as one of Python's": {"main": IN + "from .statistics import helper\n", "statistics": HEAD + HELPER},
    "an intrinsic": {"main": IN + "from .other import helper\n", "other": INTRINSIC},
    "what an intrinsic imports": {"main": IN + "from .other import helper\n", "other": INTRINSIC.partition("def factor")[0] + "from .third import factor\n", "third": "from llvmlite import ir\ndef factor():\n    return ir.DoubleType()(@@)\n"},
    "a method of a type": {"main": HEAD + "from . import other\n@kernel\ndef answer(x):\n    return (x, x).METHOD()\n", "other": METHOD},
    "a method of a type, by a module of a module": {"main": HEAD + "from .other import ONE\n@kernel\ndef answer(x):\n    return (x, x).METHOD() * ONE\n", "other": "from . import third\nONE = 1\n", "third": METHOD},
}  # fmt: skip
PLUGINS: dict[str, dict[str, str]] = {
    "a plugin": {"main": IN + HELPER},
    "a plugin's helper beside it": {"main": IN + "from NAME_helper import helper\n", "NAME_helper": HEAD + HELPER},
    "a plugin's helper's helper": {"main": IN + "from NAME_helper import helper\n", "NAME_helper": HEAD + HELPER.replace("@@", "FACTOR") + "from NAME_more import FACTOR\n", "NAME_more": "FACTOR = @@\n"},
    "a plugin's helper with a type's method": {"main": HEAD + "import NAME_helper\n@kernel\ndef answer(x):\n    return (x, x).METHOD()\n", "NAME_helper": METHOD},
}  # fmt: skip
NOT_KEPT = {"itself, by way of another"}
"""Numba's code of functions that call each other has addresses in it, and would crash in another process."""

LAYOUTS = {name: {"main": HEAD + text} for name, text in ONE_FILE.items()} | SEVERAL | PLUGINS

PROGRAM = """
import hashlib, importlib, json, pkgutil, sys
from pathlib import Path
import nbcnn.kernels
from nbcnn.compiler.fingerprint import fingerprint
from nbcnn.compiler.jit import OPTIONS, is_kernel
from nbcnn.compiler.compile_log import COMPILE_LOG
from nbcnn.plugins.modules import module_name, run_file

found = {}
for name, folder in json.loads(sys.argv[1]).items():
    path, before = Path(folder) / "main.py", len(COMPILE_LOG)
    if "plugin" in name:
        sys.path.insert(0, folder)
        data = path.read_bytes()
        run_file(path, data, hashlib.sha256(data).hexdigest())
        module = sys.modules[module_name(path)]
    else:
        sys.path.insert(0, str(path.parents[1]))
        module = importlib.import_module(f"{path.parent.name}.main")
    answer = float(module.answer(1.0))
    found[name] = answer, [line.how for line in COMPILE_LOG[before:] if not line.on_the_way]
built_in = {}
for module in pkgutil.walk_packages(nbcnn.kernels.__path__, "nbcnn.kernels."):
    for name, thing in vars(importlib.import_module(module.name)).items():
        if is_kernel(thing):
            built_in[f"{module.name}.{name}"] = fingerprint(thing.py_func, OPTIONS)
print(json.dumps([found, built_in]))
"""


def write(folder: Path, layout: dict[str, str], number: int, package: str) -> None:
    """The texts of a layout, with a number in place of @@; they get a time long ago, as an archive's files have."""
    for file, text in layout.items():
        path = folder / f"{file.replace('NAME', package)}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        for old, new in (("@@", str(number)), ("PACKAGE", package), ("NAME", package), ("METHOD", f"method_{package}")):
            text = text.replace(old, new)
        path.write_text(text)
        os.utime(path, (1e9 - number, 1e9 - number))  # the later text is the older file
    (folder / "number.txt").write_text(str(number))


class Found(NamedTuple):
    """What a process answered: by layout the number, and how it came to the code; fingerprints of built-in kernels."""

    answers: dict[str, tuple[float, list[str]]]
    built_in: dict[str, tuple[str, bool]]


def run(folders: dict[str, Path], cache: Path) -> Found:
    settings = {**os.environ, "NBCNN_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", PROGRAM, json.dumps({name: str(folder) for name, folder in folders.items()})]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return Found(*json.loads(done.stdout))


@pytest.fixture(scope="module")
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    """Of three processes: before, again, and after the edit; with the layouts that are asked for."""
    tests = [item for item in request.session.items if item.path == request.path]
    asked = {item.callspec.params["name"] for item in tests if hasattr(item, "callspec")}
    base, results = tmp_path_factory.mktemp("layouts"), []
    folders = {name: base / f"layout_{number}" for number, name in enumerate(LAYOUTS) if name in asked}
    for number in (1, 1, 2):
        if number == 2 or not results:
            for name, folder in folders.items():
                write(folder, LAYOUTS[name], number, folder.name)
        results.append(run(folders, base / "cache"))
    return results


TELLING = {
    "a callee of a callee, both below",
    "a constant rebound below",
    "a factory of a callee below",
    "a number read from a file",
    "one of two of one name",
    "itself, by way of another",
    "an overload below",
    "a constant through two modules",
    "modules that import each other",
    "what an intrinsic imports",
    "a method of a type",
}


@parametrize("name", LAYOUTS, quick=TELLING)
def test_an_edit_is_seen_and_what_is_unchanged_is_not_compiled_again(name: str, found: list[Found]) -> None:
    before, again, after = (one.answers[name] for one in found)
    assert before == [1.0, ["compiled"]]
    assert again == [1.0, ["compiled" if name in NOT_KEPT else "loaded"]]
    assert after == [2.0, ["compiled"]]


def test_built_in_kernels_have_the_same_fingerprints_in_every_process(found: list[Found]) -> None:
    one, other, _ = (process.built_in for process in found)
    assert len(one) > 100
    assert one == other
    assert [name for name, (_, lasting) in one.items() if not lasting] == []
