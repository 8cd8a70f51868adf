"""The rule ``too_many_parameters``: parameters for each training image."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Changes, before, change
from nbcnn.introspect.check.rule import RULES, CheckRule, Found


@RULES.register()
class TooManyParameters(CheckRule):
    """All parameters, beside the number of training images."""

    title = "There are more parameters than the data can feed"
    reason = (
        "A network with many parameters for each image can learn the images by heart. How many are too many depends "
        "on the recipe, so the threshold is generous: VGG-16, which its authors trained with dropout, weight decay "
        "and shifted images, has 108 for each image of ImageNet, and AlexNet has 51. The models that come with "
        "nbcnn have at most 12."
    )
    limit = 120
    needs_data = True

    def look(self, net: Architecture) -> Iterator[Found]:
        assert net.data is not None
        each = net.total_parameters / net.data.images
        if each <= self.limit:
            return
        largest = max(net, key=net.parameters)
        layer = net.layer(largest)
        sentence = (
            f"the network has {net.total_parameters:,} parameters for {net.data.images:,} training images, {each:,.0f} "
            f"for each; {net.parameters(largest):,} of them are here"
        )
        remedies: list[Changes] = []
        flatten = (
            net.back(net.input(largest), lambda n: net.kind(n) != "flatten") if net.op(largest) == "linear" else -1
        )
        if flatten >= 0 and len(net.shape(net.input(flatten))) == 3:
            pools = ({"max_pool2d": {"kernel_size": 2}}, "global_avg_pool2d")
            remedies += [(before(net.layer(flatten), pool),) for pool in pools]
        wide = [n for n in net if net.is_weighted(n) and net.shape(n)[0] > net.scores]
        for part in (2, 4, 8, 16, 32):
            remedies.append(tuple(change(net.layer(n), **_narrower(net, n, part)) for n in wide))
        yield Found(layer, each, sentence, tuple(remedies))


def _narrower(net: Architecture, number: int, part: int) -> dict[str, int]:
    """A part of a layer's features or channels, still a multiple of its groups."""
    groups = getattr(net.problem(number), "groups", 1)
    width = max(1, net.shape(number)[0] // part // groups) * groups
    return {"out_features" if net.op(number) == "linear" else "out_channels": width}
