"""The line chart of a page, by what its SVG says."""

from __future__ import annotations

import re

import pytest

from nbcnn.report.line_chart import MOST, Line, line_chart


def numbers(svg: str, tag: str, *names: str) -> list[tuple[float, ...]]:
    found = re.findall(rf"<{tag} [^>]*>", svg)
    return [tuple(float(re.findall(rf' {name}="([^"]*)"', one)[0]) for name in names) for one in found]


def labels(svg: str) -> list[str]:
    return re.findall(r"<text [^>]*>([^<]*)</text>", svg)


def test_a_gap_is_no_line() -> None:
    svg = line_chart("Loss", [Line("val", "val", [(1, 2.0), (2, 1.0), (3, None), (4, 3.0), (5, None)])], str)
    (piece,) = re.findall(r'points="([^"]*)"', svg)
    assert len(piece.split()) == 2
    dots = numbers(svg, "circle", "cx", "cy")
    assert len(dots) == 3 and dots[1][1] > dots[0][1] > dots[2][1]  # the largest is the highest
    assert [x for x, _ in dots] == sorted(x for x, _ in dots)
    assert dots[2][0] - dots[0][0] == pytest.approx(3 * (dots[1][0] - dots[0][0]), abs=0.2)


def test_values_far_apart_have_a_logarithmic_axis() -> None:
    svg = line_chart("Loss", [Line("train", "train", [(1, 1e4), (2, 1.0), (3, 1e-4)])], "{:g}".format, from_zero=True)
    assert "Loss, logarithmic" in svg
    ys = [y for _, y in numbers(svg, "circle", "cx", "cy")]
    assert ys[1] - ys[0] == pytest.approx(ys[2] - ys[1], abs=0.2)
    assert "logarithmic" not in line_chart("Loss", [Line("t", "train", [(1, 1e4), (2, 0.0)])], str, from_zero=True)


def test_ticks_stand_at_their_values() -> None:
    svg = line_chart("A", [Line("t", "train", [(1, 0.0), (2, 10.0)])], "{:g}".format, from_zero=True)
    lines = [y1 for y1, y2 in numbers(svg, "line", "y1", "y2") if y1 == y2]
    ticks = [float(label) for label in labels(svg)[: len(lines)]]
    assert ticks == [0, 5, 10]
    (_, zero), (_, ten) = numbers(svg, "circle", "cx", "cy")
    assert (lines[0], lines[2]) == (zero, ten) and lines[1] == pytest.approx((zero + ten) / 2, abs=0.1)


def test_one_epoch_no_number_and_equal_ones() -> None:
    assert len(numbers(line_chart("A", [Line("t", "train", [(7, 0.0)])], str, mark=7), "circle", "cx")) == 1
    assert "no number of it is known" in line_chart("A", [Line("t", "train", [(1, None)])], str)
    ys = numbers(line_chart("A", [Line("t", "train", [(1, 0.5), (2, 0.5)])], str), "circle", "cy")
    assert ys[0] == ys[1]


def test_of_many_epochs_some_are_drawn() -> None:
    svg = line_chart("A", [Line("t", "train", [(n, float(n)) for n in range(1, 5001)])], "{:g}".format)
    (piece,) = re.findall(r'points="([^"]*)"', svg)
    assert len(piece.split()) == MOST and not numbers(svg, "circle", "cx")
    assert "t 5000" in svg and "5,000" in labels(svg)


def test_the_best_epoch_is_marked() -> None:
    svg = line_chart("A", [Line("t", "train", [(1, 1.0), (2, 2.0), (3, 3.0)])], str, mark=2)
    (mark,) = re.findall(r'<line class="mark" x1="([^"]*)"', svg)
    assert float(mark) == numbers(svg, "circle", "cx")[1][0] and "best checkpoint: epoch 2" in svg
    assert 'class="mark"' not in line_chart("A", [Line("t", "train", [(1, 1.0)])], str, mark=9)


def test_names_are_escaped() -> None:
    svg = line_chart("<b>", [Line('"onload=', "train", [(1, 1.0)])], str)
    assert "<b>" not in svg and '"onload' not in svg
