"""Augmentation of an epoch: one row of numbers for each training image, from ``train.augment``."""

from __future__ import annotations

import numpy as np

from nbcnn.config.augment import AugmentConfig
from nbcnn.data import epoch_augmentations
from nbcnn.data.augment_rows import Affine, Erasing, epoch_rows
from nbcnn.kernels.augmented_packs import AUGMENT_COLUMNS, UNMIXED_COLUMNS


def draw_augmentations(
    augment: AugmentConfig, count: int, seed: int, epoch: int, shape: tuple[int, int]
) -> np.ndarray | None:
    """How each of ``count`` training images of height and width ``shape`` is augmented in this epoch; None: not at all.

    Whole numbers (count, 3) for the kernel ``packs.gather_moved`` where images are shifted and flipped alone; else
    float64 rows for ``augmented_packs.gather_augmented``.
    """
    crop, flip = augment.random_crop, augment.random_horizontal_flip
    alternating = flip.mode == "alternating"
    if augment.moves_only:
        return epoch_augmentations(count, seed, epoch, padding=crop.padding, p=flip.p, alternating=alternating)
    affine, erasing = augment.random_affine, augment.random_erasing
    return epoch_rows(
        count,
        seed,
        epoch,
        shape,
        padding=crop.padding,
        reflect=crop.padding_mode == "reflect",
        p=flip.p,
        alternating=alternating,
        affine=Affine(affine.degrees, affine.translate, affine.scale, affine.shear) if affine else None,
        erasing=Erasing(erasing.p, erasing.scale, erasing.ratio, erasing.value) if erasing else None,
        alpha=augment.mixup.alpha if augment.mixup else None,
    )


def no_augmentations(augment: AugmentConfig, count: int) -> np.ndarray | None:
    """Moves of the kind that ``draw_augmentations`` gives, by which nothing moves: for the compilation of kernels."""
    if not augment:
        return None
    if augment.moves_only:
        return np.zeros((count, 3), np.int64)
    return np.zeros((count, AUGMENT_COLUMNS if augment.mixup else UNMIXED_COLUMNS))
