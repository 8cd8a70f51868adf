"""The rule ``field_larger_than_image``: convolutions behind a layer that has seen the image several times over."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import change, replace
from nbcnn.introspect.check.image_use import reaches
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.graph import IMAGE
from nbcnn.util.formatting import times


@RULES.register()
class FieldLargerThanImage(CheckRule):
    """Convolutions with a window, and the receptive field of what they read, through branches the smallest."""

    title = "The receptive field is far larger than the image"
    reason = (
        "A window joins what its neighbours have not seen yet. Where each of them has seen all of the image, it "
        "joins nothing new: Richter et al. 2021 (arXiv 2106.12307) find that such layers of a plain network add no "
        "accuracy. A field just larger than the image still sees different parts of it, since it is centred "
        "elsewhere; twice the image covers it from any place. Through branches the smallest field counts, for it is "
        "what a shortcut hands on."
    )
    limit = 2

    def look(self, net: Architecture) -> Iterator[Found]:
        image, found = net.size(IMAGE), reaches(net)
        idle = []
        for number in net.all_of("conv2d"):
            field = (1, 1) if net.input(number) == IMAGE else found[net.input(number)].least
            if max(net.problem(number).kernel_size) > 1 and all(
                seen >= self.limit * size for seen, size in zip(field, image, strict=True)
            ):
                idle.append((number, field))
        if not idle:
            return
        first, field = idle[0]
        more = f", and {len(idle) - 1} more convolutions behind it" if len(idle) > 1 else ""
        sentence = (
            f"what it reads has a receptive field of {times(field)} pixels, {field[0] / image[0]:.1f} times the image "
            f"of {times(image)}{more}: a window joins nothing new there"
        )
        pools = [n for n in net.windows() if n < first and not net.is_weighted(n)]
        narrow = tuple(change(net.layer(n), kernel_size=1, padding=0) for n, _ in idle)
        remedies = [tuple(replace(net.layer(n)) for n, _ in idle), narrow]
        remedies += [(replace(net.layer(n)),) for n in reversed(pools)]
        yield Found(net.layer(first), field[0] / image[0], sentence, tuple(remedies))
