"""A convolution's trace: one output pixel, or one weight's gradient, in each of the ways to compute it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Literal, NamedTuple

import numpy as np

from nbcnn.errors import ShapeError
from nbcnn.introspect.trace import backends, matrix, spectra, winograd_gradient, winograd_tile
from nbcnn.introspect.trace.direct_sum import DirectSum, pixel_sum, weight_sum
from nbcnn.introspect.trace.output_size import AxisSize, output_sizes
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.util.html import joined
from nbcnn.util.html_table import table

Direction = Literal["forward", "grad_weight"]

SHOWN = 32
"""Terms that a notebook shows."""

PIXEL, WEIGHT = ("output channel", "row", "column"), ("output channel", "input channel", "row", "column")


@dataclass(frozen=True, eq=False)
class ConvTrace:
    """One number of a convolution, computed in every way.

    ``at`` is the output pixel (o, i, j), or for the direction ``grad_weight`` the weight (o, c, a, k). ``sum`` is the
    direct sum term by term, ``engine`` what the backend ``direct`` computed: they have the same bits (``same_bits``).
    ``x`` (C, H, W) is the input, ``factor`` the weights (O, C/G, KH, KW), or of a gradient dy (O, OH, OW). ``outcomes``
    are the results of all backends. ``spectra`` and ``tile`` are None where ``fft`` or ``winograd`` can't do the layer;
    the tile is of ``winograd`` where that is the layer's own backend, else of ``winograd_2x2``. ``backend`` is the
    layer's own, ``words`` say what is traced.
    """

    words: str
    direction: Direction
    problem: Conv2dProblem
    at: tuple[int, ...]
    sizes: tuple[AxisSize, AxisSize]
    x: np.ndarray
    factor: np.ndarray
    sum: DirectSum
    engine: float
    outcomes: tuple[backends.Outcome, ...]
    matrix: matrix.MatrixForm
    spectra: spectra.SpectralForm | None
    tile: winograd_tile.TileForm | winograd_gradient.GradientTiles | None
    backend: str = "direct"

    @property
    def same_bits(self) -> bool:
        """Whether the products add up to the engine's result to the bit; one NaN is as good as another."""
        kind = self.x.dtype.type
        both_nan = np.isnan(self.sum.total) and np.isnan(self.engine)
        return bool(both_nan or kind(self.sum.total).tobytes() == kind(self.engine).tobytes())

    def _repr_html_(self) -> str:
        """In a notebook: the first terms of the direct sum, and what each backend gives."""
        kind, terms = self.x.dtype.type, self.sum.terms[:SHOWN]
        rows = [
            [
                ",".join(map(str, one.indices)),
                ",".join(map(str, one.pixel)),
                *("padding" if one.padding and n == 0 else kind(value) for n, value in enumerate((one.x, one.factor))),
                one.product,
                kind(one.sum),
            ]
            for one in terms
        ]
        less = f", the first {len(terms)} of {len(self.sum.terms):,} terms" if len(terms) < len(self.sum.terms) else ""
        same = "the same bits as" if self.same_bits else "other bits than"
        words = (
            f"{self.words}, {self.direction} at {','.join(map(str, self.at))}: the direct sum is "
            f"{kind(self.sum.total)}, {same} the engine's{less}"
        )
        other = "w" if self.direction == "forward" else "dy"
        place = "c,a,k" if self.direction == "forward" else "i,j"
        made = [[one.backend, "" if one.value is None else kind(one.value), one.refusal or ""] for one in self.outcomes]
        terms_table = table((place, "pixel", "x", other, "product", "sum"), rows, words)
        return joined(terms_table, table(("backend", "result", "can't do it"), made))

    def as_json(self) -> dict[str, Any]:
        """Everything as what ``json.dumps`` takes; complex numbers as [real, imaginary], None for what is no number."""
        fields = {
            "words": self.words,
            "direction": self.direction,
            "at": list(self.at),
            "problem": asdict(self.problem),
            "output_size": [size._asdict() for size in self.sizes],
            "sum": self.sum._replace(terms=())._asdict() | {"terms": [term._asdict() for term in self.sum.terms]},
            "engine": self.engine,
            "same_bits": self.same_bits,
            "backend": self.backend,
            "outcomes": [outcome._asdict() for outcome in self.outcomes],
            "im2col": self.matrix._asdict(),
            "fft": self.spectra and self.spectra._asdict(),
            "winograd": self.tile and self.tile._asdict(),
        }
        return {name: _plain(value) for name, value in fields.items()}


