"""The rule ``flattened_too_early``: the share of the parameters in the first linear layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import before
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.check.words import percent
from nbcnn.util.formatting import times


@RULES.register()
class FlattenedTooEarly(CheckRule):
    """The first linear layer after convolutions, and the image that it is given."""

    title = "The image is flattened while it is large"
    reason = (
        "The first linear layer has a weight for each place, so it learns the same pattern again at each, which is "
        "what convolutions are there to avoid. In networks that are known to learn, its share of all parameters is "
        "62 % (AlexNet, fc6), 74 % (VGG-16, fc6) and 78 % (LeNet-5); above nine tenths the convolutions hardly "
        "matter."
    )
    limit = 0.9

    def look(self, net: Architecture) -> Iterator[Found]:
        for number in net.all_of("linear"):
            image = net.back(net.input(number), lambda n: len(net.shape(n)) == 1 and not net.is_weighted(n))
            share = net.parameters(number) / net.total_parameters
            convolutions = sum(net.parameters(n) for n in net.all_of("conv2d"))
            if len(net.shape(image)) != 3 or net.size(image) == (1, 1) or not convolutions or share <= self.limit:
                continue
            flatten = next(n for n in range(image + 1, number + 1) if net.kind(n) == "flatten")
            shape, count, total = net.shape(image), net.parameters(number), net.total_parameters
            sentence = (
                f"it reads {times(shape)} = {net.shape(flatten)[0]:,} numbers and has {count:,} of the {total:,} "
                f"parameters ({percent(share)}); the convolutions have {convolutions:,}"
            )
            layer = net.layer(flatten)
            stages = [_stages(shape[0], number_of) for number_of in (1, 2, 3)]
            pools = [{"max_pool2d": {"kernel_size": size}} for size in (2, 4)]
            remedies = [(before(layer, *stage),) for stage in stages]
            remedies += [(before(layer, pool),) for pool in [*pools, {"adaptive_avg_pool2d": {"output_size": 4}}]]
            yield Found(net.layer(number), share, sentence, (*remedies, (before(layer, "global_avg_pool2d"),)))


def _stages(channels: int, count: int) -> list[Any]:
    """Convolution, ReLU and pooling, each time with twice the channels and half the rows and columns."""
    stages: list[Any] = []
    for number in range(1, count + 1):
        conv = {"conv2d": {"out_channels": channels * 2**number, "kernel_size": 3, "padding": 1}}
        stages += [conv, "relu", {"max_pool2d": {"kernel_size": 2}}]
    return stages
