"""The rule ``missing_activation``: layers with weights and nothing but linear functions between them."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import after, before
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.graph import IMAGE


@RULES.register()
class MissingActivation(CheckRule):
    """For each layer with weights, the layers with weights that reach it through linear functions alone."""

    title = "An activation is missing"
    reason = (
        "A linear function of a linear function is linear: without an activation between, two layers are one "
        "(pooling by the mean, normalisation, dropout and flattening change nothing about that). Left alone are "
        "pairs that are meant as factors of one layer and save parameters: grouped beside 1×1 convolutions, 3×1 "
        "beside 1×3, and a middle that is narrower than both ends. The number is that of the activations between; "
        "it should be 1."
    )
    limit = 1

    def look(self, net: Architecture) -> Iterator[Found]:
        through = _sources(net)
        for number in net:
            if not net.is_weighted(number):
                continue
            sources = through[net.input(number)]
            if None in sources or all(_factors(net, each, number) for each in sources if each is not None):
                continue
            first = min(each for each in sources if each is not None)
            sentence = (
                f"there is no activation between {net.kind(first)} {net.layer(first).path} and it: together they are "
                f"one linear function, so their {net.parameters(first) + net.parameters(number):,} parameters can do "
                "no more than one layer"
            )
            following = net.readers[first]
            norm = following[0] if len(following) == 1 and net.is_norm(following[0]) else first
            remedies = ((after(net.layer(norm), "relu"),), (before(net.layer(number), "relu"),))
            yield Found(net.layer(number), 0, sentence, remedies)


def _sources(net: Architecture) -> dict[int, set[int | None]]:
    """For each node the layers with weights that it is a linear function of; None stands for anything else."""
    found: dict[int, set[int | None]] = {IMAGE: {None}}
    for number, node in enumerate(net.nodes):
        if net.is_weighted(number):
            found[number] = {number}
        elif net.kind(number) in ("add", "concat") or net.is_linear(number):
            found[number] = set().union(*(found[each] for each in node.inputs))
        else:
            found[number] = {None}
    return found


def _factors(net: Architecture, first: int, second: int) -> bool:
    """Whether two layers are a factorisation with fewer parameters than the one that they make."""
    ends = net.layer(first).in_shape[0], net.shape(second)[0]
    if net.op(first) == "conv2d" and net.op(second) == "conv2d":
        one, two = net.problem(first), net.problem(second)
        if max(one.groups, two.groups) > 1:
            return True
        if 1 in one.kernel_size and 1 in two.kernel_size and one.kernel_size != two.kernel_size:
            return True
    return net.op(first) == net.op(second) and net.shape(first)[0] < min(ends)
