"""Measured receptive fields inside the theoretical ones, and equal to them where every weight counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbcnn.config import load_config
from nbcnn.errors import ConfigError, ShapeError
from nbcnn.introspect.layer_outputs import layer_outputs
from nbcnn.introspect.measured_field import effective, measured_field, reached
from nbcnn.training.model import Model

CONV: dict[str, Any] = {"conv2d": {"out_channels": 2, "kernel_size": 3, "padding": 1}}
BRANCHES: list[Any] = [
    {"conv2d": {"out_channels": 2, "kernel_size": 3, "stride": 2, "padding": 1}},
    {"residual": {"body": [CONV, "tanh", CONV]}},
    {"dense": [CONV, {"conv2d": {"out_channels": 1, "kernel_size": 1}}]},
    {"parallel": {"branches": [["identity"], [CONV]], "merge": "concat"}},
    {"avg_pool2d": {"kernel_size": 2}},
    "flatten",
    {"linear": {"out_features": 3}},
]


def network(layers: list[Any], size: int = 15) -> Model:
    given = {"name": "t", "input": {"channels": 1, "height": size, "width": size}, "layers": layers}
    net = Model(load_config(given))
    random = np.random.default_rng(0)
    for tensor in net.tensors.values():
        tensor[...] = random.uniform(0.1, 1, tensor.shape)  # nothing cancels
    return net


def images(net: Model) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 0.1, (2, *net.in_shape)).astype(np.float32)


def within(span: tuple[int, int], size: int) -> tuple[int, int]:
    """The part of a field that is no padding."""
    return max(0, span[0]), min(size - 1, span[1])


def test_what_is_reached_is_the_field_of_every_layer() -> None:
    """All weights are positive, so every pixel of the field has a gradient; none outside of it has."""
    net = network(BRANCHES)
    for path, layer in layer_outputs(net.root).items():
        found = measured_field(net, images(net), path)
        rows, columns = reached(found.gradient)
        expected = within(found.rows, 15), within(found.columns, 15)
        if path == "5":  # of a vector some units are measured
            assert expected[0][0] <= rows[0] < rows[1] <= expected[0][1] == 14
        else:
            assert (rows, columns) == expected, path
        assert found.place == ((layer.shape[1] // 2, layer.shape[2] // 2) if len(layer.shape) == 3 else (0, 0))


def test_a_unit_inside_a_branch_sees_its_branch_alone() -> None:
    net = network(BRANCHES)
    inside, joined = (measured_field(net, images(net), path, place=(4, 4)) for path in ("1.body.0", "1"))
    assert (inside.rows, joined.rows) == ((5, 11), (3, 13))  # 3 + 2·2 and 3 + 4·2 rows around row 8
    identity = measured_field(net, images(net), "1.shortcut.0", place=(4, 4))
    assert reached(identity.gradient) == ((7, 9), (7, 9))


def test_numbers_of_one_convolution() -> None:
    """The gradient of a unit is the kernel itself; two kernels are averaged, and padding is outside of the image."""
    net = network([CONV], 5)
    found = measured_field(net, images(net), place=(0, 2))
    assert (found.layer.path, found.rows, found.columns, found.channels) == ("0", (-1, 1), (1, 3), (0, 1))
    expected = np.zeros((5, 5))
    expected[0:2, 1:4] = net.tensors["0.weight"].mean(axis=(0, 1))[1:]
    np.testing.assert_allclose(found.gradient, expected, rtol=1e-6)


def test_before_and_after() -> None:
    net, initial = network([CONV], 5), network([CONV], 5)
    initial.tensors["0.weight"][...] *= 2
    found = measured_field(net, images(net), initial=initial)
    assert found.before is not None
    np.testing.assert_allclose(found.before, 2 * found.gradient, rtol=1e-6)


def test_how_much_of_a_gradient_is_where() -> None:
    gradient = np.zeros((6, 7))
    gradient[2, 1:6] = 1, 5, 88, 5, 1
    assert effective(gradient) == (1, 3)
    assert effective(gradient, 0.999) == (1, 5)
    assert reached(gradient) == ((2, 2), (1, 5))
    assert effective(np.zeros((6, 7))) == (0, 0)
    assert reached(np.zeros((6, 7))) == ((0, -1), (0, -1))


def test_what_is_refused() -> None:
    net = network(BRANCHES)
    with pytest.raises(ConfigError, match=r"t has no layer '9'; did you mean 6\?"):
        measured_field(net, images(net), "9")
    with pytest.raises(
        ShapeError, match=r"layer 4 avg_pool2d has 4 rows and 4 columns, so no unit at 4,0; rows are 0 to 3"
    ):
        measured_field(net, images(net), "4", place=(4, 0))
    flat = network(["flatten", {"linear": {"out_features": 3}}])
    with pytest.raises(ConfigError, match="t has no layer with rows and columns; name one"):
        measured_field(flat, images(flat))
