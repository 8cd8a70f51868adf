"""Suggestions for misspelt names: the nearest known name, or the one for another library's name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from nbcnn.util.foreign_names import alias, bare, is_elsewhere

LIKENESS = 0.74
"""How alike a name must be to be suggested, from 0 to 1: ``resnet`` is no lenet (0.73), ``trian`` is train (0.8)."""

SHORT, LIKENESS_OF_SHORT = 4, 0.65
"""Names of up to four letters: two of three that are swapped, as in ``sdg``, are 0.67."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name is meant by a wrong one: ``did you mean relu?`` and the list, or the list alone."""
    names = sorted(known)
    listed = "known: " + ", ".join(names) if names else "none is known"
    match = closest(name, names)
    return f"did you mean {match}? ({listed})" if match else listed


def closest(name: str, known: Iterable[str], cutoff: float | None = None) -> str | None:
    """The known name that is meant by a wrong one, if any is: what another library calls so, else the most alike.

    Case and ``_`` do not count: MaxPool2d is max_pool2d.
    """
    plain = {_plain(one): one for one in sorted(known, reverse=True)}
    wanted = _plain(bare(name))
    if wanted in plain:
        return plain[wanted]
    if meant := alias(name, set(plain.values())):
        return meant
    if is_elsewhere(wanted):
        return None
    longer = [one for one in plain if len(wanted) >= SHORT and one.startswith(wanted)]
    if longer:  # the shortest: fashion is fashion-mnist rather than fashion-mnist-mini
        return plain[min(longer, key=len)]
    cutoff = cutoff or (LIKENESS_OF_SHORT if len(wanted) <= SHORT else LIKENESS)
    match = get_close_matches(wanted, plain, n=1, cutoff=cutoff)
    return plain[match[0]] if match else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "")
