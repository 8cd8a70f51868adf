"""Labels of one data set translated to a network's classes, by the classes' names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nbcnn.data.dataset import Dataset, Split
from nbcnn.errors import DataError
from nbcnn.util.formatting import counted

OTHER = "(other)"
"""The name of predictions that are no class: of outputs beyond those that have a name."""

NAMED = 8  # so many classes are named, the others counted


def composed(name: str) -> str:
    """The name with its accents as Linux and Windows write them (Unicode NFC): macOS keeps them as letters apart."""
    return unicodedata.normalize("NFC", name)


def alike(name: str) -> str:
    """A key that is equal for names that differ in capital letters, spaces, hyphens or underlines alone."""
    return "".join(letter for letter in composed(name).casefold() if not letter.isspace() and letter not in "-_")


def in_terms_of(data: Dataset, known: Sequence[str], outputs: int) -> Dataset:
    """The data set with labels that count into ``known``, the classes of a network with so many ``outputs``.

    Labels go by name where both have names; a network may know more classes than the data have. Where one of them has
    numbers alone, a class called by a number is the output of that number, and labels go by position. Raises DataError
    naming the classes that the network does not know.
    """
    names = [composed(name) for name in known] or [str(output) for output in range(outputs)]
    wanted = [composed(name) for name in data.classes]
    if not set(wanted) - set(names):
        classes = tuple(known) or tuple(names[: 1 + max(map(names.index, wanted))])
        return _relabelled(data, [names.index(name) for name in wanted], classes)
    if not known:
        return data
    if not data.numbered:
        raise DataError(f"{data.name} ({data.source}): {_unknown(wanted, names)}")
    if len(wanted) > len(names):
        raise DataError(
            f"{data.name} ({data.source}): its labels go up to {len(wanted) - 1}, and the network knows "
            f"{counted(len(names), 'class', 'classes')}, {listed(names)}, which are the labels 0 to {len(names) - 1}; "
            "write labels that count into these"
        )
    return replace(data, classes=tuple(known))


def by_name(data: Dataset, known: Sequence[str], outputs: int) -> bool:
    """Whether ``in_terms_of`` finds every class by its name; by position nobody can say whether labels fit."""
    names = {composed(name) for name in known} or {str(output) for output in range(outputs)}
    return names.issuperset(composed(name) for name in data.classes)


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: ``cat, dog and 3 more``. Spaces at the ends of one are shown."""
    shown = [name if name == name.strip() else repr(name) for name in names]
    more = f" and {len(shown) - NAMED} more" if len(shown) > NAMED else ""
    return ", ".join(shown[:NAMED]) + more


def changed(before: Sequence[str], now: Sequence[str]) -> str:
    """How classes have changed: ``the class acid is new, the class cherry is gone``; nothing where they have not."""
    old, new = ([composed(name) for name in names] for names in (before, now))
    said = []
    for names, others, what in ((new, old, "new"), (old, new, "gone")):
        if only := [name for name in names if name not in others]:
            said.append(f"the {'class' if len(only) == 1 else 'classes'} {listed(only)} {_is(only)} {what}")
    return ", ".join(said)


def _unknown(wanted: list[str], names: list[str]) -> str:
    """The sentence for classes that the network does not know."""
    strange = [name for name in wanted if name not in names]
    missing = [name for name in names if name not in wanted]
    one = len(strange) == 1
    like = {alike(name): name for name in missing}
    pairs = [f"{listed([name])} is {listed([like[alike(name)]])}" for name in strange if alike(name) in like]
    way = "rename the class's folder" if one else "rename the folders of these classes"
    if pairs:
        way += f" (but for the way it is written, {', '.join(pairs[:3])})"
    gone = f", and the data have no class {listed(missing)}" if missing and len(wanted) >= len(names) else ""
    return (
        f"the network does not know the {'class' if one else 'classes'} {listed(strange)}{gone}; it was trained on "
        f"{listed(names)}; {way} as {'it was' if one else 'they were'} in training, or take "
        f"{'its' if one else 'their'} images out"
    )


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _relabelled(data: Dataset, places: list[int], classes: tuple[str, ...]) -> Dataset:
    if places == list(range(len(classes))):
        return data if classes == data.classes else replace(data, classes=classes)
    new = np.array(places, np.int64)
    train, test = _with(data.train, new), _with(data.test, new)
    validation = _with(data.validation, new) if data.validation else None
    return replace(data, train=train, test=test, validation=validation, classes=classes)


def _with(split: Split, places: NDArray[np.int64]) -> Split:
    return Split(split.images, places[split.labels], files=split.files)
