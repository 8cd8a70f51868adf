"""Detection of dark-on-light and light-on-dark images, and inversion of a picture to match the training images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbcnn.data.image_file import Step

if TYPE_CHECKING:
    import numpy as np

LIGHT_BORDER = 0.75
"""A background is light, or dark, where such a share of the outermost pixels is. No image of MNIST or Fashion-MNIST has
a light one so, and half of the pixels would not do: a pullover may fill its image to the border."""


def has_dark_background(*splits: np.ndarray) -> bool | None:
    """Whether images, each uint8 (N, C, H, W), have a dark background: what ``prepare`` wants to know of a data set's.

    True when at least two thirds of all border pixels are dark (below 64) and no image has a light background, False
    when that is so of light (above 191) and dark; else None, as with photographs or where both kinds are mixed.
    """
    import numpy as np

    borders = [_borders(images) for images in splits]
    pixels = np.concatenate([border.reshape(-1) for border in borders])
    for dark, share in ((True, np.mean(pixels < 64)), (False, np.mean(pixels > 191))):
        if share >= 2 / 3 and not any(_lies_on(border, light=dark).any() for border in borders):
            return dark
    return None


def _borders(images: np.ndarray) -> np.ndarray:
    """The outermost pixels (N, P) of images (N, C, H, W), the mean of their channels."""
    import numpy as np

    rows = np.concatenate([images[:, :, 0], images[:, :, -1], images[:, :, 1:-1, 0], images[:, :, 1:-1, -1]], axis=2)
    found: np.ndarray = rows[:, 0] if rows.shape[1] == 1 else rows.mean(axis=1, dtype=np.float32)
    return found


def _lies_on(borders: np.ndarray, light: bool) -> np.ndarray:
    """Whether each of the images with these border pixels (N, P) has a light, or a dark, background."""
    shares = (borders > 127.5 if light else borders < 127.5).mean(axis=1)
    found: np.ndarray = shares > LIGHT_BORDER
    return found


def inverts(
    image: np.ndarray, dark_background: bool | None, invert: bool | None, pictures: bool, steps: list[Step]
) -> bool:
    """Whether an image (C, H, W) is to be inverted; says so.

    Never unasked where the network learned from ``pictures``: it has met them as they are, and so must this one.
    """
    if invert is not None:
        if invert:
            steps.append(Step("inverted, as asked"))
        return invert
    if dark_background is None or not _lies_on(_borders(image[None]), light=dark_background)[0]:
        return False
    here, there = ("light", "dark") if dark_background else ("dark", "light")
    if pictures:
        text = f"not inverted, though the background is {here} and all training pictures have a {there} one"
        steps.append(Step(f"{text} (--invert would)"))
        return False
    steps.append(Step(f"inverted: the background is {here}, the training images have a {there} one"))
    return True
