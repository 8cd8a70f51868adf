"""Text form of problems, array positions and numbers, for reports."""

from __future__ import annotations

from typing import Any

from nbcnn.conformance.grid import Case
from nbcnn.conformance.signatures import PACKS
from nbcnn.kernels.ops import op

AXES = {
    ("y", 4): ("channel", "row", "column", "image"),
    ("w", 4): ("output channel", "input channel", "row", "column"),
    ("y", 3): ("weight", "pixel", "image"),
    ("w", 1): ("weight",),
    ("y", 2): ("feature", "image"),
    ("w", 2): ("output", "feature"),
    ("b", 1): ("channel",),
    ("losses", 1): ("image",),
}


def described(case: Case) -> str:
    """``3×3 stride 2 padding 1 dilation 1 groups 2, bias (4→6 channels, 8×9 pixels, float32)``."""
    return op(case.problem.op).words(case.problem, case.bias)


def place(name: str, index: tuple[int, ...]) -> str:
    """``channel 0, row 2, column 8, image 0``, counted from 0."""
    kind = "losses" if name in ("losses", "guesses") else "y" if name in PACKS else "b" if name == "db" else "w"
    axes = AXES[kind, len(index)]
    return ", ".join(f"{axis} {number}" for axis, number in zip(axes, index, strict=True))


def figure(number: Any) -> str:
    """A number with as many digits as tell it from its neighbours of the same type."""
    return str(number).removesuffix(".0")
