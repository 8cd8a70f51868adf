"""Size, jump and offset of receptive fields with their arithmetic, against which pixels a change reaches."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.config import load_config
from nbcnn.introspect.field_table import receptive_fields
from nbcnn.introspect.measured_field import reached
from nbcnn.training.model import Model


def network(layers: list[Any], rows: int, columns: int) -> Model:
    net = Model(
        load_config({"name": "t", "input": {"channels": 1, "height": rows, "width": columns}, "layers": layers})
    )
    for tensor in net.tensors.values():
        tensor[...] = 1
    return net


def test_offsets_and_formulas() -> None:
    layers: list[Any] = [
        {"conv2d": {"out_channels": 1, "kernel_size": [3, 5], "stride": [2, 1], "padding": [1, 0]}},
        {"conv2d": {"out_channels": 1, "kernel_size": 3, "dilation": 2, "padding": 2}},
        "relu",
        {"residual": {"body": [{"conv2d": {"out_channels": 1, "kernel_size": 3, "padding": 1}}]}},
        "flatten",
        {"linear": {"out_features": 2}},
    ]
    rows = receptive_fields(network(layers, 21, 24))
    told = [(row.path, row.size, row.jump, row.offset, row.formula) for row in rows]
    assert told == [
        ("0", (3, 5), (2, 1), (-1, 0), "rows: 3 = 1 + (3 - 1)·1; jump 2 = 1·2; columns: 5 = 1 + (5 - 1)·1; jump 1 = 1·1"),
        ("1", (11, 9), (2, 1), (-5, -2), "rows: 11 = 3 + (3 - 1)·2·2; jump 2 = 2·1; columns: 9 = 5 + (3 - 1)·2·1; jump 1 = 1·1"),
        ("2", (11, 9), (2, 1), (-5, -2), "as before: each output looks at one place"),
        ("3.body.0", (15, 11), (2, 1), (-7, -3), "rows: 15 = 11 + (3 - 1)·2; jump 2 = 2·1; columns: 11 = 9 + (3 - 1)·1; jump 1 = 1·1"),
        ("3.shortcut.0", (11, 9), (2, 1), (-5, -2), "as before: each output looks at one place"),
        ("3", (15, 11), (2, 1), (-7, -3), "from the first pixel that a branch sees to the last"),
        ("4", (15, 11), (2, 1), (-7, -3), "as before: each output looks at one place"),
        ("5", None, None, None, "the whole image"),
    ]  # fmt: skip


def test_the_first_output_depends_on_the_pixels_from_the_offset_on() -> None:
    """Pixel by pixel, by a change of the image: the part of the field that is no padding."""
    layers: list[Any] = [
        {"conv2d": {"out_channels": 1, "kernel_size": 3, "stride": 2, "padding": 1}},
        {"conv2d": {"out_channels": 1, "kernel_size": [1, 3]}},
        {"avg_pool2d": {"kernel_size": 2}},
    ]
    net = network(layers, 16, 18)
    last = receptive_fields(net)[-1]
    assert last.size is not None and last.offset is not None
    changed = np.zeros((16, 18))
    plain = net(np.zeros((1, 1, 16, 18), np.float32))[0, 0, 0, 0]
    for row, column in np.ndindex(16, 18):
        image = np.zeros((1, 1, 16, 18), np.float32)
        image[0, 0, row, column] = 1
        changed[row, column] = net(image)[0, 0, 0, 0] - plain
    ends = [offset + size - 1 for offset, size in zip(last.offset, last.size, strict=True)]
    assert reached(changed) == ((0, ends[0]), (0, ends[1]))
    assert last.offset == (-1, -1)


def test_a_padded_window_as_large_as_the_image_does_not_see_all_of_it() -> None:
    (row,) = receptive_fields(network([{"conv2d": {"out_channels": 1, "kernel_size": 5, "padding": 2}}], 5, 5))
    assert (row.size, row.offset) == ((5, 5), (-2, -2))
