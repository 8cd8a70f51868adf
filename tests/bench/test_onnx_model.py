"""A network as other libraries are told it: the ONNX model is run by ONNX's own reference, PyTorch's modules are seen."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import nbcnn
from nbcnn.bench.layer_plan import plan
from nbcnn.bench.onnx_model import IR, OPSET, onnx_model
from nbcnn.bench.peers import _torch_net
from nbcnn.errors import KernelError, PeerError
from nbcnn.training.model import Model

LAYERS: list[Any] = [
    {"conv2d": {"out_channels": 4, "kernel_size": [3, 2], "stride": [2, 1], "padding": [2, 1], "bias": False}},
    "relu",
    {"conv2d": {"out_channels": 6, "kernel_size": 3, "padding": 2, "dilation": 2, "groups": 2}},
    "tanh",
    {"sequential": [{"max_pool2d": {"kernel_size": 3, "stride": 2, "padding": 1}}, "sigmoid"]},
    {"avg_pool2d": {"kernel_size": 2, "stride": 2, "ceil_mode": True, "count_include_pad": False}},
    "flatten",
    {"linear": {"out_features": 7, "bias": False}},
    {"linear": {"out_features": 3}},
]


def network(layers: list[Any] = LAYERS) -> Model:
    net = nbcnn.load({"name": "n", "input": {"channels": 2, "height": 11, "width": 9}, "layers": layers})
    random = np.random.default_rng(0)
    drawn = {n: random.standard_normal(s).astype(np.float32) / 2 for n, s in net.shapes.items()}
    net.load_state_dict({**net.buffers, **drawn})
    return net


def test_the_onnx_model_computes_the_networks_numbers() -> None:
    net = network()
    x = np.random.default_rng(1).standard_normal((5, 2, 11, 9)).astype(np.float32)
    model = onnx.load_model_from_string(onnx_model(plan(net), net.state_dict(), net.in_shape, net.out_shape))
    (y,) = ReferenceEvaluator(model).run(None, {"x": x})
    np.testing.assert_allclose(y, net(x), rtol=1e-4, atol=1e-5)


ALONE: list[Any] = [
    {"leaky_relu": {"negative_slope": 0.2}},
    {"elu": {"alpha": 0.5}},
    "silu",
    "hardswish",
    "gelu",
    {"gelu": {"approximate": "tanh"}},
    {"zero_pad2d": {"padding": [1, 2, 3, 0]}},
    {"reflect_pad2d": {"padding": [1, 2, 3, 0]}},
    {"upsample": {"scale_factor": [2, 3]}},
    {"adaptive_avg_pool2d": {"output_size": [7, 1]}},
    "blur_pool",
    {"blur_pool": {"kernel_size": 5, "stride": [1, 3]}},
    {"group_norm": {"num_groups": 2, "eps": 0.01}},
    {"group_norm": {"num_groups": 1, "affine": False}},
    "layer_norm",
    {"layer_norm": {"bias": False}},
    {"layer_norm": {"elementwise_affine": False}},
]


@pytest.mark.parametrize("layer", ALONE, ids=str)
def test_the_onnx_model_of_one_layer(layer: Any) -> None:
    """Alone, so that what it computes is the output: also of operators that take several nodes."""
    net = nbcnn.load({"name": "n", "input": {"channels": 2, "height": 7, "width": 5}, "layers": [layer]})
    random = np.random.default_rng(1)
    net.load_state_dict({n: random.standard_normal(s).astype(np.float32) for n, s in net.shapes.items()})
    x = 3 * random.standard_normal((4, 2, 7, 5)).astype(np.float32)
    model = onnx.load_model_from_string(onnx_model(plan(net), net.state_dict(), net.in_shape, net.out_shape))
    (y,) = ReferenceEvaluator(model).run(None, {"x": x})
    np.testing.assert_allclose(y, net(x), rtol=1e-4, atol=1e-5)
    assert len(plan(net)) == 1
    assert json.loads(json.dumps(plan(net))) == plan(net)


def test_the_onnx_model_can_be_read_by_older_runtimes() -> None:
    net = network()
    model = onnx.load_model_from_string(onnx_model(plan(net), net.state_dict(), net.in_shape, net.out_shape))
    assert (model.ir_version, [own.version for own in model.opset_import]) == (IR, [OPSET])
    assert [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == ["N", 2, 11, 9]


def test_what_onnx_does_not_have_is_refused() -> None:
    net = network(
        [{"avg_pool2d": {"kernel_size": 2, "divisor_override": 3}}, "flatten", {"linear": {"out_features": 2}}]
    )
    with pytest.raises(PeerError, match="ONNX has no avg_pool2d with divisor_override"):
        onnx_model(plan(net), net.state_dict(), net.in_shape, net.out_shape)


def test_windows_of_unequal_size_are_refused() -> None:
    net = network([{"adaptive_avg_pool2d": {"output_size": [11, 4]}}, "flatten", {"linear": {"out_features": 2}}])
    with pytest.raises(
        PeerError, match="ONNX has no adaptive_avg_pool2d from 11×9 to 11×4, whose windows differ in size"
    ):
        onnx_model(plan(net), net.state_dict(), net.in_shape, net.out_shape)


def test_a_layer_that_others_do_not_know_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(["relu", "flatten", {"linear": {"out_features": 2}}])
    layers = list(net.layers())
    monkeypatch.setattr(layers[0], "kind", "mine")
    with pytest.raises(KernelError, match=r"layers\[0\].*: other libraries can't be told of the layer mine"):
        plan(net)


def test_a_plan_is_json() -> None:
    steps = plan(network())
    assert json.loads(json.dumps(steps)) == steps
    assert [step["op"] for step in steps] == [
        "conv2d", "relu", "conv2d", "tanh", "max_pool2d", "sigmoid", "avg_pool2d", "flatten", "linear", "linear",
    ]  # fmt: skip


BRANCHES: list[Any] = [
    {"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": 1}},
    {"batch_norm2d": {"eps": 1e-3}},
    {"residual": {
        "body": [{"conv2d": {"out_channels": 6, "kernel_size": 3, "stride": 2, "padding": 1}}, "batch_norm2d", "relu"],
        "shortcut": [{"conv2d": {"out_channels": 6, "kernel_size": 1, "stride": 2}}],
    }},
    {"residual": {"body": [{"batch_norm2d": {"affine": False}}, "tanh"]}},
    {"parallel": {"merge": "concat", "branches": [["identity"], [{"conv2d": {"out_channels": 2, "kernel_size": 1}}]]}},
    {"parallel": {"merge": "add", "branches": [["identity"], ["tanh"], ["sigmoid"]]}},
    {"parallel": {"merge": "multiply", "branches": [
        ["identity"], ["global_avg_pool2d", {"conv2d": {"out_channels": 8, "kernel_size": 1}}, "sigmoid"],
    ]}},
    {"dense": [{"conv2d": {"out_channels": 2, "kernel_size": 3, "padding": 1}}, {"sequential": ["relu", {"conv2d": {
        "out_channels": 3, "kernel_size": [2, 3], "padding": [0, 1, 1, 1]}}]}]},
    "flatten",
    {"linear": {"out_features": 5}},
    "batch_norm1d",
    {"linear": {"out_features": 3}},
]  # fmt: skip


def with_branches() -> Model:
    net = network(BRANCHES)
    random = np.random.default_rng(3)
    for array in net.buffers.values():
        if array.shape:
            array[...] = random.uniform(0.5, 2, array.shape)
    return net


def test_the_onnx_model_has_branches_and_batch_norm() -> None:
    net = with_branches()
    x = np.random.default_rng(1).standard_normal((5, 2, 11, 9)).astype(np.float32)
    model = onnx.load_model_from_string(onnx_model(plan(net), net.state_dict(), net.in_shape, net.out_shape))
    kinds = {node.op_type for node in model.graph.node}
    assert {"Add", "Sum", "Concat", "Mul", "BatchNormalization"} <= kinds
    (y,) = ReferenceEvaluator(model).run(None, {"x": x})
    assert np.ptp(y) > 0.1
    np.testing.assert_allclose(y, net(x), rtol=1e-4, atol=1e-5)


def test_the_onnx_model_has_layers_of_several_nodes_in_branches() -> None:
    """Each layer that takes several nodes, or none, reads the branch's input and not the step before it."""
    branches = [[layer, {"adaptive_avg_pool2d": {"output_size": [1, 1]}}, {"dropout": {"p": 0.25}}] for layer in ALONE]
    layers = [
        {"conv2d": {"out_channels": 2, "kernel_size": [5, 5]}},
        {"residual": {"body": [{"blur_pool": {"stride": 1}}, "gelu", {"batch_norm2d": {"affine": False}}]}},
        {"parallel": {"merge": "concat", "branches": branches}},
        {"parallel": {"merge": "multiply", "branches": [["identity"], ["identity"]]}},
        {"dropout": {"p": 0.5}},
    ]
    net = network(layers)
    x = np.random.default_rng(1).standard_normal((5, 2, 11, 9)).astype(np.float32)
    model = onnx.load_model_from_string(onnx_model(plan(net), net.state_dict(), net.in_shape, net.out_shape))
    (y,) = ReferenceEvaluator(model).run(None, {"x": x})
    assert y.shape == (5, 2 * len(ALONE), 1, 1)
    np.testing.assert_allclose(y, net(x), rtol=1e-4, atol=1e-5)


