"""The rule ``activation_on_scores``: an activation behind the last layer with weights."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, log

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Changes, replace
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.graph import IMAGE


@RULES.register()
class ActivationOnScores(CheckRule):
    """Activations that the scores have gone through."""

    title = "An activation is applied to the scores"
    reason = (
        "The loss makes probabilities of the scores by itself (equations (14) and (15)), and takes any number. "
        "Behind a sigmoid a right answer with K classes still costs ln(1 + (K - 1)/e), which is 1.46 for ten, and "
        "softmax of a sigmoid trains slowly; a ReLU makes all negative scores equal and their gradient 0. The "
        "number is the least loss that can be reached. There is no threshold."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        number = net.last
        while number != IMAGE and not net.nodes[number].how and not net.is_weighted(number):
            if net.op(number) in _RANGES:
                low, high = _RANGES[net.op(number) or ""]
                least = log(1 + (net.scores - 1) * exp(low - high))
                words = f"between {low:g} and {high:g}" if high < float("inf") else f"of at least {low:.2g}"
                loss = f"; the loss can't fall below {least:.2f}" if least else ", and a lower one gets little gradient"
                yield Found(net.layer(number), least, f"it makes every score a number {words}{loss}", _out(net, number))
            elif not net.is_linear(number):
                return
            number = net.input(number)


_INFINITE = float("inf")
_RANGES = {
    "sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, _INFINITE),
    "gelu": (-0.17, _INFINITE),
    "silu": (-0.28, _INFINITE),
    "hardswish": (-0.375, _INFINITE),
    "elu": (-1.0, _INFINITE),
}
"""The least and the largest value of activations."""


def _out(net: Architecture, number: int) -> tuple[Changes, ...]:
    return ((replace(net.layer(number)),),)
