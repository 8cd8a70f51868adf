"""Outputs and gradients of every layer, against the loss's differences in float64 and parts of the network alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nbcnn
from nbcnn.config import load_config
from nbcnn.errors import ConfigError, DataError, KernelError, ShapeError
from nbcnn.introspect.activations import LayerExecutor, activations
from nbcnn.introspect.layer_outputs import find_layer
from nbcnn.layers.base import Bound
from nbcnn.layers.reshape import Flatten
from nbcnn.training.model import Model

CONV: dict[str, Any] = {"conv2d": {"out_channels": 3, "kernel_size": 3, "padding": 1}}
LAYERS_OF_ALL_KINDS: list[Any] = [
    CONV,
    "batch_norm2d",
    "tanh",
    {"residual": {"body": [CONV, "batch_norm2d", {"dropout": {"p": 0.5}}]}},
    {"dense": [CONV, {"sequential": ["tanh", {"conv2d": {"out_channels": 2, "kernel_size": 1}}]}]},
    {"parallel": {"branches": [["identity"], [{"conv2d": {"out_channels": 3, "kernel_size": 1}}], [{"avg_pool2d": {"kernel_size": 3, "stride": 1, "padding": 1}}]], "merge": "concat"}},
    {"parallel": {"branches": [["identity"], ["global_avg_pool2d", {"conv2d": {"out_channels": 19, "kernel_size": 1}}, "sigmoid"]], "merge": "multiply"}},
    "flatten",
    {"linear": {"out_features": 4}},
]  # fmt: skip


def network(layers: list[Any], shape: tuple[int, ...] = (3, 5, 4), dtype: str = "float64") -> Model:
    c, h, w = shape
    made = Model(load_config({"name": "t", "input": {"channels": c, "height": h, "width": w}, "layers": layers}), dtype)
    random = np.random.default_rng(5)
    for name, tensor in made.tensors.items():
        if name.endswith("running_var"):
            tensor[...] = random.uniform(0.5, 2, tensor.shape)
        elif tensor.dtype.kind == "f":
            tensor[...] = random.normal(0, 0.4, tensor.shape)
    return made


@pytest.fixture(scope="module")
def everything() -> Model:
    return network(LAYERS_OF_ALL_KINDS)


def images(count: int, net: Model) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(count, *net.in_shape)).astype(net.dtype)


def scores(net: Model, x: np.ndarray) -> np.ndarray:
    """Of a whole pack: fewer images are predicted one by one, by kernels of their own to compile."""
    return net(np.resize(x, (16, *x.shape[1:])))[: len(x)]


def loss(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(labels)), labels]


def differences(function: Any, x: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """The derivative of each image's loss with respect to each of its numbers."""
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape[1:]):
        up, down = x.copy(), x.copy()
        up[:, *place] += step
        down[:, *place] -= step
        found[:, *place] = (function(up) - function(down)) / (2 * step)
    return found


def test_the_gradient_of_the_image_is_that_of_differences(everything: Model) -> None:
    x, labels = images(3, everything), np.array([0, 3, 1])
    found = activations(everything, x, labels)
    expected = differences(lambda changed: loss(scores(everything, changed), labels), x)
    np.testing.assert_allclose(found.image_gradient, expected, rtol=1e-6, atol=1e-9)
    assert np.abs(expected).max() > 1e-3


def test_gradients_of_layers_are_those_of_what_comes_after_them(everything: Model) -> None:
    """The layers after each one, alone, are a function of its output."""
    x, labels = images(2, everything), np.array([2, 0])
    found = activations(everything, x, labels)
    for last in range(len(LAYERS_OF_ALL_KINDS) - 2):
        output = found.outputs[str(last)]
        tail = network(LAYERS_OF_ALL_KINDS[last + 1 :], output.shape[1:])
        for name, tensor in tail.tensors.items():
            number, _, rest = name.partition(".")
            tensor[...] = everything.tensors[f"{int(number) + last + 1}.{rest}"]
        expected = differences(lambda changed, tail=tail: loss(scores(tail, changed), labels), output)
        np.testing.assert_allclose(found.gradients[str(last)], expected, rtol=1e-5, atol=1e-9, err_msg=str(last))


@pytest.mark.parametrize("path", ["0", "1", "3.body.0", "3.body.1", "4.layers.0.0", "4.layers.1.0.1", "5.branches.1.0", "6.branches.1.1"])  # fmt: skip
def test_gradients_inside_branches_are_those_of_a_change_of_the_bias(everything: Model, path: str) -> None:
    x, labels = images(2, everything), np.array([2, 0])
    found = activations(everything, x, labels)
    bias, step = everything.tensors[f"{path}.bias"], 1e-5
    for channel in range(bias.size):
        before = bias[channel]
        bias[channel] = before + step
        up = loss(scores(everything, x), labels)
        bias[channel] = before - step
        down = loss(scores(everything, x), labels)
        bias[channel] = before
        own = found.gradients[path][:, channel].reshape(2, -1).sum(axis=1)
        np.testing.assert_allclose(own, (up - down) / (2 * step), rtol=1e-5, atol=1e-9)


