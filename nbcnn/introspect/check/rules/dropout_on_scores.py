"""The rule ``dropout_on_scores``: dropout behind the last layer with weights."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import replace
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.check.words import percent
from nbcnn.introspect.graph import IMAGE


@RULES.register()
class DropoutOnScores(CheckRule):
    """Dropout that the scores go through."""

    title = "Dropout is applied to the scores"
    reason = (
        "Dropout keeps features from relying on one another (Srivastava et al. 2014). A score is no feature: set to "
        "0 it says something else, so the loss punishes right answers at random. It belongs before the last layer. "
        "There is no threshold."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        number = net.last
        while number != IMAGE and not net.nodes[number].how and not net.is_weighted(number):
            share = getattr(net.layer(number).config, "p", 0.0) if net.kind(number) == "dropout" else 0.0
            if share > 0:
                sentence = f"in training it sets {percent(share)} of the scores to 0, the right class's too"
                yield Found(net.layer(number), share, sentence, ((replace(net.layer(number)),),))
            number = net.input(number)
