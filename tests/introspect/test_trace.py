"""One number of a convolution, traced: against the engine's bits, NumPy's transforms, and the printed text."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize

import nbcnn
from nbcnn.config import load_config
from nbcnn.engine.network import Network
from nbcnn.engine.serial import SerialExecutor
from nbcnn.errors import ConfigError, ShapeError
from nbcnn.functional import conv2d, conv2d_grad_input, conv2d_grad_weight
from nbcnn.introspect.trace.conv2d import ConvTrace, trace_pixel, trace_weight
from nbcnn.introspect.trace.example import explain_example
from nbcnn.introspect.trace.layer import explain_conv
from nbcnn.introspect.trace.output_size import output_sizes
from nbcnn.introspect.trace.rounding import multiply_add, nearest, rounds_once
from nbcnn.introspect.trace.winograd_gradient import GradientTiles
from nbcnn.kernels.conv2d._edge_cases import EDGE_CASES
from nbcnn.kernels.conv2d.problem import Conv2dProblem

WIDE = Conv2dProblem(130, 2, 4, 4, (3, 3), padding=(1, 1, 1, 1))  # 1170 products: two blocks
TILED = Conv2dProblem(2, 3, 7, 6, (3, 3), padding=(1, 1, 1, 1))
CASES = {**EDGE_CASES, "two blocks": WIDE, "tiles": TILED}
QUICK = ("3x3", "stride and padding on four sides", "two blocks", "1x1", "tiles")


def arrays(p: Conv2dProblem) -> tuple[np.ndarray, ...]:
    """x, w, b, dy of random numbers."""
    random = np.random.default_rng(3)
    shapes = (p.x_shape, p.w_shape, (p.out_channels,), p.y_shape)
    return tuple(random.normal(size=shape).astype(p.dtype) for shape in shapes)


def places(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The first place, the last, and one between."""
    return sorted({tuple(0 for _ in shape), tuple(n // 2 for n in shape), tuple(n - 1 for n in shape)})


def keywords(p: Conv2dProblem) -> dict[str, Any]:
    return {"stride": p.stride, "padding": p.padding, "dilation": p.dilation, "groups": p.groups}


def added_up(trace: ConvTrace) -> float:
    """The terms added in exact arithmetic, each sum rounded to float32 by NumPy from a decimal that is long enough."""
    total, s, block = None, trace.sum.start, 0
    for term in trace.sum.terms:
        if term.block != block:
            total, s, block = (s if total is None else float(np.float32(total) + np.float32(s))), 0.0, term.block
        if not term.padding:
            assert term.product == term.x * term.factor
            s = rounded(Fraction(s) + Fraction(term.product))
        assert term.sum == s
    return s if total is None else float(np.float32(total) + np.float32(s))


def rounded(exact: Fraction) -> float:
    """The nearest float32, by trying the neighbours of a float32 that is near."""
    near = np.float32(float(exact))
    some = [np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))]
    even = [int(one.view(np.int32)) % 2 for one in some]
    return float(
        min(zip(some, even, strict=True), key=lambda pair: (abs(Fraction(float(pair[0])) - exact), pair[1]))[0]
    )


@pytest.mark.jit
@parametrize("name", list(CASES), quick=lambda name: name in QUICK)
def test_the_products_add_up_to_the_engines_bits(name: str) -> None:
    p = CASES[name]
    x, w, b, dy = arrays(p)
    y, dw = conv2d(x, w, b, **keywords(p)), conv2d_grad_weight(x, w.shape, dy, **keywords(p))
    for at in places(p.y_shape):
        trace = trace_pixel(p, x, w, b, at)  # type: ignore[arg-type]
        assert trace.same_bits and trace.sum.total == trace.engine == y[at]
        assert added_up(trace) == y[at]
        windows = np.float64(
            sum(Fraction(t.x) * Fraction(t.factor) for t in trace.sum.terms) + Fraction(float(b[at[0]]))
        )
        assert trace.sum.exact == windows
    for at in places(p.w_shape):
        trace = trace_weight(p, x, dy, at)  # type: ignore[arg-type]
        assert trace.same_bits and trace.sum.total == trace.engine == dw[at]
        assert added_up(trace) == dw[at]


def test_where_nothing_is_fused_the_bits_are_the_engines_too(dtype: str) -> None:
    """The test also runs on kernels in plain Python, where products are rounded."""
    p = replace(CASES["stride and padding on four sides"], dtype=dtype)
    x, w, b, dy = arrays(p)
    for at in places(p.y_shape):
        assert trace_pixel(p, x, w, b, at).same_bits  # type: ignore[arg-type]
    for at in places(p.w_shape):
        assert trace_weight(p, x, dy, at).same_bits  # type: ignore[arg-type]


def test_a_fused_multiply_add_is_rounded_once() -> None:
    """1 + 2⁻²⁴ + 2⁻⁴⁸ lies just above a tie: rounded by way of float64 it would fall onto the tie, and then to 1."""
    kind, tiny = np.dtype(np.float32), 2.0**-24 * (1 + 2.0**-23)
    above = Fraction(1) + Fraction(2) ** -24 + Fraction(2) ** -80
    assert float(np.float32(float(above))) == 1 and nearest(above, kind) == 1 + 2.0**-23
    assert nearest(Fraction(1) + Fraction(2) ** -24, kind) == 1
    assert multiply_add(1.0, tiny, 1.0, kind, once=True).sum == 1 + 2.0**-23
    x = float(np.float32(1 + 2.0**-12))
    assert multiply_add(-1.0, x, x, kind, once=True).sum == 2.0**-11 + 2.0**-24
    assert multiply_add(-1.0, x, x, kind, once=False).sum == 2.0**-11
    assert multiply_add(0.0, 3e38, 10.0, kind, once=True).sum == np.inf
    assert np.isnan(multiply_add(0.0, np.inf, 0.0, kind, once=True).sum)


@pytest.mark.jit
def test_one_tap_is_the_machines_own_multiply_add() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        s, x, w = (random.normal(size=3) * 2.0 ** random.integers(-20, 20, 3)).astype(np.float32)
        machine = conv2d(np.full((1, 1, 1, 1), x), np.full((1, 1, 1, 1), w), np.full(1, s))
        assert multiply_add(float(s), float(x), float(w), np.dtype(np.float32), rounds_once()).sum == machine.item()


def test_numbers_that_are_none_are_traced_too() -> None:
    p = Conv2dProblem(1, 1, 3, 3, (2, 2))
    x, w, b, _ = arrays(p)
    x[0, 0, 0] = np.inf
    trace = trace_pixel(p, x, w, b, (0, 0, 0))
    assert np.isinf(trace.sum.total) and trace.same_bits
    assert trace.as_json()["engine"] is None
    x[0, 0, 1] = -np.inf
    w[:] = 1
    trace = trace_pixel(p, x, w, b, (0, 0, 0))
    assert np.isnan(trace.sum.total) and trace.same_bits


def test_the_books_example() -> None:
    trace = explain_example()
    assert [term.product for term in trace.sum.terms] == [0, 1, 6, 12]
    assert [term.sum for term in trace.sum.terms] == [0, 1, 7, 19]
    assert trace.engine == 19 and trace.at == (0, 0, 0)
    assert trace.matrix.left_row.tolist() == [0, 1, 2, 3] and trace.matrix.right_column.tolist() == [0, 1, 3, 4]
    assert (trace.matrix.left, trace.matrix.right, trace.matrix.macs) == ((1, 4), (4, 4), 4)
    weight = explain_example(weight=(0, 0, 1, 1))
    assert [term.product for term in weight.sum.terms] == [4, 5, 7, 8] and weight.engine == 24


def test_the_books_example_in_every_kind() -> None:
    """Channels as in the book: 56 is the first output of two channels; groups, dilation, stride, padding by hand."""
    two = explain_example(in_channels=2)
    assert two.engine == sum(n * x for n, x in enumerate([0, 1, 3, 4, 9, 10, 12, 13]))
    apart = explain_example(input_size=5, dilation=2)
    assert [term.x for term in apart.sum.terms] == [0, 2, 10, 12]
    alone = explain_example(in_channels=2, out_channels=2, groups=2, pixel=(1, 0, 0))
    assert [term.pixel for term in alone.sum.terms] == [(1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)]
    corner = explain_example(padding=1)
    assert [term.padding for term in corner.sum.terms] == [True, True, True, False]
    edges = explain_example(kernel=np.array([[1, -1]], np.float32), pixel=(0, 0, 1))
    assert edges.engine == 1 - 2 and edges.problem.kernel_size == (1, 2)
    assert explain_example(kernel_size=1, in_channels=3).matrix.macs == 3


@parametrize("name", list(CASES), quick=lambda name: name in QUICK)
def test_spectra_are_those_of_numpy(name: str) -> None:
    p = CASES[name]
    x, w, b, dy = arrays(p)
    at = places(p.y_shape)[-1]
    trace = trace_pixel(p, x, w, b, at)  # type: ignore[arg-type]
    form = trace.spectra
    assert form is not None and form.value == next(one.value for one in trace.outcomes if one.backend == "fft")
    first = at[0] // (p.out_channels // p.groups) * (p.in_channels // p.groups)
    frame = np.zeros(form.frame)
    frame[p.padding[0] : p.padding[0] + p.height, p.padding[2] : p.padding[2] + p.width] = x[first]
    assert np.allclose(form.x, np.fft.rfft2(frame), atol=1e-4)
    taps = np.zeros(form.frame)
    taps[: p.dilation[0] * p.kernel_size[0] : p.dilation[0], : p.dilation[1] * p.kernel_size[1] : p.dilation[1]] = w[
        at[0], 0
    ]
    assert np.allclose(form.factor, np.fft.rfft2(taps), atol=1e-4)
    weight = places(p.w_shape)[-1]
    back = trace_weight(p, x, dy, weight)  # type: ignore[arg-type]
    assert back.spectra is not None
    assert back.spectra.value == next(one.value for one in back.outcomes if one.backend == "fft")
    assert np.allclose(back.spectra.product, back.spectra.x * back.spectra.factor.conj(), atol=1e-3)


@pytest.mark.parametrize("backend", ["winograd", "winograd_2x2"])
def test_a_tile_is_that_of_the_backend(backend: str) -> None:
    from nbcnn.introspect.trace.winograd_tile import of_pixel

    m = 4 if backend == "winograd" else 2
    x, w, b, _ = arrays(TILED)
    y = conv2d(x, w, b, padding=1, backend=backend)
    for at in places(TILED.y_shape):
        form = of_pixel(TILED, m, x, w, b, at)  # type: ignore[arg-type]
        assert form.value == y[at]
        assert (form.multiplications, form.formula) == ((m + 2) ** 2 * 2, 9 * m * m * 2)
    two = of_pixel(TILED, 2, x, w, b, (1, 2, 3))
    BT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
    G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2
    assert np.array_equal(two.pixels, x[0, 1:5, 1:5]) and (two.corner, two.place) == ((2, 2), (0, 1))
    assert np.allclose(two.transformed, BT @ two.pixels @ BT.T, atol=1e-5)
    assert np.allclose(two.kernel, G @ w[1, 0] @ G.T, atol=1e-5)


@pytest.mark.parametrize("backend", ["winograd", "winograd_2x2"])
def test_a_gradients_tiles_are_those_of_the_backend(backend: str) -> None:
    from nbcnn.introspect.trace.winograd_gradient import of_weight

    m = 4 if backend == "winograd" else 2
    large = Conv2dProblem(4, 6, 13, 22, (3, 3), padding=(2, 0, 1, 1), groups=2)  # tiles that reach out; several blocks
    for p in (TILED, large):
        x, _, _, dy = arrays(p)
        dw = conv2d_grad_weight(x, p.w_shape, dy, padding=p.padding, groups=p.groups, backend=backend)
        for at in [(0, 0, 0, 0), (1, 1, 2, 1), tuple(n - 1 for n in p.w_shape)]:
            terms = trace_weight(p, x, dy, at).sum.terms  # type: ignore[arg-type]
            form = of_weight(p, m, x, dy, at, terms)  # type: ignore[arg-type]
            assert form.backend == backend and form.value == dw[at] and np.array_equal(form.kernel, dw[at[:2]])
            tiles = -(-p.out_height // m) * -(-p.out_width // m)
            assert form.multiplications == (m + 2) ** 2 * tiles and form.formula == 9 * p.out_height * p.out_width


def test_a_gradients_tile_by_equation_39() -> None:
    """The tile with the largest part in the sum, and each matrix on the way, by NumPy in float64."""
    x, _, _, dy = arrays(TILED)
    at = (1, 0, 2, 1)
    trace = trace_weight(TILED, x, dy, at)
    form, padded = trace.tile, np.pad(x[0].astype(float), 1)
    assert isinstance(form, GradientTiles) and form.place == (2, 1)
    dys = np.pad(dy[1].astype(float), ((0, 1), (0, 0)))  # 7 rows: the last tiles reach out
    corners = [(r, q) for r in range(0, 7, 2) for q in range(0, 6, 2)]
    shares = [
        sum(dys[r + i, q + j] * np.pad(padded, 2)[r + i + 4, q + j + 3] for i in (0, 1) for j in (0, 1))
        for r, q in corners
    ]
    largest = int(np.argmax(np.abs(shares)))
    assert form.tiles == (4, 3) and form.corner == corners[largest] and np.isclose(form.share, shares[largest])
    r, q = form.corner
    BT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
    G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2
    A = np.array([[1, 0], [1, 1], [1, -1], [0, -1]])
    d, e = np.pad(padded, ((0, 2), (0, 0)))[r : r + 4, q : q + 4], dys[r : r + 2, q : q + 2]
    assert np.allclose(form.gradients, e) and np.allclose(form.transformed_gradients, A @ e @ A.T, atol=1e-5)
    assert np.allclose(form.pixels, d) and np.allclose(form.transformed, BT @ d @ BT.T, atol=1e-5)
    assert np.allclose(form.products, (A @ e @ A.T) * (BT @ d @ BT.T), atol=1e-5)
    assert np.allclose(form.kernel, G.T @ form.sums.astype(float) @ G, atol=1e-5)
    assert trace.as_json()["winograd"]["share"] == form.share


def test_numbers_that_are_none_have_a_tile_too() -> None:
    x, _, _, dy = arrays(TILED)
    x[0, 3, 3], dy[0, 0, 0] = np.nan, np.inf
    trace = trace_weight(TILED, x, dy, (0, 0, 1, 1))
    assert isinstance(trace.tile, GradientTiles) and np.isnan(trace.tile.value) and trace.same_bits


def test_the_layers_own_backend_shows_its_tile() -> None:
    network = nbcnn.load(TINY, overrides=nbcnn.Overrides(sets=("layers[0].conv2d.backend=winograd",)))
    trace = explain_conv(network, image(), "0")
    assert trace.tile is not None and trace.tile.backend == trace.backend == "winograd"
    back = explain_conv(network, image(), "0", weight=(0, 0, 1, 1), label=0)
    assert isinstance(back.tile, GradientTiles) and back.tile.backend == "winograd"
    assert back.tile.value == next(one.value for one in back.outcomes if one.backend == "winograd")


@parametrize("name", list(EDGE_CASES), quick=lambda name: "floor" in name)
def test_what_the_floor_drops_has_no_gradient(name: str) -> None:
    """By the engine's gradient of x: rows that are dropped have none, and the last that is not dropped has one."""
    p = EDGE_CASES[name]
    ones = np.ones((1, *p.y_shape), np.float32)
    dx = conv2d_grad_input((1, *p.x_shape), np.ones(p.w_shape, np.float32), ones, **keywords(p))[0, 0]
    for axis, size in enumerate(output_sizes(p)):
        assert size.outputs == p.y_shape[1 + axis]
        profile = dx.any(axis=1 - axis)
        assert not any(profile[n] for n in size.pixels)
        last = p.x_shape[1 + axis] - len(size.pixels) - 1
        assert profile[last] or p.padding[2 * axis + 1] > len(size.dropped)


def test_the_sizes_formula_is_filled_in() -> None:
    rows, columns = output_sizes(Conv2dProblem(1, 1, 5, 6, (2, 3), (2, 2), (0, 0, 1, 0)))
    assert rows.formula == "OH = floor((5 - 1·(2 - 1) - 1) / 2) + 1 = floor(3 / 2) + 1 = 2"
    assert rows.words() == "the floor drops row 4: it lies under no window, and its gradient is 0"
    assert columns.formula == "OW = floor((6 + 1 + 0 - 1·(3 - 1) - 1) / 2) + 1 = floor(4 / 2) + 1 = 3"
    assert columns.words() == ""
    rows, _ = output_sizes(Conv2dProblem(1, 1, 9, 9, (2, 2), (5, 5), (0, 1, 0, 0)))
    assert rows.words() == (
        "the floor drops rows 7, 8, 9 (1 of padding): they lie under no window, and their gradient is 0"
    )
    _, columns = output_sizes(Conv2dProblem(1, 1, 9, 8, (2, 2), (5, 5), (0, 0, 0, 2)))
    assert columns.words().startswith("the floor drops columns 7, 8, 9 (2 of padding): they lie")


TINY: dict[str, Any] = {
    "name": "tiny",
    "input": {"channels": 1, "height": 6, "width": 6},
    "layers": [
        {"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": 1, "bias": False}},
        "batch_norm2d",
        {"residual": {"body": ["relu", {"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": 1}}]}},
        {"conv2d": {"out_channels": 4, "kernel_size": 3, "stride": 2, "groups": 2}},
        "flatten",
        {"linear": {"out_features": 3}},
    ],
}


