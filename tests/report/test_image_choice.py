"""Which images are drawn: as many of each class as of any other, and all classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize

from nbcnn.data import Dataset, Split, epoch_augmentations
from nbcnn.report import draw_confusion, draw_samples
from nbcnn.report.image_choice import evenly


@pytest.mark.parametrize(
    ("labels", "room", "shown"),
    [
        ([0] * 9 + [1] * 9 + [2] * 9, 6, [0, 1, 9, 10, 18, 19]),
        ([0] * 9 + [1] * 9 + [2] * 9, 5, [0, 1, 9, 10, 18]),  # the first classes have one more
        ([2, 0, 1, 2, 0, 1], 6, [1, 4, 2, 5, 0, 3]),  # in the order of classes
        ([0, 1, 1, 1, 1], 4, [0, 1, 2, 3]),  # what one class lacks the others have
        ([0, 1], 24, [0, 1]),
        ([], 24, []),
        (list(range(100)), 4, [0, 25, 50, 75]),  # more classes than room: far apart
        ([5, 5, 3], 2, [2, 0]),
    ],
)
def test_evenly(labels: list[int], room: int, shown: list[int]) -> None:
    assert evenly(labels, room) == shown


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures as drawn."""
    import nbcnn.report.figure

    figures: list[Any] = []
    real = nbcnn.report.figure.save

    def keep(figure: Any, path: Path) -> None:
        figures.append(figure)
        real(figure, path)

    for module in ("confusion", "samples"):
        monkeypatch.setattr(f"nbcnn.report.{module}.save", keep)
    return figures


def texts(figure: Any) -> list[str]:
    from matplotlib.text import Text

    return [t.get_text() for t in figure.findobj(Text) if t.get_text() and t.get_visible()]


def test_samples_of_a_folder_show_every_class(tmp_path: Path, drawn: list[Any]) -> None:
    """In the order of a folder: all images of the first class, then all of the second."""
    count = 60
    labels = np.repeat(np.arange(3), count)
    guesses = np.where(np.arange(3 * count) % 2, labels, (labels + 1) % 3)
    sure = np.tile(np.linspace(0.5, 0.9, count), 3) - 0.1 * labels
    images = np.broadcast_to((labels * 80).astype(np.uint8)[:, None, None, None], (3 * count, 1, 4, 4))
    draw_samples(images, labels, guesses, sure, ["ant", "bee", "cow"], tmp_path / "s.png")
    shown = [int(axes.images[0].get_array()[0, 0]) // 80 for axes in drawn[0].axes]
    assert np.bincount(shown[:24]).tolist() == [8, 8, 8] and shown[24:] == [0] * 8 + [1] * 8 + [2] * 8
    found = texts(drawn[0])
    assert "Guessed wrong: 24 of 90, the surest of each class" in found
    assert "Guessed right: 24 of 90, from each class" in found
    wrong = [float(text.split()[1]) for text in found if text.endswith(" %")][:24]
    assert wrong == sorted(wrong, reverse=True)  # still the surest in front


def test_samples_of_more_classes_than_there_is_room(tmp_path: Path, drawn: list[Any]) -> None:
    labels = np.repeat(np.arange(100), 3)
    images = np.zeros((300, 1, 4, 4), np.uint8)
    names = [f"k{k:02}" for k in range(100)]
    draw_samples(images, labels, labels, np.full(300, 0.5), names, tmp_path / "s.png")
    found = texts(drawn[0])
    assert found[1] == "Guessed right: 24 of 300, from 24 of 100 classes"
    assert [text[:3] for text in found[2:]] == [f"k{k * 100 // 24:02}" for k in range(24)]


@parametrize("k", [2, 10, 31, 70], quick=[2, 31])
def test_the_confusion_has_a_column_for_guesses_that_are_no_class(tmp_path: Path, drawn: list[Any], k: int) -> None:
    matrix = np.concatenate([3 * np.eye(k, dtype=int), np.arange(k)[:, None]], axis=1)
    draw_confusion(matrix, [f"class {index}" for index in range(k)], tmp_path / "c.png")
    axes = drawn[0].axes[0]
    assert axes.images[0].get_array().shape == (k, k + 1)
    assert [label.get_text() for label in axes.get_xticklabels()][-1] == "(other)"
    assert "(other)" not in [label.get_text() for label in axes.get_yticklabels()]
    right = 3 * k / (3 * k + k * (k - 1) / 2)
    assert axes.get_title("left").startswith(f"{100 * right:.2f} % right, of {3 * k + k * (k - 1) // 2:,} images")


def test_augmented_images_are_of_every_class_and_moved_as_in_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbcnn.training.pictures
    from nbcnn.engine.engine import Engine

    seen: list[Any] = []
    monkeypatch.setattr(nbcnn.training.pictures, "draw_augmented", lambda *drawn: seen.append(drawn))
    images = np.random.default_rng(0).integers(0, 256, (30, 1, 6, 6), np.uint8)
    labels = np.repeat(np.arange(3), 10)
    data = Dataset("d", Split(images, labels), Split(images[::-1].copy(), labels), ("a", "b", "c"), "here")
    settings = {"epochs": 1, "augment": {"random_crop": {"padding": 2}, "random_horizontal_flip": {"p": 0.5}}}
    config = {
        "name": "n",
        "input": {"channels": 1, "height": 6, "width": 6},
        "layers": ["flatten", {"linear": {"out_features": 3}}],
        "train": settings,
    }
    network = nbcnn.Network(nbcnn.config.load_config(config))
    run = nbcnn.runs.run_folder.Run.create(tmp_path / "run", "n")
    run.save("best", network.tensors, {"epoch": "1"})
    run.log_epoch({"epoch": 1, "step": 1})
    engine = Engine(network, training=True)
    nbcnn.training.pictures.draw_run(run, engine, data)
    engine.close()
    ((first, augmentations, path, _, shown),) = seen
    chosen = [0, 1, 10, 11, 20, 21]
    assert (first == images[chosen]).all() and path == run.augmented and shown == 6
    for epoch, each in enumerate(augmentations, 1):
        everything = epoch_augmentations(30, 0, epoch, padding=2, p=0.5)
        assert everything is not None and (each == everything[chosen]).all()
