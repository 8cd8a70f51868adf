"""The config section ``train.augment``: random crop and flip, with torchvision's names and arguments.

One more way to augment is a section here, a column of ``epoch_moves`` (data/augment.py), and what the kernel
``gather_moved`` (kernels/packs.py) makes of it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nbcnn.config.section import NothingSet, Section


class RandomCropConfig(Section):
    """Random crop: ``padding`` black pixels on all sides, then a window of the old size at a random place."""

    padding: int = Field(ge=0)


class RandomHorizontalFlipConfig(Section):
    """Random horizontal flip: left and right exchanged, with probability ``p``."""

    p: float = Field(0.5, ge=0, le=1)


class AugmentConfig(Section):
    """The augmentation of training images, drawn anew in each epoch: first the crop, then the flip."""

    random_crop: Annotated[RandomCropConfig, NothingSet] = RandomCropConfig(padding=0)
    random_horizontal_flip: Annotated[RandomHorizontalFlipConfig, NothingSet] = RandomHorizontalFlipConfig(p=0.0)

    def __bool__(self) -> bool:
        """Whether any image is changed."""
        return self.random_crop.padding > 0 or self.random_horizontal_flip.p > 0

    def __str__(self) -> str:
        """``random_crop (padding 2), random_horizontal_flip (p 0.5)``; empty where nothing is changed."""
        crop, flip = self.random_crop.padding, self.random_horizontal_flip.p
        parts = [f"random_crop (padding {crop})"] * (crop > 0) + [f"random_horizontal_flip (p {flip:g})"] * (flip > 0)
        return ", ".join(parts)
