"""Hints where a file's tensors have other names or axes: prefixes, other names, another library's layout.

The tensor that is meant is found by shape and order, never by spelling. It is only suggested: the user renames.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nbcnn.errors import printable

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

_PREFIXES = {
    "module.": "as DataParallel writes them",
    "_orig_mod.": "as torch.compile writes them",
    "model.": "as Lightning and other wrappers write them",
    "net.": "as Lightning and other wrappers write them",
}
MOST = 60
"""With more tensors than this no line is given: it would fill the terminal."""


class Match(NamedTuple):
    """A network's tensor, the file's tensor that fits it, and the axes to transpose by, if any."""

    name: str
    found: str
    axes: tuple[int, ...] = ()


def advice(found: Shapes, expected: Shapes, file: str | None) -> str | None:
    """Why the names or axes of ``found`` are not those that are ``expected``, and the line that mends it.

    None where that is not known. ``file`` is the safetensors file that holds them, None for a state dict in Python.
    """
    if prefixes := _prefixes(found, expected):
        return _without(prefixes, found, expected, file)
    names = sorted(found, key=_natural) if file else list(found)
    for transposed in ((), (2,), (2, 4)):
        matches = _matches({name: found[name] for name in names}, expected, transposed)
        if matches:
            return _renamed(matches, found, expected, file)
    return None


def _prefixes(found: Shapes, expected: Shapes) -> list[str]:
    """Prefixes under which all of the network's names are found."""
    if not expected or all(name in found for name in expected):
        return []
    first = next(iter(expected))
    before = [name.removesuffix(first) for name in found if name.endswith(f".{first}")]
    return [prefix for prefix in before if all(prefix + name in found for name in expected)]


def _without(prefixes: Sequence[str], found: Shapes, expected: Shapes, file: str | None) -> str:
    prefix = prefixes[0]
    told = f"its names have the prefix {printable(prefix)}, {_PREFIXES.get(prefix, 'as modules around it write them')}"
    if prefixes[1:]:
        told += f" (and another time {', '.join(map(printable, prefixes[1:]))}: choose)"
    for name, shape in expected.items():
        if found[prefix + name] != shape:
            return f"{told}, and {name} is {found[prefix + name]} there and {shape} in the network; use its own config"
    some = "" if all(name.startswith(prefix) for name in found) else f" if k.startswith({prefix!r})"
    line = _line(f"{{k.removeprefix({prefix!r}): v for k, v in WEIGHTS.items(){some}}}", file)
    return f"{told}, and fit without it. To mend it, in Python:\n  {line}"


def _renamed(matches: Sequence[Match], found: Shapes, expected: Shapes, file: str | None) -> str:
    if len(matches) > MOST:
        return f"by shape and order {_pairs(matches[:6])} and so on: rename its tensors"
    told = [] if all(match.name == match.found for match in matches) else ["its names are others"]
    if told:
        told.append(f"by shape and order {_pairs(matches)}")
    if turned := [match for match in matches if match.axes]:
        first, keras = turned[0], any(len(match.axes) == 4 for match in matches)
        place = "the file" if file else "the state dict"
        told.append(
            f"axes are in another order{', as Keras has them' * keras}: {first.name} is {found[first.found]} in "
            f"{place} and {expected[first.name]} in the network"
        )
    if doubts := _doubts(matches, expected):
        told.append(f"{doubts} are of one shape and taken in their order, so check that")
    entries = ", ".join(f"{match.name!r}: {_value(match, matches, expected)}" for match in matches)
    return f"{'; '.join(told)}. To mend it, in Python:\n  {_line(f'{{{entries}}}', file)}"


def _matches(found: Shapes, expected: Shapes, transposed: tuple[int, ...]) -> list[Match] | None:
    """For each of the network's tensors the one that is meant, in the network's order; None where that is not clear.

    Tensors of the numbers of axes in ``transposed`` are all laid out as Keras does. Names that are right stay; the
    others are taken in their order among those of one shape, of which there must be as many here as there.
    """

    def fits(name: str, shape: Shape) -> bool:
        axes = _axes(shape, transposed)
        return len(found[name]) == len(shape) and tuple(found[name][k] for k in axes or range(len(shape))) == shape

    meant = {name: name for name, shape in expected.items() if name in found and fits(name, shape)}
    rest = [name for name in found if name not in meant]
    for shape in dict.fromkeys(shape for name, shape in expected.items() if name not in meant):
        names = [name for name, other in expected.items() if other == shape and name not in meant]
        fit = [name for name in rest if fits(name, shape)]
        if len(fit) != len(names):
            return None
        meant |= dict(zip(names, fit, strict=True))
    if len(set(meant.values())) < len(expected):
        return None
    return [Match(name, meant[name], _axes(shape, transposed)) for name, shape in expected.items()]


def _axes(shape: Shape, transposed: tuple[int, ...]) -> tuple[int, ...]:
    """How Keras' kernels (rows, columns, in, out) and dense weights (in, out) become PyTorch's; () for no change."""
    return {4: (3, 2, 0, 1), 2: (1, 0)}[len(shape)] if len(shape) in transposed else ()


def _value(match: Match, matches: Sequence[Match], expected: Shapes) -> str:
    """The expression that makes the network's tensor."""
    value = f"WEIGHTS[{match.found!r}]"
    if not match.axes:
        return value
    shape, before = expected[match.name], [expected[one.name] for one in matches[: matches.index(match)]]
    images = [one for one in before if len(one) == 4]
    keras = any(len(one.axes) == 4 for one in matches)
    if len(match.axes) == 2 and keras and images and not any(len(one) == 2 for one in before):
        channels = images[-1][0]
        if shape[1] % channels == 0 and shape[1] != channels:  # Keras flattens pixels before channels
            return f"{value}.reshape(-1, {channels}, {shape[0]}).transpose(2, 1, 0).reshape({shape[0]}, -1).copy()"
    return f"{value}.transpose({', '.join(map(str, match.axes))}).copy()"


def _doubts(matches: Sequence[Match], expected: Shapes) -> str:
    """The renamed tensors of which another one has the same shape."""
    renamed = [match.name for match in matches if match.name != match.found]
    shapes = [expected[name] for name in renamed]
    alike = [name for name in renamed if shapes.count(expected[name]) > 1]
    return ", ".join(alike[:6]) + (" ..." if len(alike) > 6 else "")


def _pairs(matches: Sequence[Match]) -> str:
    """``conv1 is 0, fc1 is 3``: by layers where both sides call their parts alike, else by tensors."""
    layers: dict[str, str] = {}
    for match in matches:
        (here, part), (there, other) = match.name.rpartition(".")[::2], match.found.rpartition(".")[::2]
        if part != other or layers.setdefault(here, there) != there:
            return ", ".join(f"{printable(one.found)} is {one.name}" for one in matches if one.found != one.name)
    return ", ".join(f"{printable(there)} is {here}" for here, there in layers.items() if here != there)


def _line(expression: str, file: str | None) -> str:
    """The Python line to paste."""
    if file is None:  # any strides will do there
        return f"weights = {expression.replace('WEIGHTS', 'weights').replace('.copy()', '')}"
    return (
        f"from safetensors.numpy import load_file, save_file; w = load_file({file!r}); "
        f"save_file({expression.replace('WEIGHTS', 'w')}, 'renamed.safetensors')"
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts ``conv2`` before ``conv10``: a file has no order of its own."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
