"""Text form of problems, array positions and numbers, for reports."""

from __future__ import annotations

from typing import Any

from nbcnn.conformance.grid import Case
from nbcnn.conformance.signatures import PACKS
from nbcnn.kernels.contract import Conv2dProblem, LinearProblem, LossProblem, Pool2dProblem

AXES = {
    ("y", 4): ("channel", "row", "column", "image"),
    ("w", 4): ("output channel", "input channel", "row", "column"),
    ("y", 2): ("feature", "image"),
    ("w", 2): ("output", "feature"),
    ("b", 1): ("channel",),
    ("losses", 1): ("image",),
}


def described(case: Case) -> str:
    """``3×3 stride 2 padding 1 dilation 1 groups 2, bias (4→6 channels, 8×9 pixels, float32)``."""
    p = case.problem
    if isinstance(p, Conv2dProblem):
        text = f"{_by(p.kernel_size)} {_window(p)} groups {p.groups}, {'bias' if case.bias else 'no bias'}"
        return f"{text} ({p.in_channels}→{p.out_channels} channels, {p.height}×{p.width} pixels, {p.dtype})"
    if isinstance(p, Pool2dProblem):
        more = " ceil_mode" * p.ceil_mode + " padding not counted" * (not p.count_include_pad)
        more += f" divisor {p.divisor_override}" if p.divisor_override else ""
        text = f"{_by(p.kernel_size)} {_window(p)}{more}"
        return f"{text} ({p.channels} channels, {p.height}×{p.width} pixels, {p.dtype})"
    if isinstance(p, LinearProblem):
        return f"{p.in_features}→{p.out_features}, {'bias' if case.bias else 'no bias'} ({p.dtype})"
    return f"{p.classes} classes ({p.dtype})" if isinstance(p, LossProblem) else f"{p.features} numbers ({p.dtype})"


def place(name: str, index: tuple[int, ...]) -> str:
    """``channel 0, row 2, column 8, image 0``, counted from 0."""
    kind = "losses" if name in ("losses", "guesses") else "y" if name in PACKS else "b" if name == "db" else "w"
    axes = AXES[kind, len(index)]
    return ", ".join(f"{axis} {number}" for axis, number in zip(axes, index, strict=True))


def figure(number: Any) -> str:
    """A number with as many digits as tell it from its neighbours of the same type."""
    return str(number).removesuffix(".0")


def _by(pair: tuple[int, int]) -> str:
    return f"{pair[0]}×{pair[1]}"


def _window(p: Conv2dProblem | Pool2dProblem) -> str:
    padding = str(p.padding[0]) if len(set(p.padding)) == 1 else "/".join(str(n) for n in p.padding)
    return f"stride {_once(p.stride)} padding {padding} dilation {_once(p.dilation)}"


def _once(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else _by(pair)