def test_a_layer_that_hands_its_input_on_has_its_gradient(everything: Model) -> None:
    """As in PyTorch, where both are one tensor."""
    found = activations(everything, images(2, everything), np.array([0, 1]))
    for path, same in (("3.shortcut.0", "2"), ("5.branches.0.0", "4"), ("3.body.2", "3.body.1"), ("7", "6")):
        assert found.outputs[path].tobytes() == found.outputs[same].tobytes()
        assert found.gradients[path].tobytes() == found.gradients[same].tobytes()
        assert np.abs(found.gradients[path]).max() > 0


def test_outputs_are_the_bits_of_prediction(everything: Model) -> None:
    net = network(LAYERS_OF_ALL_KINDS, dtype="float32")
    x = images(18, net)  # more than a pack has
    found = activations(net, x)
    assert found.outputs["8"].tobytes() == net(x).tobytes()
    assert (found.gradients, found.image_gradient) == ({}, None)
    with_gradients = activations(net, x, np.arange(18) % 4)
    for path, output in found.outputs.items():
        assert output.shape == (18, *found.layers[path].shape)
        assert output.tobytes() == with_gradients.outputs[path].tobytes()
    alone = activations(net, x[17:], np.array([1]))
    np.testing.assert_array_equal(alone.gradients["0"][0], with_gradients.gradients["0"][17])
    bytes_of = activations(net, np.full((1, 3, 5, 4), 255, np.uint8))
    np.testing.assert_array_equal(
        bytes_of.outputs["0"], activations(net, np.ones((1, 3, 5, 4), np.float32)).outputs["0"]
    )


def test_nothing_of_the_network_changes(everything: Model) -> None:
    before = {name: tensor.copy() for name, tensor in everything.tensors.items()}
    activations(everything, images(2, everything), np.array([0, 1]))
    assert all(np.array_equal(before[name], tensor) for name, tensor in everything.tensors.items())


def test_gradients_of_any_output(everything: Model) -> None:
    x = images(2, everything)
    seed = np.array([0, 0, 1, -2.0])
    found = LayerExecutor(everything).of_output(x, seed)
    expected = differences(lambda changed: scores(everything, changed) @ seed, x)
    np.testing.assert_allclose(found.image_gradient, expected, rtol=1e-6, atol=1e-9)


def test_a_layer_that_does_something_else_in_training_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Flatten.bind

    def bind(self: Flatten, buffers: Any, x: Any, dx: Any, training: bool) -> Bound:
        bound = plain(self, buffers, x, dx, training)
        if training:
            bound.y = buffers.pack(self.out_shape)
        return bound

    monkeypatch.setattr(Flatten, "bind", bind)
    net = network(["flatten", {"linear": {"out_features": 2}}])
    with pytest.raises(KernelError, match=r"layer 0 \(flatten\) gives other numbers in training than in evaluation"):
        activations(net, images(1, net), np.array([0]))


def test_what_is_no_image_or_label(everything: Model) -> None:
    with pytest.raises(ShapeError, match=r"expected float32 images of shape \(N, 3, 5, 4\), got shape \(1, 3, 6, 4\)"):
        activations(everything, np.zeros((1, 3, 6, 4)))
    with pytest.raises(ShapeError, match="there are no images"):
        activations(everything, np.zeros((0, 3, 5, 4)))
    with pytest.raises(DataError, match=r"label 4 is no class of this network, which has 4: 0 to 3"):
        activations(everything, images(1, everything), np.array([4]))
    with pytest.raises(DataError, match=r"labels are whole numbers \(1,\), one for each image; got \(2,\)"):
        activations(everything, images(1, everything), np.array([1, 2]))
    net = network([CONV])
    with pytest.raises(DataError, match=r"gives \(3, 5, 4\) numbers an image, and a loss needs one score"):
        activations(net, images(1, net), np.array([0]))
    assert activations(net, images(1, net)).outputs["0"].shape == (1, 3, 5, 4)


def test_layers_are_named_by_their_paths(everything: Model) -> None:
    def told(path: str) -> str:
        with pytest.raises(ConfigError) as caught:
            find_layer(everything.root, path, "t")
        return str(caught.value)

    assert find_layer(everything.root, "3", "t").name == "3 residual (add)"
    assert find_layer(everything.root, "4.layers.1", "t").path == "4.layers.1.0.1"  # of a list, its last layer
    assert told("9").startswith(
        "t has no layer '9'; did you mean 8? (its layers: 0 (conv2d), 1 (batch_norm2d), 2 (tanh)"
    )
    assert told("3.body.7").startswith("t has no layer '3.body.7'; did you mean 3.body.2?")
    assert told("conv1").startswith("t has no layer 'conv1'; its layers: 0 (conv2d)")
    assert told("Conv2d") == (
        "t has no layer 'Conv2d'; a layer is named by its path, as nbcnn summary shows it; conv2d: 0, 3.body.0, "
        "4.layers.0.0, 4.layers.1.0.1, 5.branches.1.0, 6.branches.1.1"
    )


def test_it_is_public() -> None:
    assert nbcnn.activations is activations
