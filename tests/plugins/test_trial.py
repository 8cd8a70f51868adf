"""A plugin that is wrong gets one sentence: file and line, what was expected, what was there. And it leaves nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from plugin_files import BACKEND, COMPILED, TEMPLATES, empty_folder, write  # noqa: F401 (a fixture)

import nbcnn
from nbcnn import functional, load_plugin
from nbcnn.data import DATASETS
from nbcnn.errors import KernelError, PluginError
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import backend_names, prepare
from nbcnn.layers import LAYERS
from nbcnn.optim import OPTIMIZERS

pytestmark = pytest.mark.usefixtures("folder", "no_pictures")


def failure(text: str, name: str = "mine") -> str:
    """The sentence that a file's content gets; nothing of it may be left."""
    before = snapshot()
    write(Path(f"{name}.py"), text)
    with pytest.raises(PluginError) as caught:
        load_plugin(f"{name}.py")
    assert snapshot() == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def snapshot() -> tuple[object, ...]:
    modules = [name for name in sys.modules if name.startswith("nbcnn_plugin_") and "." in name]
    return backend_names("conv2d"), backend_names("relu"), LAYERS.names(), OPTIMIZERS.names(), DATASETS.names(), modules


def spoilt(old: str, new: str, text: str = BACKEND) -> str:
    assert old in text
    return text.replace(old, new)


def line(text: str, words: str) -> int:
    """The number of the first line that has these words."""
    return next(number for number, one in enumerate(text.splitlines(), 1) if words in one)


def at(text: str, words: str, sentence: str) -> str:
    return f"mine.py:{line(text, words)}: {sentence}"


# Python's errors


def test_a_syntax_error_has_line_and_column() -> None:
    assert failure("import os\nx = = 1\n") == "mine.py:2:5: invalid syntax"
    assert failure("def f(:\n    pass\n").startswith("mine.py:1:7: ")


def test_bytes_that_are_no_text_are_told() -> None:
    Path("mine.py").write_bytes(b"x = '\xff\xfe'\n")
    with pytest.raises(PluginError, match=r"^mine\.py:.*codec can't decode byte 0xff"):
        load_plugin("mine.py")


def test_an_exception_has_the_line_of_the_plugins_own() -> None:
    assert failure("import json\n\njson.loads('{')\n").startswith("mine.py:3: JSONDecodeError: Expecting property name")
    text = "def inner():\n    return {}['a']\n\n\ninner()\n"
    assert failure(text) == "mine.py:2: KeyError: 'a'"
    assert failure("raise ValueError\n") == "mine.py:1: ValueError"


def test_a_missing_module_and_a_missing_name() -> None:
    assert failure("import nowhere_at_all\n") == (
        f"mine.py:1: no module nowhere_at_all is installed in {sys.prefix}; install it, or do without"
    )
    assert failure("from json import nothing\n").startswith("mine.py:1: ImportError: cannot import name 'nothing'")


def test_a_plugin_that_ends_the_program_is_told_not_to() -> None:
    assert failure("import sys\nsys.exit(0)\n") == (
        "mine.py:2: it ends the program while it is loaded (SystemExit); a plugin only defines and registers"
    )


