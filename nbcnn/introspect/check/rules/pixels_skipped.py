"""The rule ``pixels_skipped``: a stride wider than the window, so that pixels lie between windows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Change, Itself, change
from nbcnn.introspect.check.image_use import followed, needed
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.check.words import one_or_two, percent
from nbcnn.util.formatting import times


@RULES.register()
class PixelsSkipped(CheckRule):
    """Windows at a stride that is larger than they are, where nobody else reads what lies between."""

    title = "A stride skips pixels"
    reason = (
        "A window of 1×1 at stride 2 looks at a quarter of its input; what made the rest was computed for nothing. "
        "ResNet-50 gained 0.5 % on ImageNet when its stride went from 1×1 windows to 3×3 ones (He et al. 2018, "
        "arXiv 1812.01187, ResNet-B). What another branch reads is not skipped. There is no threshold: a stride may "
        "be as wide as its window."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        wide = [n for n in net.windows() if any(self._gap(net, n, axis) for axis in (0, 1))]
        if not wide or not followed(net):
            return
        used = [needed(net, axis) for axis in (0, 1)]
        for number in wide:
            rows = [used[axis][net.input(number)] for axis in (0, 1)]
            between = [int(np.sum(~each[: np.flatnonzero(each)[-1]])) if each.any() else 0 for each in rows]
            if not any(count and self._gap(net, number, axis) for axis, count in enumerate(between)):
                continue
            problem, layer = net.problem(number), net.layer(number)
            share = 1 - float(rows[0].mean() * rows[1].mean())
            sentence = (
                f"a window of {times(problem.kernel_size)} at stride {times(problem.stride)} leaves {percent(share)} "
                f"of its input's {times(net.size(net.input(number)))} pixels unread"
            )
            pool = {"avg_pool2d": {"kernel_size": one_or_two(problem.stride), "ceil_mode": True}}
            remedies = [(Change(layer, (pool, Itself({"stride": 1}))),)] if net.is_weighted(number) else []
            remedies += [(change(layer, kernel_size=one_or_two(problem.stride)),)]
            yield Found(layer, share, sentence, tuple(remedies))

    def _gap(self, net: Architecture, number: int, axis: int) -> int:
        return max(0, int(net.problem(number).stride[axis]) - net.span(number, axis))