def image() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (1, 6, 6)).astype(np.uint8)


def test_a_layers_pixel_is_what_the_network_computes() -> None:
    """Cut behind the layer, the network gives the traced number to the bit; inside a branch too."""
    network = nbcnn.load(TINY)
    for path, cut in (("0", TINY["layers"][:1]), ("3", TINY["layers"][:4])):
        shorter = nbcnn.load({**TINY, "layers": cut})
        shorter.load_state_dict({name: network.tensors[name] for name in shorter.tensors})
        for at in ((0, 0, 0), (3, 1, 1)):
            trace = explain_conv(network, image(), path, pixel=at)
            assert trace.same_bits and np.float32(trace.engine) == shorter.scores(image()[None])[0][at]
    inner = next(layer.path for layer in network.layers() if layer.path.startswith("2."))
    convolution = next(layer.path for layer in network.layers() if layer.op == "conv2d" and layer.path.startswith("2."))
    assert inner != convolution and explain_conv(network, image(), convolution).same_bits


def test_a_gradient_is_that_of_a_training_step() -> None:
    network = nbcnn.load(TINY)
    before = network.state_dict()
    executor = SerialExecutor(other := Network(load_config(TINY)))
    executor.train_step(image()[None], np.array([2]), np.arange(1))
    from nbcnn.engine.network import views

    wanted = views(executor.gradient, other.shapes)
    paths = [layer.path for layer in network.layers() if layer.op == "conv2d"]
    assert len(paths) == 3
    for path in paths:
        shape = network.shapes[f"{path}.weight"]
        for at in places(shape):
            trace = explain_conv(network, image(), path, weight=at, label=2)  # type: ignore[arg-type]
            assert trace.same_bits and np.float32(trace.engine) == wanted[f"{path}.weight"][at]
    assert all(np.array_equal(before[name], now) for name, now in network.state_dict().items())


