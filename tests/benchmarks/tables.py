"""The two tables of docs/performance.md for the machine that this runs on: LeNet, then wide layers, beside peers.

    python tests/benchmarks/tables.py [--runs 3] [--without wide]

The first has what ``nbcnn bench --model lenet-d2l --against torch,onnxruntime`` measures, in RUNS processes one after the
other, and the share of the measured peak that ``nbcnn bench --profile lenet-d2l`` finds in the layers of a training step;
beside each the goal. The second is that of wide_layers.py. PyTorch and ONNX Runtime have to be installed beside nbcnn.
The machine must do nothing else: with two threads, another process is measured as well. Ends with 1 where a goal is missed
in any run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from nbcnn.compiler.host import vector_registers

MODEL = "lenet-d2l"


class Goal(NamedTuple):
    """A row of the first table: what is measured, beside whom, and what is to be reached (a ratio, or seconds at most)."""

    what: str
    peer: str | None
    ratio: float | None = None
    seconds: float | None = None


def goals(wide: bool) -> list[Goal]:
    """``wide``: the machine has registers of 512 bits, with which a kernel takes less time to compile."""
    return [
        Goal("training, batches of 256", "torch", ratio=3.5),
        Goal("inference, 256 at once", "onnxruntime", ratio=2.5),
        Goal("one image", "onnxruntime", ratio=1.2),
        Goal("first step, kernels in the cache", "torch"),
        Goal("first step, kernels compiled", None, seconds=5.0 if wide else 8.0),
        Goal("peak memory of a training", "torch", ratio=3.0),
    ]


def bench(*words: str) -> dict[str, Any]:
    """The JSON object that ``nbcnn bench`` prints."""
    command = [sys.executable, "-m", "nbcnn", "bench", *words, "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def share_of_peak(profile: dict[str, Any]) -> float:
    """The operations of the formula in a step, over what the threads could have done in its time, waiting included."""
    return float(sum(row["of_peak"] * row["share"] for row in profile["rows"] if row["of_peak"]))


def shown(value: float) -> str:
    """A figure with three digits, or whole."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def reached(goal: Goal, values: list[float]) -> bool:
    """Whether every run holds the goal."""
    if goal.ratio is not None:
        return min(values) >= goal.ratio
    return goal.seconds is None or max(values) <= goal.seconds


def lenet(runs: int) -> bool:
    """Print the first table; False where a goal was missed."""
    bits = vector_registers()[1]
    shares, measured = [], []
    for number in range(1, runs + 1):
        print(f"run {number} of {runs} …", file=sys.stderr)
        shares.append(share_of_peak(bench("--profile", MODEL)))
        measured.append(bench("--model", MODEL, "--against", "torch,onnxruntime"))
    print(
        f"{measured[0]['environment']['cpu']}, registers of {bits} bits, {measured[0]['threads']} threads; {runs} runs\n"
    )
    print(f"| `{MODEL}` | nbcnn | peer | ratios | goal | |\n|---|---|---|---|---|---|")
    fine = True
    for goal in goals(bits == 512):
        rows = [next(row for row in run["rows"] if row["what"] == goal.what) for run in measured]
        own = "; ".join(shown(row["medians"]["nbcnn"]) for row in rows)
        ratios = [row["ratios"][goal.peer]["ratio"] for row in rows] if goal.peer else []
        values = [row["medians"]["nbcnn"] for row in rows] if goal.seconds is not None else ratios
        fine &= (holds := reached(goal, values))
        aim = f"≥ {goal.ratio} ×" if goal.ratio else f"≤ {goal.seconds:g} s" if goal.seconds else "–"
        said = "" if aim == "–" else "reached" if holds else "below"
        beside = ", ".join(f"{ratio:.2f}" for ratio in ratios) or "–"
        print(f"| {goal.what}, {rows[0]['unit']} | {own} | {goal.peer or '–'} | {beside} | {aim} | {said} |")
    aim = 0.65 if bits == 512 else 0.55
    fine &= (holds := min(shares) >= aim)
    own = ", ".join(f"{share:.0%}" for share in shares)
    print(f"| share of the peak, training step | {own} | – | – | ≥ {aim:.0%} | {'reached' if holds else 'below'} |\n")
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without", choices=("wide", "lenet"))
    options = parser.parse_args()
    fine = options.without == "lenet" or lenet(options.runs)
    if options.without != "wide":
        wide = Path(__file__).with_name("wide_layers.py")
        fine &= subprocess.run([sys.executable, str(wide)], check=False).returncode == 0
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
