"""GFLOP/s of every conv2d backend on one pack and one core, for the problems of docs/fast-convolution.md.

    python tests/benchmarks/kernels.py [--rounds 7] [--plugin plugins/fft_tiled.py] [--problem 3×3]

GFLOP/s count two operations for each multiply-accumulate of the formula, whatever a backend really does. Contenders take
turns; figures are medians of the rounds; a backend that refuses a problem has a dash. With --plugin (as often as need
be) there are its backends too; with --problem only problems with these letters in their name. ``nbcnn bench`` races the
layers of any network, and along axes.
"""

from __future__ import annotations

import argparse

from nbcnn.autotune.kernel_timing import time_kernels
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import backend_names, refusals
from nbcnn.plugins import load_plugin

PROBLEMS = {
    "LeNet conv1": Conv2dProblem(1, 6, 28, 28, (5, 5), padding=(2, 2, 2, 2)),
    "LeNet conv2": Conv2dProblem(6, 16, 14, 14, (5, 5)),
    "64 to 64, 3×3": Conv2dProblem(64, 64, 28, 28, (3, 3), padding=(1, 1, 1, 1)),
}
MORE = {
    "64 to 64, 3×3, 14×14": Conv2dProblem(64, 64, 14, 14, (3, 3), padding=(1, 1, 1, 1)),
    "16 to 16, 3×3, 28×28": Conv2dProblem(16, 16, 28, 28, (3, 3), padding=(1, 1, 1, 1)),
    "3 to 16, 3×3, 32×32": Conv2dProblem(3, 16, 32, 32, (3, 3), padding=(1, 1, 1, 1)),
    "8 to 8, 5×5, 64×64": Conv2dProblem(8, 8, 64, 64, (5, 5), padding=(2, 2, 2, 2)),
    "8 to 8, 7×7, 64×64": Conv2dProblem(8, 8, 64, 64, (7, 7), padding=(3, 3, 3, 3)),
    "8 to 8, 9×9, 64×64": Conv2dProblem(8, 8, 64, 64, (9, 9), padding=(4, 4, 4, 4)),
    "8 to 8, 11×11, 64×64": Conv2dProblem(8, 8, 64, 64, (11, 11), padding=(5, 5, 5, 5)),
    "8 to 8, 11×11, 128×128": Conv2dProblem(8, 8, 128, 128, (11, 11), padding=(5, 5, 5, 5)),
    "1 to 2, 3×3, 8×8": Conv2dProblem(1, 2, 8, 8, (3, 3)),
}
"""Looked at with --problem."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--plugin", action="append", default=[])
    parser.add_argument("--problem")
    given = parser.parse_args()
    for plugin in given.plugin:
        load_plugin(plugin)
    names = backend_names("conv2d")
    width = max(map(len, names)) + 2
    print(f"{'GFLOP/s':<36}" + "".join(f"{name:>{width}}" for name in names))
    problems = PROBLEMS if given.problem is None else PROBLEMS | MORE
    for what, problem in problems.items():
        if given.problem and given.problem not in what:
            continue
        found = time_kernels(
            problem, [name for name in names if name not in refusals(problem)], rounds=given.rounds, seconds=0.02
        )
        for direction in ("forward", "grad_input", "grad_weight"):
            cells = (
                f"{2 * LANES * problem.macs / found[name][direction] / 1e9:.1f}" if name in found else "-"
                for name in names
            )
            print(f"{what:<24}{direction:<12}" + "".join(f"{cell:>{width}}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