def test_auto_is_traced_with_direct_and_left_as_it_is() -> None:
    network = nbcnn.load(TINY, overrides=nbcnn.Overrides(backends=("conv2d=auto",)))
    assert explain_conv(network, image(), "0").backend == "direct"
    assert {layer.backend for layer in network.layers() if layer.op == "conv2d"} == {"auto"}


def test_a_backend_of_a_plugin_is_among_the_others(tmp_path: Any) -> None:
    from nbcnn.kernels.conv2d.naive import Naive
    from nbcnn.kernels.registry import backends

    backends("conv2d")  # its registry
    try:
        nbcnn.register.backend("conv2d", "as_naive")(type("AsNaive", (Naive,), {"__doc__": "naive again"}))
        assert "as_naive" in {one.backend for one in explain_example().outcomes}
    finally:
        backends("conv2d").forget("as_naive")


def test_what_cannot_be_traced_is_said() -> None:
    network = nbcnn.load(TINY)
    with pytest.raises(ConfigError, match=r"^tiny has no layer '7'; known: 0, 2.*, 3 \(its conv2d layers\)$"):
        explain_conv(network, image(), "7")
    with pytest.raises(ConfigError, match=r"^layer 1 of tiny is batch_norm2d, and only conv2d can be traced: 0, 2"):
        explain_conv(network, image(), "1")
    dense = nbcnn.load({**TINY, "layers": TINY["layers"][4:]})
    with pytest.raises(ConfigError, match=r"^tiny has no conv2d layer to trace; nbcnn summary tiny lists its layers$"):
        explain_conv(dense, image())
    with pytest.raises(ShapeError, match=r"^the image must be an array of shape \(1, 6, 6\), got shape \(1, 7, 6\)$"):
        explain_conv(network, np.zeros((1, 7, 6), np.uint8))
    with pytest.raises(ShapeError, match=r"must hold bytes \(uint8\) or floats scaled as in training, got int64$"):
        explain_conv(network, np.zeros((1, 6, 6), np.int64))
    outside = r"^pixel 0,2,0 is outside of the output, whose shape is 4×2×2 \(.*\): row must be from 0 to 1, got 2$"
    with pytest.raises(ShapeError, match=outside):
        explain_conv(network, image(), "3", pixel=(0, 2, 0))
    with pytest.raises(ShapeError, match=r"weight 0,2,0,0 .*4×2×3×3.*: input channel must be from 0 to 1, got 2$"):
        explain_conv(network, image(), "3", weight=(0, 2, 0, 0), label=0)
    with pytest.raises(ShapeError, match=r"^pixel must be 3 whole numbers o,i,j \(.*\), got 2$"):
        explain_conv(network, image(), "3", pixel=(0, 2))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"^a gradient needs the image's class; take an image of a data set"):
        explain_conv(network, image(), "3", weight=(0, 0, 0, 0))
    with pytest.raises(ShapeError, match=r"^label must be from 0 to 2, got 3$"):
        explain_conv(network, image(), "3", weight=(0, 0, 0, 0), label=3)
    with pytest.raises(ShapeError, match=r"^give a pixel or a weight, not both"):
        explain_conv(network, image(), "3", weight=(0, 0, 0, 0), pixel=(0, 0, 0), label=0)
    with pytest.raises(ShapeError, match=r"^tiny gives \(4, 6, 6\) numbers an image, not one score for each class"):
        explain_conv(nbcnn.load({**TINY, "layers": TINY["layers"][:1]}), image(), weight=(0, 0, 0, 0), label=0)
    with pytest.raises(ShapeError, match=r"groups 3 must divide the 1 input"):
        explain_example(groups=3)
    with pytest.raises(ShapeError, match=r"^the example counts to 100,000,000, and float32 holds"):
        explain_example(input_size=10_000)
    with pytest.raises(ShapeError, match=r"^input_size must be one whole number of at least 1, or two, got \(0, 3\)$"):
        explain_example(input_size=(0, 3))
