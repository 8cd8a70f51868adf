"""The rule ``deep_without_shortcuts``: how many layers with weights every path goes through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Change, Changes, Itself
from nbcnn.introspect.check.rule import RULES, CheckRule, Found


@RULES.register()
class DeepWithoutShortcuts(CheckRule):
    """Layers with weights on the shortest path from the image to the scores."""

    title = "The network is deep and has no shortcuts"
    reason = (
        "Simonyan and Zisserman 2014 (section 3.1) could train 11 layers from random weights, and began deeper "
        "networks with some weights of that one. With batch norms 18 layers learn as well as with shortcuts, and 34 "
        "worse than 18 (28.5 % against 27.9 % error on ImageNet, He et al. 2015, table 2). So the threshold is 18, "
        "and 11 where fewer than half as many norms as layers with weights are on the way. A shortcut leads around "
        "its body, so residual and dense networks are as deep as their shortcuts leave them."
    )
    limit = 18

    def look(self, net: Architecture) -> Iterator[Found]:
        depths = net.shortest(net.is_weighted)
        depth = int(depths[net.last])
        norms = int(net.shortest(net.is_norm)[net.last])
        limit = self.limit if 2 * norms >= depth else _WITHOUT_NORMS
        if depth <= limit:
            return
        at = next(n for n in net if net.is_weighted(n) and depths[n] > limit)
        sentence = (
            f"every path to the scores has {depth} layers with weights and {norms} norms; plain networks learn worse "
            f"from {limit + 1} on"
        )
        convolutions = net.all_of("conv2d")
        remedies: list[Changes] = []
        if limit != self.limit:
            entries: tuple[Any, ...] = (Itself({"bias": False}), "batch_norm2d")
            remedies.append(tuple(Change(net.layer(n), entries) for n in convolutions))
        kept = [n for n in convolutions if net.layer(n).in_shape == net.shape(n)]
        remedies.append(tuple(Change(net.layer(n), ({"residual": {"body": [Itself({})]}},)) for n in kept))
        yield Found(net.layer(at), depth, sentence, tuple(remedies))


_WITHOUT_NORMS = 11
