"""The rule ``dropout_before_batch_norm``: dropout whose output is normalised."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import after, replace
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.graph import IMAGE


@RULES.register()
class DropoutBeforeBatchNorm(CheckRule):
    """Dropout before a batch norm, with nothing but activations between."""

    title = "Dropout stands before a batch norm"
    reason = (
        "Dropout divides what is left by 1 - p, which keeps the mean and raises the variance; in evaluation there "
        "is no dropout, and the variance is smaller. A batch norm behind it has learned the variance of training "
        "and divides by the wrong one (Li et al. 2019, arXiv 1801.05134, variance shift). Behind the last batch "
        "norm dropout does no such harm. There is no threshold."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        for norm in net.all_of("batch_norm"):
            number = net.back(net.input(norm), lambda n: net.hands_on(n) or net.is_activation(n))
            if number == IMAGE or net.kind(number) != "dropout":
                continue
            layer, share = net.layer(number), float(getattr(net.layer(number).config, "p", 0.0))
            if share == 0:
                continue
            sentence = (
                f"in training p = {share:g} makes the variance {1 / (1 - share):.2g} times that of evaluation (of a "
                f"mean of 0), and {net.kind(norm)} {net.layer(norm).path} behind it keeps the training's"
            )
            later = net.readers[norm]
            place = later[0] if len(later) == 1 and net.is_activation(later[0]) else norm
            moved = (replace(layer), after(net.layer(place), {"dropout": {"p": share}}))
            yield Found(layer, 1 / (1 - share), sentence, (moved, (replace(layer),)))
