"""A choice of images for a picture, balanced over the classes."""

from __future__ import annotations

from collections.abc import Sequence


def evenly(labels: Sequence[int], room: int) -> list[int]:
    """Places of at most ``room`` images of these labels, in turns one of each class, of a class the first ones first.

    Where there are more classes than room, they are as far apart as they can be. In the order of the classes.
    """
    of_class: dict[int, list[int]] = {}
    for place, label in enumerate(labels):
        of_class.setdefault(int(label), []).append(place)
    classes = [of_class[label] for label in sorted(of_class)]
    if len(classes) > room:
        classes = [classes[k * len(classes) // room] for k in range(room)]
    shown = [0] * len(classes)
    while room > 0 and any(count < len(places) for count, places in zip(shown, classes, strict=True)):
        for k, places in enumerate(classes):
            if room and shown[k] < len(places):
                shown[k] += 1
                room -= 1
    return [place for count, places in zip(shown, classes, strict=True) for place in places[:count]]
