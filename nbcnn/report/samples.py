"""The picture of sample images with predictions: wrong ones first, the most confident in front."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nbcnn.errors import DataError
from nbcnn.report.figure import DPI, GREEN, GREY, RED, look, save, shorten
from nbcnn.report.image_choice import evenly

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

# All in inches.
_COLUMNS, _ROWS = 8, 3
_CELL_W, _IMAGE = 1.42, 1.1
_LINE, _GAP = 0.16, 0.2
_SIDE, _HEAD = 0.25, 0.55
_OF = 0.3
_FONT = 8.5


class _Block(NamedTuple):
    title: str
    which: list[int]
    colour: str
    lines: int
    """Lines of text below an image."""

    @property
    def rows(self) -> int:
        return -(-len(self.which) // _COLUMNS)


def draw_samples(
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    guesses: Sequence[int] | np.ndarray,
    confidences: Sequence[float] | np.ndarray,
    classes: Sequence[str],
    path: str | Path,
    of: str | None = None,
) -> None:
    """Draw images with their guesses into a PNG file: up to 24 wrong ones, the surest first, then up to 24 right ones.

    Where there are more, every class has as many as any other, the surest of its wrong ones and the first right ones.
    ``images`` is uint8 (n, C, H, W) with C 1 or 3; ``labels`` and ``guesses`` (n,) count into ``classes``, the names of
    all outputs;
    ``confidences`` (n,) are the guesses' probabilities; ``of`` says whose guesses these are, for instance
    "best checkpoint (epoch 3)". Raises DataError when these do not fit or there is no image, CheckpointError when the
    file can't be written.
    """
    _check(images, labels, guesses, confidences, classes)
    chosen = _blocks(labels, guesses, confidences)
    with look():
        from matplotlib.figure import Figure

        tall, wide = images.shape[2:]
        size = (_IMAGE * wide / max(wide, tall), _IMAGE * tall / max(wide, tall))
        columns = min(_COLUMNS, max(3, *(len(block.which) for block in chosen)))
        width = 2 * _SIDE + columns * _CELL_W
        height = sum(_HEAD + block.rows * _row(block, size) for block in chosen) + 0.1 + (_OF if of else 0)
        figure = Figure(figsize=(width, height), dpi=DPI)
        top = height
        if of:
            line = shorten(of, width - 2 * _SIDE, 10)
            figure.text(_SIDE / width, (top - 0.3) / height, line, fontsize=10, color=GREY)
            top -= _OF
        for block in chosen:
            place = (_SIDE / width, (top - 0.32) / height)
            figure.text(*place, block.title, fontsize=12, fontweight="bold", color=block.colour)
            top -= _HEAD
            for n, k in enumerate(block.which):
                lines = [_guess(classes[int(guesses[k])], float(confidences[k]))]
                if int(labels[k]) != int(guesses[k]):
                    lines.append(shorten(f"true: {classes[int(labels[k])]}", _CELL_W - 0.1, _FONT))
                middle = _SIDE + (n % _COLUMNS + 0.5) * _CELL_W
                base = top - n // _COLUMNS * _row(block, size) - size[1]
                _draw_one(figure, images[k], (middle, base), size, block.colour)
                for number, text in enumerate(lines):
                    place = (middle / width, (base - 0.05 - number * _LINE) / height)
                    shade = GREY if number else "black"
                    figure.text(*place, text, ha="center", va="top", fontsize=_FONT, color=shade)
            top -= block.rows * _row(block, size)
        save(figure, path)


def _blocks(
    labels: Sequence[int] | np.ndarray, guesses: Sequence[int] | np.ndarray, confidences: Sequence[float] | np.ndarray
) -> list[_Block]:
    n, room = len(labels), _COLUMNS * _ROWS
    wrong = sorted((k for k in range(n) if labels[k] != guesses[k]), key=lambda k: -float(confidences[k]))
    right = [k for k in range(n) if labels[k] == guesses[k]]
    found = []
    for what, which, order, colour, lines in (("wrong", wrong, "surest", RED, 2), ("right", right, "", GREEN, 1)):
        chosen = [which[place] for place in evenly([int(labels[k]) for k in which], room)]
        shown = sorted(chosen, key=which.index) if order else chosen
        number = f"{len(shown)} of {len(which):,}" if len(shown) < len(which) else f"{len(which) or 'none'}"
        classes = len({int(labels[k]) for k in which})
        of = "each class" if classes <= room else f"{room} of {classes} classes"
        title = f"Guessed {what}: {number}"
        if len(shown) < len(which) and classes > 1:
            title += f", the surest of {of}" if order else f", from {of}"
        elif order and len(shown) > 1:
            title += ", the surest first"
        found.append(_Block(title, shown, colour, lines))
    return found


def _guess(name: str, confidence: float) -> str:
    """The name gives way, never the number."""
    number = f" {100 * confidence:.0f} %"
    return shorten(name, _CELL_W - 0.1 - 0.085 * len(number), _FONT) + number


def _row(block: _Block, size: tuple[float, float]) -> float:
    """The height of one row of images, text and gap included."""
    return size[1] + 0.05 + block.lines * _LINE + _GAP


def _draw_one(
    figure: Figure, image: np.ndarray, foot: tuple[float, float], size: tuple[float, float], colour: str
) -> None:
    """One image of ``size`` (width, height) with the middle of its lower edge at ``foot``, in inches."""
    width, height = figure.get_size_inches()
    left = foot[0] - size[0] / 2
    axes = figure.add_axes((left / width, foot[1] / height, size[0] / width, size[1] / height))
    axes.imshow(
        image[0] if len(image) == 1 else image.transpose(1, 2, 0),
        cmap="gray",
        vmin=0,
        vmax=255,
        aspect="auto",
        interpolation="nearest" if max(image.shape) <= 130 else "antialiased",
    )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(colour)
    axes.spines[:].set_linewidth(1.2)


def _check(
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    guesses: Sequence[int] | np.ndarray,
    confidences: Sequence[float] | np.ndarray,
    classes: Sequence[str],
) -> None:
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.dtype.name != "uint8" or not len(images):
        raise DataError(f"samples are uint8 images (n, 1 or 3, H, W), at least one; got {images.dtype} {images.shape}")
    lengths = [len(images), len(labels), len(guesses), len(confidences)]
    if len(set(lengths)) != 1:
        raise DataError("{} images do not go with {} labels, {} guesses and {} confidences".format(*lengths))
    most = max(max(map(int, labels)), max(map(int, guesses)))
    if most >= len(classes):
        raise DataError(f"class {most} has no name: there are {len(classes)} names, counted from 0")
