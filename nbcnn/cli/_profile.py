"""Printed output of ``nbcnn bench --profile``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbcnn.cli._bench import folded
from nbcnn.cli._output import say
from nbcnn.cli._tables import plain_table, show
from nbcnn.util.formatting import counted

if TYPE_CHECKING:
    from nbcnn.bench.profile import Profile


def profile_table(found: Profile, rounds: int) -> None:
    """A line a call, in the order of the step, then what is no call, and the total."""
    say(
        f"{found.name}: {counted(found.threads, 'thread')}, batches of {found.batch_size} ({found.packs} packs of 16), "
        f"the middle half of {found.steps} steps in {counted(rounds, 'round')}\n"
    )
    table = plain_table(("#", "layer", "direction"), ("µs/pack", "share", "GFLOP/s", "of peak"))
    for row in found.rows:
        speed = ("", "") if row.gflops is None or row.of_peak is None else (f"{row.gflops:.1f}", f"{row.of_peak:.0%}")
        table.add_row(row.layer, row.what, row.direction, f"{row.seconds * 1e6:.2f}", f"{row.share:.1%}", *speed)
    pack = found.step * found.threads / found.packs * 1e6
    rest = (
        ("optimizer", found.optimizer_share),
        ("waiting", found.waiting_share),
        ("Python", found.python_share),
        ("total", sum(row.share for row in found.rows) + _left_over(found)),
    )
    for name, share in rest:
        table.add_row("", name, "", f"{share * pack:.2f}", f"{share:.1%}", "", "")
    show(table)
    say(
        f"\na step takes {found.step * 1e3:.2f} ms: {found.images_per_second:,.0f} images/s; "
        f"without the clock {found.images_per_second_without:,.0f} ({found.overhead:+.1%})"
    )
    words = (
        "Shares are of the threads' time, the step's length times the threads. GFLOP/s are one thread's and count the "
        f"formula's operations, two a MAC; the best that was measured of a thread is {found.peak_gflops:.0f}."
    )
    say(folded(words, ""))


def _left_over(found: Profile) -> float:
    """The rows that are no kernel call: optimizer, waiting, Python."""
    return found.optimizer_share + found.waiting_share + found.python_share
