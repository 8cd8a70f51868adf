"""The config section ``train.augment``: crop, flip, affine, erasing and MixUp, with torchvision's names and arguments.

One more way to augment is a section here, columns of the rows in kernels/augmented_packs.py, what is drawn for them
(data/augment_rows.py), and what the kernel ``augmented_row`` makes of it.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from nbcnn.config.section import NothingSet, Section
from nbcnn.layers.entries import Flaw, refuse

_Pair = tuple[float, float]


def _both_signs(value: Any) -> Any:
    """A number d stands for the range from -d to d."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return (-value, value) if number and value >= 0 else value


def _within(low: float, high: float = math.inf, *, ordered: bool = True) -> AfterValidator:
    """Two numbers from ``low`` to ``high``; where they are a range, the smallest first."""

    def check(pair: _Pair) -> _Pair:
        if outside := [number for number in pair if not low <= number <= high]:
            refuse(Flaw((), f"{outside[0]:g} is not between {low:g} and {high:g}"))
        if ordered and pair[0] > pair[1]:
            refuse(Flaw((), f"expected the smallest number first, but {pair[0]:g} is larger than {pair[1]:g}"))
        return pair

    return AfterValidator(check)


def _words(expected: str) -> WithJsonSchema:
    return WithJsonSchema({"x-expected": expected})


_SECTION = "a mapping with keys such as {}, or null"
_Probability = Annotated[float, Field(ge=0, le=1)]
_LEAST = 1e-6  # of what must be above 0: smaller numbers would be none in an image
_Degrees = Annotated[_Pair, BeforeValidator(_both_signs), _within(-180, 180), _words("degrees, or a list of two")]
_Shear = Annotated[_Pair, BeforeValidator(_both_signs), _within(-89, 89), _words("degrees, or a list of two")]
_Shifts = Annotated[_Pair, _within(0, 1, ordered=False), _words("a list of two shares of width and height")]
_Shares = Annotated[_Pair, _within(_LEAST, 1), _words("a list of two shares of the image, the smallest first")]
_Factors = Annotated[_Pair, _within(_LEAST, 1e6), _words("a list of two numbers above 0, the smallest first")]


def _zeros(value: object) -> object:
    return "constant" if value == "zeros" else value


class RandomCropConfig(Section):
    """Random crop: ``padding`` pixels on all sides, then a window of the old size at a random place.

    The padding is black (``constant``; ``zeros`` is the same), or the image mirrored at its edge (``reflect``).
    """

    padding: int = Field(ge=0)
    padding_mode: Annotated[Literal["constant", "reflect"], BeforeValidator(_zeros)] = "constant"


class RandomHorizontalFlipConfig(Section):
    """Random horizontal flip: left and right exchanged, with probability ``p``.

    With the mode ``alternating`` the first epoch flips an image with probability p, and each epoch after it those that
    the one before did not: of two epochs in a row each image is flipped in one.
    """

    p: _Probability = 0.5
    mode: Literal["random", "alternating"] = "random"


class RandomAffineConfig(Section):
    """Random rotation, shift, scale and shear about the centre of the image, bilinear; black comes in.

    ``degrees`` and ``shear`` (along x) are ranges, a number d stands for -d to d; ``translate`` are the largest shifts,
    as shares of width and height; ``scale`` is a range.
    """

    degrees: _Degrees
    translate: _Shifts = (0.0, 0.0)
    scale: _Factors = (1.0, 1.0)
    shear: _Shear = (0.0, 0.0)


class RandomErasingConfig(Section):
    """Random erasing: with probability ``p`` a rectangle gets ``value``, a number as the network meets it.

    Its area is a share of the image's in the range ``scale``, its height by its width in the range ``ratio``.
    """

    p: _Probability = 0.5
    scale: _Shares = (0.02, 0.33)
    ratio: _Factors = (0.3, 3.3)
    value: float = 0.0


class MixupConfig(Section):
    """MixUp: each image is mixed with another one, and their losses alike, in shares of Beta(``alpha``, ``alpha``)."""

    alpha: Annotated[float, Field(gt=0)] = 1.0


class AugmentConfig(Section):
    """The augmentation of training images, anew in each epoch: crop, flip, affine, erasing, MixUp, in this order."""

    random_crop: Annotated[RandomCropConfig, NothingSet] = RandomCropConfig(padding=0)
    random_horizontal_flip: Annotated[RandomHorizontalFlipConfig, NothingSet] = RandomHorizontalFlipConfig(p=0.0)
    random_affine: Annotated[RandomAffineConfig | None, _words(_SECTION.format("degrees, scale"))] = None
    random_erasing: Annotated[RandomErasingConfig | None, _words(_SECTION.format("p, scale"))] = None
    mixup: Annotated[MixupConfig | None, _words(_SECTION.format("alpha"))] = None

    @property
    def moves_only(self) -> bool:
        """Whether images are shifted with black coming in, or flipped, and that is all."""
        only = self.random_crop.padding_mode == "constant" or not self.random_crop.padding
        return only and self.random_affine is None and self.random_erasing is None and self.mixup is None

    def __bool__(self) -> bool:
        """Whether any image is changed."""
        flip = self.random_horizontal_flip
        return self.random_crop.padding > 0 or flip.p > 0 or flip.mode == "alternating" or not self.moves_only

    def __str__(self) -> str:
        """``random_crop (padding 2), random_horizontal_flip (p 0.5)``; empty where nothing is changed."""
        crop, flip, parts = self.random_crop, self.random_horizontal_flip, []
        if crop.padding:
            parts.append(f"random_crop (padding {crop.padding}{', reflect' * (crop.padding_mode == 'reflect')})")
        if flip.p or flip.mode == "alternating":
            parts.append(f"random_horizontal_flip ({'alternating, ' * (flip.mode == 'alternating')}p {flip.p:g})")
        if (affine := self.random_affine) is not None:
            shown = [f"degrees {affine.degrees[0]:g} to {affine.degrees[1]:g}"]
            for name in ("translate", "scale", "shear"):
                pair = getattr(affine, name)
                if pair != type(affine).model_fields[name].default:
                    shown.append(f"{name} {pair[0]:g}{' and ' if name == 'translate' else ' to '}{pair[1]:g}")
            parts.append(f"random_affine ({', '.join(shown)})")
        if self.random_erasing is not None:
            parts.append(f"random_erasing (p {self.random_erasing.p:g})")
        if self.mixup is not None:
            parts.append(f"mixup (alpha {self.mixup.alpha:g})")
        return ", ".join(parts)
