"""Winograd's filtering: matrices, refusals, error bounds, and all that the contract promises."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from exhaustive import exhaustive, parametrize
from plain_python import SLOWLY
from shipped_plugins.trials import KINDS, adjoint, inputs, poison, run, shares

from nbcnn import functional
from nbcnn.compiler.jit import kernel
from nbcnn.conformance import Options, check_backend
from nbcnn.conformance.oracle import expect
from nbcnn.errors import KernelError
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d import _winograd_transforms as transforms
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import backend, cost, prepare, tolerance
from nbcnn.lanes import load_each, store_each

NAMES = ("winograd", "winograd_2x2")
PADDED = Conv2dProblem(3, 5, 7, 9, (3, 3), padding=(1, 1, 1, 1))
PROBLEMS = {
    "no padding": Conv2dProblem(2, 3, 6, 6, (3, 3)),
    "parts of tiles": PADDED,
    "one pixel": Conv2dProblem(1, 1, 3, 3, (3, 3)),
    "wider padding than the kernel": Conv2dProblem(2, 3, 4, 3, (3, 3), padding=(5, 0, 3, 4)),
    "more padding than image": Conv2dProblem(1, 2, 1, 1, (3, 3), padding=(2, 3, 3, 2)),
    "groups": Conv2dProblem(4, 6, 5, 6, (3, 3), padding=(1, 1, 1, 1), groups=2),
    "depthwise": Conv2dProblem(3, 3, 5, 6, (3, 3), padding=(0, 1, 2, 1), groups=3),
    "more tiles than are under way": Conv2dProblem(1, 1, 18, 19, (3, 3)),
    "more channels than lanes": Conv2dProblem(17, 3, 4, 4, (3, 3)),
}
SHAPES = ("parts of tiles", "groups")
"""What runs by default, where each shape that a kernel has not met is compiled for."""
both = pytest.mark.parametrize("name", NAMES)


@exhaustive
@both
@pytest.mark.jit
def test_the_contract(name: str) -> None:
    report = check_backend("conv2d", name, Options(quick=True, bounds=False))
    assert report.failed == 0, report.failures
    assert report.problems > 0


@exhaustive  # in float32, the tests of errors and of whole numbers try every direction by default
@pytest.mark.parametrize(("name", "case"), list(product(NAMES, PROBLEMS)))
def test_every_direction_in_float64(name: str, case: str) -> None:
    problem = replace(PROBLEMS[case], dtype="float64")
    given = inputs(problem, KINDS["normal"](1))
    expected = expect(problem, given).values
    for key, array in run(name, problem, given).items():
        np.testing.assert_allclose(array, expected[key], rtol=0, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("m", [2, 4])
def test_matrices_do_a_correlation_in_one_dimension(m: int) -> None:
    """m outputs of a kernel of 3 from m + 2 products, for every input and every weight."""
    at, bt, g = transforms.AT[m], transforms.BT[m], transforms.G[m]
    assert (at.shape, bt.shape, g.shape) == ((m, m + 2), (m + 2, m + 2), (m + 2, 3))
    for d, w in ((d, w) for d in np.eye(m + 2) for w in np.eye(3)):
        wanted = [sum(d[i + k] * w[k] for k in range(3)) for i in range(m)]
        np.testing.assert_allclose(at @ ((g @ w) * (bt @ d)), wanted, rtol=0, atol=1e-15)


def _forth(x, y, wide, narrow):  # type: ignore[no-untyped-def]
    first = (0,)
    store_each(y, (first, 0, wide), (transforms.times_bt(load_each(x, (wide,))),))
    store_each(y, (first, 1, wide), (transforms.times_a(load_each(x, (narrow,))),))
    store_each(y, (first, 2, wide), (transforms.times_g(load_each(x, ((0, 1, 2),)), wide),))
    store_each(y, (first, 3, narrow), (transforms.times_at(load_each(x, (wide,))),))
    store_each(y, (first, 4, (0, 1, 2)), (transforms.times_gt(load_each(x, (wide,))),))


forth = kernel(_forth)


@pytest.mark.parametrize("m", [2, 4])
def test_transforms_are_the_matrices(m: int) -> None:
    """In few additions; what times_g and times_gt leave out, a factor of 6, comes last."""
    N, at, bt, g = m + 2, transforms.AT[m], transforms.BT[m], transforms.G[m]
    x = np.random.default_rng(7).standard_normal((N, LANES))
    y = np.zeros((1, 5, N, LANES))
    forth(x, y, tuple(range(N)), tuple(range(m)))
    sixths = np.array([1, 6, 6, 6, 6, 1] if m == 4 else [1, 1, 1, 1])[:, None]
    wanted = [bt @ x, at.T @ x[:m], sixths * (g @ x[:3]), at @ x, (6 if m == 4 else 1) * g.T @ x]
    for got, array in zip(y[0], wanted, strict=True):
        np.testing.assert_allclose(got[: len(array)], array, rtol=0, atol=1e-13)


@parametrize("case", PROBLEMS, quick=SHAPES)
def test_small_tiles_are_exact_on_whole_numbers(case: str) -> None:
    """Halves of halves are exact in binary, so nothing is rounded."""
    problem = PROBLEMS[case]
    given = inputs(problem, lambda *shape: np.random.default_rng(2).integers(-4, 5, shape))
    expected = expect(problem, {key: array.astype(float) for key, array in given.items()}).values
    for key, array in run("winograd_2x2", problem, given).items():
        np.testing.assert_array_equal(array, expected[key], err_msg=key)


@both
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kernel_size": (5, 5)}, "kernel_size is (5, 5), it can only do (3, 3)"),
        ({"kernel_size": (3, 1)}, "kernel_size is (3, 1), it can only do (3, 3)"),
        ({"stride": (2, 1)}, "stride is (2, 1), it can only do (1, 1)"),
        ({"dilation": (1, 2)}, "dilation is (1, 2), it can only do (1, 1)"),
    ],
)
def test_refusals(name: str, change: dict[str, Any], sentence: str) -> None:
    problem = replace(PADDED, **change)
    assert backend("conv2d", name).supports(problem) == sentence
    with pytest.raises(KernelError) as raised:
        prepare(problem, name)
    assert str(raised.value).startswith(f"backend {name} can't do this conv2d: {sentence}; these can: direct, ")


@both
@parametrize(
    "kind, cases",
    [(next(iter(KINDS)), SHAPES), *((kind, (*SHAPES, "no padding", "many channels")) for kind in KINDS)],
    quick=lambda case: case[1] == SHAPES,
)
def test_errors_keep_to_the_tolerance(name: str, kind: str, cases: tuple[str, ...], dtype: str) -> None:
    known = PROBLEMS | {"many channels": Conv2dProblem(64, 32, 14, 14, (3, 3), padding=(1, 1, 1, 1))}
    for problem in (replace(known[case], dtype=dtype) for case in cases if not (SLOWLY and case == "many channels")):
        found = shares(name, problem, inputs(problem, KINDS[kind](5)))
        assert max(found.values()) < 0.5 and max(found.values()) > 0, found


def test_the_tolerance_is_the_one_of_the_equation() -> None:
    """Σ_p (Aᵀ·ΣG·ΣBᵀ)² by hand, of its largest row: for y (0 5 5 14 14 10), for dw (0 20 20 45 45 30) / 3; (2 2 2)²…"""
    wide = Conv2dProblem(64, 64, 8, 8, (3, 3), padding=(1, 1, 1, 1))
    largest = (400 + 400 + 2025 + 2025 + 900) / 9
    # A block of 4 tiles of 4×4, of 4 × 1 of 2×2, has 64 terms; there are 1 and 4 of them.
    assert tolerance(wide, "winograd") == pytest.approx(2**-24 * (64 + 1 + 28) ** 0.5 * largest)
    assert tolerance(wide, "winograd_2x2") == pytest.approx(2**-24 * 92**0.5 * (9 + 9 + 4))
    long = Conv2dProblem(1, 1, 130, 130, (3, 3))
    assert tolerance(long, "winograd") == pytest.approx(2**-24 * (64 + 32 * 8 + 28) ** 0.5 * largest)
    many = Conv2dProblem(500, 4, 8, 8, (3, 3), padding=(1, 1, 1, 1))
    assert tolerance(many, "winograd") == pytest.approx(2**-24 * 528**0.5 * (25 + 25 + 196 + 196 + 100))


@parametrize("name, case", product(NAMES, PROBLEMS), quick=[("winograd", case) for case in SHAPES])
def test_gradients_are_adjoint(name: str, case: str) -> None:
    adjoint(name, PROBLEMS[case])


@both
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_does_not_vanish(name: str, value: float) -> None:
    sizes = (1, 2, 3, 4) if SLOWLY else (2, 3, 6, 5)
    poison(name, Conv2dProblem(*sizes, (3, 3), padding=(1, 0, 1, 1)), value)


def test_cost_by_hand() -> None:
    """8×8 pixels of y are 2 × 2 tiles of 4×4, all under way at once. A row of Bᵀd takes 12 additions, one of Aᵀs 10; of
    x 2 rows of tiles with 10 columns each are transformed, then 4 × 6 rows; of a kernel 3 columns and 6 rows, 8 each.
    """
    problem = Conv2dProblem(8, 16, 10, 10, (3, 3))
    forward = cost(problem, "winograd").forward
    products, of_x, of_sums, kernels = 4 * 36 * 8 * 16, 8 * (2 * 10 + 4 * 6) * 12, 16 * 4 * 10 * 10, 8 * 9 * 8
    assert forward.macs == LANES * (products + of_x + of_sums + kernels)
    wide = Conv2dProblem(128, 128, 32, 32, (3, 3), padding=(1, 1, 1, 1))
    for direction in cost(wide, "winograd"):
        assert 3 < LANES * wide.macs / direction.macs < 4
    for direction in cost(wide, "winograd_2x2"):
        assert 2 < LANES * wide.macs / direction.macs < 2.25


@parametrize("name", NAMES, quick=["winograd"])
def test_the_functions_take_its_name(name: str) -> None:
    random = np.random.default_rng(6)
    x, w = random.standard_normal((3, 2, 9, 8)), random.standard_normal((4, 2, 3, 3))
    np.testing.assert_allclose(
        functional.conv2d(x, w, padding=1, backend=name), functional.conv2d(x, w, padding=1), rtol=0, atol=1e-13
    )
