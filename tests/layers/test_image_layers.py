"""Padding, enlargement, blur and pooling to a size: numbers by hand, what each output depends on, what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from nbcnn.cli import nbcnn as command_line
from nbcnn.config import load_config
from nbcnn.engine.engine import Engine
from nbcnn.errors import NbcnnError
from nbcnn.introspect.summary import Row, summarize
from nbcnn.training.model import Model

NINE = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)


def build(*layers: Any, channels: int = 1, height: int = 3, width: int = 3) -> Model:
    size = {"channels": channels, "height": height, "width": width}
    return Model(load_config({"name": "t", "input": size, "layers": list(layers)}))


def rows(*layers: Any, **size: int) -> list[Row]:
    return summarize(build(*layers, **size).root)


def test_padding_comes_in_pytorchs_order() -> None:
    """left, right, top, bottom"""
    y = build({"zero_pad2d": {"padding": [1, 0, 0, 2]}})(NINE)[0, 0]
    np.testing.assert_array_equal(y, [[0, 0, 1, 2], [0, 3, 4, 5], [0, 6, 7, 8], [0] * 4, [0] * 4])
    assert build({"zero_pad2d": {"padding": 2}}).out_shape == (1, 7, 7)


def test_a_reflection_does_not_double_the_border() -> None:
    y = build({"reflect_pad2d": {"padding": [2, 1, 0, 1]}})(NINE)[0, 0]
    np.testing.assert_array_equal(y, [[2, 1, 0, 1, 2, 1], [5, 4, 3, 4, 5, 4], [8, 7, 6, 7, 8, 7], [5, 4, 3, 4, 5, 4]])


def test_upsample_repeats_pixels() -> None:
    wanted = [[0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5], [6, 6, 7, 7, 8, 8]]
    np.testing.assert_array_equal(build({"upsample": {"scale_factor": [1, 2]}})(NINE)[0, 0], wanted)
    np.testing.assert_array_equal(build({"upsample": {"size": [3, 6]}})(NINE)[0, 0], wanted)
    assert build({"upsample": {"size": 9}}).out_shape == (1, 9, 9)


def test_adaptive_pooling_has_pytorchs_windows() -> None:
    """Rows 0 to 1 and 1 to 2; 3 columns stay."""
    y = build({"adaptive_avg_pool2d": {"output_size": [2, None]}})(NINE)[0, 0]
    np.testing.assert_array_equal(y, [[1.5, 2.5, 3.5], [4.5, 5.5, 6.5]])
    assert build({"adaptive_avg_pool2d": {"output_size": None}}).out_shape == (1, 3, 3)
    larger = build({"adaptive_avg_pool2d": {"output_size": [1, 4]}})(NINE)[0, 0]
    np.testing.assert_array_equal(larger, [[3, 3.5, 4.5, 5]])  # columns 0, 0 and 1, 1 and 2, 2


def test_blur_pool_is_a_binomial_filter_with_a_stride() -> None:
    y = build("blur_pool")(NINE)[0, 0]
    np.testing.assert_array_equal(y, [[2, 3], [5, 6]])  # at the corner (1·4 + 2·3 + 1·4, …)/16 = 2 by its reflections
    flat = np.full((1, 1, 7, 6), 3, np.float32)
    for arguments, shape in (({}, (1, 4, 3)), ({"kernel_size": 5, "stride": [3, 1]}, (1, 3, 6))):
        network = build({"blur_pool": arguments}, height=7, width=6)
        assert network.out_shape == shape
        np.testing.assert_array_equal(network(flat)[0], np.full(shape, 3))  # a mean: what is flat stays
    spot = np.zeros((1, 1, 9, 9), np.float32)
    spot[0, 0, 4, 4] = 256
    network = build({"blur_pool": {"kernel_size": 5, "stride": 1}}, height=9, width=9)
    np.testing.assert_array_equal(network(spot)[0, 0, 4, 2:7], [6, 24, 36, 24, 6])


CHAINS: dict[str, list[Any]] = {
    "zeros": [{"conv2d": {"out_channels": 2, "kernel_size": 3}}, {"zero_pad2d": {"padding": [2, 0, 1, 3]}}, "tanh"],
    "reflection": [{"reflect_pad2d": {"padding": [2, 1, 3, 0]}}, {"conv2d": {"out_channels": 2, "kernel_size": 3}}],
    "a window behind an enlargement": [{"upsample": {"scale_factor": 2}}, {"conv2d": {"out_channels": 2, "kernel_size": 2}}],
    "a wider one": [{"upsample": {"scale_factor": [2, 3]}}, {"max_pool2d": {"kernel_size": 4, "stride": 1}}],
    "two windows behind it": [
        {"upsample": {"scale_factor": 3}},
        {"conv2d": {"out_channels": 2, "kernel_size": 2}},
        {"conv2d": {"out_channels": 2, "kernel_size": 2, "padding": 1}},
    ],
    "smaller, then larger": [
        {"avg_pool2d": {"kernel_size": 2}},
        {"upsample": {"scale_factor": 2}},
        {"conv2d": {"out_channels": 2, "kernel_size": 2, "padding": [1, 0, 1, 0]}},
    ],
    "blur": [{"blur_pool": {"kernel_size": 3}}, {"conv2d": {"out_channels": 2, "kernel_size": 2}}],
    "a wide blur": [{"conv2d": {"out_channels": 2, "kernel_size": 2}}, {"blur_pool": {"kernel_size": 5, "stride": [3, 2]}}],
    "windows of two sizes": [{"adaptive_avg_pool2d": {"output_size": [5, 7]}}, {"conv2d": {"out_channels": 2, "kernel_size": 2}}],
    "more windows than rows": [{"adaptive_avg_pool2d": {"output_size": [19, 12]}}],
    "to one pixel": [{"adaptive_avg_pool2d": {"output_size": 1}}, {"upsample": {"scale_factor": 2}}],
    "linear behind an enlargement": [
        {"conv2d": {"out_channels": 2, "kernel_size": 1, "stride": 4}},
        {"upsample": {"scale_factor": 2}},
        "flatten",
        {"linear": {"out_features": 2}},
    ],
}  # fmt: skip


@pytest.mark.parametrize("layers", CHAINS.values(), ids=CHAINS)
def test_the_receptive_field_is_what_outputs_depend_on(layers: list[Any]) -> None:
    """Of outputs far from the border, the largest extent of the pixels whose change they show."""
    size = (13, 12)
    network, field = build(*layers, height=13, width=12), rows(*layers, height=13, width=12)[-1].field
    x = np.random.default_rng(2).standard_normal((1, 1, *size)).astype(np.float32)
    changed = np.repeat(x, size[0] * size[1], 0)
    changed[np.arange(len(changed)), 0, *np.unravel_index(np.arange(len(changed)), size)] += 1e4
    depends = (network(changed) != network(x)[0]).reshape(*size, -1)  # rows, columns, outputs
    if field is None:
        assert depends.all()
        return
    assert not depends.all()
    for axis in (0, 1):
        seen = depends.any(axis=1 - axis)  # rows or columns, outputs
        extents = [int(np.ptp(np.flatnonzero(one))) + 1 for one in seen.T if one.any()]
        assert field.size[axis] == max(extents), (axis, field)


def test_the_jump_is_a_fraction_behind_an_enlargement() -> None:
    fields = [
        row.field
        for row in rows({"upsample": {"scale_factor": [2, 4]}}, "blur_pool", {"upsample": {"scale_factor": 3}})
    ]
    assert [field and field.jump for field in fields] == [(0.5, 0.25), (1, 0.5), (1 / 3, 1 / 6)]
    (row,) = rows({"adaptive_avg_pool2d": {"output_size": 2}})
    assert row.field is not None and row.field.jump == (1.5, 1.5) and row.field.size == (2, 2)


def test_the_summary_shows_what_they_do_to_the_image() -> None:
    layers = [
        {"zero_pad2d": {"padding": 1}},
        {"reflect_pad2d": {"padding": [0, 1, 2, 3]}},
        {"upsample": {"scale_factor": [2, 3]}},
        {"upsample": {"scale_factor": 2}},
        "blur_pool",
        {"adaptive_avg_pool2d": {"output_size": [7, 5]}},
    ]
    found = rows(*layers)
    assert [row.window for row in found] == ["+1", "+2,3,0,1", "×2×3", "×2", "3×3 /2 +1", "to 7×5"]
    assert [row.out_shape for row in found][-2:] == [(1, 20, 18), (1, 7, 5)]
    assert found[4].macs == 20 * 18 * 9


def test_the_summarys_json_has_the_fraction(tmp_path: Any) -> None:
    file = tmp_path / "m.yaml"
    size = {"channels": 1, "height": 3, "width": 3}
    file.write_text(json.dumps({"name": "m", "input": size, "layers": [{"upsample": {"scale_factor": 2}}]}))
    told = json.loads(CliRunner().invoke(command_line, ["summary", str(file), "--json"]).stdout)
    assert told["layers"][0]["field"] == [[1, 1], [0.5, 0.5]]


WRONG: list[tuple[Any, str]] = [
    ({"zero_pad2d": {"padding": -1}}, "layers[0].zero_pad2d.padding: expected a whole number of at least 0, or a list of four (left, right, top, bottom), got -1"),
    ({"zero_pad2d": {"padding": [1, 2]}}, "expected a whole number of at least 0, or a list of four (left, right, top, bottom), got [1, 2]"),
    ({"zero_pad2d": {}}, "layers[0].zero_pad2d: padding is missing; expected a whole number of at least 0, or a list of four (left, right, top, bottom)"),
    ({"zero_pad2d": {"padding": [2147483647, 2, 0, 0]}}, "the image has 2,147,483,652 columns with its padding; it may have 2,147,483,647"),
    ({"reflect_pad2d": {"padding": [3, 0, 0, 0]}}, "a left padding of 3 does not fit an image of 3 columns: beside its border there are 3 - 1 = 2 to reflect; use at most 2, or zero_pad2d"),
    ({"reflect_pad2d": {"padding": [0, 0, 0, 5]}}, "a bottom padding of 5 does not fit an image of 3 rows: beside its border there are 3 - 1 = 2 to reflect"),
    ({"upsample": {"scale_factor": 0}}, "layers[0].upsample.scale_factor: expected a whole number of at least 1"),
    ({"upsample": {"scale_factor": 1.5}}, "layers[0].upsample.scale_factor: expected a whole number of at least 1"),
    ("upsample", "upsample takes scale_factor or size, and neither is given; write one of them"),
    ({"upsample": {"scale_factor": 2, "size": 6}}, "upsample takes scale_factor or size, and both are given; write one of them"),
    ({"upsample": {"size": [6, 7]}}, "size asks for a width of 7, no multiple of the image's 3: 7 = 2·3 + 1; pixels are repeated whole times"),
    ({"upsample": {"size": 2}}, "size asks for a height of 2, no multiple of the image's 3: 2 = 0·3 + 2"),
    ({"upsample": {"scale_factor": 10**9}}, "the enlarged image has 3,000,000,000 rows; it may have 2,147,483,647"),
    ({"upsample": {"scale_factor": 2, "mode": "bilinear"}}, "unknown key 'mode'; images are enlarged by repeating pixels, PyTorch's mode nearest; leave it out"),
    ({"adaptive_avg_pool2d": {"output_size": 0}}, "layers[0].adaptive_avg_pool2d.output_size: expected a whole number of at least 1, null, or a list of two of these (rows, columns)"),
    ({"adaptive_avg_pool2d": {"output_size": 10**10}}, "output_size 10,000,000,000 is too large; the largest is 2,147,483,647"),
    ({"blur_pool": {"kernel_size": 4}}, "layers[0].blur_pool.kernel_size: expected one of 3, 5, got 4"),
    ({"blur_pool": {"stride": 0}}, "layers[0].blur_pool.stride: expected a whole number of at least 1"),
    ({"blur_pool": {"stride": 2**31}}, "stride 2,147,483,648 is too large; the largest is 2,147,483,647"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "words"), WRONG, ids=[str(layer) for layer, _ in WRONG])
def test_what_is_wrong_is_said_with_the_arithmetic(layer: Any, words: str) -> None:
    with pytest.raises(NbcnnError) as raised:
        build(layer)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("taps", "height", "words"),
    [
        (
            5,
            2,
            "a filter of 5 reflects 5//2 = 2 rows at each border; of 2 there are 2 - 1 = 1 beside it; use kernel_size 3",
        ),
        (
            3,
            1,
            "a filter of 3 reflects 3//2 = 1 rows at each border; of 1 there are 1 - 1 = 0 beside it; use avg_pool2d",
        ),
    ],
)
def test_an_image_too_small_to_blur(taps: int, height: int, words: str) -> None:
    with pytest.raises(NbcnnError) as raised:
        build({"blur_pool": {"kernel_size": taps}}, height=height)
    assert words in str(raised.value)


@pytest.mark.parametrize("kind", ["zero_pad2d", "reflect_pad2d", "upsample", "adaptive_avg_pool2d", "blur_pool"])
def test_features_are_no_image(kind: str) -> None:
    needed: Any = {"zero_pad2d": {"padding": 1}, "reflect_pad2d": {"padding": 1}}
    needed |= {"upsample": {"scale_factor": 2}, "adaptive_avg_pool2d": {"output_size": 1}}
    with pytest.raises(NbcnnError, match=r"expected an image .*, got 9 features; move this layer before the flatten"):
        build("flatten", {kind: needed.get(kind, {})})


def test_a_network_of_them_learns_the_same_on_any_number_of_threads() -> None:
    layers: list[Any] = [
        {"conv2d": {"out_channels": 3, "kernel_size": 3}},
        {"reflect_pad2d": {"padding": [1, 2, 0, 1]}},
        {"leaky_relu": {"negative_slope": 0.1}},
        {"blur_pool": {"kernel_size": 3}},
        "gelu",
        {"upsample": {"scale_factor": 2}},
        {"zero_pad2d": {"padding": [0, 1, 1, 0]}},
        {"adaptive_avg_pool2d": {"output_size": [3, 4]}},
        "silu",
        "flatten",
        {"linear": {"out_features": 4}},
    ]
    network = build(*layers, height=9, width=8)
    random = np.random.default_rng(5)
    x, labels = random.standard_normal((75, 1, 9, 8)).astype(np.float32), random.integers(0, 4, 75)
    found = set()
    for threads in (1, 2, 3):
        engine = Engine(network, threads=threads)
        losses = engine.train_step(x, labels, np.arange(75)).losses
        found.add((losses.tobytes(), engine.gradient.tobytes()))
        engine.close()
    assert len(found) == 1
    for count in (1, 5):  # one by one, and in a pack
        np.testing.assert_array_equal(network(x[:count]), network(x)[:count])
