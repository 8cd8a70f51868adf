"""What ``train.augment`` may say: torchvision's names and arguments. Nothing is changed by default.

One more way to augment is a section here, a column of ``epoch_moves`` (data/augment.py), and what the kernel
``gather_moved`` (kernels/packs.py) makes of it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class RandomCropConfig(_Section):
    """Black pixels on all sides, ``padding`` of them, and a window of the old size cut out at random."""

    padding: int = Field(ge=0)


class RandomHorizontalFlipConfig(_Section):
    """Left and right exchanged, with probability ``p``."""

    p: float = Field(0.5, ge=0, le=1)


_NothingSet = BeforeValidator(lambda value: {} if value is None else value)


class AugmentConfig(_Section):
    """How training images are changed, each epoch anew: first the crop, then the flip."""

    random_crop: Annotated[RandomCropConfig, _NothingSet] = RandomCropConfig(padding=0)
    random_horizontal_flip: Annotated[RandomHorizontalFlipConfig, _NothingSet] = RandomHorizontalFlipConfig(p=0.0)

    def __bool__(self) -> bool:
        """Whether any image is changed."""
        return self.random_crop.padding > 0 or self.random_horizontal_flip.p > 0

    def __str__(self) -> str:
        """``random_crop (padding 2), random_horizontal_flip (p 0.5)``; empty where nothing is changed."""
        crop, flip = self.random_crop.padding, self.random_horizontal_flip.p
        parts = [f"random_crop (padding {crop})"] * (crop > 0) + [f"random_horizontal_flip (p {flip:g})"] * (flip > 0)
        return ", ".join(parts)