def test_a_plan_with_branches_says_what_each_step_reads() -> None:
    steps = plan(with_branches())
    assert json.loads(json.dumps(steps)) == steps
    assert [(step["op"], step["inputs"]) for step in steps[2:11]] == [
        ("conv2d", [1]), ("batch_norm", [2]), ("relu", [3]), ("conv2d", [1]), ("add", [4, 5]),
        ("batch_norm", [6]), ("tanh", [7]), ("add", [8, 6]), ("conv2d", [9]),
    ]  # fmt: skip
    assert steps[11]["inputs"] == [9, 10]  # the input itself, which identity hands on
    named = {step[own] for step in steps for own in _torch_net.TENSORS if step.get(own)}
    assert named == set(with_branches().state_dict())


def test_a_layer_that_joins_in_a_way_of_its_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    net = with_branches()
    inner = net.root.children[2]
    monkeypatch.setattr("nbcnn.bench.layer_plan.Branches", type("Other", (), {}))
    with pytest.raises(KernelError, match=r"layers\[2\].*: other libraries can't be told of the layer residual"):
        plan(net)
    assert inner.kind == "residual"


# PyTorch's modules, by a stand-in that keeps what it is given


class Module:
    def __init__(self, kind: str, *numbers: Any, **options: Any) -> None:
        self.kind, self.numbers, self.options = kind, numbers, options
        self.weight, self.bias = object(), object()


