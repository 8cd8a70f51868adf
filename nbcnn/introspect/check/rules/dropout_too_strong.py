"""The rule ``dropout_too_strong``: the share of numbers that dropout sets to 0."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import change
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.check.words import percent


@RULES.register()
class DropoutTooStrong(CheckRule):
    """The p of each dropout."""

    title = "Dropout leaves too little"
    reason = (
        "Srivastava et al. 2014 (section 7.3, figure 9) find the error flat where between 40 % and 80 % of the "
        "numbers are kept, and rising below that: the network under-fits. So p is at most 0.6."
    )
    limit = 0.6

    def look(self, net: Architecture) -> Iterator[Found]:
        for number in net:
            share = float(getattr(net.layer(number).config, "p", 0.0)) if net.kind(number) == "dropout" else 0.0
            if share > self.limit:
                sentence = f"it sets {percent(share)} of the numbers to 0 at each step, and leaves {percent(1 - share)}"
                yield Found(net.layer(number), share, sentence, ((change(net.layer(number), p=0.5),),))
