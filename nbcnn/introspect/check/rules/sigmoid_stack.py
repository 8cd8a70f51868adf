"""The rule ``sigmoid_stack``: sigmoids one behind another, and what they leave of a gradient."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import replace
from nbcnn.introspect.check.rule import RULES, CheckRule, Found


@RULES.register()
class SigmoidStack(CheckRule):
    """The number of sigmoids that each path from the image passes, since the last normalisation."""

    title = "Sigmoids are stacked until no gradient is left"
    reason = (
        "The derivative of a sigmoid is 1/4 at most (equation (12)) and near 0 where it saturates, so a stack of n "
        "divides the gradient of the first layer by 4ⁿ at least. LeNet has four, and that is slow already: it needs "
        "the learning rate 0.9 in the book. ReLU hands on the whole gradient of positive numbers; a batch norm puts "
        "each number back where the slope is steep, so counting begins anew behind it. Through branches the path "
        "with the fewest counts."
    )
    limit = 4

    def look(self, net: Architecture) -> Iterator[Found]:
        passed = net.shortest(lambda n: net.op(n) == "sigmoid", net.is_norm)
        deepest = max(net, key=lambda n: (passed[n], -n))
        count = int(passed[deepest])
        if count <= self.limit:
            return
        sentence = (
            f"it is number {count} of the sigmoids in a row; each hands on at most 1/4 of a gradient, so at most "
            f"1/{4**count:,} of it comes to the first layer"
        )
        others = tuple(replace(net.layer(n), "relu") for n in net.all_of("sigmoid") if n <= deepest)
        yield Found(net.layer(deepest), count, sentence, (others,))