class Sequential(list):
    def __init__(self, *modules: Any) -> None:
        super().__init__(modules)


class Names:
    Sequential = Sequential

    def __getattr__(self, kind: str) -> Any:
        return lambda *numbers, **options: Module(kind, *numbers, **options)


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    nn = Names()
    optim = SimpleNamespace(SGD=lambda p, **k: ("SGD", k), Adam=lambda p, **k: ("Adam", k), AdamW=None)
    optim.RMSprop = lambda p, **k: ("RMSprop", p)
    stand_in = SimpleNamespace(nn=nn, optim=optim)
    monkeypatch.setitem(sys.modules, "torch", stand_in)
    return stand_in


def test_pytorchs_modules_get_the_layers_arguments(torch: Any) -> None:
    steps = plan(network())
    net = _torch_net.build(steps)
    kinds = ["Conv2d", "ReLU", "Conv2d", "Tanh", "MaxPool2d", "Sigmoid", "AvgPool2d", "Flatten", "Linear", "Linear"]
    assert [module.kind for module in net] == kinds
    first, second, largest, mean = net[0], net[2], net[4], net[6]
    assert first.numbers == (2, 4)
    assert first.options == {
        "kernel_size": (3, 2), "stride": (2, 1), "padding": (2, 1), "dilation": (1, 1), "groups": 1, "bias": False,
    }  # fmt: skip
    assert (second.options["dilation"], second.options["groups"], second.options["bias"]) == ((2, 2), 2, True)
    assert largest.options == {
        "kernel_size": (3, 3), "stride": (2, 2), "padding": (1, 1), "dilation": (1, 1), "ceil_mode": False,
    }  # fmt: skip
    assert mean.options["ceil_mode"] is True
    assert mean.options["count_include_pad"] is False
    assert net[9].numbers == (7, 3)
    tensors = _torch_net.parameters(steps, net)
    assert set(tensors) == set(network().state_dict())
    assert tensors["2.bias"] is second.bias


def test_uneven_padding_is_a_module_of_its_own(torch: Any) -> None:
    steps = plan(
        network([{"conv2d": {"out_channels": 4, "kernel_size": 3}}, "flatten", {"linear": {"out_features": 2}}])
    )
    steps[0]["padding"] = [1, 2, 3, 4]
    net = _torch_net.build(steps)
    padded, convolved = net[0]
    assert (padded.kind, padded.numbers) == ("ZeroPad2d", ((3, 4, 1, 2),))
    assert convolved.options["padding"] == 0
    assert _torch_net.parameters(steps, net)["0.weight"] is convolved.weight
    with pytest.raises(ValueError, match=r"max_pool2d with padding \[1, 0, 0, 0\] on its four sides"):
        _torch_net.build([{**plan(network())[4], "padding": [1, 0, 0, 0]}])


def test_pytorchs_optimizers(torch: Any) -> None:
    net = SimpleNamespace(parameters=list)
    assert _torch_net.optimizer_of("sgd", {"lr": 0.1}, net) == ("SGD", {"lr": 0.1})
    assert _torch_net.optimizer_of("adam", {"lr": 0.1}, net)[0] == "Adam"
    weight, bias = (SimpleNamespace(dim=lambda n=n: n) for n in (2, 1))
    net = SimpleNamespace(parameters=lambda: [weight, bias])
    groups = [{"params": [weight]}, {"params": [bias], "weight_decay": 0.0}]
    assert _torch_net.optimizer_of("rmsprop", {"lr": 0.1}, net, "weights") == ("RMSprop", groups)
    with pytest.raises(KeyError):
        _torch_net.optimizer_of("mine", {}, net)
