"""The rule ``too_much_pooling``: halvings that leave one pixel."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Changes, change, replace
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.graph import IMAGE
from nbcnn.util.formatting import times


@RULES.register()
class TooMuchPooling(CheckRule):
    """Windows at a stride that leave one pixel, but for those that pool a larger image as a whole."""

    title = "The image is pooled until one pixel is left"
    reason = (
        "Each halving gives up where things are for a larger field. The networks of the book stop at 5×5 (LeNet, "
        "AlexNet) or 7×7 (VGG, ResNet) and let linear layers or global pooling do the rest; the smallest map of the "
        "models that come with nbcnn is 2×2. A window at a stride that leaves one pixel of what it does not cover, "
        "or of at most 3×3, is one halving too many. A window over all of a larger map is global pooling, and is "
        "not meant."
    )
    limit = 1

    def look(self, net: Architecture) -> Iterator[Found]:
        halving = [
            n
            for n in net.all_of("conv2d", "max_pool2d", "avg_pool2d", "blur_pool")
            if max(getattr(net.problem(n), "stride", (1, 1))) > 1
        ]
        for number in halving:
            size = net.size(net.input(number))
            if net.size(number) != (1, 1) or size == (1, 1) or (_covers(net, number) and max(size) > 3):
                continue
            before = [n for n in halving if n <= number]
            sentence = (
                f"{len(before)} layers with a stride bring {times(net.size(IMAGE))} pixels down to 1×1, the last of "
                f"them from {times(size)}; where things are is lost"
            )
            remedies: list[Changes] = []
            for n in reversed(before):
                out = change(net.layer(n), stride=1) if net.is_weighted(n) else replace(net.layer(n))
                remedies.append((out,))
            yield Found(net.layer(number), 1, sentence, tuple(remedies))
            return


def _covers(net: Architecture, number: int) -> bool:
    """Whether a window covers its input, as that of global pooling does."""
    sees = getattr(net.problem(number), "kernel_size", (1, 1))
    return isinstance(sees, tuple) and all(k >= s for k, s in zip(sees, net.size(net.input(number)), strict=True))
