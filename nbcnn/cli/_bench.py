"""What ``nbcnn bench`` prints: progress on the error output, tables on the output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nbcnn.bench.layers import Raced
    from nbcnn.bench.rounds import Row
    from nbcnn.bench.sweep import Sweep


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A line on standard error that says what is measured now; on a terminal it moves, elsewhere there is one each."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda what: click.echo(what, err=True)
        return
    with console.status("") as status:
        yield lambda what: status.update(escape(what))


def layers_table(name: str, raced: Sequence[Raced], threads: int, rounds: int) -> None:
    """One block a problem: contenders of each direction, the quickest first."""
    from rich.table import Table

    from nbcnn.bench.layers import describe
    from nbcnn.cli._tables import show

    figures = "medians" if any(each.contest.samples for each in raced) else "lower quartiles"
    click.echo(f"{name}: {_threads(threads)}, {figures} of {_rounds(rounds)} in turn")
    for layers, contest in raced:
        click.echo(f"\nlayer {', '.join(layers)}: {describe(contest.problem)}")
        table = Table(box=None, pad_edge=False)
        for title in ("direction", "", "backend"):
            table.add_column(title)
        for title in ("µs/pack", "µs/image", "GFLOP/s", "× best"):
            table.add_column(title, justify="right")
        for direction in contest.directions:
            ranking = contest.ranking(direction)
            for place, (contender, seconds) in enumerate(ranking):
                rate = contest.gflops(seconds)
                table.add_row(
                    direction if place == 0 else "",
                    "*" if place == 0 else "",
                    contender,
                    f"{seconds * 1e6:,.1f}",
                    f"{contest.image(seconds) * 1e6:,.2f}",
                    "" if rate is None else f"{rate:,.1f}",
                    f"{contest.behind(direction, contender, ranking[0][0]):.2f}",
                )
        show(table)
        for contender, reason in contest.absent.items():
            click.echo(f"  {contender}: {reason}")
    click.echo("\n* the quickest. A pack is 16 images; GFLOP/s count the formula's operations, two a MAC.")
    sys.stdout.flush()


def sweep_table(sweep: Sweep, threads: int, rounds: int) -> None:
    """A line for each point and direction: the winner, its margin, everybody's time; then crossings and absences."""
    from rich.table import Table

    from nbcnn.bench.crossover import crossings, winner
    from nbcnn.cli._tables import show

    axis, names = sweep.axis, sorted({name for point in sweep.points for name in point.contest.seconds})
    click.echo(f"\n{axis.title}: {axis.fixed}; {_threads(threads)}, at most {_rounds(rounds)} in turn; µs/image\n")
    table = Table(box=None, pad_edge=False)
    for title in sweep.points[0].at:
        table.add_column(title, justify="right")
    table.add_column("direction")
    table.add_column("winner")
    for title in ("by", *names):
        table.add_column(title, justify="right")
    directions = list(dict.fromkeys(direction for point in sweep.points for direction in point.contest.directions))
    for direction in directions:
        for point in sweep.points:
            won, contest = winner(point.contest, direction), point.contest
            times = [contest.seconds.get(name, {}).get(direction) for name in names]
            cells = ["–" if seconds is None else _figure(contest.image(seconds) * 1e6) for seconds in times]
            margin = "" if won is None or won.margin is None else f"{won.margin:.2f}×"
            table.add_row(*map(str, point.at.values()), direction, won.name if won else "", margin, *cells)
    show(table)
    if axis.name != "map":
        click.echo()
        for direction in directions:
            found = "; ".join(map(str, crossings(sweep, direction)))
            click.echo(f"{direction}: {found or 'one winner all along'}")
    reasons: dict[tuple[str, str], list[str]] = {}
    for point in sweep.points:
        for name, reason in point.contest.absent.items():
            reasons.setdefault((name, reason), []).append(" × ".join(map(str, point.at.values())))
    for (name, reason), where in reasons.items():
        click.echo(f"  – {name} at {', '.join(where)}: {reason}")


def whole_table(name: str, rows: Sequence[Row], peers: Sequence[str], threads: int, rounds: int) -> None:
    """A line for each measure: nbcnn, then each peer's best way and how far nbcnn is ahead of it."""
    from rich.table import Table

    from nbcnn.bench.rounds import OWN
    from nbcnn.cli._tables import show

    click.echo(f"{name}: {_threads(threads)}, medians of {_rounds(rounds)} in turn\n")
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("unit")
    table.add_column(OWN, justify="right")
    for peer in peers:
        table.add_column(peer, justify="right")
        table.add_column("ratio", justify="right")
    for row in rows:
        cells = [row.what, row.unit, _figure(row.median(OWN))]
        for peer in peers:
            ratio = row.ratio(peer)
            way = ratio.contender.partition(" ")[2] if ratio else ""
            figure = f"{way} {_figure(row.median(ratio.contender))}".strip() if ratio else "–"
            cells += [figure, f"{ratio.ratio:.2f}" if ratio else ""]
        table.add_row(*cells)
    show(table)
    if peers:
        click.echo("\nratio: above 1 nbcnn is ahead; each round's own, then their median. A peer's best way is shown.")


def _figure(value: float) -> str:
    """Three digits or more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _rounds(count: int) -> str:
    return "1 round" if count == 1 else f"{count} rounds"


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
