"""The interface for plugins: everything that a plugin imports from nbcnn.

Each name is that of the module where it stands, which is imported when it is asked for. docs/add-a-kernel.md has a
table of them all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbcnn.compiler.jit import kernel
    from nbcnn.data.dataset import Dataset, Split
    from nbcnn.data.source import DataSource
    from nbcnn.errors import DataError, KernelError, ShapeError
    from nbcnn.introspect.check import edits
    from nbcnn.introspect.check.architecture import Architecture
    from nbcnn.introspect.check.rule import CheckRule, Found
    from nbcnn.kernels.contract import (
        ArrayType,
        Backend,
        KernelWithAttributes,
        NormKernels,
        OneImage,
        ParameterFreeKernels,
        Signature,
        SimpleBackend,
        WeightedKernels,
    )
    from nbcnn.kernels.conv2d.problem import Conv2dProblem
    from nbcnn.kernels.cost import Cost, Work
    from nbcnn.kernels.cross_entropy.op import LossKernels, LossProblem
    from nbcnn.kernels.elementwise import ActivationOp, ElementwiseProblem
    from nbcnn.kernels.elementwise_kernels import ElementwiseBackend, elementwise_kernels
    from nbcnn.kernels.linear.op import LinearProblem
    from nbcnn.kernels.op import Case, Op
    from nbcnn.kernels.pooling import Pool2dProblem
    from nbcnn.kernels.shapes import output_size, same_padding
    from nbcnn.lanes import (
        LANES,
        add_products,
        add_sums,
        add_windows,
        deinterleave,
        erf,
        exp,
        expm1,
        fma,
        lane,
        lane_sum,
        load,
        load_block,
        load_columns,
        load_each,
        load_masked,
        maximum,
        power_of_two,
        prefetch,
        repeated,
        rint,
        scalars,
        sigmoid,
        splat,
        sqrt,
        start_sums,
        store,
        store_each,
        store_masked,
        store_sums,
        store_sums_masked,
        strided,
        where,
    )
    from nbcnn.lanes.block_sums import block_at, block_count, block_sizes
    from nbcnn.layers.activation import Activation
    from nbcnn.layers.base import (
        LAYERS,
        Bound,
        BufferProvider,
        Call,
        Layer,
        LayerConfig,
        Parameter,
        Shape,
        for_one_image,
    )
    from nbcnn.optim.base import Optimizer, OptimizerConfig
    from nbcnn.optim.schedules.base import Schedule, ScheduleConfig
    from nbcnn.plugin import register

_NAMES = {
    "nbcnn.compiler.jit": ("kernel",),
    "nbcnn.lanes.block_sums": ("block_at", "block_count", "block_sizes"),
    "nbcnn.kernels.contract": (
        "ArrayType",
        "Backend",
        "KernelWithAttributes",
        "NormKernels",
        "OneImage",
        "ParameterFreeKernels",
        "Signature",
        "SimpleBackend",
        "WeightedKernels",
    ),
    "nbcnn.kernels.conv2d.problem": ("Conv2dProblem",),
    "nbcnn.kernels.cross_entropy.op": ("LossKernels", "LossProblem"),
    "nbcnn.kernels.elementwise": ("ActivationOp", "ElementwiseProblem"),
    "nbcnn.kernels.elementwise_kernels": ("ElementwiseBackend", "elementwise_kernels"),
    "nbcnn.layers.activation": ("Activation",),
    "nbcnn.kernels.linear.op": ("LinearProblem",),
    "nbcnn.kernels.op": ("Case", "Op"),
    "nbcnn.kernels.pooling": ("Pool2dProblem",),
    "nbcnn.kernels.cost": ("Cost", "Work"),
    "nbcnn.kernels.shapes": ("output_size", "same_padding"),
    "nbcnn.layers.base": (
        "LAYERS",
        "Bound",
        "BufferProvider",
        "Call",
        "Layer",
        "LayerConfig",
        "Parameter",
        "Shape",
        "for_one_image",
    ),
    "nbcnn.optim.base": ("Optimizer", "OptimizerConfig"),
    "nbcnn.optim.schedules.base": ("Schedule", "ScheduleConfig"),
    "nbcnn.data.dataset": ("Dataset", "Split"),
    "nbcnn.data.source": ("DataSource",),
    "nbcnn.errors": ("DataError", "KernelError", "ShapeError"),
    "nbcnn.introspect.check": ("edits",),
    "nbcnn.introspect.check.architecture": ("Architecture",),
    "nbcnn.introspect.check.rule": ("CheckRule", "Found"),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}
_LANES = "nbcnn.lanes"  # where all others are

__all__ = [
    "LANES",
    "LAYERS",
    "Activation",
    "ActivationOp",
    "Architecture",
    "ArrayType",
    "Backend",
    "Bound",
    "BufferProvider",
    "Call",
    "Case",
    "CheckRule",
    "Conv2dProblem",
    "Cost",
    "DataError",
    "DataSource",
    "Dataset",
    "ElementwiseBackend",
    "ElementwiseProblem",
    "Found",
    "KernelError",
    "KernelWithAttributes",
    "Layer",
    "LayerConfig",
    "LinearProblem",
    "LossKernels",
    "LossProblem",
    "NormKernels",
    "OneImage",
    "Op",
    "Optimizer",
    "OptimizerConfig",
    "Parameter",
    "ParameterFreeKernels",
    "Pool2dProblem",
    "Schedule",
    "ScheduleConfig",
    "Shape",
    "ShapeError",
    "Signature",
    "SimpleBackend",
    "Split",
    "WeightedKernels",
    "Work",
    "add_products",
    "add_sums",
    "add_windows",
    "block_at",
    "block_count",
    "block_sizes",
    "deinterleave",
    "edits",
    "elementwise_kernels",
    "erf",
    "exp",
    "expm1",
    "fma",
    "for_one_image",
    "kernel",
    "lane",
    "lane_sum",
    "load",
    "load_block",
    "load_columns",
    "load_each",
    "load_masked",
    "maximum",
    "output_size",
    "power_of_two",
    "prefetch",
    "register",
    "repeated",
    "rint",
    "same_padding",
    "scalars",
    "sigmoid",
    "splat",
    "sqrt",
    "start_sums",
    "store",
    "store_each",
    "store_masked",
    "store_sums",
    "store_sums_masked",
    "strided",
    "where",
]


def __getattr__(name: str) -> Any:
    """Import on demand, so that an optimizer need not wait for what kernels take."""
    if name == "register":
        return import_module("nbcnn.plugin.register")
    if name not in __all__:
        raise AttributeError(f"module 'nbcnn.plugin' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME.get(name, _LANES)), name)
    return value


def __dir__() -> list[str]:
    """What is public, whether it has been imported yet or not."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
