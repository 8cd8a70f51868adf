"""Augmentation: what is drawn, what a file may say of it, and that training alone sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from configs import TINY, cases, problems, written
from PIL import Image

import nbcnn
from data.test_batches import draws
from nbcnn.cli import main
from nbcnn.config import Overrides, load_config
from nbcnn.data import epoch_augmentations
from nbcnn.engine.engine import Engine
from nbcnn.errors import DataError
from nbcnn.report.augmented import draw_augmented, moved
from nbcnn.runs.checkpoint import load_tensors
from nbcnn.runs.run_folder import Run

pytestmark = pytest.mark.usefixtures("no_pictures")

BOTH = {"random_crop": {"padding": 2}, "random_horizontal_flip": {"p": 0.5}}
SMALL: dict[str, Any] = {
    "name": "small",
    "input": {"channels": 1, "height": 12, "width": 12},
    "layers": [{"conv2d": {"out_channels": 2, "kernel_size": 3}}, "relu", "flatten", {"linear": {"out_features": 3}}],
    "train": {"epochs": 2, "batch_size": 25, "optimizer": {"adam": {"lr": 0.01}}},
}


def small(**train: Any) -> dict[str, Any]:
    return {**SMALL, "train": {**SMALL["train"], **train}}


# What is drawn


def test_each_images_draws_are_at_places_of_its_own() -> None:
    """The numbers come from a second Philox, written out in Python (test_batches.py)."""
    augmentations = epoch_augmentations(50, 7, 3, padding=2, p=0.3)
    shifts, flips = draws(100, 7, "augment crop", 3, 0), draws(50, 7, "augment flip", 3, 0)
    assert augmentations is not None and augmentations.dtype == np.int64 and augmentations.flags.c_contiguous
    assert augmentations.tolist() == [
        [shifts[2 * n] % 5 - 2, shifts[2 * n + 1] % 5 - 2, int(flips[n] / 2**64 < 0.3)] for n in range(50)
    ]


def test_what_else_is_drawn_changes_nothing() -> None:
    both, crop, flip = (
        epoch_augmentations(200, 1, 4, **k) for k in ({"padding": 3, "p": 0.5}, {"padding": 3}, {"p": 0.5})
    )
    assert both is not None and crop is not None and flip is not None
    assert np.array_equal(both[:, :2], crop[:, :2]) and not crop[:, 2].any()
    assert np.array_equal(both[:, 2], flip[:, 2]) and not flip[:, :2].any()
    fewer = epoch_augmentations(120, 1, 4, padding=3, p=0.5)
    assert np.array_equal(fewer, both[:120])  # type: ignore[arg-type]


def test_an_epochs_moves_need_no_epoch_before() -> None:
    in_turn = [epoch_augmentations(30, 5, epoch, padding=1, p=0.5) for epoch in range(1, 9)]
    for epoch in (8, 3, 5, 1):
        assert np.array_equal(epoch_augmentations(30, 5, epoch, padding=1, p=0.5), in_turn[epoch - 1])  # type: ignore[arg-type]
    others = [epoch_augmentations(30, seed, 1, padding=1, p=0.5) for seed in (5, 6)]
    assert len({augmentations.tobytes() for augmentations in [*in_turn, *others] if augmentations is not None}) == 9


def test_shifts_are_alike_likely_and_flips_come_as_often_as_asked() -> None:
    count = 200_000
    for p in (0.0, 0.1, 0.5, 1.0):
        augmentations = epoch_augmentations(count, 11, 1, padding=2, p=p)
        assert augmentations is not None
        pairs, numbers = np.unique(augmentations[:, :2], axis=0, return_counts=True)
        assert len(pairs) == 25 and pairs.min() == -2 and pairs.max() == 2
        # Chi-square with 24 degrees of freedom: beyond 60 once in 16,000 seeds, and this is one seed.
        assert np.sum((numbers - count / 25) ** 2) / (count / 25) < 60
        assert abs(augmentations[:, 2].mean() - p) <= 4 * np.sqrt(p * (1 - p) / count)
        together = (
            np.corrcoef(augmentations.T)[np.triu_indices(3, 1)]
            if 0 < p < 1
            else np.corrcoef(augmentations[:, :2].T)[0, 1]
        )
        assert np.abs(together).max() < 4 / np.sqrt(count)


def test_nothing_to_move_is_none_and_nonsense_is_refused() -> None:
    assert epoch_augmentations(10, 0, 1) is None
    for padding, p in ((-1, 0.0), (0, 1.5), (0, -0.1), (0, float("nan"))):
        with pytest.raises(DataError, match=r"a padding of at least 0 and flipped with p in 0\.\.1, got"):
            epoch_augmentations(10, 0, 1, padding=padding, p=p)


# What a file may say

WRONG = r"""
{random_crop: }
    4:19: train.augment.random_crop: padding is missing; expected a whole number of at least 0
{random_crop: 2}
    4:32: train.augment.random_crop: expected a mapping with keys such as padding, got 2
{RandomCrop: {padding: 2}}
    4:19: train.augment.RandomCrop: unknown key 'RandomCrop'; did you mean random_crop? (known: mixup, random_affine, random_crop,
{random_crop: {padding: -1}}
    4:42: train.augment.random_crop.padding: expected a whole number of at least 0, got -1
{random_crop: {padding: 1.5}}
    4:42: train.augment.random_crop.padding: expected a whole number of at least 0, got 1.5
{random_crop: {padding: 8}}
    4:42: train.augment.random_crop.padding: expected at most 7, so that something is left of images of 8×8, got 8
{random_crop: {paddin: 2}}
    4:33: train.augment.random_crop.paddin: unknown key 'paddin'; did you mean padding? (known: padding, padding_mode)
{random_crop: {padding: 2, fill: 1}}
    4:45: train.augment.random_crop.fill: unknown key 'fill'; what comes into a shifted image is black; leave it out
{random_crop: {padding: 2, padding_mode: edge}}
    4:59: train.augment.random_crop.padding_mode: expected one of constant, reflect, got 'edge'
{random_horizontal_flip: {mode: never}}
    4:50: train.augment.random_horizontal_flip.mode: expected one of random, alternating, got 'never'
{random_affine: {}}
    4:19: train.augment.random_affine: degrees is missing; expected degrees, or a list of two
{random_affine: {degrees: -5}}
    4:44: train.augment.random_affine.degrees: expected degrees, or a list of two, got -5
{random_affine: {degrees: 270}}
    4:44: train.augment.random_affine.degrees: -270 is not between -180 and 180
{random_affine: {degrees: [10, -10]}}
    4:44: train.augment.random_affine.degrees: expected the smallest number first, but 10 is larger than -10
{random_affine: {degrees: [1, 2, 3]}}
    4:44: train.augment.random_affine.degrees: expected degrees, or a list of two, got [1, 2, 3]
{random_affine: {degrees: 5, translate: [0.1, 1.5]}}
    4:58: train.augment.random_affine.translate: 1.5 is not between 0 and 1
{random_affine: {degrees: 5, translate: 0.1}}
    4:58: train.augment.random_affine.translate: expected a list of two shares of width and height, got 0.1
{random_affine: {degrees: 5, scale: [0, 1]}}
    4:54: train.augment.random_affine.scale: 0 is not between 1e-06 and 1e+06
{random_affine: {degrees: 5, shear: 90}}
    4:54: train.augment.random_affine.shear: -90 is not between -89 and 89
{random_erasing: {scale: [0.5, 0.1]}}
    4:43: train.augment.random_erasing.scale: expected the smallest number first, but 0.5 is larger than 0.1
{random_erasing: {scale: [0.5, 1.1]}}
    4:43: train.augment.random_erasing.scale: 1.1 is not between 1e-06 and 1
{random_erasing: {ratio: [0, 2]}}
    4:43: train.augment.random_erasing.ratio: 0 is not between 1e-06 and 1e+06
{random_erasing: {value: random}}
    4:43: train.augment.random_erasing.value: expected a number, got 'random'
{flip: {p: 0.5}}
    4:19: train.augment.flip: unknown key 'flip'; write random_horizontal_flip, as in random_horizontal_flip: {p: 0.5}
{affine: {degrees: 3}}
    4:19: train.augment.affine: unknown key 'affine'; write random_affine, as in random_affine: {degrees: 10}
{erasing: {}}
    4:19: train.augment.erasing: unknown key 'erasing'; write random_erasing, as in random_erasing: {p: 0.5}
{mixup: {alpha: 0}}
    4:34: train.augment.mixup.alpha: expected a number above 0, got 0
{mixup: 0.2}
    4:26: train.augment.mixup: expected a mapping with keys such as alpha, or null, got 0.2
{random_crop: {padding: 2, pad_if_needed: true}}
    4:45: train.augment.random_crop.pad_if_needed: unknown key 'pad_if_needed'; images are cropped back to the size
{random_horizontal_flip: {p: 1.5}}
    4:47: train.augment.random_horizontal_flip.p: expected a number from 0 to 1, got 1.5
{random_horizontal_flip: {p: -0.5}}
    4:47: train.augment.random_horizontal_flip.p: expected a number from 0 to 1, got -0.5
{random_horizontal_flip: {p: .nan}}
    4:47: train.augment.random_horizontal_flip.p: expected a number from 0 to 1, got '.nan'
{random_horizontal_flip: 0.5}
    4:43: train.augment.random_horizontal_flip: expected a mapping with keys such as p, mode, got 0.5
{random_vertical_flip: {p: 1}}
    4:19: train.augment.random_vertical_flip: unknown key 'random_vertical_flip'; known: mixup, random_affine, random_crop, random_erasing, random_horizontal_flip
[random_crop: {padding: 2}]
    4:18: train.augment: expected a mapping with keys such as random_crop, random_horizontal_flip, random_affine, random_erasing, got [
"""


@pytest.mark.parametrize(("section", "told"), cases(WRONG))
def test_mistakes(section: str, told: str, tmp_path: Path) -> None:
    (problem,) = problems(written(tmp_path, TINY + f"train: {{augment: {section}}}"))
    assert problem.startswith(f"x.yaml:{told}"), problem


def test_a_crop_that_is_too_large_is_told_beside_other_mistakes(tmp_path: Path) -> None:
    found = problems(written(tmp_path, TINY + "data: {mean: [1, 2]}\ntrain: {augment: {random_crop: {padding: 99}}}"))
    assert [problem.split(": ")[0] for problem in found] == ["x.yaml:4:14", "x.yaml:5:42"]


def test_defaults_change_nothing_and_the_config_shows_them(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, TINY))
    assert not config.train.augment and str(config.train.augment) == ""
    assert config.to_mapping()["train"]["augment"] == {
        "random_crop": {"padding": 0, "padding_mode": "constant"},
        "random_horizontal_flip": {"p": 0.0, "mode": "random"},
        "random_affine": None,
        "random_erasing": None,
        "mixup": None,
    }
    flip = load_config(written(tmp_path, TINY + "train:\n  augment:\n    random_horizontal_flip:\n"))
    assert flip.train.augment.random_horizontal_flip.p == 0.5  # torchvision's default
    assert str(flip.train.augment) == "random_horizontal_flip (p 0.5)" and flip.train.augment
    sets = Overrides(sets=("train.augment.random_crop.padding=7", "train.augment.random_horizontal_flip.p=0"))
    crop = load_config(written(tmp_path, TINY), sets)
    assert str(crop.train.augment) == "random_crop (padding 7)"
    for again in (config, flip, crop):
        assert load_config(written(tmp_path, again.to_yaml(), "again.yaml")) == again


# What training makes of it


@pytest.fixture(scope="module", name="stripes")
def made(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder, random = tmp_path_factory.mktemp("stripes"), np.random.default_rng(0)
    for prefix, count in (("train", 90), ("t10k", 20)):
        nbcnn.data.write_idx(folder / f"{prefix}-images-idx3-ubyte", random.integers(0, 256, (count, 12, 12), np.uint8))
        nbcnn.data.write_idx(folder / f"{prefix}-labels-idx1-ubyte", random.integers(0, 3, count, np.uint8))
    return str(folder)


def weights(run: Run) -> bytes:
    tensors = load_tensors(run.weights_path("last"))[0]
    return b"".join(tensors[name].tobytes() for name in sorted(tensors))


@pytest.mark.usefixtures("pictures")
def test_training_sees_moved_images_and_evaluation_never_does(
    stripes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int, Any]] = []
    step, evaluate = Engine.train_step, Engine._labelled

    def stepping(
        engine: Engine, images: Any, labels: Any, order: Any, augmentations: Any = None, step_number: int = 0
    ) -> Any:
        seen.append(("train", len(images), augmentations))
        return step(engine, images, labels, order, augmentations, step_number)

    def labelled(engine: Engine, images: Any, labels: Any, augmentations: Any = None, targets: Any = None) -> Any:
        if len(images) == 20:
            seen.append(("test", len(images), augmentations))
        return evaluate(engine, images, labels, augmentations, targets)

    monkeypatch.setattr(Engine, "train_step", stepping)
    monkeypatch.setattr(Engine, "_labelled", labelled)
    run = nbcnn.train(small(augment=BOTH, seed=9), data=stripes, out=tmp_path / "run")
    assert run.augmented.is_file()
    assert [what for what, _, _ in seen] == ["train"] * 4 + ["test"] + ["train"] * 4 + ["test", "test"]
    for number, (what, count, augmentations) in enumerate(seen):
        if what == "test":
            assert (count, augmentations) == (20, None)
        else:
            wanted = epoch_augmentations(90, 9, 1 + number // 5, padding=2, p=0.5)
            assert count == 90 and np.array_equal(augmentations, wanted)  # type: ignore[arg-type]
    monkeypatch.undo()
    assert nbcnn.evaluate(run.folder).accuracy == max(record["test_accuracy"] for record in run.metrics())


def test_the_same_bits_on_any_number_of_threads_and_others_than_without(stripes: str, tmp_path: Path) -> None:
    trained = {
        threads: weights(nbcnn.train(small(augment=BOTH), data=stripes, threads=threads, out=tmp_path / f"{threads}"))
        for threads in (1, 2, 3, 4)
    }
    assert len(set(trained.values())) == 1
    plain = weights(nbcnn.train(small(), data=stripes, out=tmp_path / "plain"))
    nothing = {"random_crop": {"padding": 0}, "random_horizontal_flip": {"p": 0}}
    assert plain == weights(nbcnn.train(small(augment=nothing), data=stripes, out=tmp_path / "nothing"))
    assert plain != trained[1]


def test_all_variants_of_a_comparison_meet_the_same_images(stripes: str, tmp_path: Path) -> None:
    compared = nbcnn.compare(small(augment=BOTH), ["conv2d=direct", "conv2d=naive"], data=stripes, out=tmp_path / "c")
    alone = weights(nbcnn.train(small(augment=BOTH), data=stripes, out=tmp_path / "alone"))
    for variant in compared.variants:
        assert weights(Run.open(variant.folder)) == alone
        assert variant.parted is None


def test_it_is_said_where_training_and_networks_are_described(
    stripes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, load_config(small(augment=BOTH)).to_yaml(), "with.yaml")
    written(tmp_path, load_config(small()).to_yaml(), "without.yaml")
    line = "training images augmented: random_crop (padding 2), random_horizontal_flip (p 0.5)\n"
    backends = ("--backend", "conv2d=naive", "--backend", "conv2d=direct", "--steps", "1")
    for words in (("train",), ("summary",), ("compare", *backends)):
        for name in ("with", "without"):
            verb, *more = words
            given = [] if verb == "summary" else ["--data", stripes, "--epochs", "1"]
            with pytest.raises(SystemExit) as stop:
                main([verb, f"{name}.yaml", *given, *more])
            assert not stop.value.code
            assert (line in capsys.readouterr().out) == (name == "with"), words


def test_the_picture_shows_what_training_meets(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    for channels in (1, 3):
        images = random.integers(0, 256, (6, channels, 9, 7), dtype=np.uint8)
        augmentations = [
            np.concatenate([random.integers(-2, 3, (6, 2)), random.integers(0, 2, (6, 1))], 1) for _ in range(3)
        ]
        path = tmp_path / f"{channels}.png"
        draw_augmented(images, augmentations, path, "some words")
        with Image.open(path) as picture:
            assert picture.size[0] > 400
        for row, (image, (dy, dx, flip)) in enumerate(zip(images, augmentations[0].tolist(), strict=True)):
            wide = np.pad(image, ((0, 0), (2, 2), (2, 2)))[:, 2 + dy : 11 + dy, 2 + dx : 9 + dx]
            assert np.array_equal(moved(images, augmentations[0])[row], wide[:, :, ::-1] if flip else wide)
