"""Base class of op definitions: problem, oracle, test cases, and names in other libraries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from math import isqrt, prod
from typing import Any, ClassVar, Literal, NamedTuple

Arrays = dict[str, Any]
"""NumPy arrays by the names that signatures of kernels have for them."""


AtInfinity = Literal["formula", "limit", "any"]


class OnnxNode(NamedTuple):
    """A node of an ONNX graph: its operator, what it takes, and its attributes.

    What it takes is ``x`` or a tensor by its name in the step (``weight``, ``bias``, ``running_mean``), a whole number
    for the output of an earlier node of the op, or a constant: a float, or a list of whole numbers or floats; "" leaves
    one out.
    """

    kind: str
    inputs: tuple[Any, ...] = ("x",)
    attributes: dict[str, Any] = {}  # noqa: RUF012 (never changed)


class Case(NamedTuple):
    """A problem, with a bias or, where the op has one, without (zeros)."""

    problem: Any
    bias: bool = True


class Op(ABC):
    """An op: what it computes, by how much kernels may differ from that, and the problems that they are tried on.

    Its shapes, the signatures of its kernels and its multiply-accumulate steps are those of ``problem``, a frozen
    dataclass. ``oracle`` is the op's plain definition in NumPy and shares no code with kernels. A plugin registers a
    subclass with ``@register.op("name")``; no method but ``oracle`` and ``cases`` has to be written.
    """

    name: str = ""
    """That which it is registered under."""
    problem: type[Any]
    """The dataclass of its problems: ``op``, ``kernels``, ``dtype``, ``x_shape``, ``y_shape``, ``macs``."""
    torch: ClassVar[str | None] = None
    """PyTorch's name for it in torch.nn, where there is one."""
    onnx: ClassVar[str | None] = None
    """ONNX's name for its operator, where there is one."""
    signed: ClassVar[tuple[str, ...]] = ()
    """Inputs that keep their sign when absolute products are summed."""
    largest, factor = 4, 1
    """Whole numbers to check with are at most so large, and multiples of the factor."""
    at_infinity: ClassVar[AtInfinity] = "formula"
    """What kernels owe where an input is infinite: the formula's value in exact backends, its limit, or no number."""

    @abstractmethod
    def oracle(self, problem: Any, inputs: Arrays) -> Arrays:
        """Every array that the kernels write, in float64, from the arrays that they are given, packs (…, 16)."""

    def terms(self, problem: Any) -> dict[str, int] | None:
        """How many roundings a term of each array's sums may meet (``roundings``), where the op is sums; else None."""
        return None

    def bounds(self, inputs: Arrays, values: Arrays, eps: float, tiny: float) -> Arrays:
        """By how much each array may be off where the op is no sums: a few roundings of its values and of what is
        subtracted on the way. ``eps`` is that of the dtype, ``tiny`` its smallest normal number.
        """
        import numpy as np

        size = max(1.0, *(float(np.abs(array).max()) for array in inputs.values()))
        return {name: 8 * eps * np.abs(array) + 16 * eps * size for name, array in values.items()}

    def bounds_of(self, problem: Any, inputs: Arrays, values: Arrays, eps: float, tiny: float) -> Arrays:
        """The same where they depend on the problem too."""
        return self.bounds(inputs, values, eps, tiny)

    @abstractmethod
    def cases(self) -> Iterator[Case]:
        """The grid of small problems that every backend is held against, in float32."""

    def edge_cases(self) -> dict[str, Any]:
        """Problems beside the grid, by a name: every number that has an end of its own at that end."""
        return {}

    def tiny(self) -> list[Any]:
        """Problems whose whole Jacobian is soon computed; for other precisions than theirs they are changed."""
        return []

    def busy(self) -> list[Any]:
        """Problems large enough that threads which run them meet one another, likely ones first."""
        return []

    def long_sums(self) -> list[Any]:
        """Problems with sums of ten thousand terms or more, in float32."""
        return []

    def small(self) -> list[Any]:
        """Problems that a plugin's backend is tried on when it is loaded, such that most backends can do the first."""
        return [case.problem for case in self.cases()][:1]

    def spread(self, problem: Any, inputs: Arrays, seed: Any) -> Arrays:
        """Normally distributed float64 inputs, such that their numbers meet all parts of the formula."""
        return inputs

    def equal(self, problem: Any, number: float) -> Arrays | None:
        """Inputs whose sums have equal terms, where those are not x, times weights of 1."""
        return None

    def words(self, problem: Any, bias: bool) -> str:
        """A problem as reports have it."""
        return f"{' to '.join('×'.join(map(str, s)) for s in (problem.x_shape, problem.y_shape))} ({problem.dtype})"

    def layers(self, backend: str) -> list[list[Any]]:
        """Layers of small networks for images (2, 6, 5), as in YAML, with the backend; the first that it takes is
        trained for a step.
        """
        return []

    def step(self, problem: Any) -> dict[str, Any]:
        """The op for other libraries, as JSON can have it."""
        return {"op": self.name, "torch": self.torch}

    def onnx_node(self, step: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """ONNX's operator for a step and its attributes."""
        return self.onnx, {}

    def onnx_nodes(self, step: dict[str, Any]) -> list[OnnxNode]:
        """ONNX's operators for a step: that of ``onnx_node``, or several in its place; none where there is none."""
        kind, attributes = self.onnx_node(step)
        return [] if kind is None else [OnnxNode(kind, ("x", "weight", "bias"), attributes)]


def roundings(*sizes: int) -> int:
    """How many roundings a term meets in a sum over up to three indices, in blocks as lanes/block_sums.py cuts them.

    As many as a block has terms, and one for each block after the first: fewer than terms, where these are many.
    """
    from nbcnn.lanes.block_sums import BLOCK

    channels, rows, columns = (1, 1, 1, *sizes)[-3:]
    most = max(BLOCK, -(-isqrt(channels * rows * columns) // 16) * 16)
    block = max(1, most // (rows * columns)), max(1, most // columns), most
    pairs = [(size, min(size, part)) for size, part in zip((channels, rows, columns), block, strict=True)]
    return prod(part for _, part in pairs) + prod(-(-size // part) for size, part in pairs) - 1


def more_roundings(classes: int, eps: float) -> float:
    """By what share a sum over so many classes that it comes in blocks may be off besides; see ``Op.bounds``."""
    from nbcnn.lanes.block_sums import BLOCK

    return roundings(classes) * eps / 2 if classes > BLOCK else 0.0


SIZES = ((7, 9), (8, 7), (9, 8), (9, 9))
"""Images of grids' problems, in turn."""
STRIDES = (1, 2, 3)


def times(pair: tuple[int, int]) -> str:
    """``3×2``."""
    return f"{pair[0]}×{pair[1]}"


def window_words(problem: Any) -> str:
    """``3×3 stride 2 padding 1 dilation 1``."""
    stride, dilation = (
        str(pair[0]) if pair[0] == pair[1] else times(pair) for pair in (problem.stride, problem.dilation)
    )
    sides = problem.padding
    padding = str(sides[0]) if len(set(sides)) == 1 else "/".join(map(str, sides))
    return f"{times(problem.kernel_size)} stride {stride} padding {padding} dilation {dilation}"


def window_step(problem: Any) -> dict[str, Any]:
    """The numbers of a window, as JSON has them."""
    return {name: list(getattr(problem, name)) for name in ("kernel_size", "stride", "padding", "dilation")}


def onnx_window(step: dict[str, Any]) -> dict[str, Any]:
    """The same as ONNX names them; pads are top, left, bottom, right there."""
    top, bottom, left, right = step["padding"]
    return {"kernel_shape": step["kernel_size"], "strides": step["stride"], "pads": [top, left, bottom, right]}
