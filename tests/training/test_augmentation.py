"""Trainings with every way to augment: the same bits on any number of threads and after a stop; what they show."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stripes import TINY, write_stripes

import nbcnn
from nbcnn.config import load_config
from nbcnn.config.augment import AugmentConfig
from nbcnn.report.augmented import moved
from nbcnn.runs.run_folder import Run
from nbcnn.training.augmentation import draw_augmentations, no_augmentations
from nbcnn.training.pictures import first_epochs
from nbcnn.training.reporter import Reporter
from nbcnn.training.signals import StoppedError

WAYS: dict[str, dict[str, Any]] = {
    "reflect": {"random_crop": {"padding": 2, "padding_mode": "reflect"}},
    "alternating": {"random_horizontal_flip": {"mode": "alternating"}},
    "affine": {"random_affine": {"degrees": 10, "scale": [0.9, 1.1]}},
    "erasing": {"random_erasing": {"value": 0.5}},
    "mixup": {"mixup": {"alpha": 0.4}},
}
ALL: dict[str, Any] = {key: value for way in WAYS.values() for key, value in way.items()}


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "stripes"
    write_stripes(folder)
    return folder


def config(folder: Path, augment: dict[str, Any] | None, **train: Any) -> dict[str, Any]:
    settings = TINY["train"] | {"epochs": 2, "augment": augment or {}} | train
    return TINY | {"data": {"folder": str(folder), "validation": 0.2}, "train": settings}


def bits(run: Run) -> tuple[bytes, ...]:
    return tuple((run.folder / f"{kind}.safetensors").read_bytes() for kind in ("best", "last"))


class Stops(Reporter):
    """Ctrl-C after a step."""

    def __init__(self, step: int) -> None:
        self.left = step

    def step(self, images: int, loss: float, accuracy: float) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("no_pictures")
def test_threads_the_serial_executor_and_a_stop_change_no_bit(stripes: Path, tmp_path: Path) -> None:
    whole = nbcnn.train(config(stripes, ALL), threads=2, out=tmp_path / "two")
    for name, more in {"one": {"threads": 1}, "three": {"threads": 3}, "serial": {"executor": "serial"}}.items():
        assert bits(nbcnn.train(config(stripes, ALL, **more), out=tmp_path / name)) == bits(whole)
    for step in (4, 13):
        with pytest.raises(StoppedError):
            nbcnn.train(config(stripes, ALL), out=tmp_path / str(step), reporter=Stops(step))
        assert bits(nbcnn.resume(tmp_path / str(step))) == bits(whole)


@pytest.mark.usefixtures("no_pictures")
def test_each_way_trains_to_other_weights(stripes: Path, tmp_path: Path) -> None:
    found = {bits(nbcnn.train(config(stripes, way, epochs=1), out=tmp_path / name)) for name, way in WAYS.items()}
    assert len(found) == 5 and bits(nbcnn.train(config(stripes, None, epochs=1), out=tmp_path / "none")) not in found


@pytest.mark.usefixtures("no_pictures")
def test_a_mixed_images_guess_counts_against_the_label_of_the_larger_share(stripes: Path, tmp_path: Path) -> None:
    """A network that tells the images apart knows mixed ones for the most part; their loss is higher all the same."""
    settings = {"epochs": 8, "optimizer": {"adam": {"lr": 0.02}}}
    plain = nbcnn.train(config(stripes, None, **settings), out=tmp_path / "plain").metrics()[-1]
    mixed = nbcnn.train(config(stripes, {"mixup": {"alpha": 0.2}}, **settings), out=tmp_path / "mixed").metrics()[-1]
    assert plain["train_accuracy"] > 0.95 and mixed["train_accuracy"] > 0.8 and mixed["val_accuracy"] > 0.9
    assert mixed["train_loss"] > plain["train_loss"]


def test_zeros_is_another_word_for_constant() -> None:
    two = [
        AugmentConfig.model_validate({"random_crop": {"padding": 2, "padding_mode": mode}})
        for mode in ("zeros", "constant")
    ]
    assert two[0] == two[1] and two[0].moves_only and str(two[0]) == "random_crop (padding 2)"


@pytest.mark.parametrize("way", [*WAYS.values(), ALL, {}])
def test_kernels_are_compiled_for_the_kind_that_training_has(way: dict[str, Any]) -> None:
    augment = AugmentConfig.model_validate(load_config(config(Path(), way)).train.augment)
    drawn, nothing = draw_augmentations(augment, 9, 0, 1, (12, 12)), no_augmentations(augment, 9)
    assert bool(augment) == bool(way) == (drawn is not None) == (nothing is not None)
    if drawn is not None and nothing is not None:
        assert (drawn.dtype, drawn.shape) == (nothing.dtype, nothing.shape)


def test_they_are_named() -> None:
    augment = load_config(
        config(Path(), {**ALL, "random_crop": {"padding": 2, "padding_mode": "reflect"}})
    ).train.augment
    assert str(augment) == (
        "random_crop (padding 2, reflect), random_horizontal_flip (alternating, p 0.5), random_affine (degrees -10 to 10, "
        "scale 0.9 to 1.1), random_erasing (p 0.5), mixup (alpha 0.4)"
    )


def test_the_picture_has_what_training_meets(stripes: Path, tmp_path: Path) -> None:
    run = nbcnn.train(config(stripes, ALL, epochs=1), out=tmp_path / "run")
    assert run.augmented.stat().st_size > 1000
    data, chosen = nbcnn.data.load(stripes), [3, 5, 8]
    wide = config(stripes, ALL) | {"data": {"folder": str(stripes), "mean": 0.25, "std": 0.5}}
    numbers, augmentations = first_epochs(load_config(wide), data, chosen)
    assert numbers[:3] == chosen and len(numbers) == 3 + 7 * 3
    for epoch, each in enumerate(augmentations, 1):
        drawn = draw_augmentations(load_config(wide).train.augment, 210, 0, epoch, (12, 12))
        assert drawn is not None
        assert [numbers[int(k)] for k in each[:3, 16]] == drawn[chosen, 16].tolist()
        assert (each[:, 15] == 127.5).all()  # 0.5 · 0.5 + 0.25 of white
        shown = moved(data.train.images[numbers], each, 3)
        every = drawn.copy()
        every[:, 15] = 127.5
        for k, one in enumerate(chosen):  # as if all images were at hand
            order = np.roll(np.arange(210), -one)
            there = every[order]
            there[:, 16] = (there[:, 16] - one) % 210
            assert np.array_equal(moved(data.train.images[order], there, 1)[0], shown[k])
