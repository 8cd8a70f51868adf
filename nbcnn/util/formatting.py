"""Problems, times and counts in a few words, as messages and tables have them: ``conv2d 5×5 +2, 1→6 on 28×28``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def in_words(problem: Any) -> str:
    """Op, window (/stride, +padding, where they are not the usual), channels or features, image."""
    if hasattr(problem, "in_channels"):
        return f"{problem.op} {window(problem)}, {problem.in_channels}→{problem.out_channels} on {_image(problem)}"
    if hasattr(problem, "kernel_size"):
        return f"{problem.op} {window(problem)}, {problem.channels} channels on {_image(problem)}"
    if hasattr(problem, "in_features"):
        return f"{problem.op} {problem.in_features:,}→{problem.out_features:,}"
    return f"{problem.op} of {problem.x_shape[0]:,} features"


def window(problem: Any) -> str:
    """A window as ``5×5 /2 +1 d2 g4 ceil``: size; then stride, padding, dilation, groups, rounding up where unusual.

    Padding is one number, rows×columns, or top,bottom,left,right. Without a window it is the problem's own words:
    ``+1``, ``×2``, ``to 7×7``, or nothing.
    """
    if not hasattr(problem, "kernel_size"):
        return str(getattr(problem, "words", ""))
    text = "×".join(str(k) for k in problem.kernel_size)
    if problem.stride != (1, 1):
        text += " /" + _pair(problem.stride)
    top, bottom, left, right = problem.padding
    if (top, left) != (bottom, right):
        text += " +" + ",".join(str(side) for side in problem.padding)
    elif (top, left) != (0, 0):
        text += " +" + _pair((top, left))
    if problem.dilation != (1, 1):
        text += " d" + _pair(problem.dilation)
    if getattr(problem, "groups", 1) != 1:
        text += f" g{problem.groups}"
    return text + " ceil" * getattr(problem, "ceil_mode", False)


def counted(count: int, one: str, more: str = "") -> str:
    """``1 image`` or ``2 images``."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def milliseconds(seconds: float) -> str:
    """Three digits: ``0.0412 ms``, ``1.23 ms``, ``145 ms``."""
    value = 1000 * seconds
    return f"{value:.0f} ms" if value >= 100 else f"{value:.3g} ms" if value >= 0.001 else "0 ms"


def _image(problem: Any) -> str:
    return f"{problem.height}×{problem.width}"


def _pair(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}×{pair[1]}"


def in_a_sentence(problem: Any) -> str:
    """As ``in_words``, for readers: ``conv2d: 6 to 16 channels, kernel 5×5, image 14×14 to 10×10``."""
    if hasattr(problem, "kernel_size"):
        channels = (
            f"{problem.in_channels} to {problem.out_channels} channels"
            if hasattr(problem, "in_channels")
            else f"{problem.channels} channels"
        )
        parts = [channels, "kernel " + "×".join(map(str, problem.kernel_size))]
        parts += [f"stride {_pair(problem.stride)}"] * (problem.stride != (1, 1))
        top, bottom, left, right = problem.padding
        parts += [f"padding {'/'.join(map(str, dict.fromkeys((top, bottom, left, right))))}"] * any(problem.padding)
        parts += [f"dilation {_pair(problem.dilation)}"] * (problem.dilation != (1, 1))
        parts += [f"{problem.groups} groups"] * (getattr(problem, "groups", 1) != 1)
        parts.append(f"image {_image(problem)} to {problem.y_shape[1]}×{problem.y_shape[2]}")
        return f"{problem.op}: {', '.join(parts)}"
    if hasattr(problem, "in_features"):
        return f"{problem.op}: {problem.in_features:,} to {problem.out_features:,} features"
    return in_words(problem)


def times(numbers: Iterable[int]) -> str:
    """A shape: ``16×5×5``."""
    return "×".join(str(number) for number in numbers)
