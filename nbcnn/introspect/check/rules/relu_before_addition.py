"""The rule ``relu_before_addition``: a residual whose body ends in ReLU."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import after, replace
from nbcnn.introspect.check.rule import RULES, CheckRule, Found


@RULES.register()
class ReluBeforeAddition(CheckRule):
    """Sums of branches of which one is the input itself and another ends in ReLU."""

    title = "A residual's body ends in ReLU"
    reason = (
        "What a body adds should be of either sign; behind a ReLU it is never below 0, and the sums grow from block "
        "to block. He et al. 2016 (arXiv 1603.05027, table 2) compare: ResNet-110 with ReLU before the addition has "
        "an error of 7.84 % on CIFAR-10, with ReLU after it 6.61 %. The number is the least that the body can add. "
        "There is no threshold."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        for join in net:
            node = net.nodes[join]
            shortcuts = [n for n in node.inputs if net.back(n, net.hands_on) == net.back(node.reads, net.hands_on)]
            if node.how != "add" or not shortcuts:
                continue
            for number in node.inputs:
                if net.op(number) != "relu" or number in shortcuts or number == net.back(node.reads, net.hands_on):
                    continue
                sentence = "the body ends in ReLU, so it can add to its input and take nothing away: the sum only rises"
                out = replace(net.layer(number))
                yield Found(net.layer(number), 0, sentence, ((out, after(node.layer, "relu")), (out,)))
