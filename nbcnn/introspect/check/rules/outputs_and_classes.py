"""The rule ``outputs_and_classes``: the number of scores beside the number of classes."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import change
from nbcnn.introspect.check.rule import RULES, CheckRule, Found


@RULES.register()
class OutputsAndClasses(CheckRule):
    """The scores of the network, and the classes of its data."""

    title = "The last layer has not one score for each class"
    reason = (
        "Softmax makes a probability of each score (equation (14)). A class without a score can't be predicted, and "
        "training refuses it; a score without a class takes probability from the others for nothing. There is no "
        "threshold: the numbers are to be equal."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        classes = net.data.classes if net.data else None
        if net.scores == classes or (classes is None and net.scores > 1):
            return
        if classes is None:
            sentence = "it gives 1 score, whose softmax is 1 for every image: there is nothing to learn"
        elif net.scores < classes:
            sentence = f"it gives {net.scores} scores, and the data have {classes} classes; the others can't be named"
        else:
            spare = net.scores - classes
            sentence = f"it gives {net.scores} scores, and the data have {classes} classes; {spare} never are right"
        last = net.back(net.last, lambda n: not net.is_weighted(n))
        if not net.is_weighted(last):
            yield Found(net.layer(net.last), net.scores, sentence)
            return
        key = "out_features" if net.op(last) == "linear" else "out_channels"
        wanted = classes or 2
        places = net.scores // net.shape(last)[0]  # of each channel, where no global pooling follows
        remedy = (change(net.layer(last), **{key: max(1, wanted // max(1, places))}),)
        yield Found(net.layer(last), net.scores, sentence, (remedy,))
