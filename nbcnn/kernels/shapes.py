"""Output sizes and padding of ops with windows (convolution, pooling)."""

from __future__ import annotations

Pair = tuple[int, int]
"""Rows, columns."""
Sides = tuple[int, int, int, int]
"""Top, bottom, left, right."""
Padding = str | Pair | Sides
"""As people give it: ``same``, ``valid``, rows and columns, or four sides."""

LARGEST = 2**31 - 1
"""The most rows or columns of an image with its padding, and the largest number of a window. Kernels multiply two such
numbers, and 64 bits hold the product."""


def window_flaw(size: Pair, kernel_size: Pair, stride: Pair, padding: Sides, dilation: Pair) -> str | None:
    """Why a window's numbers are too large to count with; None where they aren't."""
    named = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
    for name, numbers in named.items():
        if max(numbers) > LARGEST:
            return f"{name} {shortened(max(numbers))} is too large; the largest is {LARGEST:,}"
    for axis, n in enumerate(size):
        before, after = padding[2 * axis : 2 * axis + 2]
        if n + before + after > LARGEST:
            what = ("rows", "columns")[axis]
            return f"the image has {n + before + after:,} {what} with its padding; it may have {LARGEST:,}"
    return None


def shortened(number: int) -> str:
    """A whole number, of a long one what it is about: ``1.2e+21``."""
    if abs(number) < 10**15:
        return f"{number:,}"
    digits = len(str(abs(number))) - 1 if abs(number) < 10**300 else int(abs(number).bit_length() * 0.30103)
    return f"about {'-' * (number < 0)}1e+{digits}"


def first_multiple(step: int, modulus: int, low: int, high: int) -> int | None:
    """The smallest i >= 0 with low <= step·i mod modulus <= high, where 0 <= low <= high < modulus; None if none has.

    As Euclid's algorithm, in as few rounds: counting up could take 2³¹ of them.
    """
    step %= modulus
    if low == 0:
        return 0
    if step == 0:
        return None
    count = -(-low // step)
    if count * step <= high:
        return count
    wraps = first_multiple(modulus, step, -high % step, -low % step)
    return None if wraps is None else -(-(low + modulus * wraps) // step)


def first_blind(size: int, kernel_size: int, stride: int, before: int, dilation: int, count: int) -> int | None:
    """Along one axis the first of ``count`` windows none of whose taps meets the image; None where each meets a pixel.

    Only dilated windows can step over an image, and only those that begin in the padding before it: such a window's
    first tap at or behind the image's beginning is (i·stride - before) mod dilation.
    """
    beginning_outside = min(count, -(-before // stride))
    if dilation <= size or beginning_outside < 1:
        return None
    low, high = (size + before) % dilation, (dilation - 1 + before) % dilation
    found = 0 if low > high else first_multiple(stride, dilation, low, high)
    return found if found is not None and found < beginning_outside else None


def output_size(
    size: int, kernel_size: int, stride: int, before: int, after: int, dilation: int = 1, ceil_mode: bool = False
) -> int:
    """Equation (2) of docs/math.md: floor((size + before + after - dilation·(kernel_size - 1) - 1) / stride) + 1.

    With ``ceil_mode`` the quotient is rounded up, but no window begins beyond the input and the padding before it. A
    kernel larger than the padded input gives 0 or less.
    """
    room = size + before + after - dilation * (kernel_size - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + before else count


def same_padding(size: int, kernel_size: int, stride: int, dilation: int = 1) -> Pair:
    """Zeros before and after so that the output has ceil(size / stride) pixels; an odd one goes after.

    At stride 1 this is PyTorch's ``padding='same'``; at others, ONNX's SAME_UPPER.
    """
    needed = (-(-size // stride) - 1) * stride + dilation * (kernel_size - 1) + 1 - size
    return max(needed, 0) // 2, max(needed, 0) - max(needed, 0) // 2


def four_sides(padding: Padding, size: Pair, kernel_size: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Sides:
    """Padding as people give it, as top, bottom, left, right: rows and columns, four sides, ``same`` or ``valid``."""
    if padding == "valid":
        return (0, 0, 0, 0)
    if padding == "same":
        rows, columns = (same_padding(*axis) for axis in zip(size, kernel_size, stride, dilation, strict=True))
        return (*rows, *columns)
    if isinstance(padding, str):
        raise ValueError(f"padding may be same or valid, got {padding!r}")
    if len(padding) == 2:
        return (padding[0], padding[0], padding[1], padding[1])
    return padding


def padded(size: int, before: int, after: int) -> str:
    """The sum of a size and its padding, as messages write it: ``8 + 2·1`` or ``8 + 1 + 2``."""
    return f"{size} + 2·{before}" if before == after else f"{size} + {before} + {after}"


def groups_flaw(groups: int, in_channels: int, out_channels: int) -> str | None:
    """Why channels can't be divided into groups, with the arithmetic; None where they can."""
    sums = [f"{c} = {c // groups}·{groups} + {c % groups}" for c in (in_channels, out_channels) if c % groups]
    if not sums:
        return None
    return f"groups {groups} must divide the {in_channels} input and the {out_channels} output channels: " + ", ".join(
        sums
    )


def pooling_padding_flaw(padding: Pair | Sides, kernel_size: Pair, dilation: Pair = (1, 1)) -> str | None:
    """Why pooling can't be padded like this; None where it can.

    One number or two follow PyTorch's rule, at most half of the kernel. Four sides, which PyTorch doesn't have, may be
    anything below the window's size, so that no window lies in the padding alone.
    """
    if len(padding) == 2:
        if any(2 * p > k for p, k in zip(padding, kernel_size, strict=True)):
            return (
                f"padding {list(padding)} is more than half of kernel_size {list(kernel_size)}; "
                "four sides [top, bottom, left, right] may be wider"
            )
        return None
    spans = [d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    if any(p >= spans[side // 2] for side, p in enumerate(padding)):
        return (
            f"padding {list(padding)} has a side that is not below the window's {spans[0]}×{spans[1]}, "
            "so that a window could hold nothing but padding"
        )
    return None