class Placed(NamedTuple):
    """What a trace begins with beside its arrays: what it is called, and the layer's own backend."""

    words: str
    backend: str = "direct"


PLAIN = Placed("a convolution")


def trace_pixel(
    problem: Conv2dProblem,
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray,
    pixel: tuple[int, int, int] | None = None,
    placed: Placed = PLAIN,
) -> ConvTrace:
    """Trace an output pixel (o, i, j), by default the middle one of output channel 0.

    x (C, H, W), w (O, C/G, KH, KW), b (O,). Raises ShapeError for a pixel outside of the output.
    """
    p = problem
    at = pixel or (0, p.out_height // 2, p.out_width // 2)
    _check("pixel", at, p.y_shape, PIXEL)
    o, i, j = at
    total = pixel_sum(p, x, w, b, (o, i, j))
    found = {name: float(backends.forward(p, name, x, w, b)[at]) for name in backends.able(p)}
    return ConvTrace(
        placed.words,
        "forward",
        p,
        at,
        output_sizes(p),
        x,
        w,
        total,
        found["direct"],
        backends.outcomes(p, found, total.exact, "forward"),
        matrix.of_pixel(p, (o, i, j), total.terms),
        spectra.of_pixel(p, x, w, b, (o, i, j)) if "fft" in found else None,
        winograd_tile.of_pixel(p, _side(placed), x, w, b, (o, i, j)) if "winograd" in found else None,
        placed.backend,
    )


def trace_weight(
    problem: Conv2dProblem,
    x: np.ndarray,
    dy: np.ndarray,
    weight: tuple[int, int, int, int],
    placed: Placed = PLAIN,
) -> ConvTrace:
    """Trace the gradient of the weight (o, c, a, k) backwards: x (C, H, W), dy (O, OH, OW) of one image.

    Raises ShapeError for a weight outside of the kernel.
    """
    p = problem
    _check("weight", weight, p.w_shape, WEIGHT)
    total = weight_sum(p, x, dy, weight)
    found = {name: float(backends.grad_weight(p, name, x, dy)[weight]) for name in backends.able(p)}
    return ConvTrace(
        placed.words,
        "grad_weight",
        p,
        weight,
        output_sizes(p),
        x,
        dy,
        total,
        found["direct"],
        backends.outcomes(p, found, total.exact, "grad_weight"),
        matrix.of_weight(p, weight, total.terms),
        spectra.of_weight(p, x, dy, weight) if "fft" in found else None,
        winograd_gradient.of_weight(p, _side(placed), x, dy, weight, total.terms) if "winograd" in found else None,
        placed.backend,
    )


def _side(placed: Placed) -> int:
    """The side of a Winograd tile that is shown: the layer's own, or the smaller, which is easier to follow."""
    return 4 if placed.backend == "winograd" else 2


def _check(what: str, at: tuple[int, ...], shape: tuple[int, ...], names: tuple[str, ...]) -> None:
    """Raise ShapeError unless ``at`` is a place in an array of ``shape``, counted from 0."""
    letters = ",".join("oij" if what == "pixel" else "ocak")
    if len(at) != len(shape):
        raise ShapeError(f"{what} must be {len(shape)} whole numbers {letters} ({', '.join(names)}), got {len(at)}")
    for name, number, size in zip(names, at, shape, strict=True):
        if not 0 <= number < size:
            where = "the output" if what == "pixel" else "the weights"
            raise ShapeError(
                f"{what} {','.join(map(str, at))} is outside of {where}, whose shape is "
                f"{'×'.join(map(str, shape))} ({', '.join(names)}): {name} must be from 0 to {size - 1}, got {number}"
            )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, complex):
        return [_plain(value.real), _plain(value.imag)]
    return None if isinstance(value, float) and not isfinite(value) else value
