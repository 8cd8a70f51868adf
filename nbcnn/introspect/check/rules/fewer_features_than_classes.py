"""The rule ``fewer_features_than_classes``: a place that all numbers pass, with fewer numbers than classes."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Changes, change
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.graph import IMAGE


@RULES.register()
class FewerFeaturesThanClasses(CheckRule):
    """Outputs that every path from the image to the scores goes through, and how many numbers they have."""

    title = "There are fewer features than classes"
    reason = (
        "The scores of a last layer with F inputs lie in a space of F dimensions, of which softmax ignores one "
        "direction: with K classes and fewer than K - 1 features some answers exclude others whatever the weights "
        "are. So the threshold is K - 1. Branches count together, for what one has not another may have."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        last = net.back(net.last, lambda n: not net.is_weighted(n))
        for number in net:
            count = prod(net.shape(number))
            if number >= last or count >= net.scores - 1 or not _all_paths_pass(net, number):
                continue
            made = net.back(number, lambda n: not net.is_weighted(n))
            sentence = (
                f"all that is known of an image passes through its {count} numbers, and there are {net.scores} scores: "
                "they can't vary independently"
            )
            remedies: list[Changes] = []
            if net.is_weighted(made):
                key = "out_features" if net.op(made) == "linear" else "out_channels"
                remedies = [(change(net.layer(made), **{key: net.scores * by}),) for by in (1, 2, 4)]
            yield Found(net.layer(number), count, sentence, tuple(remedies))
            return


def _all_paths_pass(net: Architecture, avoided: int) -> bool:
    """Whether no path leads from the image to the scores without one node."""
    reached = {IMAGE}
    for number, node in enumerate(net.nodes):
        if number != avoided and any(each in reached for each in node.inputs):
            reached.add(number)
    return net.last not in reached
