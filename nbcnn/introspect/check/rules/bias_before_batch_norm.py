"""The rule ``bias_before_batch_norm``: biases that a batch norm takes away again."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import change
from nbcnn.introspect.check.rule import RULES, CheckRule, Found


@RULES.register()
class BiasBeforeBatchNorm(CheckRule):
    """Layers with a bias whose output goes to batch norms alone, at once or through sums and concatenations."""

    title = "A bias stands before a batch norm"
    reason = (
        "Batch norm subtracts the mean of each channel (equation (53)), so whatever constant a bias adds is gone: "
        "these parameters get no gradient and only cost time and memory. Its own bias does their work. There is no "
        "threshold."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        removed: dict[int, bool] = {}
        for number in reversed(range(len(net.nodes))):
            readers = net.readers[number]
            removed[number] = bool(readers) and all(
                net.op(n) == "batch_norm" or ((net.kind(n) in ("add", "concat") or net.hands_on(n)) and removed[n])
                for n in readers
            )
        for number in net:
            if net.is_weighted(number) and "bias" in net.layer(number).parameters() and removed[number]:
                layer, count = net.layer(number), net.layer(number).parameters()["bias"].shape[0]
                sentence = (
                    f"its {count:,} biases are subtracted by the batch norm behind it, with the mean of each channel"
                )
                yield Found(layer, count, sentence, ((change(layer, bias=False),),))
