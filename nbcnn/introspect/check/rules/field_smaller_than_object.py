"""The rule ``field_smaller_than_object``: how much of the image a pooled feature has seen."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Changes, after, before, change
from nbcnn.introspect.check.image_use import reaches
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.check.words import percent
from nbcnn.introspect.graph import IMAGE
from nbcnn.util.formatting import times


@RULES.register()
class FieldSmallerThanObject(CheckRule):
    """Features that global pooling averages before the scores, and their receptive field."""

    title = "The receptive field is smaller than the objects"
    reason = (
        "Global pooling forgets where a feature was, so a feature must see as much of an object as tells it from "
        "others. Objects fill most of their pictures: in fashion-mnist-mini nine of ten are more than 13 of 28 rows "
        "high (rows with a pixel above 25 of 255). So the receptive field should be half of the image at least, in "
        "rows and in columns. A network that flattens instead has linear layers that see everything."
    )
    limit = 0.5

    def look(self, net: Architecture) -> Iterator[Found]:
        def in_head(number: int) -> bool:
            return len(net.shape(number)) == 1 or (net.size(number) == (1, 1) and not net.is_global(number))

        pool = net.back(net.last, in_head)
        if pool == IMAGE or not net.is_global(pool) or net.input(pool) == IMAGE:
            return
        image, field = net.size(IMAGE), reaches(net)[net.input(pool)].most
        share = min(seen / size for seen, size in zip(field, image, strict=True))
        if share >= self.limit:
            return
        sentence = (
            f"it pools features that see {times(field)} pixels each, of an image of {times(image)}: {percent(share)} "
            "of its height or width"
        )
        last_first = [net.layer(n) for n in reversed(net.all_of("conv2d")) if n < pool]
        activations = [net.layer(n) for n in net if n < pool and net.is_activation(n)]
        remedies: list[Changes] = [
            (change(layer, kernel_size=size, padding="same"),)
            for size in (3, 5)
            for layer in last_first[:1]
            if max(layer.problem.kernel_size) < size
        ]
        smaller = {"max_pool2d": {"kernel_size": 2}}
        remedies += [(after(layer, smaller),) for layer in activations]
        remedies += [(before(layer, smaller),) for layer in last_first]
        remedies += [(after(activations[0], smaller), before(last_first[0], smaller))] if len(activations) > 1 else []
        for size in (3, 5, 7):
            wider = [change(layer, kernel_size=size, padding="same") for layer in last_first]
            remedies.append((*wider, *(after(layer, smaller) for layer in activations[:-1])))
        yield Found(net.layer(pool), share, sentence, tuple(remedies))
