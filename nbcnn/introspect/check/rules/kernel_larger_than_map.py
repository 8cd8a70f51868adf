"""The rule ``kernel_larger_than_map``: a window that reaches over all of what pooling has left."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Change, change, replace
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.check.words import one_or_two
from nbcnn.util.formatting import times


@RULES.register()
class KernelLargerThanMap(CheckRule):
    """Windows that fit their input only with its padding."""

    title = "Pooling leaves less than the next kernel"
    reason = (
        "Padding makes a large window fit a small image, but some of its weights then meet nothing but zeros "
        "wherever it stands: a 3×3 kernel on 2×2 pixels is four weights at each place, and of 1×1 only the middle "
        "one is ever used. There is no threshold: a window may be as large as the image that it is given."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        for number in net.windows():
            size, span = net.size(net.input(number)), [net.span(number, axis) for axis in (0, 1)]
            if all(wide <= there for wide, there in zip(span, size, strict=True)):
                continue
            sentence = f"its window spans {times(span)} pixels, and {times(size)} are left; what lies beyond is padding"
            excess = max(wide / there for wide, there in zip(span, size, strict=True))
            yield Found(net.layer(number), excess, sentence, tuple(_remedies(net, number)))


def _remedies(net: Architecture, number: int) -> Iterator[tuple[Change, ...]]:
    layer, size = net.layer(number), net.size(net.input(number))
    pools = [n for n in net.windows() if n < number and not net.is_weighted(n) and max(net.problem(n).stride) > 1]
    for pool in reversed(pools):
        yield (replace(net.layer(pool)),)
    fitting = [min(k, s if s % 2 else s - 1) for k, s in zip(net.problem(number).kernel_size, size, strict=True)]
    kernel = one_or_two((fitting[0], fitting[1]))
    if net.is_weighted(number):
        yield (change(layer, kernel_size=kernel, padding="same", dilation=1),)
        yield (change(layer, kernel_size=kernel, padding=0, dilation=1),)
    yield (replace(layer),)
