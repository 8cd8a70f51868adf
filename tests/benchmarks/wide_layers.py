"""Convolutions of wide layers beside PyTorch, one thread: y, dx and dw of every backend that comes near, and auto's.

    python tests/benchmarks/wide_layers.py [--images 256] [--rounds 5] [--row 7×7] [--table FILE.md]

GFLOP/s count two operations for each multiply-accumulate of the formula, whatever a backend really does. After each
stands the ratio to PyTorch's better way, eager or channels last, whose time is taken in the same turns: above 1 nbcnn is
ahead. Figures are medians of the rounds, ratios medians of the rounds' own. Without PyTorch there is nbcnn alone. The
last column is what ``conv2d: auto`` picks for the layer in a training on one thread. Backends that take three times as
long as the fastest in a first look are left out.

The last lines say which ratios of auto's choice are below 1, and where a Winograd backend takes a tenth longer than
direct; with any of these the command ends with 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from nbcnn.autotune.auto import SLOWEST, resolve_auto
from nbcnn.autotune.choice import not_for_auto
from nbcnn.autotune.kernel_timing import time_kernels
from nbcnn.autotune.roofline import cpu, measured_peak
from nbcnn.bench.batch import arrays_of, batch_contest
from nbcnn.bench.peers.base import peers_of
from nbcnn.bench.results import Contest
from nbcnn.compiler.host import vector_registers
from nbcnn.config import load_config
from nbcnn.errors import PeerError
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import AUTO, backend_names
from nbcnn.training.model import Model

DIRECTIONS = {"forward": "y", "grad_input": "dx", "grad_weight": "dw"}
# in_channels, out_channels, side of the image, kernel size, stride, groups
ROWS = (
    (64, 64, 28, 3, 1, 1),
    (64, 64, 28, 1, 1, 1),
    (64, 128, 28, 3, 2, 1),
    (128, 128, 14, 3, 1, 1),
    (128, 256, 14, 3, 2, 1),
    (64, 256, 7, 3, 1, 1),
    (256, 256, 7, 3, 1, 1),
    (512, 512, 7, 3, 1, 1),
    (256, 256, 14, 1, 1, 1),
    (512, 512, 7, 1, 1, 1),
    (256, 512, 14, 1, 2, 1),
    (128, 128, 14, 3, 1, 128),
    (128, 128, 14, 3, 2, 128),
)


def problem_of(row: tuple[int, ...]) -> Conv2dProblem:
    """Padded so that the image keeps its size at stride 1."""
    C, O, side, kernel, stride, groups = row
    return Conv2dProblem(C, O, side, side, (kernel, kernel), (stride, stride), (kernel // 2,) * 4, groups=groups)


def name_of(row: tuple[int, ...]) -> str:
    """64→128, 3×3, 28×28, stride 2"""
    C, O, side, kernel, stride, groups = row
    what = "" if groups == 1 else "depthwise "
    return f"{what}{C}→{O}, {kernel}×{kernel}, {side}×{side}" + (f", stride {stride}" if stride > 1 else "")


def auto_picks(row: tuple[int, ...]) -> str:
    """What ``auto`` chooses for the layer, in a network where all three directions are asked for."""
    C, O, side, kernel, stride, groups = row
    before = {"conv2d": {"out_channels": C, "kernel_size": 1, "groups": C, "backend": "direct"}}
    layer = {"out_channels": O, "kernel_size": kernel, "stride": stride, "padding": kernel // 2, "groups": groups}
    layers: list[Any] = [before, {"conv2d": {**layer, "backend": AUTO}}, "flatten"]
    layers.append({"linear": {"out_features": 2}})
    config = load_config({"name": "wide", "input": {"channels": C, "height": side, "width": side}, "layers": layers})
    (choice,) = resolve_auto(Model(config), training=True, threads=1)
    return choice.name


def measured(row: tuple[int, ...], images: int, rounds: int, against: list[str]) -> Contest:
    """The contest of the backends that come near and of PyTorch's ways."""
    problem = problem_of(row)
    names = [name for name in backend_names("conv2d") if name not in not_for_auto(problem)]
    near = list(time_kernels(problem, names, rounds=1, slowest=SLOWEST))
    return batch_contest(arrays_of(problem, images), near, {}, peers_of(against), 1, rounds).best_ways(against)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--row", action="append", default=[], help="only rows with these letters")
    parser.add_argument("--table", type=Path, help="write the table as Markdown, too")
    given = parser.parse_args()
    try:
        peers_of(["torch"])
        against = ["torch"]
    except PeerError as error:
        against = []
        print(f"nbcnn alone: {error}")
    count, bits = vector_registers()
    print(
        f"{cpu().model}, {count} registers of {bits} bits, peak {measured_peak(1, 'float32').flops / 1e9:.0f} GFLOP/s"
    )
    print(f"one thread, {given.images} images\n")
    print(f"{'':42}{'':14}" + "".join(f"{name:>16}" for name in DIRECTIONS.values()), flush=True)
    lines, behind, slow = [], [], []
    for row in ROWS:
        what, problem = name_of(row), problem_of(row)
        if given.row and not any(part in what for part in given.row):
            continue
        contest, picked = measured(row, given.images, given.rounds, against), auto_picks(row)
        rates = {
            (name, d): 2 * 16 * problem.macs / contest.seconds[name][d] / 1e9
            for name in contest.seconds
            for d in contest.seconds[name]
        }
        for place, name in enumerate(contest.seconds):
            cells, table = [], []
            for d in DIRECTIONS:
                ratio = "" if not against or name in against else f"{1 / contest.behind(d, name, 'torch'):.2f}"
                cells.append(f"{rates[name, d]:>9.1f}{ratio:>7}")
                table.append(f"{rates[name, d]:.0f}" + (f" ({ratio})" if ratio else ""))
                if ratio and float(ratio) < 1 and name == picked:
                    behind.append(f"{what}: {DIRECTIONS[d]} {ratio}")
                if name.startswith("winograd") and "direct" in contest.seconds:
                    times = contest.behind(d, name, "direct")
                    if times > 1.1:
                        slow.append(f"{what}: {name} {DIRECTIONS[d]} takes {times:.2f} times as long as direct")
            mark = " ← auto" if name == picked else ""
            print(f"{what if place == 0 else '':42}{name:14}" + "".join(cells) + mark, flush=True)
            lines.append(f"| {what} | {'**' + name + '**' if mark else name} | {' | '.join(table)} |")
    if given.table:
        head = "| layer | backend | y | dx | dw |\n|---|---|---|---|---|\n"
        given.table.write_text(head + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    print()
    for title, found in (("auto below PyTorch", behind), ("Winograd slower than direct", slow)):
        print(f"{title}: {'nowhere' if not found else ''}")
        for line in found:
            print(f"  {line}")
    sys.exit(1 if behind or slow else 0)


if __name__ == "__main__":
    main()
