"""The rule ``uneven_stride``: how much more often some pixels are used than their neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Change, Itself, change
from nbcnn.introspect.check.image_use import followed, times_used
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.check.words import one_or_two
from nbcnn.util.formatting import times


@RULES.register()
class UnevenStride(CheckRule):
    """On how many ways each row and column reaches the features, beside the mean of its neighbours."""

    title = "A stride uses pixels unevenly, as a checkerboard"
    reason = (
        "Where a stride does not divide the window, some pixels are in more windows than others, and gradients come "
        "back as a checkerboard (Odena et al. 2016, Deconvolution and Checkerboard Artifacts). Convolutions before "
        "it smooth that out: ResNet's 3×3 at stride 2 does no harm behind other 3×3. So the ways are counted from "
        "the features back to the image, all weights alike, and each row is held against the mean of its "
        "neighbours. AlexNet's 11×11 at stride 4 comes to 1.5, ResNet's 7×7 and 3×3, both at stride 2, to 1.64, and "
        "3×3 at stride 2 straight on the image to 2."
    )
    limit = 1.75

    def look(self, net: Architecture) -> Iterator[Found]:
        uneven = [n for n in net.windows() if any(_overlaps_unevenly(net, n, axis) for axis in (0, 1))]
        if not uneven or not followed(net):
            return
        ratios = [_unevenness(times_used(net, axis)) for axis in (0, 1)]
        axis = int(np.argmax(ratios))
        if ratios[axis] <= self.limit:
            return
        number = next((n for n in uneven if _overlaps_unevenly(net, n, axis)), uneven[0])
        layer, problem = net.layer(number), net.problem(number)
        sentence = (
            f"windows of {times(problem.kernel_size)} at stride {times(problem.stride)} overlap unevenly: some "
            f"{('rows', 'columns')[axis]} of the image are used {ratios[axis]:.1f} times as often as those beside them"
        )
        kernel = one_or_two(tuple(-(-k // s) * s for k, s in zip(problem.kernel_size, problem.stride, strict=True)))
        stride = one_or_two(problem.stride)
        remedies = [(change(layer, kernel_size=kernel, padding=1),), (change(layer, kernel_size=kernel),)]
        if net.is_weighted(number):
            blurred = Change(layer, (Itself({"stride": 1, "padding": "same"}), {"blur_pool": {"stride": stride}}))
            remedies = [(change(layer, kernel_size=kernel, padding="same"),), *remedies, (blurred,)]
        else:
            remedies.append((change(layer, kernel_size=stride, padding=0),))
        yield Found(layer, ratios[axis], sentence, tuple(remedies))


def _overlaps_unevenly(net: Architecture, number: int, axis: int) -> bool:
    kernel, stride = net.problem(number).kernel_size[axis], net.problem(number).stride[axis]
    return bool(kernel > stride and kernel % stride)


def _unevenness(ways: np.ndarray) -> float:
    """The largest ratio between a row's count and the mean of its neighbours', whichever is larger."""
    if ways.size < 3:
        return 1.0
    inner, beside = ways[1:-1], (ways[:-2] + ways[2:]) / 2
    used = (inner > 0) & (ways[:-2] > 0) & (ways[2:] > 0)
    return float(np.max(np.maximum(inner[used] / beside[used], beside[used] / inner[used]), initial=1.0))
