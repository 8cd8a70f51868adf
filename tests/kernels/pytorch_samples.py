"""Shapes and arguments of PyTorch's own samples of conv2d, max_pool2d and avg_pool2d, for real numbers.

From ``torch.testing`` of PyTorch 2.13 (sample_inputs_conv2d, _max_pool, _avgpool2d), as facts: shapes and arguments by
PyTorch's names. Indices of max pooling are left out, for nbcnn does not return them.
"""

from __future__ import annotations

from itertools import product
from typing import Any

Shape = tuple[int, ...]

_CONV2D: list[tuple[Shape, Shape, bool, dict[str, Any]]] = [
    # x, w, whether there is a bias, arguments
    ((1, 3, 4, 4), (3, 3, 3, 3), True, {"stride": (2, 2), "padding": 2, "groups": 1}),
    ((2, 4, 8, 8), (2, 2, 3, 3), True, {"stride": (3, 2), "padding": (2, 1), "groups": 2, "dilation": (4, 4)}),
    ((1, 4, 5, 5), (1, 4, 2, 3), True, {"stride": 2, "padding": 1, "groups": 1, "dilation": (2, 3)}),
    ((1, 2, 4, 3), (4, 2, 3, 4), False, {"stride": 2, "padding": 1, "groups": 1}),
    ((1, 4, 5, 5), (1, 4, 2, 3), True, {"stride": 2, "padding": "valid"}),
    ((1, 4, 5, 5), (1, 4, 2, 3), True, {"stride": 1, "padding": "same", "dilation": 3}),
    ((2, 4, 6, 6), (4, 1, 3, 3), True, {"groups": 4}),
    ((2, 4, 6, 6), (8, 1, 3, 3), True, {"groups": 4}),
    ((2, 4, 6, 6), (8, 1, 3, 3), False, {"groups": 4}),
    ((2, 4, 6, 6), (4, 1, 3, 3), True, {"groups": 4, "stride": (3, 2)}),
    ((2, 4, 6, 6), (4, 1, 3, 3), True, {"groups": 4, "padding": (1, 1)}),
    ((2, 4, 5, 5), (4, 1, 2, 2), True, {"groups": 4, "dilation": (2, 2)}),
    ((2, 4, 6, 5), (6, 2, 3, 2), True, {"groups": 2}),
    ((1, 4, 5, 5), (3, 4, 3, 3), False, {}),
]

CONV2D = [(shape, *rest) for batched, *rest in _CONV2D for shape in (batched, batched[1:])]
"""Each with its batch, and as one image."""

MAX_POOL2D: list[tuple[Shape, dict[str, Any]]] = [
    (
        (*batch, 2, height, 6),
        {"kernel_size": k, "stride": s, "ceil_mode": ceil, "padding": p, "dilation": d},
    )
    for batch, height in product(((1,), (2,), ()), (3, 6))
    for k, s, ceil, p, d in product((3, (3, 2)), (2, None, (2, 1)), (True, False), (0, 1, (1, 1)), (1, (1, 2)))
]

AVG_POOL2D: list[tuple[Shape, tuple[Any, ...]]] = [
    # x, then kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override by position
    ((1, 3, 9, 9), (3, 1, 1, True, False, 2)),
    ((1, 3, 9, 9), ((4, 4), (2, 3), 1, True, False, 2)),
    ((1, 3, 9, 9), ((6, 6), (3, 3), (2, 3), True, True, 2)),
    ((2, 3, 9, 9), ((3, 3), (1, 1), (1,), True, False, 2)),
    ((1, 1, 4, 4), ((2, 2), (), (0,), False, True, -2)),
    ((1, 2, 6, 6), ((4, 4), (2, 2), (2,), True, True, None)),
    ((1, 3, 9, 9), ((3, 3),)),
]
