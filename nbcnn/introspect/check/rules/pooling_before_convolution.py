"""The rule ``pooling_before_convolution``: pooling of the image itself."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import replace
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.check.words import percent
from nbcnn.introspect.graph import IMAGE
from nbcnn.util.formatting import times


@RULES.register()
class PoolingBeforeConvolution(CheckRule):
    """Pooling that nothing with weights comes before."""

    title = "The image is pooled before any convolution"
    reason = (
        "Pooling keeps what features say and forgets where; of raw pixels it keeps no feature, only a smaller "
        "image. Every network of the book begins with a convolution. If the image is to be smaller, `data.size` "
        "makes it so once, when a folder is read. There is no threshold."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        for number in net.windows():
            if net.is_weighted(number) or prod(net.size(number)) >= prod(net.size(net.input(number))):
                continue
            if net.back(net.input(number), lambda n: not net.is_weighted(n)) != IMAGE or not net.all_of("conv2d"):
                continue
            before, now = net.size(net.input(number)), net.size(number)
            lost = 1 - prod(now) / prod(before)
            sentence = (
                f"it makes {times(now)} of the image's {times(before)} pixels before any layer has looked at them: "
                f"{percent(lost)} of the numbers are gone"
            )
            yield Found(net.layer(number), lost, sentence, ((replace(net.layer(number)),),))
