"""A line chart as SVG for HTML pages; its colours follow light and dark mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor, log10
from typing import NamedTuple

from nbcnn.report.page import Html, element, joined

WIDTH, HEIGHT = 420, 250
TOP, RIGHT, BOTTOM = 10, 12, 40
"""Units of the drawing left free above, beside and below the lines; on the left it depends on the numbers."""
LETTER = 7.2
"""About how wide a digit is."""
MOST = 600
"""Points of a line; of more, evenly chosen ones are drawn."""
DOTS = 30
"""With more points than this a line has no dots."""
FAR_APART = 1000
"""Values that are farther apart than this get a logarithmic axis, where all are above 0."""

Point = tuple[float, float | None]


class Line(NamedTuple):
    """``kind`` is its class in the style sheet (train, val, test); points are (x, y), y None where it has a gap."""

    name: str
    kind: str
    points: Sequence[Point]


class _Axis(NamedTuple):
    """Where a value stands between two ends, the lower one first."""

    low: float
    high: float
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """0 at the lower end, 1 at the upper."""
        if self.logarithmic:
            return (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return (value - self.low) / (self.high - self.low)


def line_chart(
    title: str, lines: Sequence[Line], form: Callable[[float], str], mark: float | None = None, from_zero: bool = False
) -> Html:
    """Lines over the epochs with axes and a legend; ``form`` writes a value, ``mark`` is an x with a line upright.

    The legend has each line's last value. Values must be finite.
    """
    values = [y for line in lines for _, y in line.points if y is not None]
    places = [x for line in lines for x, _ in line.points]
    if not values:
        return element("p", f"{title}: no number of it is known.")
    x_axis, y_axis = _x_axis(places), _y_axis(values, from_zero)
    ticks = _log_ticks(y_axis) if y_axis.logarithmic else _ticks(y_axis.low, y_axis.high, 5)
    labels = [form(tick) for tick in ticks]
    left = 10 + LETTER * max(len(label) for label in labels)

    def at(x: float, y: float) -> tuple[float, float]:
        across = left + x_axis.share(x) * (WIDTH - left - RIGHT)
        return across, TOP + (1 - y_axis.share(y)) * (HEIGHT - TOP - BOTTOM)

    parts = list[Html]()
    for tick, label in zip(ticks, labels, strict=True):
        _, y = at(places[0], tick)
        parts.append(_stroke("grid-line", (left, y), (WIDTH - RIGHT, y)))
        parts.append(_text(label, left - 6, y + 4, "end"))
    epochs = [round(tick) for tick in _ticks(min(places), max(places), 6, whole=True)]
    for epoch in epochs:
        x, _ = at(epoch, y_axis.low)
        parts.append(_text(f"{epoch:,}", x, HEIGHT - BOTTOM + 17, "middle"))
    parts.append(_text("epoch", (left + WIDTH - RIGHT) / 2, HEIGHT - 6, "middle"))
    if mark is not None and min(places) <= mark <= max(places):
        x, _ = at(mark, y_axis.low)
        parts.append(_stroke("mark", (x, TOP), (x, HEIGHT - BOTTOM)))
    for line in lines:
        parts += _drawn(line, at)
    words = f"{title} by epoch: " + ", ".join(f"{line.name} ends at {_last(line, form)}" for line in lines)
    drawing = element(
        "svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=words, class_="chart"
    )  # fmt: skip
    keys = [joined(element("i", class_=f"key {line.kind}"), f"{line.name} {_last(line, form)}") for line in lines]
    if mark is not None:
        keys.append(joined(element("i", class_="key mark"), f"best checkpoint: epoch {mark:g}"))
    legend = element("p", *(element("span", key) for key in keys), class_="legend")
    name = f"{title}, logarithmic" if y_axis.logarithmic else title
    return element("figure", element("h3", name), drawing, legend, class_="chart-box")


def _x_axis(places: Sequence[float]) -> _Axis:
    low, high = min(places), max(places)
    return _Axis(low - 0.5, high + 0.5) if low == high else _Axis(low, high)


def _y_axis(values: Sequence[float], from_zero: bool) -> _Axis:
    low, high = min(values), max(values)
    if low > 0 and high > FAR_APART * low:
        return _Axis(low / 2, 2 * high, True)
    low = min(0.0, low) if from_zero else low
    room = 0.05 * (high - low) or abs(high) / 10 or 1.0
    return _Axis(low if from_zero else low - room, high + room)


def _ticks(low: float, high: float, count: int, whole: bool = False) -> list[float]:
    """About so many round numbers between two ends; at least one."""
    rough = (high - low) / count or 1.0
    size = 10.0 ** floor(log10(rough))
    step = next(size * k for k in (1, 2, 5, 10) if size * k >= rough)
    step = max(1.0, round(step)) if whole else step
    first = ceil(low / step - 1e-9)
    found = [k * step for k in range(first, floor(high / step + 1e-9) + 1)]
    return found or [low]


def _log_ticks(axis: _Axis) -> list[float]:
    first, last = ceil(log10(axis.low)), floor(log10(axis.high))
    return [10.0**k for k in range(first, last + 1, max(1, -(-(last - first) // 6)))]


def _drawn(line: Line, at: Callable[[float, float], tuple[float, float]]) -> list[Html]:
    """The line in parts, one for each run of points without a gap; dots where they are few."""
    parts, pieces = list[Html](), list[list[tuple[float, float]]]([[]])
    for x, y in _chosen(line.points):
        if y is None:
            pieces.append([])
        else:
            pieces[-1].append((x, y))
    few = len(line.points) <= DOTS
    for piece in pieces:
        places = [at(x, y) for x, y in piece]
        if len(piece) > 1:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            parts.append(element("polyline", class_=f"line {line.kind}", points=points))
        if few or len(piece) == 1:
            parts += [
                element("circle", class_=f"dot {line.kind}", cx=f"{x:.1f}", cy=f"{y:.1f}", r="2.6") for x, y in places
            ]
    return parts


def _chosen(points: Sequence[Point]) -> list[Point]:
    if len(points) <= MOST:
        return list(points)
    return [points[round(k * (len(points) - 1) / (MOST - 1))] for k in range(MOST)]


def _last(line: Line, form: Callable[[float], str]) -> str:
    known = [y for _, y in line.points if y is not None]
    return form(known[-1]) if known else "nowhere"


def _stroke(kind: str, start: tuple[float, float], end: tuple[float, float]) -> Html:
    (x1, y1), (x2, y2) = start, end
    return element("line", class_=kind, x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}")


def _text(words: str, x: float, y: float, anchor: str) -> Html:
    return element("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)
