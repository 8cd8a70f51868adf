"""The rule ``wide_kernel``: the cost of a wide window beside that of several 3×3."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import change, replace
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.util.formatting import times


@RULES.register()
class WideKernel(CheckRule):
    """Weights of a convolution with a wide kernel, beside those of 3×3 convolutions with the same field."""

    title = "A wide kernel costs more than several small ones"
    reason = (
        "VGG (Simonyan and Zisserman 2014, arXiv 1409.1556, section 2.3): two 3×3 convolutions see what one 5×5 "
        "sees with 18/25 of its weights, three what a 7×7 sees with 27/49, and there are activations between. For "
        "5×5 the ratio is 1.39 at most, which AlexNet and GoogLeNet paid; from 7×7 on it is above 1.5. On an image "
        "of few channels a wide kernel is cheap, and the rule does not speak."
    )
    limit = 1.5

    def look(self, net: Architecture) -> Iterator[Found]:
        for number in net.all_of("conv2d"):
            problem, layer = net.problem(number), net.layer(number)
            rows, columns = problem.kernel_size
            if (
                rows != columns
                or rows % 2 == 0
                or rows < 5
                or problem.groups > 1
                or (*problem.stride, *problem.dilation) != (1,) * 4
            ):
                continue
            if net.size(number) == (1, 1):
                continue  # it stands for a linear layer
            count, channels = (rows - 1) // 2, problem.out_channels
            small = 9 * channels * (problem.in_channels + (count - 1) * channels)
            wide = rows * columns * problem.in_channels * channels
            if wide <= self.limit * small:
                continue
            sentence = (
                f"its {times(problem.kernel_size)} kernel has {wide:,} weights; {count} convolutions of 3×3 see as "
                f"much, have {small:,}, and an activation after each"
            )
            padding = 0 if not any(problem.padding) else "same"
            bias = "bias" in layer.parameters()
            conv = {"conv2d": {"out_channels": channels, "kernel_size": 3, "padding": padding, "bias": bias}}
            entries = [entry for _ in range(count) for entry in (conv, "relu")][:-1]
            yield Found(layer, wide / small, sentence, ((replace(layer, *entries),), (change(layer, kernel_size=3),)))
