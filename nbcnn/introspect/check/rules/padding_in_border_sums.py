"""The rule ``padding_in_border_sums``: the share of padding in the sums of a convolution."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Changes, change, replace
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.check.words import one_or_two, percent
from nbcnn.kernels.cost import met_taps
from nbcnn.util.formatting import times


@RULES.register()
class PaddingInBorderSums(CheckRule):
    """The products of a convolution that meet a zero of the padding."""

    title = "A large share of a convolution's sums is padding"
    reason = (
        "Padding keeps the size, and pays with sums at the border that are smaller than those inside: the layer "
        "learns the frame. On a large image it is a few per cent. The most that is usual is 31 %, GoogLeNet's 5×5 "
        "on 7×7 pixels; above a third the kernel is too large for what is left of the image."
    )
    limit = 1 / 3

    def look(self, net: Architecture) -> Iterator[Found]:
        for number in net.all_of("conv2d"):
            share, size = 1 - _met(net, number), net.size(net.input(number))
            if share <= self.limit or any(net.span(number, axis) > size[axis] for axis in (0, 1)):
                continue  # a window that is larger than the image has a rule of its own
            layer, problem = net.layer(number), net.problem(number)
            sentence = (
                f"a {times(problem.kernel_size)} kernel on {times(size)} pixels: {percent(share)} of its products are "
                "with zeros of the padding"
            )
            smaller = one_or_two((max(1, problem.kernel_size[0] - 2), max(1, problem.kernel_size[1] - 2)))
            remedies: list[Changes] = []
            if max(problem.kernel_size) > 3:
                remedies.append((change(layer, kernel_size=smaller, padding="same"),))
            pools = [
                n for n in net.windows() if n < number and not net.is_weighted(n) and max(net.problem(n).stride) > 1
            ]
            remedies += [(replace(net.layer(n)),) for n in reversed(pools)]
            remedies += [(change(layer, padding=0),), (change(layer, kernel_size=smaller, padding="same"),)]
            yield Found(layer, share, sentence, tuple(remedies))


def _met(net: Architecture, number: int) -> float:
    """The share of products with a pixel of the image."""
    problem, share = net.problem(number), 1.0
    for axis in (0, 1):
        size, kernel, count = problem.x_shape[1 + axis], problem.kernel_size[axis], problem.y_shape[1 + axis]
        numbers = problem.stride[axis], problem.padding[2 * axis], problem.dilation[axis], count
        share *= met_taps(size, kernel, *numbers) / (kernel * count)
    return share
