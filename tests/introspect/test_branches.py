"""Summaries of networks with branches; receptive fields held against the pixels whose gradient is not 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbcnn.config import load_config
from nbcnn.engine.network import Network
from nbcnn.engine.pack_buffers import PackBuffers
from nbcnn.introspect.summary import Row, summarize


def build(layers: list[Any], height: int = 33, width: int = 30, channels: int = 2, dtype: str = "float32") -> Network:
    size = {"channels": channels, "height": height, "width": width}
    return Network(load_config({"name": "t", "input": size, "layers": layers}), dtype)


def conv(kernel: Any, out: int = 2, **more: Any) -> dict[str, Any]:
    return {"conv2d": {"out_channels": out, "kernel_size": kernel, "bias": False, "backend": "naive", **more}}


def avg(kernel: int, **more: Any) -> dict[str, Any]:
    return {"avg_pool2d": {"kernel_size": kernel, **more}}


def parallel(merge: str, *branches: list[Any]) -> dict[str, Any]:
    return {"parallel": {"merge": merge, "branches": list(branches)}}


def support(network: Network) -> tuple[int, int]:
    """Rows and columns between the first and the last pixel that an output's gradient reaches: the most of any output.

    Outputs on a diagonal meet every row and column; 16 of them at once, one a lane.
    """
    for tensor in network.tensors.values():
        tensor[...] = 1
    buffers = PackBuffers(network, True)
    x, dx = buffers.pack(network.in_shape), buffers.pack(network.in_shape)
    bound = network.root.bind(buffers, x, dx, True)
    assert bound.dy is not None
    x[...] = 1
    places = bound.y.shape[1:-1]
    most = [0, 0]
    for first in range(0, max(places), 16):
        for call in bound.forward:
            call.kernel(*call.arrays)
        bound.dy[...] = 0
        for lane in range(16):
            bound.dy[(slice(None), *((first + lane) % size for size in places), lane)] = 1
        for call in bound.backward:
            call.kernel(*call.arrays)
        for lane in range(16):
            seen = dx[..., lane].any(axis=0)
            for axis in (0, 1):
                most[axis] = max(most[axis], int(np.ptp(np.flatnonzero(seen.any(axis=1 - axis)))) + 1)
    return most[0], most[1]


NETS: dict[str, list[Any]] = {
    "branches padded alike": [parallel("concat", [conv(1)], [conv(3, padding=1)], [conv(5, padding=2)])],
    "a body and the input": [conv(3), {"residual": {"body": [conv(3, padding=1), conv([3, 5], padding=[1, 2])]}}],
    "strided, a 1×1 shortcut": [
        {"residual": {"body": [conv(3, stride=2, padding=1), conv(3, padding=1)], "shortcut": [conv(1, stride=2)]}},
        conv(3),
    ],
    # windows that lie beside one another: the join sees more than either
    "branches cut at other sides": [parallel("add", [conv(4, padding=[0, 3, 3, 0])], [conv(4, padding=[3, 0, 0, 3])])],
    "apart, then joined again": [
        avg(2),
        parallel("concat", [conv(3, padding=[0, 2, 0, 2])], [conv(3, padding=[2, 0, 2, 0], dilation=1)]),
        conv(2, stride=2),
    ],
    "a branch with gaps": [parallel("concat", [conv(3, padding=2, dilation=2)], [conv(2, padding=[0, 1, 1, 0])]), avg(2)],
    "dense": [{"dense": [conv(3, padding=1), {"sequential": [conv(1), conv(3, padding=1)]}, conv(1)]}, avg(3)],
    "branches in branches": [
        parallel("add", [{"residual": {"body": [conv(3, padding=1)]}}], [{"dense": [conv(3, 0 + 1, padding=1)]}, conv(1)]),
        conv(2),
    ],
    "a product": [parallel("multiply", ["identity"], [conv(3, padding=1)]), avg(2)],
    # fractions of pixels: neighbouring outputs see windows of different sizes
    "enlarged again": [conv([2, 1]), parallel("concat", ["identity"], [avg(2), {"upsample": {"scale_factor": 2}}]), conv(2)],
    "enlarged by two and by three": [
        conv(2),
        parallel(
            "add",
            [{"upsample": {"scale_factor": 2}}, conv(4, stride=2, padding=1)],
            [{"upsample": {"scale_factor": 3}}, conv(2, padding=[1, 0, 0, 1]), avg(3)],
        ),
        conv(2),
    ],
    "padded, and blurred": [
        parallel(
            "concat",
            [{"zero_pad2d": {"padding": [2, 0, 0, 2]}}, conv(3)],
            [{"blur_pool": {"kernel_size": 5, "stride": 1}}, conv(3, padding=1)],
        ),
        {"parallel": {"merge": "add", "branches": [["blur_pool"], [conv(1, 4, stride=2)]]}},
    ],
    "pooled to a size in a branch": [
        parallel(
            "concat",
            [{"adaptive_avg_pool2d": {"output_size": [11, 10]}}],
            [conv(3, stride=3, padding=[0, 2, 0, 2])],
        ),
        conv(2),
    ],
    "the last outputs see most": [
        parallel("add", [{"upsample": {"scale_factor": [2, 3]}}, conv(1, stride=[4, 6])], [conv(5, stride=2, padding=2)]),
        parallel("concat", [conv(3, stride=2)], [conv(2), conv(1, stride=2)]),
    ],
}  # fmt: skip


@pytest.mark.parametrize("layers", NETS.values(), ids=NETS)
def test_the_field_reaches_as_far_as_a_gradient(layers: list[Any]) -> None:
    field = summarize(build(layers).root)[-1].field
    assert field is not None and field.size == support(build(layers, dtype="float64"))


@pytest.mark.parametrize("seed", range(4))
def test_the_field_of_random_branches_reaches_as_far_as_a_gradient(seed: int) -> None:
    random = np.random.default_rng(seed)

    def same(kernel: int) -> dict[str, Any]:
        before = [int(random.integers(0, kernel)) for _ in (0, 1)]
        sides = [side for one in before for side in (one, kernel - 1 - one)]
        return conv(kernel, padding=sides)

    layers: list[Any] = []
    for _ in range(3):
        branches = [[same(int(random.integers(1, 4))) for _ in range(random.integers(1, 3))] for _ in range(2)]
        layers.append(parallel("add", *branches))
    layers.insert(int(random.integers(0, 3)), conv(2, stride=[1, 2]))
    field = summarize(build(layers).root)[-1].field
    assert field is not None and field.size == support(build(layers, dtype="float64"))


def test_branches_that_move_apart_are_counted_where_they_are_farthest() -> None:
    """Of 7 rows, 3 outputs: at stride 2 the last sees rows 4 to 6, at stride 1 rows 2 to 6; the first 0 to 2, 0 to 4."""
    layers = [parallel("add", [conv(3, stride=2)], [conv(5)])]
    assert summarize(build(layers, 7, 7).root)[-1].field is not None
    (*_, row) = summarize(build(layers, 7, 7).root)
    assert row.field is not None and row.field.size == support(build(layers, 7, 7, dtype="float64")) == (5, 5)
    layers = [parallel("add", [conv(1, stride=3)], [conv(5)])]
    row = summarize(build(layers, 7, 7).root)[-1]
    assert row.field is not None and row.field.size == support(build(layers, 7, 7, dtype="float64")) == (5, 5)
    layers = [parallel("add", [conv(1, stride=3)], [conv(9)])]
    row = summarize(build(layers, 13, 13).root)[-1]
    assert row.field is not None and row.field.size == support(build(layers, 13, 13, dtype="float64")) == (9, 9)
    layers = [parallel("add", [conv(1, stride=4)], [conv(2), avg(1, stride=3)])]
    row = summarize(build(layers, 13, 13).root)[-1]
    assert row.field is not None and row.field.size == support(build(layers, 13, 13, dtype="float64")) == (4, 4)


@pytest.mark.parametrize(
    ("layers", "whole"),
    [
        ([parallel("multiply", ["identity"], ["global_avg_pool2d", conv(1)])], True),
        ([parallel("concat", [conv(1, stride=3)], [avg(2)]), "flatten", {"linear": {"out_features": 2}}], False),
        ([parallel("concat", [conv(1, stride=2)], [avg(2, ceil_mode=True)]), "global_avg_pool2d"], True),
        (
            [parallel("add", [conv(1, stride=2)], [conv(1, stride=2)]), "flatten", {"linear": {"out_features": 2}}],
            False,
        ),
        ([parallel("add", [conv(1, stride=2)], [conv(3, stride=2, padding=1)]), "global_avg_pool2d"], True),
        ([parallel("add", ["identity"], ["layer_norm"])], True),
        ([parallel("add", [{"group_norm": {"num_groups": 2}}, conv(1, stride=2)], [conv(1, stride=2)]), conv(1)], True),
        ([parallel("add", ["identity"], [conv(1, stride=2), "layer_norm", {"upsample": {"size": 6}}])], False),
        ([parallel("add", [conv(1, stride=2)], [{"adaptive_avg_pool2d": {"output_size": 3}}]), "layer_norm"], True),
        ([parallel("multiply", ["identity"], [{"adaptive_avg_pool2d": {"output_size": 1}}]), conv(3)], True),
        ([parallel("multiply", ["identity"], [conv(1, stride=2), "global_avg_pool2d"]), conv(2)], False),
        ([parallel("concat", ["blur_pool"], [conv(1, stride=2)]), "global_avg_pool2d"], True),
    ],
)
def test_the_whole_image_is_seen_where_a_gradient_reaches_all_of_it(layers: list[Any], whole: bool) -> None:
    size = 6 if "size" in str(layers) and "upsample" in str(layers) else 5
    rows = summarize(build(layers, size, size).root)
    assert (rows[-1].field is None) == whole


def test_factors_for_channels_that_see_a_part_widen_the_field_of_a_product() -> None:
    """A factor sees rows 0, 2 and 4 of 5; the output at row o besides o and o + 1."""
    layers = [parallel("multiply", ["identity"], [conv(1, stride=2), "global_avg_pool2d"]), conv(2)]
    row = summarize(build(layers, 6, 6).root)[-1]
    assert row.field is not None and row.field.size == support(build(layers, 6, 6, dtype="float64")) == (6, 6)
    assert row.field.jump == (1, 1)


@pytest.mark.parametrize(
    ("layers", "jump"),
    [
        ([parallel("concat", ["identity"], [avg(2), {"upsample": {"scale_factor": 2}}])], (1, 1)),
        ([{"upsample": {"scale_factor": [2, 4]}}, {"residual": {"body": [conv(3, padding=1)]}}], (0.5, 0.25)),
        ([parallel("add", [{"upsample": {"scale_factor": 3}}, avg(2)], [{"upsample": {"scale_factor": 3}}, avg(2)])], (2 / 3, 2 / 3)),
    ],
)  # fmt: skip
def test_the_jump_of_a_join_is_a_fraction_too(layers: list[Any], jump: tuple[float, float]) -> None:
    row = summarize(build(layers, 6, 6).root)[-1]
    assert row.field is not None and row.field.jump == jump


def test_parts_of_the_image_that_only_together_cover_it() -> None:
    even, odd = conv(1, stride=[1, 2]), conv(1, stride=[1, 2], padding=[0, 0, 1, 0])
    together = [parallel("concat", [even, "global_avg_pool2d"], [odd, "global_avg_pool2d"]), conv(1)]
    assert summarize(build(together, 6, 6).root)[-1].field is None
    rows = conv(1, stride=[2, 1])  # every row and every column is seen, but no pixel of odd row and odd column
    apart = [parallel("concat", [even, "global_avg_pool2d"], [rows, "global_avg_pool2d"]), conv(1)]
    assert summarize(build(apart, 6, 6).root)[-1].field is not None


def row_of(rows: list[Row], path: str) -> Row:
    (found,) = [row for row in rows if row.path == path]
    return found


def test_joins_have_rows_and_totals_are_those_of_the_layers_inside() -> None:
    layers = [
        {"residual": {"body": [conv(3, padding=1), "batch_norm2d", "relu"]}},
        parallel("concat", ["identity"], [conv(1, 3)]),
        {"dense": [conv(3, 4, padding=1)]},
    ]
    network = build(layers, 6, 5)
    rows = summarize(network.root)
    assert [(row.path, row.layer, row.window) for row in rows] == [
        ("0.body.0", "conv2d", "3×3 +1"), ("0.body.1", "batch_norm2d", ""), ("0.body.2", "relu", ""),
        ("0.shortcut.0", "identity", ""), ("0", "residual", "add"),
        ("1.branches.0.0", "identity", ""), ("1.branches.1.0", "conv2d", "1×1"), ("1", "parallel", "concat"),
        ("2.layers.0.0", "conv2d", "3×3 +1"), ("2", "dense", "concat"),
    ]  # fmt: skip
    assert [row_of(rows, path).out_shape for path in "012"] == [(2, 6, 5), (5, 6, 5), (9, 6, 5)]
    assert sum(row.parameters for row in rows) == network.parameters.size == 2 * 2 * 9 + 4 + 2 * 3 + 5 * 4 * 9
    assert [(row_of(rows, path).parameters, row_of(rows, path).macs) for path in "012"] == [(0, 0)] * 3
    assert sum(row.macs for row in rows) == 30 * (2 * 2 * 9 + 2 + 2 * 3 + 5 * 4 * 9)
    # the sum is an array of its own; where channels are put side by side, only an input that is handed on is copied
    assert [row_of(rows, path).activation_bytes for path in "012"] == [4 * 60, 4 * 60, 4 * 150]
