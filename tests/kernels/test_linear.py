"""Every backend of linear around the sizes of its blocks, and a layer worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.cases import LINEAR
from kernels.conformance import check, draw, integers, normal, run
from nbcnn.kernels.contract import LANES, WeightedKernels
from nbcnn.kernels.linear.naive import Naive
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.registry import backend, backend_names

BACKENDS = backend_names("linear")


@pytest.mark.parametrize("case", LINEAR)
@pytest.mark.parametrize("name", BACKENDS)
def test_backend_equals_the_oracle(name: str, case: str, dtype: str) -> None:
    problem = LinearProblem(*LINEAR[case], dtype)
    check(backend("linear", name), problem, draw(problem, integers(1, dtype)))


@pytest.mark.parametrize("case", LINEAR)
def test_direct_has_the_bits_of_naive(case: str, dtype: str) -> None:
    problem = LinearProblem(*LINEAR[case], dtype)
    inputs = draw(problem, normal(2, dtype))
    fast, plain = (run(backend("linear", name), problem, inputs) for name in ("direct", "naive"))
    for key in plain:
        np.testing.assert_array_equal(fast[key], plain[key], err_msg=key)


@pytest.mark.parametrize("name", BACKENDS)
def test_by_hand(name: str) -> None:
    problem = LinearProblem(3, 2)
    inputs = {"x": np.zeros((3, LANES), "f4"), "dy": np.zeros((2, LANES), "f4")}
    inputs |= {"w": np.array([[1, 2, 3], [4, 5, 6]], "f4"), "b": np.array([10, 20], "f4")}
    inputs["x"][:, 2], inputs["x"][:, 15] = [1, 0, -1], [2, 2, 2]
    inputs["dy"][:, 2], inputs["dy"][:, 15] = [1, 3], [-1, 1]
    got = run(backend("linear", name), problem, inputs)
    assert got["y"][:, [2, 15]].tolist() == [[8, 22], [18, 50]]
    assert got["y"][:, 0].tolist() == [10, 20]
    assert got["dx"][:, [2, 15]].tolist() == [[13, 3], [17, 3], [21, 3]]
    assert got["dw"].tolist() == [[-1, -2, -3], [5, 2, -1]]
    assert got["db"].tolist() == [0, 4]


def _bias_ignored(k: WeightedKernels) -> WeightedKernels:
    return k._replace(forward=lambda x, w, b, y, scratch: k.forward(x, w, 0 * b, y, scratch))


def _one_feature_left_out(k: WeightedKernels) -> WeightedKernels:
    return k._replace(grad_input=lambda dy, w, dx, scratch: k.grad_input(dy, w[:-1].copy(), dx, scratch))


def _images_exchanged(k: WeightedKernels) -> WeightedKernels:
    return k._replace(grad_weight=lambda x, dy, *rest: k.grad_weight(np.roll(x, 1, axis=1), dy, *rest))


@pytest.mark.parametrize(
    ("spoil", "words"), [(_bias_ignored, "y"), (_one_feature_left_out, "dx"), (_images_exchanged, "dw")]
)
def test_a_wrong_backend_is_caught(spoil: object, words: str) -> None:
    class Wrong(Naive):
        def build(self, problem: LinearProblem) -> WeightedKernels:
            assert callable(spoil)
            kernels: WeightedKernels = spoil(super().build(problem))
            return kernels

    problem = LinearProblem(17, 10)
    with pytest.raises(AssertionError, match=words):
        check(Wrong(), problem, draw(problem, integers(1, "float32")))
