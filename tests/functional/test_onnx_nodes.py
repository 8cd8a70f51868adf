"""ONNX's own tests of its operators, run through nbcnn's functions: each case is run, or listed with what is outside.

The cases come with the package onnx. The adapter below turns an operator's attributes into arguments, and does nothing
that the function under test should do.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from exhaustive import exhaustive

import nbcnn
import nbcnn.functional as F  # noqa: N812

Attributes = dict[str, Any]
Sides = tuple[int, int, int, int]
ROOT = Path(__file__).parents[2]
POOLING = ["AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"]
ACTIVATIONS = ["Elu", "Gelu", "HardSwish", "LeakyRelu", "Relu", "Sigmoid", "Tanh"]
OPS = [*POOLING, *ACTIVATIONS, "Conv", "Flatten", "Gemm", "LogSoftmax", "Softmax"]


class Case(NamedTuple):
    op: str
    attributes: Attributes
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    rtol: float
    atol: float


def single(cases: list[Any]) -> dict[str, Case]:
    """Of ONNX's cases, those whose model is one node of ``OPS``; the name is ONNX's without its "test_"."""
    from onnx.helper import get_attribute_value

    found = {}
    for case in cases:
        nodes = case.model.graph.node
        if len(nodes) == 1 and nodes[0].op_type in OPS:
            ((inputs, outputs),) = case.data_sets
            attributes = {a.name: get_attribute_value(a) for a in nodes[0].attribute}
            name = case.name.removeprefix("test_")
            found[name] = Case(nodes[0].op_type, attributes, list(inputs), list(outputs), case.rtol, case.atol)
    return found


@cache
def collected() -> dict[str, Case]:
    """The cases of the modules that are named after the operators: a tenth of the time that all of ONNX's take.

    ONNX is imported here because that takes seconds, and of several processes only one runs this file.
    """
    from onnx.backend.test.case import node as onnx_cases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy, about what other cases compute on purpose
        for op in OPS:
            import_module(f"{onnx_cases.__name__}.{op.lower()}")
    return single(onnx_cases._NodeTestCases)


# What is outside of nbcnn: a reason, and how a case shows that it has it.

REASONS: dict[str, Callable[[Case], bool]] = {
    "1-D": lambda case: case.op in ["Conv", *POOLING] and case.inputs[0].ndim == 3,
    "3-D": lambda case: case.op in ["Conv", *POOLING] and case.inputs[0].ndim == 5,
    "uint8": lambda case: case.inputs[0].dtype == np.uint8,
    "indices of the largest pixels": lambda case: len(case.outputs) == 2,
    "dilated average": lambda case: case.op == "AveragePool" and max(case.attributes.get("dilations", [1])) > 1,
    "a matrix for a bias": lambda case: case.op == "Gemm" and any(c.ndim == 2 and len(c) > 1 for c in case.inputs[2:]),
    "flatten keeps the batch": lambda case: case.op == "Flatten" and flat_axis(case) != 1,
}

OUTSIDE = {
    "averagepool_1d_default": "1-D",
    "averagepool_2d_dilations": "dilated average",
    "averagepool_3d_default": "3-D",
    "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False": "3-D",
    "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True": "3-D",
    "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_False": "3-D",
    "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True": "3-D",
    "averagepool_3d_dilations_small": "3-D",
    "flatten_axis0": "flatten keeps the batch",
    "flatten_axis2": "flatten keeps the batch",
    "flatten_axis3": "flatten keeps the batch",
    "flatten_negative_axis1": "flatten keeps the batch",
    "flatten_negative_axis2": "flatten keeps the batch",
    "flatten_negative_axis4": "flatten keeps the batch",
    "gemm_default_matrix_bias": "a matrix for a bias",
    "maxpool_1d_default": "1-D",
    "maxpool_2d_uint8": "uint8",
    "maxpool_3d_default": "3-D",
    "maxpool_3d_dilations": "3-D",
    "maxpool_3d_dilations_use_ref_impl": "3-D",
    "maxpool_3d_dilations_use_ref_impl_large": "3-D",
    "maxpool_with_argmax_2d_precomputed_pads": "indices of the largest pixels",
    "maxpool_with_argmax_2d_precomputed_strides": "indices of the largest pixels",
}


# The adapter: attributes to arguments.


def window(a: Attributes, size: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...], Sides, tuple[int, ...]]:
    """Kernel size, stride, padding on four sides, dilation."""
    kernel, stride = tuple(a["kernel_shape"]), tuple(a.get("strides", (1, 1)))
    dilation = tuple(a.get("dilations", (1, 1)))
    top, left, bottom, right = a.get("pads", (0, 0, 0, 0))
    auto = a.get("auto_pad", b"NOTSET").decode()
    if auto.startswith("SAME"):
        sides: list[int] = []
        for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
            needed = max(0, (ceil(n / s) - 1) * s + d * (k - 1) + 1 - n)
            less, more = needed // 2, needed - needed // 2
            sides += (less, more) if auto == "SAME_UPPER" else (more, less)
        return kernel, stride, (sides[0], sides[1], sides[2], sides[3]), dilation
    assert auto in ("NOTSET", "VALID")
    return kernel, stride, (top, bottom, left, right), dilation


def conv(a: Attributes, x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    _, stride, sides, dilation = window(a, x.shape[2:])
    return F.conv2d(x, w, b, stride, sides, dilation, a.get("group", 1))


def max_pool(a: Attributes, x: np.ndarray) -> np.ndarray:
    return F.max_pool2d(x, *window(a, x.shape[2:]), bool(a.get("ceil_mode", 0)))


def average_pool(a: Attributes, x: np.ndarray) -> np.ndarray:
    kernel, stride, sides, _ = window(a, x.shape[2:])
    return F.avg_pool2d(x, kernel, stride, sides, bool(a.get("ceil_mode", 0)), bool(a.get("count_include_pad", 0)))


def gemm(a: Attributes, x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """alpha·A·B + beta·C: linear takes B transposed, and a bias that is one row."""
    x, w = x.T if a.get("transA") else x, w if a.get("transB") else w.T
    if b is not None:
        b = (np.broadcast_to(b, (1, len(w)))[0] * np.float32(a.get("beta", 1))).astype(x.dtype)
    return F.linear(x * np.float32(a.get("alpha", 1)), w, b)


def flat_axis(case: Case) -> int:
    return int(case.attributes.get("axis", 1)) % case.inputs[0].ndim


def flatten(a: Attributes, x: np.ndarray) -> np.ndarray:
    """The layer: there is no function for it."""
    size = dict(zip(("channels", "height", "width"), x.shape[1:], strict=True))
    return nbcnn.load({"name": "flat", "input": size, "layers": ["flatten"]})(x)


RUN: dict[str, Callable[..., np.ndarray]] = {
    "AveragePool": average_pool,
    "Conv": conv,
    "Elu": lambda a, x: F.elu(x, a.get("alpha", 1.0)),
    "Flatten": flatten,
    "Gelu": lambda a, x: F.gelu(x, a.get("approximate", b"none").decode()),
    "Gemm": gemm,
    "GlobalAveragePool": lambda a, x: F.global_avg_pool2d(x),
    "GlobalMaxPool": lambda a, x: F.global_max_pool2d(x),
    "HardSwish": lambda a, x: F.hardswish(x),
    "LeakyRelu": lambda a, x: F.leaky_relu(x, a.get("alpha", 0.01)),
    "LogSoftmax": lambda a, x: F.log_softmax(x, a.get("axis", -1)),
    "MaxPool": max_pool,
    "Relu": lambda a, x: F.relu(x),
    "Sigmoid": lambda a, x: F.sigmoid(x),
    "Softmax": lambda a, x: F.softmax(x, a.get("axis", -1)),
    "Tanh": lambda a, x: F.tanh(x),
}


def run(case: Case) -> None:
    got = RUN[case.op](case.attributes, *case.inputs)
    (wanted,) = case.outputs
    assert (got.dtype, got.shape) == (case.inputs[0].dtype, wanted.shape)
    np.testing.assert_allclose(got, wanted, rtol=case.rtol, atol=case.atol)


def inside() -> list[str]:
    """The names of the cases that are run."""
    return sorted(collected().keys() - OUTSIDE.keys())


@pytest.mark.parametrize("op", OPS)
def test_node(op: str) -> None:
    cases = {name: collected()[name] for name in inside() if collected()[name].op == op}
    assert cases
    for name, case in cases.items():
        assert (case.rtol, case.atol) == (1e-3, 1e-7), name
        try:
            run(case)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_is_listed_as_outside_is_outside(name: str) -> None:
    assert REASONS[OUTSIDE[name]](collected()[name])


def test_nothing_that_was_run_has_a_reason_to_be_outside() -> None:
    for name in inside():
        assert not [reason for reason, holds in REASONS.items() if holds(collected()[name])], name


@exhaustive
@pytest.mark.jit  # it calls no kernel
def test_no_case_is_missing() -> None:
    """Against all of ONNX's node tests, wherever they are defined."""
    from onnx.backend.test.case import node as onnx_cases

    collected()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        everything = single(onnx_cases.collect_testcases(None))
    assert everything.keys() == collected().keys() == set(inside()) | set(OUTSIDE)
    assert {case.op for case in everything.values()} == set(OPS)
    assert len(inside()) >= 64  # with onnx 1.16; newer ones have more


def test_a_wrong_translation_is_found() -> None:
    """What the tolerance is worth: arguments that are slightly wrong do not pass."""
    strided = collected()["conv_with_strides_and_asymmetric_padding"]
    lower = collected()["maxpool_2d_same_lower"]
    counted = collected()["averagepool_2d_pads_count_include_pad"]
    for case, changed in (
        (strided, {"pads": [0, 1, 0, 1]}),
        (lower, {"auto_pad": b"SAME_UPPER"}),
        (counted, {"count_include_pad": 0}),
    ):
        with pytest.raises(AssertionError):
            run(case._replace(attributes={**case.attributes, **changed}))


def test_the_documentation_lists_the_same() -> None:
    text = (ROOT / "docs/onnx.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", text, re.M))
    assert rows == OUTSIDE
    assert f"all but {len(OUTSIDE)} cases" in text
    for reason in REASONS:
        assert f"**{reason}**" in text
