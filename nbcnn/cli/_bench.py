"""Printed output of ``nbcnn bench``: progress on standard error, tables on standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from textwrap import fill
from typing import TYPE_CHECKING

from nbcnn.cli._output import say
from nbcnn.cli._tables import WIDEST, plain_table, show
from nbcnn.util.formatting import counted

if TYPE_CHECKING:
    from nbcnn.bench.layers import Raced
    from nbcnn.bench.rows import Row


@contextmanager
def progress(warning: str | None = None) -> Iterator[Callable[[str], None]]:
    """On a terminal a moving line that says what is measured or compiled now; elsewhere a word before compiling alone.

    ``warning`` is said once the first measurement begins, so after all mistakes in what was asked for.
    """
    from rich.console import Console
    from rich.markup import escape

    from nbcnn.cli._compiling import Teller
    from nbcnn.compiler.compile_log import compile_listener

    untold = [warning] if warning else []

    def warn() -> None:
        while untold:
            say(folded(f"warning: {untold.pop()}"), err=True)

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        with compile_listener(Teller(partial(say, err=True), None)):
            yield lambda what: warn()
        return
    now: list[str] = []
    with console.status("") as status:

        def tell(what: str) -> None:
            warn()
            now[:] = [what]
            status.update(escape(what))

        def compiling(line: str) -> None:
            status.update(escape(line or " ".join(now)))

        with compile_listener(Teller(tell, compiling)):
            yield tell


def folded(line: str, indent: str = "  ") -> str:
    """A line in several of WIDEST columns at most."""
    return fill(line, WIDEST, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def layers_table(name: str, raced: Sequence[Raced], threads: int, rounds: int) -> None:
    """One block a problem: contenders of each direction, the quickest first."""
    from nbcnn.bench.layers import describe

    figures = "medians" if any(each.contest.samples for each in raced) else "lower quartiles"
    say(f"{name}: {counted(threads, 'thread')}, {figures} of {counted(rounds, 'round')} in turn")
    for layers, contest in raced:
        say(f"\nlayer {', '.join(layers)}: {describe(contest.problem)}")
        table = plain_table(("direction", "", "backend"), ("µs/pack", "µs/image", "GFLOP/s", "× best"))
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
            say(f"  {contender}: {reason}")
    say("\n* the quickest. A pack is 16 images; GFLOP/s count the formula's operations, two a MAC.")
    if sys.stdout is not None:
        sys.stdout.flush()


def whole_table(
    name: str, rows: Sequence[Row], peers: Sequence[str], threads: int, rounds: int, apart: str = ""
) -> None:
    """A line for each measure: nbcnn, then each peer's best way and how far nbcnn is ahead of it.

    ``apart`` says that training has no peers, and why.
    """
    from nbcnn.bench.rows import OWN

    say(f"{name}: {counted(threads, 'thread')}, medians of {counted(rounds, 'round')} in turn\n")
    numbers = [OWN, *(title for peer in peers for title in (peer, "ratio"))]
    table = plain_table(("", "unit"), numbers, collapse_padding=len(peers) > 1)  # two peers in WIDEST columns
    for row in rows:
        table.add_row(row.what, row.unit, figure(row.median(OWN)), *peer_cells(row, peers))
    show(table)
    if peers:
        say("\nratio: above 1 nbcnn is ahead; each round's own, then their median. A peer's best way is shown.")
    if apart:
        say(folded(apart, ""))


def peer_cells(row: Row, peers: Sequence[str], shown: Callable[[float], float] = float) -> Iterator[str]:
    """Of each peer the best way with its figure, as ``shown``, and how far nbcnn is ahead of it."""
    for peer in peers:
        ratio = row.ratio(peer)
        way = ratio.contender.partition(" ")[2] if ratio else ""
        yield f"{way} {figure(shown(row.median(ratio.contender)))}".strip() if ratio else "–"
        yield f"{ratio.ratio:.2f}" if ratio else ""


def figure(value: float) -> str:
    """Three digits or more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
