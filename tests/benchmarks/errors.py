"""Float32 errors of every conv2d backend, beside the tolerance that it states.

    python tests/benchmarks/errors.py [--plugin plugins/fft_tiled.py] [--channels 64] [--size 28]

A 3×3 convolution with padding 1 of normally distributed numbers; errors against float64, as a share of the largest sum
of absolute products of the output, of the input's gradient and of the weight's.
"""

from __future__ import annotations

import argparse

import numpy as np

from nbcnn.conformance.oracle import expect
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import backend_names, prepare, refusals, tolerance
from nbcnn.plugins import load_plugin
from nbcnn.util.blas import one_blas_thread


def main() -> None:
    """Print one line for each backend that takes the problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plugin", action="append", default=[])
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--size", type=int, default=28)
    given = parser.parse_args()
    for plugin in given.plugin:
        load_plugin(plugin)
    problem = Conv2dProblem(given.channels, given.channels, given.size, given.size, (3, 3), padding=(1, 1, 1, 1))
    random = np.random.default_rng(0)
    shapes = {"x": (*problem.x_shape, LANES), "dy": (*problem.y_shape, LANES), "w": problem.w_shape}
    arrays = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    arrays["b"] = np.zeros(problem.out_channels, np.float32)
    expected = expect(problem, {name: array.astype(float) for name, array in arrays.items()})
    print(f"{'':<14}{'y':>10}{'dx':>10}{'dw':>10}{'tolerance':>12}")
    for name in sorted({*backend_names("conv2d")} - {*refusals(problem)}):
        kernels, floats = prepare(problem, name)
        x, dy, w, b = (arrays[key] for key in ("x", "dy", "w", "b"))
        y, dx, dw, db, scratch = (np.zeros_like(a) for a in (dy, x, w, b, np.empty(floats, np.float32)))
        with one_blas_thread():
            kernels.forward(x, w, b, y, scratch)
            kernels.grad_input(dy, w, dx, scratch)
            kernels.grad_weight(x, dy, dw, db, scratch)
        got = {"y": y, "dx": dx, "dw": dw}
        shares = [np.abs(got[key] - expected.values[key]).max() / expected.sizes[key].max() for key in got]
        stated = tolerance(problem, name)
        print(f"{name:<14}" + "".join(f"{share:>10.1e}" for share in shares) + (f"{stated:>12.1e}" if stated else ""))


if __name__ == "__main__":
    main()
