"""Printed output of ``nbcnn bench --sweep`` for a whole network: a table per axis and measure, crossovers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nbcnn.cli._bench import figure, folded, peer_cells
from nbcnn.cli._output import say
from nbcnn.cli._tables import plain_table, show
from nbcnn.util.formatting import counted

if TYPE_CHECKING:
    from nbcnn.bench.scaling import Growth


def growth_tables(growths: Sequence[Growth], rounds: int) -> None:
    """All axes; crossovers stand below each table, what is missing below each axis."""
    from nbcnn.bench.crossover import TIE
    from nbcnn.bench.scaling_crossover import sentence

    peers = bool(growths and growths[0].peers)
    for number, growth in enumerate(growths):
        how = f"{growth.fixed}; medians of {counted(rounds, 'round')} in turn; µs/image"
        say(("\n" if number else "") + folded(f"{growth.name} along {growth.axis.title}: {how}"))
        for measure in growth.measures:
            say(f"\n{measure}")
            _table(growth, measure)
            words = [said for peer in growth.peers if (said := sentence(growth, measure, peer))]
            if words:
                say()
            for line in words:
                say(folded(f"{measure}: {line}"))
        if growth.missing:
            say()
        for at, why in growth.missing:
            say(folded(f"  – {growth.axis.name} {at}: {why}", "    "))
    if peers:
        say(
            "\n"
            + folded(
                "ratio: above 1 nbcnn is ahead; each round's own, then their median. A peer's best way is shown. "
                f"Who is less than {TIE - 1:.0%} ahead has not overtaken; between points lines are straight on "
                "logarithmic axes."
            )
        )


def _table(growth: Growth, measure: str) -> None:
    """A line for each point: µs an image, each peer's faster variant and how far nbcnn is ahead of it."""
    from nbcnn.bench.rows import OWN

    rows = growth.rows(measure)
    peers = [peer for peer in growth.peers if any(row.ratio(peer) for _, row in rows)]
    noted = any(point.note for point in growth.points)
    table = plain_table((), [growth.axis.name])
    if noted:
        table.add_column("")
    for title in (OWN, *(title for peer in peers for title in (peer, "ratio"))):
        table.add_column(title, justify="right")
    for point, row in rows:
        cells = [str(point.at), *([point.note] if noted else []), figure(1e6 / row.median(OWN))]
        table.add_row(*cells, *peer_cells(row, peers, lambda rate: 1e6 / rate))
    show(table)
