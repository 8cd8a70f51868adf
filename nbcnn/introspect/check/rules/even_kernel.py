"""The rule ``even_kernel``: an even kernel whose padding can't be the same on both sides."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Changes, change
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.check.words import one_or_two
from nbcnn.util.formatting import times


@RULES.register()
class EvenKernel(CheckRule):
    """Convolutions at stride 1 that keep the size with one row or column more of padding on one side."""

    title = "An even kernel moves the image"
    reason = (
        "A kernel of odd size has a middle, so padding of (k - 1)/2 on each side keeps the size and the place; the "
        "book uses odd kernels for that. An even one needs a row more on one side, and each such layer moves the "
        "image by half a pixel: a stack of them by several. In a residual the two branches no longer fit. There is "
        "no threshold."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        for number in net.all_of("conv2d"):
            problem, layer = net.problem(number), net.layer(number)
            top, bottom, left, right = problem.padding
            off = [abs(top - bottom), abs(left - right)]
            if max(off) != 1 or problem.stride != (1, 1) or net.size(number) != net.size(net.input(number)):
                continue
            sentence = (
                f"a {times(problem.kernel_size)} kernel that keeps the size is padded by {top}, {bottom}, {left}, "
                f"{right} (top, bottom, left, right): it moves what it sees by half a pixel"
            )
            remedies: list[Changes] = []
            for step in (1, -1):
                odd = [k + step if k % 2 == 0 else k for k in problem.kernel_size]
                if min(odd) > 0:
                    remedies.append((change(layer, kernel_size=one_or_two((odd[0], odd[1])), padding="same"),))
            yield Found(layer, 0.5, sentence, tuple(remedies))
