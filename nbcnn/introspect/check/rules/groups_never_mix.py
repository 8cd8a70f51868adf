"""The rule ``groups_never_mix``: grouped convolutions one behind another whose groups never meet."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import before
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.check.words import percent
from nbcnn.introspect.graph import IMAGE


@RULES.register()
class GroupsNeverMix(CheckRule):
    """Two convolutions with the same groups and no layer between that joins channels."""

    title = "The groups of grouped convolutions never meet"
    reason = (
        "A grouped convolution joins only channels of one group. Two behind each other with the same groups are "
        "separate networks side by side (Zhang et al. 2017, arXiv 1707.01083, who shuffle channels for that "
        "reason); MobileNet puts a 1×1 convolution between. There is no threshold."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        for number in net.all_of("conv2d"):
            groups = net.problem(number).groups
            source = net.back(net.input(number), lambda n: not net.is_weighted(n) and len(net.shape(n)) == 3)
            if groups == 1 or source == IMAGE or net.op(source) != "conv2d" or net.problem(source).groups != groups:
                continue
            channels = net.shape(source)[0]
            sentence = (
                f"it has the {groups} groups of conv2d {net.layer(source).path} before it, and nothing between joins "
                f"channels: each output sees {percent(1 / groups)} of them"
            )
            mixing = {"conv2d": {"out_channels": channels, "kernel_size": 1}}
            remedies = ((before(net.layer(number), mixing),), (before(net.layer(number), mixing, "relu"),))
            yield Found(net.layer(number), 1 / groups, sentence, remedies)
