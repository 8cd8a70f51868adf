"""Printed output of ``nbcnn bench --sweep``: a line per point, tables of two-dimensional sweeps, what is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nbcnn.cli._bench import figure, folded
from nbcnn.cli._output import say
from nbcnn.cli._tables import WIDEST, plain_table, show
from nbcnn.util.formatting import counted

if TYPE_CHECKING:
    from nbcnn.bench.sweep import Point, Sweep


def sweep_tables(sweeps: Sequence[Sweep], threads: int, rounds: int) -> None:
    """All axes, each with its crossovers, the contenders left out, and how to read it."""
    from nbcnn.bench.crossover import TIE, course

    for sweep in sweeps:
        axis, directions = sweep.axis, _directions(sweep)
        how = f"{sweep.fixed}; {counted(threads, 'thread')}, at most {counted(rounds, 'round')} in turn"
        say(f"\n{axis.title}: {how}{'' if axis.name == 'map' else '; µs/image'}\n")
        if axis.name == "map":
            _grids(sweep, directions)
        else:
            _rows(sweep, directions)
            say()
            for direction in directions:
                say(folded(f"{direction}: {course(sweep, direction)}"))
        for line in absences(sweep):
            say(folded(f"  – {line}", "    "))
    say(f"\nWho is less than {TIE - 1:.0%} ahead has not overtaken; in a map ≈.")


def _directions(sweep: Sweep) -> list[str]:
    return list(dict.fromkeys(direction for point in sweep.points for direction in point.contest.directions))


def _rows(sweep: Sweep, directions: Sequence[str]) -> None:
    """A line for each direction at each point: the fastest, how many times slower the second is, all times."""
    from nbcnn.bench.crossover import winner

    names = sorted({name for point in sweep.points for name in point.contest.seconds})
    table = plain_table((), [sweep.axis.name])
    table.add_column("direction")
    table.add_column("winner")
    for title in ("by", *names):
        table.add_column(title, justify="right")
    for direction in directions:
        for point in sweep.points:
            won, contest = winner(point.contest, direction), point.contest
            times = [contest.seconds.get(name, {}).get(direction) for name in names]
            cells = ["–" if seconds is None else figure(contest.image(seconds) * 1e6) for seconds in times]
            margin = "" if won is None or won.margin is None else f"{won.margin:.2f}×"
            table.add_row(str(point.at[sweep.axis.name]), direction, won.name if won else "", margin, *cells)
    show(table)


def _grids(sweep: Sweep, directions: Sequence[str]) -> None:
    """For each direction a grid: rows are image sizes, columns kernel sizes, a cell says who wins and by how much."""
    for number, direction in enumerate(directions):
        say(("\n" if number else "") + f"{direction}: the winner, and how many times slower the second is")
        for line in grid(sweep, direction):
            say(line)


def grid(sweep: Sweep, direction: str) -> list[str]:
    """The lines of a grid; where it would be wider than WIDEST, names are cut with an ellipsis."""
    from nbcnn.bench.crossover import winner

    won = {(point.at["image"], point.at["kernel"]): winner(point.contest, direction) for point in sweep.points}
    images, kernels = (list(dict.fromkeys(place[k] for place in won)) for k in (0, 1))
    longest = max((len(each.name) for each in won.values() if each), default=0)
    while True:
        cells = [[_cell(won[image, kernel], longest) for kernel in kernels] for image in images]
        rows = [["image", *(f"{kernel}×{kernel}" for kernel in kernels)]]
        rows += [[f"{image}×{image}", *line] for image, line in zip(images, cells, strict=True)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        if sum(widths) + 2 * len(kernels) <= WIDEST or longest <= 1:
            return ["  ".join([row[0].rjust(widths[0]), *map(str.ljust, row[1:], widths[1:])]).rstrip() for row in rows]
        longest -= 1


def _cell(won: Any, longest: int) -> str:
    if won is None:
        return "–"
    name = won.name if len(won.name) <= longest else won.name[: longest - 1] + "…"
    if won.margin is None:
        return f"{name} alone"
    return f"{name} {won.margin:.{0 if won.margin >= 9.95 else 1}f}×" if won.clear else f"{name} ≈"


def absences(sweep: Sweep) -> Iterator[str]:
    """The contenders left out, where and why: a line for each backend and kind of reason.

    Reasons that differ in their numbers alone are of one kind; then the first place stands before the reason.
    """
    kinds: dict[tuple[str, str], list[tuple[Point, str]]] = {}
    for point in sweep.points:
        for name, reason in point.contest.absent.items():
            kinds.setdefault((name, re.sub(r"[0-9]+", "#", reason)), []).append((point, reason))
    for (name, _), found in kinds.items():
        first, reason = found[0]
        differ = any(other != reason for _, other in found)
        at = ", ".join(f"{axis} {value}" for axis, value in first.at.items())
        yield f"{name} at {_where(sweep, [point for point, _ in found])}{f'; at {at}' if differ else ''}: {reason}"


def _where(sweep: Sweep, points: Sequence[Point]) -> str:
    """Values of the axis; in a map values of the one side that says it all, else how many points."""
    if len(points) == len(sweep.points):
        return "every point"
    for side in sweep.points[0].at:
        values = list(dict.fromkeys(point.at[side] for point in points))
        if sum(point.at[side] in values for point in sweep.points) == len(points):
            return f"{side} {', '.join(map(str, values))}"
    return f"{len(points)} of {len(sweep.points)} points"