def test_ctrl_c_is_ctrl_c_and_leaves_nothing() -> None:
    before = snapshot()
    write(Path("mine.py"), BACKEND + "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_plugin("mine.py")
    assert snapshot() == before


def test_a_plugin_that_registers_nothing_is_told_how() -> None:
    assert failure("x = 1\n") == (
        'mine.py: it registers nothing; put a decorator above its class, such as @register.backend("conv2d") '
        "(from nbcnn.plugin import register)"
    )


# The contract of backends

BROKEN = {
    "no supports": ("    def supports(self, problem):\n        return None\n", "", "class Backend",
        "Backend has no supports(self, problem), which gives None or a reason; the contract is in nbcnn/kernels/contract.py"),
    "no workspace": ("    def workspace(self, problem):\n        return 0\n", "", "class Backend",
        "Backend has no workspace(self, problem), which gives a number; the contract is in nbcnn/kernels/contract.py"),
    "no build": ("def build", "def built", "class Backend",
        "Backend has no build(self, problem), which gives the kernels; the contract is in nbcnn/kernels/contract.py"),
    "too few parameters": ("def workspace(self, problem)", "def workspace(self)", "def workspace",
        "expected workspace(self, problem), got workspace(self)"),
    "too many parameters": ("def build(self, problem)", "def build(self, problem, dtype)", "def build",
        "expected build(self, problem), got build(self, problem, dtype)"),
    "supports says yes": ("        return None", "        return True", "def supports",
        "Backend: supports must return None or a sentence that says why not, got True"),
    "workspace is negative": ("return 0", "return -1", "def workspace",
        "Backend: workspace must return a whole number of at least 0, got -1"),
    "workspace is no whole number": ("return 0", "return 2.0", "def workspace",
        "Backend: workspace must return a whole number of at least 0, got 2.0"),
    "workspace is true": ("return 0", "return True", "def workspace",
        "Backend: workspace must return a whole number of at least 0, got True"),
    "a plain tuple": ("return WeightedKernels(", "return (", "def build",
        "Backend: build must return WeightedKernels(forward, grad_input, grad_weight), got tuple"),
    "nothing": ("return WeightedKernels(forward, grad_input, grad_weight)", "pass", "def build",
        "Backend: build must return WeightedKernels(forward, grad_input, grad_weight), got NoneType"),
    "a kernel is missing": ("grad_input, grad_weight)\n", "None, grad_weight)\n", "def build",
        "Backend: build gives None as grad_input; expected a function"),
    "an argument is missing": ("def forward(x, w, b, y, scratch)", "def forward(x, w, y, scratch)", "def forward",
        "forward is called with (x, w, b, y, scratch), but is forward(x, w, y, scratch)"),
    "kernels exchanged": ("forward, grad_input, grad_weight)", "forward, grad_weight, grad_input)", "def grad_weight",
        "grad_input is called with (dy, w, dx, scratch), but is grad_weight(x, dy, dw, db, scratch)"),
    "supports fails": ("        return None", "        return problem.nothing", "problem.nothing",
        "Backend: supports failed: AttributeError: 'Conv2dProblem' object has no attribute 'nothing'"),
    "build fails": ("return WeightedKernels", "return 1 / 0, WeightedKernels", "1 / 0",
        "Backend: build failed: ZeroDivisionError: division by zero"),
    "a kernel fails": ("dx[:] = 0", "dx[9, 9, 9, 9] = 0", "dx[9",
        "Backend: grad_input failed: IndexError: index 9 is out of bounds for axis 0 with size 2"),
    "it can't be made": ("    def supports", "    def __init__(self, factor):\n        pass\n\n    def supports", "def __init__",
        "Backend: __init__ failed: TypeError: Backend.__init__() missing 1 required positional argument: 'factor'"),
    "a cost of another kind": ("    def supports", "    def cost(self, problem):\n        return 3\n\n    def supports", "def cost",
        "Backend: cost must return Cost(forward, grad_input, grad_weight) of nbcnn.plugin, got 3"),
    "a tolerance of another kind": ("    def supports", "    def tolerance(self, problem):\n        return -1e-6\n\n    def supports",
        "def tolerance", "Backend: tolerance must return a number of at least 0, got -1e-06"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_backend_that_breaks_the_contract(case: str) -> None:
    old, new, words, sentence = BROKEN[case]
    text = spoilt(old, new)
    assert failure(text) == at(text, words, sentence)


def test_a_function_is_no_backend() -> None:
    text = BACKEND.partition("@register")[0] + '@register.backend("conv2d")\ndef build(problem):\n    return None\n'
    assert failure(text) == at(text, "def build", "a backend is a class, got function; write class ...:")


def test_numbers_that_fixed_adds_are_counted() -> None:
    text = spoilt(
        "forward, grad_input, grad_weight)", "KernelWithAttributes(forward, (1, 1), 2), grad_input, grad_weight)"
    )
    text = spoilt("import WeightedKernels", "import KernelWithAttributes, WeightedKernels", text)
    words = "forward is called with (x, w, b, y, scratch) and, from KernelWithAttributes, 2 more, but is forward(x, w, b, y, scratch)"
    assert failure(text) == at(text, "def forward", words)


def test_a_backend_that_refuses_all_small_problems_is_taken() -> None:
    write(Path("mine.py"), spoilt("        return None", '        return "kernel_size is not 11x11"'))
    load_plugin("mine.py")
    with pytest.raises(
        KernelError, match="backend mine can't do this conv2d: kernel_size is not 11x11; these can: direct"
    ):
        prepare(Conv2dProblem(1, 1, 5, 5, (3, 3)), "mine")


# What can't be compiled

HEAD = "y[o] = b[o] * 2"
UNTYPED = {
    "an unknown name": ("y[o] = b[o] * facotr", "name 'facotr' is not defined"),
    "an unknown function of NumPy": ("y[o] = np.foo(b[o])", "module 'numpy' has no attribute 'foo'"),
    "an unknown attribute": ("y[o] = b.shap[0]", "Unknown attribute 'shap' of type array(float32, 1d, C)"),
    "too many indices": ("y[o] = b[o, 0]", "cannot index array(float32, 1d, C) with 2 indices: UniTuple(int64 x 2)"),
    "lanes as a number": (
        "y[o, 0, 0, 0] = load(x, (0, 0, 0))",
        "setitem can't be used so: setitem(array(float32, 4d, C), Tuple(int64, int 0, int 0, int 0), lanes(float32)); "
        "lanes are written with store(y, index, v)",
    ),
    "an argument forgotten": ("store(y, load(x, (0, 0, 0)))", "store() missing 1 required positional argument: 'v'"),
    "two types": ("s = load(x, (0, 0, 0)) if b[o] > 0 else 'a'", "Cannot unify "),
}


@pytest.mark.jit
@pytest.mark.parametrize("case", UNTYPED)
def test_a_kernel_that_numba_refuses(case: str) -> None:
    new, sentence = UNTYPED[case]
    text = spoilt(HEAD, new, "import numpy as np\nfrom nbcnn.plugin import load, store\n" + COMPILED)
    assert failure(text).startswith(at(text, new, f"forward: {sentence}"))


@pytest.mark.jit
def test_a_callee_is_named_with_its_own_line() -> None:
    helper = "@kernel\ndef helper(number):\n    return number.nothing\n\n\n"
    text = spoilt(HEAD, "y[o] = helper(b[o])", COMPILED).replace(
        "@kernel\ndef forward", helper + "@kernel\ndef forward"
    )
    assert failure(text) == at(text, "number.nothing", "helper: Unknown attribute 'nothing' of type float32")


@pytest.mark.jit
def test_a_callee_may_be_typed_again_with_other_types() -> None:
    # At first s is None alone, and helper can't add to that; Numba goes on, and finds that s may be a number.
    helper = "@kernel\ndef helper(number):\n    return number + 1\n\n\n"
    new = "s = None\n        for _ in range(2):\n            if s is not None:\n                y[o] = helper(s)\n            s = b[o]"
    text = spoilt(HEAD, new, COMPILED)
    write(Path("mine.py"), text.replace("@kernel\ndef forward", helper + "@kernel\ndef forward"))
    assert load_plugin("mine.py").backends == [("conv2d", "mine")]


@pytest.mark.jit
def test_what_fails_only_later_is_told_alike(folder: Path) -> None:
    """Loading compiles float32; with float64 this kernel can't be compiled, and with an 11x11 it is another one."""
    bad = "@kernel\ndef bad(x, w, b, y, scratch):\n    y[0] = nothing\n\n\n"
    text = COMPILED.replace("@register", bad + "@register").replace(
        "return WeightedKernels(forward", "return WeightedKernels(bad if problem.kernel_size == (5, 5) and "
        "problem.out_channels > 2 or problem.dtype == 'float64' else forward"
    )  # fmt: skip
    load_plugin(write(folder / "mine.py", text))
    sentence = "^" + re.escape(at(text, "= nothing", "bad: name 'nothing' is not defined")) + "$"
    with pytest.raises(KernelError, match=sentence):
        functional.conv2d(np.zeros((1, 1, 3, 3)), np.zeros((1, 1, 3, 3)), backend="mine")
    net = nbcnn.load("lenet", overrides=nbcnn.Overrides(backends=("conv2d=mine",)))
    with pytest.raises(KernelError, match=sentence):
        net(np.zeros((1, 1, 28, 28), np.float32))
    with pytest.raises(KernelError, match=sentence):
        nbcnn.train("lenet", backends=("conv2d=mine",), epochs=1)


def test_a_contract_broken_only_by_a_real_problem_names_layer_and_line(folder: Path) -> None:
    text = spoilt("return 0", "return -1 if problem.height == 28 else 0")
    load_plugin(write(folder / "mine.py", text))
    net = nbcnn.load("lenet", overrides=nbcnn.Overrides(backends=("conv2d=mine",)))
    words = (
        r"lenet\.yaml:5:5: layers\[0\]\.conv2d: mine\.py:\d+: Backend: workspace must return a whole number .* got -1$"
    )
    with pytest.raises(KernelError, match=words):
        net(np.zeros((1, 1, 28, 28), np.float32))


# Layers, optimizers, data sets


def of(kind: str, change: Callable[[str], str]) -> str:
    text = (TEMPLATES / f"{kind}.py").read_text()
    assert change(text) != text
    return change(text)


OTHERS = {
    "a layer without bind": ("layer", "    def bind", "    def bound",
        "layer mine: class MyLayer has no bind; nbcnn.layers.base says what it does"),
    "a layer that is no Layer": ("layer", "class MyLayer(Layer)", "class MyLayer",
        "layer mine: expected a subclass of Layer (nbcnn.plugin), got MyLayer"),
    "a layer without Config": ("layer", "    Config = MyConfig\n", "",
        "layer mine: class MyLayer must set Config to a subclass of LayerConfig (nbcnn.plugin); it sets none"),
    "a layer with another Config": ("layer", "    Config = MyConfig\n", "    Config = dict\n",
        "layer mine: class MyLayer must set Config to a subclass of LayerConfig (nbcnn.plugin); got <class 'dict'>"),
    "an optimizer without step": ("optimizer", "    def step", "    def steps",
        "optimizer mine: class MyOptimizer has no step; nbcnn.optim.base says what it does"),
    "an optimizer that is no Optimizer": ("optimizer", "class MyOptimizer(Optimizer)", "class MyOptimizer",
        "optimizer mine: expected a subclass of Optimizer (nbcnn.plugin), got MyOptimizer"),
    "a data set without classes": ("dataset", "    classes =", "    klasses =",
        "data set mine: class MyDataSet must set classes to tuple (nbcnn.data.source); it sets none"),
    "a data set without load": ("dataset", "    def load", "    def lode",
        "data set mine: class MyDataSet has no load; nbcnn.data.source says what it does"),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_a_layer_optimizer_or_data_set_that_breaks_the_contract(case: str) -> None:
    kind, old, new, sentence = OTHERS[case]
    text = of(kind, lambda text: text.replace(old, new))
    told = failure(text)
    assert re.sub(r":\d+:", ":", told, count=1) == f"mine.py: {sentence}"
    assert "@register" in text.splitlines()[int(told.split(":")[1]) - 1]


def test_a_layer_of_an_unknown_op() -> None:
    text = of("layer", lambda text: text.replace("    Config = MyConfig", '    op = "leaky"\n    Config = MyConfig'))
    assert failure(text).startswith(
        "mine.py: layer mine is computed by the op 'leaky', of which there is no backend; register one called direct "
        "beside it, or use one of adaptive_avg_pool2d, avg_pool2d"
    )


# Names that are taken


def test_a_built_in_backend_is_named_though_it_has_not_been_imported(folder: Path) -> None:
    for name in ("direct", "fft"):
        told = failure(BACKEND, name)
        assert re.fullmatch(
            rf"{name}\.py:\d+: backend {name} of conv2d is defined twice: in .*/nbcnn/kernels/conv2d/{name}\.py and in "
            rf"{name}\.py; rename the latter",
            told,
        )
    assert failure(BACKEND, "auto").endswith(": auto.py: no backend may be called auto; choose another name")


def test_two_plugins_with_one_name_are_both_named(folder: Path) -> None:
    load_plugin(write(folder / "a" / "mine.py", BACKEND))
    told = failure(BACKEND)
    assert re.fullmatch(
        r"mine\.py:\d+: backend mine of conv2d is defined twice: in a/mine\.py and in mine\.py; rename the latter", told
    )
    assert [name for name in backend_names("conv2d") if name == "mine"] == ["mine"]


@pytest.mark.parametrize(
    ("kind", "name", "where"),
    [
        ("layer", "conv2d", r"layer conv2d is defined twice: in .*/nbcnn/layers/conv2d\.py"),
        ("layer", "sigmoid", r"layer sigmoid is defined twice: in .*/nbcnn/layers/activation\.py"),
        ("optimizer", "adam", r"optimizer adam is defined twice: in .*/nbcnn/optim/adam\.py"),
        ("dataset", "mnist", r"data set mnist is defined twice: in .*/nbcnn/data/sets/mnist\.py"),
    ],
)
def test_built_in_layers_optimizers_and_data_sets_keep_their_names(kind: str, name: str, where: str) -> None:
    told = failure((TEMPLATES / f"{kind}.py").read_text(), name)
    assert re.fullmatch(rf"{name}\.py:\d+: {where} and in {name}\.py; rename the latter", told)


def test_the_two_files_of_a_plugins_layer_are_named(folder: Path) -> None:
    text = (TEMPLATES / "layer.py").read_text().replace("register.layer()", 'register.layer("leaky")')
    load_plugin(write(folder / "one.py", text))
    assert failure(text, "two").endswith("layer leaky is defined twice: in one.py and in two.py; rename the latter")
