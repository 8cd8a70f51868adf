"""Finding, checking and choosing backends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nbcnn.kernels
from nbcnn.errors import KernelError
from nbcnn.kernels import registry
from nbcnn.kernels.contract import ParameterFreeKernels, SimpleBackend, WeightedKernels
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.registry import Backends, backend, backend_names, describe, op_names, prepare, register

OPS = ["avg_pool2d", "conv2d", "cross_entropy", "linear", "max_pool2d", "relu", "sigmoid", "softmax", "tanh"]


@pytest.fixture
def clean() -> Iterator[None]:
    """What a test registers is gone after it."""
    before = {op: backends.added() for op, backends in Backends.by_op.items()}
    yield
    for op, backends in Backends.by_op.items():
        for name in backends.added().keys() - before.get(op, {}):
            backends.forget(name)


def test_folders_are_ops_and_files_are_backends() -> None:
    here = Path(next(iter(nbcnn.kernels.__path__)))
    assert op_names() == sorted(folder.parent.name for folder in here.glob("*/__init__.py"))
    assert set(OPS) <= set(op_names())
    for op in op_names():
        files = {file.stem for file in (here / op).glob("*.py") if not file.name.startswith("_")}
        assert files >= {"op", "oracle"}
        assert backend_names(op) == sorted(files - {"op", "oracle", "problem"})


@pytest.mark.parametrize("op", op_names())
def test_every_op_has_the_default_and_every_backend_says_what_it_is(op: str) -> None:
    assert registry.DEFAULT in backend_names(op)
    for name in backend_names(op):
        sentence = describe(op, name)
        assert len(sentence.split()) >= 3 and "\n" not in sentence


def test_listing_names_imports_neither_backends_nor_numba() -> None:
    code = (
        "import sys; from nbcnn.kernels.registry import backend_names, op_names; [backend_names(op) for op in op_names()];"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('numba', 'numpy') or m.startswith('nbcnn.kernels.conv')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(
        KernelError, match=r"unknown backend 'dirct' for conv2d: did you mean direct\? \(known: .*naive"
    ):
        backend("conv2d", "dirct")
    with pytest.raises(KernelError, match=r"unknown op 'conv': did you mean conv2d\? \(known: .*avg_pool2d, .*conv2d"):
        backend_names("conv")
    with pytest.raises(KernelError, match=r"unknown backend '\.\.conv2d\.naive' for linear"):
        backend("linear", "..conv2d.naive")
    with pytest.raises(KernelError, match="unknown backend '_shared' for conv2d"):
        backend("conv2d", "_shared")


@pytest.mark.usefixtures("clean")
def test_a_second_backend_of_the_same_name_is_an_error() -> None:
    backend("conv2d", "naive")
    with pytest.raises(
        KernelError, match=r"naive of conv2d is defined twice: in .*naive\.py and in .*test_registry.*py"
    ):

        @register("conv2d", "naive")
        class Other(SimpleBackend):
            pass

    assert type(backend("conv2d", "naive")).__name__ == "Naive"


@pytest.mark.usefixtures("clean")
def test_a_registered_backend_is_found_under_its_files_name_or_its_own() -> None:
    @register("linear")
    class Mine(SimpleBackend):
        """a backend of one's own

        And more to say of it.
        """

        def build(self, problem: LinearProblem) -> WeightedKernels:
            return WeightedKernels(print, print, print)

    register("linear", "another")(Mine)
    register("brand_new_op", "direct")(Mine)
    assert {"test_registry", "another", "naive"} <= set(backend_names("linear"))
    assert "brand_new_op" in op_names()
    assert describe("linear", "another") == "a backend of one's own"
    assert prepare(LinearProblem(2, 3), "another").kernels.forward is print


@pytest.mark.usefixtures("clean")
def test_a_backend_that_returns_the_wrong_kernels_is_named_with_its_file() -> None:
    @register("linear", "wrong")
    class Wrong(SimpleBackend):
        def build(self, problem: LinearProblem) -> ParameterFreeKernels:
            return ParameterFreeKernels(print, print)

    words = (
        r"^.*test_registry\.py:\d+: Wrong: build must return "
        r"WeightedKernels\(forward, grad_input, grad_weight\), got ParameterFreeKernels"
    )
    with pytest.raises(KernelError, match=words):
        prepare(LinearProblem(2, 3), "wrong")


@pytest.mark.usefixtures("clean")
def test_a_refusal_gives_the_reason_and_who_could() -> None:
    class Fussy(SimpleBackend):
        def supports(self, problem: Conv2dProblem) -> str | None:
            return (
                None if problem.kernel_size == (3, 3) else f"kernel_size is {problem.kernel_size}, it can only do 3×3"
            )

        def build(self, problem: Conv2dProblem) -> WeightedKernels:
            return WeightedKernels(print, print, print)

    register("conv2d", "fussy")(Fussy)
    assert prepare(Conv2dProblem(1, 1, 5, 5, (3, 3)), "fussy").workspace == 0
    others = "direct, fft, im2col, naive"
    words = rf"fussy can't do this conv2d: kernel_size is \(2, 2\), it can only do 3×3; these can: {others}$"
    with pytest.raises(KernelError, match=words):
        prepare(Conv2dProblem(1, 1, 5, 5, (2, 2)), "fussy")


def test_prepared_kernels_are_kept() -> None:
    assert prepare(Conv2dProblem(1, 1, 5, 5, (3, 3))) is prepare(Conv2dProblem(1, 1, 5, 5, (3, 3)))
    assert prepare(Conv2dProblem(1, 1, 5, 5, (3, 3))) is not prepare(Conv2dProblem(1, 1, 5, 5, (3, 2)))
