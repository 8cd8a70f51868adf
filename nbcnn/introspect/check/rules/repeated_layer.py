"""The rule ``repeated_layer``: a layer that does again what the one before has done."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import replace
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.graph import IMAGE


@RULES.register()
class RepeatedLayer(CheckRule):
    """Activations, norms and flatten behind one of their kind."""

    title = "A layer is there twice"
    reason = (
        "ReLU of ReLU is ReLU, a norm of normalised numbers changes nothing, and what is flat can't be flattened. A "
        "second sigmoid or tanh squeezes into a smaller range what the first has squeezed. There is no threshold."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        def keeps_sign(number: int) -> bool:
            """Whether a layer gives no number below 0 of numbers that are not: behind a ReLU, another does nothing."""
            return net.kind(number) in _NO_NEW_SIGN

        for number in net:
            before = net.back(net.input(number), keeps_sign if net.op(number) == "relu" else net.hands_on)
            flat = net.kind(number) == "flatten" and len(net.shape(net.input(number))) == 1
            again = before != IMAGE and net.op(number) is not None and net.op(number) == net.op(before)
            if not flat and not (again and (net.is_activation(number) or net.is_norm(number))):
                continue
            what = (
                "its input is flat already" if flat else f"{net.kind(before)} {net.layer(before).path} comes before it"
            )
            sentence = f"{what}: two of a kind do what one does, or lose more"
            yield Found(net.layer(number), 2, sentence, ((replace(net.layer(number)),),))


_NO_NEW_SIGN = ("identity", "flatten", "dropout", "max_pool2d", "avg_pool2d", "global_max_pool2d", "global_avg_pool2d")
