"""Every gradient against differences of the forward kernels: the whole Jacobian, in float64."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exhaustive import exhaustive, parametrize
from plain_python import SLOWLY

import nbcnn
from kernels.cases import CONV2D, pool2d
from kernels.networks import LENET_LIKE, MOTLEY, SPREAD, build, images
from nbcnn.conformance.jacobian import EPS, differences, rows, spread
from nbcnn.engine.engine import Engine
from nbcnn.kernels.contract import LANES, WeightedKernels
from nbcnn.kernels.cross_entropy.op import LossProblem
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.registry import backend, backend_names
from nbcnn.training.model import Model

ATOL, RTOL = 1e-8, 1e-6
"""PyTorch's gradcheck steps as far, but allows 1e-5 and 1e-3, as nbcnn kernels check does."""


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def agree(analytic: np.ndarray, numeric: np.ndarray) -> None:
    assert np.abs(numeric).max() > 1e-3
    np.testing.assert_allclose(analytic, numeric, rtol=RTOL, atol=ATOL)


WEIGHTED: dict[str, Any] = {
    "conv2d": replace(CONV2D["5x2"], out_channels=3, height=5, width=4, dtype="float64"),
    "conv2d, stride and padding": replace(
        CONV2D["stride and padding on four sides"], in_channels=2, out_channels=3, width=5, dtype="float64"
    ),
    "conv2d, dilation and groups": replace(
        CONV2D["groups, stride, dilation"], out_channels=4, height=6, width=4, dtype="float64"
    ),
    "conv2d, 1x1": replace(CONV2D["1x1 with stride"], in_channels=3, dtype="float64"),
    "linear": LinearProblem(18, 5, "float64"),
}
TELLING = {"conv2d, dilation and groups", "conv2d, 1x1", "linear"}
SLOW = ("conv2d, dilation and groups", "direct")
"""What takes seconds to compile for; `direct` has the other case."""
EACH_WEIGHTED = [
    (case, name)
    for case, problem in WEIGHTED.items()
    for name in backend_names(problem.op)
    if backend(problem.op, name).supports(problem) is None
    if not (SLOWLY and (case, name) == ("conv2d, stride and padding", "fft"))  # half a minute as plain Python
]


@parametrize("case, name", EACH_WEIGHTED, quick=lambda each: each[0] in TELLING and each != SLOW)
def test_jacobians_of_conv2d_and_linear(case: str, name: str) -> None:
    problem = WEIGHTED[case]
    chosen = backend(problem.op, name)
    kernels: WeightedKernels = chosen.build(problem)
    scratch = np.zeros(chosen.workspace(problem))
    x, w, b = numbers(*problem.x_shape), numbers(*problem.w_shape, seed=1), numbers(problem.y_shape[0], seed=2)

    def forward(x: np.ndarray, w: np.ndarray = w, b: np.ndarray = b) -> np.ndarray:
        y = np.empty((*problem.y_shape, LANES))
        kernels.forward(x, w, b, y, scratch)
        return y

    def grad_input(dy: np.ndarray) -> np.ndarray:
        dx = np.empty((*problem.x_shape, LANES))
        kernels.grad_input(dy, w, dx, scratch)
        return dx

    agree(rows(grad_input, problem.y_shape), differences(forward, x))

    # Weights are the same for all images: one forward pass for each step of each weight, one backward for each output.
    image, size = spread(x), int(np.prod(problem.y_shape))
    dw, db = np.empty((size, *w.shape)), np.empty((size, *b.shape))
    for number in range(size):
        dy = np.zeros((size, LANES))
        dy[number, number % LANES] = 1
        kernels.grad_weight(image, dy.reshape(*problem.y_shape, LANES), dw[number], db[number], scratch)
    for tensor, analytic in ((w, dw), (b, db)):
        columns = []
        for index in np.ndindex(tensor.shape):
            there, back = tensor.copy(), tensor.copy()
            there[index] += EPS
            back[index] -= EPS
            moved = [forward(image, t, b) if tensor is w else forward(image, w, t) for t in (there, back)]
            columns.append((moved[0] - moved[1])[..., 0].reshape(-1) / (2 * EPS))
        agree(analytic.reshape(size, -1), np.stack(columns, 1))


PLAIN: dict[str, Any] = {
    "max_pool2d": pool2d("max_pool2d", "2x2", dtype="float64"),
    "max_pool2d, overlapping": pool2d("max_pool2d", "overlapping, stride 2", dtype="float64"),
    "max_pool2d, overlapping and padding": pool2d("max_pool2d", "overlapping and padding", dtype="float64"),
    "avg_pool2d": pool2d("avg_pool2d", "2x2", dtype="float64"),
    "avg_pool2d, overlapping": pool2d("avg_pool2d", "overlapping, stride 2", dtype="float64"),
    "avg_pool2d, padding counts": pool2d("avg_pool2d", "overlapping and padding", True, "float64"),
    "avg_pool2d, padding does not count": pool2d("avg_pool2d", "padding on four sides", False, "float64"),
    "max_pool2d, dilation": pool2d("max_pool2d", "dilation and padding", dtype="float64"),
    "max_pool2d, dilation and ceil": pool2d("max_pool2d", "dilation and ceil", dtype="float64"),
    "avg_pool2d, ceil": pool2d("avg_pool2d", "ceil and padding", True, "float64"),
    "avg_pool2d, ceil, padding does not count": pool2d(
        "avg_pool2d", "ceil and padding on four sides", False, "float64"
    ),
    "avg_pool2d, divisor": replace(pool2d("avg_pool2d", "ceil and padding", dtype="float64"), divisor_override=-3),
    "relu": ElementwiseProblem("relu", 20, "float64"),
    "sigmoid": ElementwiseProblem("sigmoid", 20, "float64"),
    "tanh": ElementwiseProblem("tanh", 20, "float64"),
    "softmax": ElementwiseProblem("softmax", 7, "float64"),
    "log_softmax": ElementwiseProblem("log_softmax", 7, "float64"),
}
EACH_PLAIN = [(case, name) for case, problem in PLAIN.items() for name in backend_names(problem.op)]


