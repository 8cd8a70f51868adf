"""The rule ``padding_at_least_kernel``: padding so wide that windows lie in it altogether."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import change
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.check.words import one_or_two
from nbcnn.util.formatting import times


@RULES.register()
class PaddingAtLeastKernel(CheckRule):
    """Convolutions, and padding layers before them, with padding on a side that is as wide as the window."""

    title = "The padding is as wide as the kernel"
    reason = (
        "A window that lies in the padding altogether gives the bias and nothing else, for every image. Padding of "
        "half the window, rounded down, keeps the size; the most that is of use is one less than the window (the "
        "full convolution), so that each sum meets a pixel. There is no threshold."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        for number in net.all_of("conv2d"):
            problem, layer, around = net.problem(number), net.layer(number), net.input(number)
            sides = list(problem.padding)
            padded = net.op(around) == "zero_pad2d"
            if padded:
                sides = [a + b for a, b in zip(sides, net.problem(around).padding, strict=True)]
            span = [net.span(number, axis) for axis in (0, 0, 1, 1)]
            excess = [side - wide + 1 for side, wide in zip(sides, span, strict=True)]
            if max(excess) <= 0:
                continue
            blind = [
                sum(max(0, -(-each // problem.stride[side // 2])) for side, each in pair) for pair in _axes(excess)
            ]
            words = " and ".join(f"{n} {name}" for n, name in zip(blind, ("rows", "columns"), strict=True) if n)
            sentence = (
                f"padding of {max(sides)} around a window of {times(span[::2])}: {words} of its "
                f"{times(net.size(number))} outputs see nothing but zeros"
            )
            half = one_or_two((span[0] // 2, span[2] // 2))
            remedies = [(change(layer, padding=half),), (change(layer, padding=0),)]
            if padded:
                rows, columns = span[0] // 2, span[2] // 2
                remedies.insert(0, (change(net.layer(around), padding=[columns, columns, rows, rows]),))
            yield Found(layer, max(blind), sentence, tuple(remedies))


def _axes(sides: list[int]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The numbered sides of rows and of columns."""
    numbered = list(enumerate(sides))
    return numbered[:2], numbered[2:]
