"""Shifts: exactly 0 inside for convolutions, broken by stride and padding; invariance after global pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbcnn.config import load_config
from nbcnn.errors import ShapeError
from nbcnn.introspect.equivariance import equivariance, shifted
from nbcnn.training.model import Model


def network(layers: list[Any], size: int = 12, **data: Any) -> Model:
    given = {
        "name": "t",
        "input": {"channels": 1, "height": size, "width": size},
        "layers": layers,
        "data": {"name": "mnist", **data},
    }
    net = Model(load_config(given))
    random = np.random.default_rng(0)
    for tensor in net.tensors.values():
        tensor[...] = random.normal(0, 1, tensor.shape)
    return net


def images(size: int = 12, count: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 1, size, size)).astype(np.uint8)


def test_shifted_images() -> None:
    net = network([{"conv2d": {"out_channels": 1, "kernel_size": 1}}], 3, mean=[0.5], std=[0.25])
    image = np.arange(9, dtype=np.uint8).reshape(1, 1, 3, 3)
    assert shifted(net, image, (0, 1))[0, 0].tolist() == [[0, 0, 1], [0, 3, 4], [0, 6, 7]]
    assert shifted(net, image, (0, -2))[0, 0].tolist() == [[2, 0, 0], [5, 0, 0], [8, 0, 0]]
    assert shifted(net, image, (1, 0))[0, 0].tolist() == [[0, 0, 0], [0, 1, 2], [3, 4, 5]]
    floats = shifted(net, image.astype(np.float32), (-1, 0))
    assert floats[0, 0].tolist() == [[3, 4, 5], [6, 7, 8], [-2, -2, -2]]  # black: (0 - 0.5) / 0.25


def test_a_padded_convolution_is_equivariant_away_from_the_border() -> None:
    net = network([{"conv2d": {"out_channels": 3, "kernel_size": 3, "padding": 1}}, "relu"])
    found = equivariance(net, images(), 3)
    for layer in found.layers:
        assert layer.inside.tolist() == [0, 0, 0]  # to the bit
        assert layer.exact.all()
        assert (layer.border > 0.05).all()
        assert (layer.changed > 0.3).all()  # not invariant
    errors = found.layers[0].map
    assert errors is not None and errors.shape == (12, 12)
    assert not errors[2:-2, 2:-2].any()
    assert (errors[0, 2:-2] > 0).all() and (errors[2:-2, -1] > 0).all()


def test_without_padding_every_output_that_sees_both_is_equivariant() -> None:
    found = equivariance(network([{"conv2d": {"out_channels": 2, "kernel_size": 5}}]), images(), 2)
    assert found.layers[0].inside.tolist() == [0, 0]
    errors = found.layers[0].map
    assert errors is not None
    assert not errors[1:-1, 1:-1].any()  # what comes in is seen by the outermost outputs alone


def test_a_stride_is_equivariant_for_shifts_that_it_divides() -> None:
    net = network(
        [{"max_pool2d": {"kernel_size": 2}}, {"conv2d": {"out_channels": 2, "kernel_size": 1, "stride": 2}}], 24
    )
    pool, conv = equivariance(net, images(24), 4).layers
    assert pool.exact.tolist() == [False, True, False, True]
    assert conv.exact.tolist() == [False, False, False, True]
    assert (pool.inside == 0).tolist() == [False, True, False, True]
    assert (conv.inside == 0).tolist() == [False, False, False, True]
    assert (pool.map_shift, conv.map_shift) == (2, 4)


def test_numbers_by_hand() -> None:
    """The identity on one row of pixels: after a shift by 1 the same place holds its neighbour."""
    net = network([{"conv2d": {"out_channels": 1, "kernel_size": 1, "bias": False}}], 2)
    net.tensors["0.weight"][...] = 1
    image = np.array([[[[0, 3], [0, 3]]]], np.float32)
    (layer,) = equivariance(net, image, 1).layers
    # right: [0 0], left: [3 0], down and up: [0 3] in one row and [0 0] in the other, in both rows' sums of squares
    squares = (9 + 9) + (9 * 4) + 9 + 9
    np.testing.assert_allclose(layer.changed, np.sqrt(squares / 16) / 1.5, rtol=1e-6)
    assert layer.inside.tolist() == [0]


def test_global_pooling_is_invariant_where_nothing_is_lost() -> None:
    """Of an image with a black rim the mean over all places does not change; outputs have no places to shift."""
    image = images(count=2)
    image[:, :, :4], image[:, :, -4:], image[..., :4], image[..., -4:] = 0, 0, 0, 0
    layers: list[Any] = [{"conv2d": {"out_channels": 2, "kernel_size": 3, "padding": 1, "bias": False}}, "global_avg_pool2d", "flatten", {"linear": {"out_features": 2}}]  # fmt: skip
    found = equivariance(network(layers), image, 2)
    conv, *others = found.layers
    assert conv.changed.min() > 0.5
    for layer in others:
        assert layer.changed.max() < 1e-5
        assert np.isnan(layer.inside).all() and layer.map is None
    assert found.predictions_changed.tolist() == [0, 0]
    assert found.as_json()["layers"][1]["inside"] == [None, None]


def test_how_often_the_prediction_changes() -> None:
    """Class 1 where the left upper pixel is bright: of both images the shifts right and down make it dark."""
    net = network(["flatten", {"linear": {"out_features": 2}}], 3)
    net.tensors["1.weight"][...], net.tensors["1.bias"][...] = 0, (0.5, 0)
    net.tensors["1.weight"][1, 0] = 1
    bright = np.full((1, 1, 3, 3), 255, np.uint8)
    corner = np.zeros((1, 1, 3, 3), np.uint8)
    corner[..., 0, 0] = 255
    assert equivariance(net, bright, 1).predictions_changed.tolist() == [0.5]  # right and down
    assert equivariance(net, corner, 1).predictions_changed.tolist() == [1.0]


def test_shifts_that_leave_nothing() -> None:
    with pytest.raises(ShapeError, match="shifts must be from 1 to 11, less than the image's smaller side; got 12"):
        equivariance(network([{"conv2d": {"out_channels": 1, "kernel_size": 1}}]), images(), 12)
