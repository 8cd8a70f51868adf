"""The rule ``pointwise_on_one_channel``: a 1×1 convolution of a single channel."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import change
from nbcnn.introspect.check.rule import RULES, CheckRule, Found


@RULES.register()
class PointwiseOnOneChannel(CheckRule):
    """Convolutions each of whose outputs has one weight."""

    title = "A 1×1 convolution has one channel to look at"
    reason = (
        "A 1×1 convolution is a sum over channels (equation (27)). Of one channel, as of a grey image or in groups "
        "of one, the sum has one term: each output is a copy of the input in another scale. It needs a window, or "
        "channels to join. There is no threshold."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        for number in net.all_of("conv2d"):
            problem = net.problem(number)
            if prod(problem.w_shape[1:]) > 1:
                continue
            sentence = (
                f"each of its {problem.out_channels} channels is one channel of its input times a number; nothing is "
                "joined"
            )
            if net.size(net.input(number)) == (1, 1):
                yield Found(net.layer(number), 1, sentence)
            else:
                yield Found(
                    net.layer(number), 1, sentence, ((change(net.layer(number), kernel_size=3, padding="same"),),)
                )
