from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize
from PIL import Image

import nbcnn.report.figure
from nbcnn.errors import CheckpointError, DataError
from nbcnn.report import draw_confusion, draw_curves, draw_samples
from nbcnn.report.figure import shorten

NAMES = ["T-shirt/top", "Trouser", "a_$b$_c", "$\\frac{$", "x" * 200]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures as drawn, so that a test can ask them what they hold."""
    drawn: list[Any] = []
    real = nbcnn.report.figure.save

    def keep(figure: Any, path: Path) -> None:
        drawn.append(figure)
        real(figure, path)

    for module in ("curves", "confusion", "samples"):
        monkeypatch.setattr(f"nbcnn.report.{module}.save", keep)
    return drawn


def record(epoch: int, **more: Any) -> dict[str, Any]:
    share = min(epoch, 40) / 100
    values = {"train_loss": 1 / epoch, "train_accuracy": 0.6 + share}
    return {"epoch": epoch, **values, "test_loss": 1.1 / epoch, "test_accuracy": 0.5 + share} | more


def texts(figure: Any) -> list[str]:
    from matplotlib.text import Text

    return [t.get_text() for t in figure.findobj(Text) if t.get_text() and t.get_visible()]


def edge_is_white(path: Path) -> bool:
    """Nothing touches the edge of the picture, so nothing is cut off by it."""
    with Image.open(path) as image:
        white = (np.asarray(image.convert("RGB")) == 255).all(axis=2)
    return bool(white[:2].all() and white[-2:].all() and white[:, :2].all() and white[:, -2:].all())


def overlaps(boxes: list[Any]) -> int:
    return sum(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[k + 1 :])


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return image.size


def test_curves_show_the_values(tmp_path: Path, figures: list[Any]) -> None:
    draw_curves([record(e) for e in (1, 2, 3)], tmp_path / "c.png", "lenet $a_b$")
    assert size(tmp_path / "c.png") == (1200, 504)
    (figure,) = figures
    loss, accuracy = figure.axes
    assert [line.get_ydata().tolist() for line in loss.lines] == [[1, 1 / 2, 1 / 3], [1.1, 1.1 / 2, 1.1 / 3]]
    assert np.allclose([line.get_ydata() for line in accuracy.lines], [[61, 62, 63], [51, 52, 53]])
    assert all(line.get_xdata().tolist() == [1, 2, 3] for line in loss.lines + accuracy.lines)
    assert {"lenet $a_b$", "train  0.333", "test  0.367", "train  63.0 %", "test  53.0 %"} <= set(texts(figure))
    assert edge_is_white(tmp_path / "c.png")
    ticks = [t for t in loss.get_xticks() if loss.get_xlim()[0] <= t <= loss.get_xlim()[1]]
    assert ticks == [1, 2, 3]


def test_curves_name_the_best_epoch(tmp_path: Path, figures: list[Any]) -> None:
    rows = [record(1, test_accuracy=0.7), record(2, test_accuracy=0.9, test_loss=0.1), record(3, test_accuracy=0.8)]
    draw_curves(rows, tmp_path / "c.png", "x")
    found = texts(figures[0])
    assert "test  80.0 %   (best 90.0 % in epoch 2)" in found
    assert "test  0.367   (best 0.100 in epoch 2)" in found


@parametrize("epochs", [1, 2, 30, 31, 500], quick=[1, 31])
def test_curves_of_any_length(tmp_path: Path, figures: list[Any], epochs: int) -> None:
    draw_curves([record(e + 1) for e in range(epochs)], tmp_path / "c.png", "long title " * 40)
    (figure,) = figures
    assert edge_is_white(tmp_path / "c.png")
    for axes in figure.axes:
        low, high = axes.get_xlim()
        ticks = [t for t in axes.get_xticks() if low <= t <= high]
        assert ticks
        assert all(t == int(t) for t in ticks)
        for line in axes.lines:
            (bottom, top), values = axes.get_ylim(), line.get_ydata()
            assert bottom <= min(values)
            assert max(values) <= top
    low, high = figure.axes[1].get_ylim()
    assert high - low >= 10


def test_curves_without_test_data_or_with_gaps(tmp_path: Path, figures: list[Any]) -> None:
    rows = [record(1, test_loss=None), {"epoch": 2, "train_loss": None}, record(3, test_loss=0.5)]
    for row in rows:
        row.pop("test_accuracy", None)
    draw_curves(rows, tmp_path / "c.png", "x")
    loss, accuracy = figures[0].axes
    assert [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in loss.lines] == [
        ([1, 3], [1, 1 / 3]),
        ([3], [0.5]),
    ]
    assert [line.get_xdata().tolist() for line in accuracy.lines] == [[1, 3]]
    draw_curves([{"epoch": 1}], tmp_path / "c.png", "nothing known")
    assert not figures[1].axes[0].lines


def test_a_single_epoch_and_a_zero_are_shown_as_such(tmp_path: Path, figures: list[Any]) -> None:
    draw_curves([record(1, train_accuracy=0.0, test_accuracy=0.01)], tmp_path / "c.png", "x")
    loss, accuracy = figures[0].axes
    assert [line.get_ydata().tolist() for line in accuracy.lines] == [[0.0], [1.0]]
    low, high = accuracy.get_ylim()
    assert low == 0
    assert high > 5  # one point of difference is not the whole height
    for axes in (loss, accuracy):
        assert [t for t in axes.get_xticks() if axes.get_xlim()[0] <= t <= axes.get_xlim()[1]] == [1]


def test_curves_mark_the_best_checkpoint(tmp_path: Path, figures: list[Any]) -> None:
    draw_curves([record(e) for e in range(1, 5)], tmp_path / "c.png", "x", best=3)
    (figure,) = figures
    for axes in figure.axes:
        mark = axes.lines[-1]
        assert set(mark.get_xdata()) == {3}
        assert mark.get_zorder() < min(line.get_zorder() for line in axes.lines[:2])
        assert [t.get_text() for t in axes.get_legend().get_texts()][2:] == ["best checkpoint: epoch 3"]
    assert figure.axes[0].get_ylim()[1] < 1.2  # the mark has no say in the axes
    assert edge_is_white(tmp_path / "c.png")
    draw_curves([record(1)], tmp_path / "c.png", "x")
    assert not [text for text in texts(figures[1]) if "checkpoint" in text]


@pytest.mark.parametrize(("first", "last"), [(1, 1), (1, 17), (1, 37), (1, 99), (1, 501), (1, 1010), (30, 10001)])
def test_the_last_epoch_has_a_tick(tmp_path: Path, figures: list[Any], first: int, last: int) -> None:
    draw_curves([record(e) for e in range(first, last + 1)], tmp_path / "c.png", "x")
    for axes in figures[0].axes:
        ticks = axes.get_xticks().tolist()
        assert ticks[-1] == last
        assert ticks == sorted({int(t) for t in ticks})
        assert ticks[0] >= first
        assert overlaps([t.get_window_extent() for t in axes.get_xticklabels()]) == 0


def test_losses_far_apart_have_a_logarithmic_axis(tmp_path: Path, figures: list[Any]) -> None:
    rows = [record(e, train_loss=loss, test_loss=loss) for e, loss in enumerate([2.3, 0.0, 1e8, 1e19], 1)]
    draw_curves(rows, tmp_path / "c.png", "x", best=1)
    (figure,) = figures
    loss, accuracy = figure.axes
    assert (loss.get_yscale(), accuracy.get_yscale()) == ("log", "linear")
    low, high = loss.get_ylim()
    assert 1 < low < 2.3
    assert 1e19 < high < 1e20
    found = texts(figure)
    assert {"loss, logarithmic", "train  1.00e+19", "test  1.00e+19   (best 0.000 in epoch 2)", "1e+10"} <= set(found)
    assert not [text for text in found if "mathdefault" in text]
    assert edge_is_white(tmp_path / "c.png")


@pytest.mark.parametrize(("least", "scale"), [(0.002, "linear"), (0.0005, "log"), (0.0, "linear")])
def test_when_the_axis_is_logarithmic(tmp_path: Path, figures: list[Any], least: float, scale: str) -> None:
    draw_curves([record(1, test_loss=1.0), record(2, test_loss=least)], tmp_path / "c.png", "x")
    assert figures[0].axes[0].get_yscale() == scale


def test_no_curves(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there are no curves to draw: no epoch has ended yet$"):
        draw_curves([], tmp_path / "c.png", "x")
    assert os.listdir(tmp_path) == []


def test_confusion_shows_counts_and_shares(tmp_path: Path, figures: list[Any]) -> None:
    matrix = np.array([[8, 2, 0], [0, 0, 0], [1, 0, 1039]])
    draw_confusion(matrix, ["cat", "a_$b$", "$\\frac{$"], tmp_path / "c.png")
    (figure,) = figures
    axes = figure.axes[0]
    cells = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in axes.texts}
    assert cells == {(0, 0): "8", (0, 1): "2", (2, 0): "1", (2, 2): "1039"}
    assert np.allclose(axes.images[0].get_array(), np.array([[0.8, 0.2, 0], [0, 0, 0], [1 / 1040, 0, 1039 / 1040]]))
    assert [t.get_text() for t in axes.get_yticklabels()] == ["cat", "a_$b$", "$\\frac{$"]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["cat", "a_$b$", "$\\frac{$"]
    assert axes.get_title(loc="left") == "99.71 % right, of 1,050 images"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("guess", "true class")
    assert edge_is_white(tmp_path / "c.png")


@parametrize(
    "k, annotated, labels",
    [(2, 4, 2), (20, 400, 20), (21, 441, 21), (30, 900, 30), (31, 0, 31), (60, 0, 60), (100, 0, 50)],
    quick=[(2, 4, 2), (31, 0, 31)],
)
def test_confusion_of_many_classes(tmp_path: Path, figures: list[Any], k: int, annotated: int, labels: int) -> None:
    names = [f"a class with quite a long name indeed {i}" for i in range(k)]
    draw_confusion(np.full((k, k), 1000) + np.eye(k, dtype=int), names, tmp_path / "c.png")
    (figure,) = figures
    axes = figure.axes[0]
    assert len(axes.texts) == annotated
    assert len(axes.get_yticklabels()) == len(axes.get_xticklabels()) == labels
    assert edge_is_white(tmp_path / "c.png")
    assert overlaps([t.get_window_extent() for t in axes.texts[: 2 * k]]) == 0
    assert overlaps([t.get_window_extent() for t in axes.get_yticklabels()]) == 0
    cell = axes.get_window_extent().width / k
    assert all(t.get_window_extent().width < cell for t in axes.texts)
    assert max(size(tmp_path / "c.png")) < 2200


@parametrize(
    "k, most, annotated", [(20, 10**6, True), (20, 10**8, False), (30, 10**6, False)], quick=[(20, 10**8, False)]
)
def test_counts_too_long_to_be_legible_are_left_out(
    tmp_path: Path, figures: list[Any], k: int, most: int, annotated: bool
) -> None:
    draw_confusion(np.full((k, k), most), [f"a class with quite a long name {i}" for i in range(k)], tmp_path / "c.png")
    axes = figures[0].axes[0]
    assert bool(axes.texts) == annotated
    cell = axes.get_window_extent().width / k
    assert all(t.get_window_extent().width < cell for t in axes.texts)


@parametrize("k", [2, 10, 30], quick=[2, 10])
def test_confusion_says_whose_it_is(tmp_path: Path, figures: list[Any], k: int) -> None:
    draw_confusion(np.eye(k, dtype=int), ["n"] * k, tmp_path / "c.png", "best checkpoint (epoch 17)")
    axes = figures[0].axes[0]
    (line,) = [t for t in axes.texts if not t.get_text().isdigit()]
    assert line.get_text() == "best checkpoint (epoch 17)"
    title = next(t for t in axes.get_children() if getattr(t, "get_text", str)() == axes.get_title(loc="left"))
    assert overlaps([line.get_window_extent(), title.get_window_extent(), axes.get_window_extent()]) == 0
    draw_confusion(np.eye(k, dtype=int), ["n"] * k, tmp_path / "c.png", "long words " * 90)
    assert edge_is_white(tmp_path / "c.png")


def test_long_names_leave_room_for_the_matrix(tmp_path: Path, figures: list[Any]) -> None:
    draw_confusion(np.eye(10, dtype=int), ["a very long name " * 10] * 10, tmp_path / "c.png")
    (figure,) = figures
    assert figure.axes[0].get_window_extent().width > 0.5 * figure.bbox.width
    assert {t.get_text()[-1] for t in figure.axes[0].get_yticklabels()} == {"…"}
    assert edge_is_white(tmp_path / "c.png")


def test_confusion_of_no_images(tmp_path: Path, figures: list[Any]) -> None:
    draw_confusion(np.zeros((2, 2), int), ["a", "b"], tmp_path / "c.png")
    assert figures[0].axes[0].get_title(loc="left") == "no images"


def test_confusion_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a confusion matrix of 3 classes is \(3, 3\) or \(3, 4\), not \(2, 2\)$"):
        draw_confusion(np.eye(2), ["a", "b", "c"], tmp_path / "c.png")


def test_samples_in_two_blocks(tmp_path: Path, figures: list[Any]) -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.full((1, 1, 28, 28), 50, np.uint8)
    draw_samples(images, [0, 1, 2, 3, 4], [0, 2, 2, 1, 1], [0.9, 0.4, 0.994, 0.7, 0.2], NAMES, tmp_path / "s.png")
    (figure,) = figures
    shown = [int(axes.images[0].get_array()[0, 0]) // 50 for axes in figure.axes]
    assert shown == [3, 1, 4, 0, 2]  # wrong ones, the surest first, then right ones in the order given
    found = texts(figure)
    assert found[:2] == ["Guessed wrong: 3, the surest first", "Trouser 70 %"]
    assert "true: $\\frac{$" in found
    assert "a_$b$_c 40 %" in found
    assert [t for t in found if t.startswith("true: x")] == [t for t in found if "…" in t]
    assert found[found.index("Guessed right: 2") :] == ["Guessed right: 2", "T-shirt/top 90 %", "a_$b$_c 99 %"]
    assert edge_is_white(tmp_path / "s.png")


@pytest.mark.parametrize(
    ("shape", "n", "wrong"),
    [
        ((1, 28, 28), 70, 30),
        ((3, 32, 32), 10, 0),
        ((3, 20, 60), 30, 30),
        ((3, 20, 60), 11, 2),
        ((1, 60, 20), 40, 15),
        ((3, 200, 150), 9, 8),
        ((1, 1, 1), 1, 0),
        ((1, 28, 28), 1, 1),
    ],
)
def test_samples_do_not_overlap(
    tmp_path: Path, figures: list[Any], shape: tuple[int, int, int], n: int, wrong: int
) -> None:
    from matplotlib.text import Text

    images = np.random.default_rng(0).integers(0, 256, (n, *shape), np.uint8)
    guesses = np.arange(n) % 5
    labels = np.where(np.arange(n) < wrong, (guesses + 1) % 5, guesses)
    names = ["W" * 30, "i" * 90, "a b " * 20, "short", "x"]
    draw_samples(
        images, labels, guesses, np.full(n, 0.9999), names, tmp_path / "s.png", "best checkpoint (epoch 9)" * 9
    )
    (figure,) = figures
    assert sum(text.startswith("best checkpoint (epoch 9)") for text in texts(figure)) == 1
    assert len(figure.axes) == min(wrong, 24) + min(n - wrong, 24)
    pictures = [axes.get_window_extent() for axes in figure.axes]
    words = [t.get_window_extent() for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
    assert overlaps(pictures + words) == 0
    assert edge_is_white(tmp_path / "s.png")
    assert np.allclose([box.height / box.width for box in pictures], shape[1] / shape[2])


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0] * 30, ["Guessed wrong: none", "Guessed right: 24 of 30"]),
        ([1] * 30, ["Guessed wrong: 24 of 30, the surest first", "Guessed right: none"]),
        ([1] * 1735, ["Guessed wrong: 24 of 1,735, the surest first", "Guessed right: none"]),
        ([1] + [0] * 3, ["Guessed wrong: 1", "Guessed right: 3"]),
    ],
)
def test_samples_say_how_many(tmp_path: Path, figures: list[Any], labels: list[int], words: list[str]) -> None:
    n = len(labels)
    images = np.zeros((n, 1, 8, 8), np.uint8)
    draw_samples(images, labels, [0] * n, [0.5] * n, ["a", "b"], tmp_path / "s.png")
    assert [t for t in texts(figures[0]) if t.startswith("Guessed")] == words


def test_colour_samples_keep_their_colours(tmp_path: Path) -> None:
    images = np.zeros((1, 3, 8, 8), np.uint8)
    images[:, 0] = 255
    draw_samples(images, [0], [0], [1.0], ["red"], tmp_path / "s.png")
    with Image.open(tmp_path / "s.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert (pixels == (255, 0, 0)).all(axis=1).sum() > 10000


def test_grey_samples_are_shown_on_the_whole_scale(tmp_path: Path) -> None:
    draw_samples(np.full((1, 1, 8, 8), 100, np.uint8), [0], [0], [1.0], ["grey"], tmp_path / "s.png")
    with Image.open(tmp_path / "s.png") as picture:
        assert (np.asarray(picture.convert("RGB")) == 100).all(axis=2).sum() > 10000


@pytest.mark.parametrize(
    ("images", "labels", "guesses", "confidences", "words"),
    [
        (np.zeros((0, 1, 8, 8), np.uint8), [], [], [], r"at least one; got uint8 \(0, 1, 8, 8\)$"),
        (
            np.zeros((1, 2, 8, 8), np.uint8),
            [0],
            [0],
            [1],
            r"uint8 images \(n, 1 or 3, H, W\).*got uint8 \(1, 2, 8, 8\)$",
        ),
        (np.zeros((1, 3, 8), np.uint8), [0], [0], [1], r"got uint8 \(1, 3, 8\)$"),
        (np.zeros((1, 1, 8, 8), np.float32), [0], [0], [1], r"got float32 \(1, 1, 8, 8\)$"),
        (
            np.zeros((2, 1, 8, 8), np.uint8),
            [0, 1],
            [0],
            [1, 1, 1],
            r"2 images do not go with 2 labels, 1 guesses and 3 confidences$",
        ),
        (np.zeros((1, 1, 8, 8), np.uint8), [2], [0], [1], r"class 2 has no name: there are 2 names, counted from 0$"),
        (np.zeros((1, 1, 8, 8), np.uint8), [0], [5], [1], r"class 5 has no name: there are 2 names"),
    ],
)
def test_samples_that_do_not_fit(
    tmp_path: Path, images: np.ndarray, labels: list[int], guesses: list[int], confidences: list[float], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        draw_samples(images, labels, guesses, confidences, ["a", "b"], tmp_path / "s.png")


def test_a_runs_pictures_say_that_they_are_of_the_best_checkpoint(tmp_path: Path, figures: list[Any]) -> None:
    import nbcnn

    still = {"epochs": 2, "optimizer": {"sgd": {"lr": 1e-30}}}  # of equals the first is the best
    layers = [{"max_pool2d": {"kernel_size": 14}}, "flatten", {"linear": {"out_features": 10}}]
    network = {"name": "still", "input": {"channels": 1, "height": 28, "width": 28}, "layers": layers, "train": still}
    nbcnn.train(network, out=tmp_path / "run")
    curves, confusion, samples = map(texts, figures)
    assert "best checkpoint: epoch 1" in curves
    assert "best checkpoint (epoch 1)" in confusion
    assert "best checkpoint (epoch 1)" in samples


DRAW: dict[str, Callable[[Path], None]] = {
    "curves": lambda path: draw_curves([record(1)], path, "x"),
    "confusion": lambda path: draw_confusion(np.eye(2), ["a", "b"], path),
    "samples": lambda path: draw_samples(np.zeros((1, 1, 8, 8), np.uint8), [0], [0], [1.0], ["a"], path),
}


@pytest.mark.parametrize("which", sorted(DRAW))
def test_a_failed_write_keeps_the_old_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(CheckpointError, match=r"cannot write .*p\.png: No space left on device; free some space"):
            DRAW[which](path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["p.png"]


def test_the_users_matplotlib_settings_neither_matter_nor_change(tmp_path: Path) -> None:
    import matplotlib

    draw_curves([record(1), record(2)], tmp_path / "a.png", "a_$b$")
    with matplotlib.rc_context():
        matplotlib.rcParams.update(
            {
                "figure.facecolor": "black",
                "font.size": 30,
                "text.usetex": True,
                "savefig.bbox": "tight",
                "savefig.dpi": 20,
            }
        )
        before = dict(matplotlib.rcParams)
        draw_curves([record(1), record(2)], tmp_path / "b.png", "a_$b$")
        assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_names_in_any_script(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    draw_confusion(np.eye(2), ["猫", "कुत्ता\nline"], tmp_path / "c.png")
    draw_samples(np.zeros((1, 1, 8, 8), np.uint8), [0], [1], [1.0], ["猫" * 50, "犬"], tmp_path / "s.png")
    assert [str(w.message) for w in recwarn if "Glyph" in str(w.message)] == []


def test_pyplot_is_never_loaded() -> None:
    import subprocess
    import sys

    code = (
        "import sys, io, numpy as np, tempfile, os\n"
        "import nbcnn.report as r\n"
        "assert 'matplotlib' not in sys.modules\n"
        "folder = tempfile.mkdtemp()\n"
        "r.draw_curves([{'epoch': 1, 'train_loss': 1.0}], os.path.join(folder, 'c.png'), 'x')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_shorten() -> None:
    assert shorten("short", 1, 9) == "short"
    assert shorten("two\n lines", 2, 9) == "two lines"
    cut = shorten("a very long name for a class", 1, 9)
    assert cut.startswith("a very lo")
    assert cut.endswith("…")
    assert len(shorten("W" * 100, 1, 9)) < len(shorten("i" * 100, 1, 9))
    assert shorten("anything", 0.01, 9) == "…"