@pytest.mark.parametrize(("case", "name"), EACH_PLAIN)
def test_jacobians_of_pooling_and_activations(case: str, name: str) -> None:
    problem = PLAIN[case]
    chosen = backend(problem.op, name)
    kernels, scratch = chosen.build(problem), np.zeros(chosen.workspace(problem))
    # All different and none 0, by far more than a step: the largest stays the largest.
    order = np.random.default_rng(3).permutation(int(np.prod(problem.x_shape)))
    x = (order - order.size / 2 + 0.25).reshape(problem.x_shape) / 8

    def forward(x: np.ndarray) -> np.ndarray:
        y = np.empty((*problem.y_shape, LANES))
        kernels.forward(x, y, scratch)
        return y

    image = spread(x)
    y = forward(image)

    def grad_input(dy: np.ndarray) -> np.ndarray:
        dx = np.empty((*problem.x_shape, LANES))
        kernels.grad_input(image, y, dy, dx, scratch)
        return dx

    agree(rows(grad_input, problem.y_shape), differences(forward, x))


@pytest.mark.parametrize("name", backend_names("cross_entropy"))
def test_jacobian_of_cross_entropy(name: str) -> None:
    classes = 7
    problem = LossProblem(classes, "float64")
    chosen = backend("cross_entropy", name)
    kernels, scratch = chosen.build(problem), np.zeros(chosen.workspace(problem))
    x, guesses = numbers(classes, seed=4), np.empty(LANES, np.int64)
    for label in range(classes):
        labels = np.full(LANES, label)

        def forward(x: np.ndarray, labels: np.ndarray = labels) -> np.ndarray:
            losses = np.empty(LANES)
            kernels.forward(x, labels, losses, guesses, scratch)
            return 3 * losses

        dx = np.empty((classes, LANES))
        kernels.grad_input(spread(x), labels, np.full(LANES, 3.0), dx, scratch)
        agree(dx[:, :1].T, differences(forward, x))


def gradient_by_differences(
    network: Model, engine: Engine, x: np.ndarray, labels: np.ndarray, which: Any
) -> np.ndarray:
    """Of the mean loss, for the parameters ``which`` (indices into the flat buffer)."""
    order, found = np.arange(len(x)), []
    for index in which:
        losses = []
        for step in (EPS, -EPS):
            before = network.parameters[index]
            network.parameters[index] = before + step
            losses.append(engine.evaluate(x, labels, order).losses.mean())
            network.parameters[index] = before
        found.append((losses[0] - losses[1]) / (2 * EPS))
    return np.array(found)


NETWORKS = {"lenet-like": LENET_LIKE, "motley": MOTLEY, "spread": SPREAD}


@pytest.mark.parametrize(
    "which",
    [
        "lenet-like",
        pytest.param("motley", marks=exhaustive),
        pytest.param("spread", marks=[exhaustive, pytest.mark.jit]),  # half a minute as plain Python
    ],
)
def test_gradient_of_a_network_in_every_parameter(which: str) -> None:
    network = build(NETWORKS[which], "float64")
    engine = Engine(network, threads=1)
    x, labels = images(network, 5)
    engine.train_step(x, labels, np.arange(5))
    which = np.arange(0, network.parameters.size, 7 if SLOWLY else 1)
    numeric = gradient_by_differences(network, engine, x, labels, which)
    np.testing.assert_allclose(engine.gradient[which], numeric, rtol=1e-6, atol=1e-9)
    assert np.count_nonzero(np.abs(numeric) > 1e-4) > which.size / 3


@exhaustive
@pytest.mark.jit
def test_gradient_of_lenet_in_some_parameters() -> None:
    network = Model(nbcnn.load("lenet").config, dtype="float64")
    engine = Engine(network, threads=2)
    x, labels = images(network, 20)
    engine.train_step(x, labels, np.arange(20))
    random, which, first = np.random.default_rng(5), [], 0
    for tensor in network.tensors.values():
        which += list(first + random.choice(tensor.size, min(tensor.size, 12), replace=False))
        first += tensor.size
    numeric = gradient_by_differences(network, engine, x, labels, which)
    np.testing.assert_allclose(engine.gradient[which], numeric, rtol=1e-6, atol=1e-9)
    engine.close()
