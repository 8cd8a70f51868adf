"""An op from outside: its definition, a backend and a layer in a plugin's file, and all of nbcnn runs on them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import nbcnn
from nbcnn.bench.layer_plan import plan
from nbcnn.bench.onnx_model import onnx_model
from nbcnn.cli import nbcnn as command_line
from nbcnn.conformance import Options, check_backends
from nbcnn.errors import KernelError, PluginError
from nbcnn.kernels.ops import OPS
from nbcnn.plugins.loading import loaded_plugins, unload_plugin

ABSOLUTE = '''\
"""The absolute value: the op, its kernels and its layer."""

import numpy as np

from nbcnn.plugin import Activation, ActivationOp, ParameterFreeKernels, SimpleBackend, register
from nbcnn.plugin import kernel, load, maximum, store, where


@register.op("absolute")
class AbsoluteOp(ActivationOp):
    """|v|"""

    onnx = "Abs"

    def value(self, x):
        return np.abs(x)

    def gradient(self, x, dy):
        return np.sign(x) * dy

    def edge_cases(self):
        return {"as many as lanes": self.problem("absolute", 16)}


@kernel
def forward(x, y, scratch):
    for f in range(x.shape[0]):
        v = load(x, (f,))
        store(y, (f,), maximum(v, 0 - v))


@kernel
def grad_input(x, y, dy, dx, scratch):
    for f in range(x.shape[0]):
        v, d = load(x, (f,)), load(dy, (f,))
        store(dx, (f,), where(v < 0, 0 - d, where(v > 0, d, v * 0)))


@register.backend("absolute", "direct")
class Direct(SimpleBackend):
    """the larger of v and -v, 16 images at once"""

    def build(self, problem):
        return ParameterFreeKernels(forward, grad_input)


@register.layer("absolute")
class Absolute(Activation):
    """|v|"""

    op = "absolute"
'''
SMALL = {
    "name": "small",
    "input": {"channels": 1, "height": 6, "width": 5},
    "layers": [
        {"conv2d": {"out_channels": 2, "kernel_size": 3}},
        "absolute",
        "flatten",
        {"linear": {"out_features": 3}},
    ],
}


@pytest.fixture
def plugin(tmp_path: Path):
    """The plugin, loaded from a temporary folder."""
    file = tmp_path / "absolute.py"
    file.write_text(ABSOLUTE, encoding="utf-8")
    loaded = nbcnn.load_plugin(file)
    yield loaded
    unload_plugin(loaded)
    assert "absolute" not in OPS
    assert loaded not in loaded_plugins()


def test_a_plugin_registers_an_op_with_a_backend_and_a_layer(plugin) -> None:
    assert set(plugin.things) == {("op", "absolute"), ("backend of absolute", "direct"), ("layer", "absolute")}
    net = nbcnn.load({**SMALL, "layers": ["absolute"]})
    x = np.random.default_rng(0).standard_normal((3, 1, 6, 5)).astype(np.float32)
    np.testing.assert_array_equal(net(x), abs(x))


@pytest.mark.jit
def test_conformance_holds_its_backend_against_its_oracle(plugin) -> None:
    (report,) = check_backends([("absolute", "direct")], Options(bounds=False))
    assert not report.failures, [str(failure) for failure in report.failures]
    passed = {check for check, tally in report.tallies.items() if tally.passed}
    assert passed >= {"contract", "rounding", "repeats", "jacobian", "not a number", "threads", "network"}
    assert report.problems == 20  # nine sizes and the edge case, in two precisions


@pytest.mark.jit
def test_a_wrong_backend_of_it_is_found(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(ABSOLUTE.replace("maximum(v, 0 - v)", "maximum(v, 0)"), encoding="utf-8")
    loaded = nbcnn.load_plugin(file)
    try:
        (report,) = check_backends([("absolute", "direct")], Options(bounds=False, quick=True))
        assert any(failure.check == "rounding" and "y is wrong" in str(failure) for failure in report.failures)
    finally:
        unload_plugin(loaded)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.jit
def test_a_network_with_it_is_trained(plugin) -> None:
    run = nbcnn.train(
        SMALL
        | {
            "input": {"channels": 1, "height": 28, "width": 28},
            "layers": [*SMALL["layers"][:-1], {"linear": {"out_features": 10}}],
        },
        data="fashion-mnist-mini",
        epochs=1,
        seed=0,
    )
    assert 0 < nbcnn.evaluate(run.folder).loss < 2.5


def test_summary_shows_it(plugin, tmp_path: Path) -> None:
    text = command("summary", model(tmp_path), "--plugin", str(plugin.file))
    assert "absolute" in text


@pytest.mark.jit
def test_a_network_with_it_is_timed(plugin, tmp_path: Path) -> None:
    text = command(
        "bench", model(tmp_path), "--op", "absolute", "--rounds", "2", "--plugin", str(plugin.file), "--json"
    )
    timed = json.loads(text[text.index("{") :])
    assert "absolute" in json.dumps(timed) and "relu" not in json.dumps(timed)


def test_its_onnx_model_has_the_name_that_it_gives(plugin) -> None:
    import onnx
    from onnx.reference import ReferenceEvaluator

    net = nbcnn.load(SMALL)
    x = np.random.default_rng(1).standard_normal((2, 1, 6, 5)).astype(np.float32)
    made = onnx.load_model_from_string(onnx_model(plan(net), net.state_dict(), net.in_shape, net.out_shape))
    assert [node.op_type for node in made.graph.node] == ["Conv", "Abs", "Flatten", "Gemm"]
    (y,) = ReferenceEvaluator(made).run(None, {"x": x})
    np.testing.assert_allclose(y, net(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            '@register.backend("absolute", "direct")',
            '@register.backend("relu", "mine")',
            "op absolute has no backend direct; register one beside it",
        ),
        ("class AbsoluteOp(ActivationOp)", "class AbsoluteOp", "expected a subclass of Op"),
        (
            '@register.op("absolute")\nclass AbsoluteOp(ActivationOp)',
            'from nbcnn.plugin import Op\n\n\n@register.op("absolute")\nclass AbsoluteOp(Op)',
            "class AbsoluteOp has no cases, oracle",
        ),
        ('@register.op("absolute")', '@register.op("relu")', "op relu is defined twice"),
        (
            "def edge_cases(self):",
            "def small(self):",  # whose list is a mapping
            r"lacking\.py: op absolute: its problems say op None$",
        ),
        (
            "    def edge_cases(self):",
            "    def small(self):\n        return 1 // 0\n\n    def edge_cases(self):",
            r"^lacking\.py: op absolute: its problems can't be made: ZeroDivisionError: ",
        ),
        (
            "    def edge_cases(self):",
            "    def __init__(self, size):\n        pass\n\n    def edge_cases(self):",
            r"^lacking\.py: op absolute: its problems can't be made: TypeError: .*'size'$",
        ),
    ],
)
def test_an_op_that_lacks_something_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "lacking.py"
    file.write_text(ABSOLUTE.replace(old, new), encoding="utf-8")
    with pytest.raises(PluginError, match=words):
        nbcnn.load_plugin(file)
    assert "absolute" not in OPS


def test_an_op_without_a_definition_is_not_checked(tmp_path: Path) -> None:
    file = tmp_path / "undefined.py"
    start, end = ABSOLUTE.index("@register.op"), ABSOLUTE.index("@kernel\ndef forward")
    file.write_text(ABSOLUTE[:start] + ABSOLUTE[end:], encoding="utf-8")
    loaded = nbcnn.load_plugin(file)
    try:
        with pytest.raises(KernelError, match="absolute can't be checked: nothing says what it computes"):
            check_backends([("absolute", "direct")], Options(bounds=False))
    finally:
        unload_plugin(loaded)


def model(folder: Path) -> str:
    file = folder / "small.yaml"
    file.write_text(json.dumps(SMALL), encoding="utf-8")  # JSON is YAML
    return str(file)


def command(*words: str) -> str:
    result = CliRunner().invoke(command_line, words)
    assert result.exit_code == 0, result.output
    return result.output
