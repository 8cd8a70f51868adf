"""Pictures of a training that is finished: whatever keeps one from being drawn, the run is whole, and a warning says so."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize
from PIL import Image

import nbcnn
from nbcnn.data import write_idx
from nbcnn.errors import CheckpointError, DataError
from nbcnn.report import figure
from nbcnn.report.figure import attempted
from nbcnn.training.pictures import viewable


def network(folder: Path, channels: int = 1, outputs: int = 3, **train: Any) -> dict[str, Any]:
    """A network of random images (N, channels, 4, 5) of 3 classes, with its data in the folder."""
    random = np.random.default_rng(1)
    for prefix, count in (("train", 40), ("t10k", 30)):
        write_idx(
            folder / f"{prefix}-images-idx3-ubyte", random.integers(0, 256, (count, channels, 4, 5), dtype=np.uint8)
        )
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", (np.arange(count) % 3).astype(np.uint8))
    return {
        "name": "t",
        "input": {"channels": channels, "height": 4, "width": 5},
        "layers": ["flatten", {"linear": {"out_features": outputs}}],
        "data": {"folder": str(folder)},
        "train": {"epochs": 1, "optimizer": {"sgd": {"lr": 1e-8}}, **train},
    }


def pictures(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.png"))


@parametrize("channels", [2, 4], quick=[4])
def test_images_of_any_channels_are_shown(tmp_path: Path, channels: int) -> None:
    augment = {"random_horizontal_flip": {"p": 0.5}}
    run = nbcnn.train(network(tmp_path, channels, augment=augment), out=tmp_path / "run")
    assert pictures(run.folder) == ["augmented.png", "confusion.png", "curves.png", "samples.png"]


def test_images_that_are_neither_grey_nor_colour_are_shown_as_the_mean_of_their_channels() -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, 4, 3, 5), dtype=np.uint8)
    images[0] = 255
    seen = viewable(images)
    assert (seen.dtype, seen.shape) == (np.uint8, (7, 1, 3, 5))
    assert np.array_equal(seen[:, 0], np.floor(images.astype(np.float64).mean(axis=1)))
    for channels in (1, 3):
        assert np.array_equal(viewable(images[:, :channels]), images[:, :channels])


def test_a_guess_without_a_class_has_its_place_in_the_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, tuple[Any, ...]] = {}
    for name in ("draw_confusion", "draw_samples"):
        monkeypatch.setattr(f"nbcnn.training.pictures.{name}", lambda *given, name=name: drawn.update({name: given}))
    config = network(tmp_path, outputs=9)
    with pytest.warns(RuntimeWarning, match="gives 9 scores"):
        run = nbcnn.train(config, out=tmp_path / "run")
    net = nbcnn.load(run.folder)
    pixels = np.frombuffer((tmp_path / "t10k-images-idx3-ubyte").read_bytes()[-30 * 20 :], np.uint8)
    scores = pixels.reshape(30, 20) / 255 @ net.state_dict()["1.weight"].T.astype(float) + net.state_dict()["1.bias"]
    wanted = [str(k) for k in scores.argmax(axis=1)]
    assert any(int(name) > 2 for name in wanted)
    matrix, classes = drawn["draw_confusion"][:2]
    assert [drawn["draw_samples"][4][k] for k in drawn["draw_samples"][2]] == wanted
    assert tuple(classes) == ("0", "1", "2") and matrix.shape == (3, 4) and matrix.sum() == 30
    columns = ["3 or more" if int(name) > 2 else name for name in wanted]
    for column, name in enumerate((*classes, "3 or more")):  # what has no class stands in the last one
        counts = [sum(guess == name and k % 3 == row for k, guess in enumerate(columns)) for row in range(3)]
        assert matrix[:, column].tolist() == counts


@pytest.mark.parametrize(
    ("failing", "error", "sentence", "left"),
    [
        ("draw_curves", MemoryError(), r"curves\.png could not be drawn \(not enough memory\)", ["confusion", "samples"]),
        (
            "draw_confusion",
            RuntimeError("can't start\n new thread"),
            r"confusion\.png could not be drawn \(RuntimeError: can't start new thread\); all else is in .*run$",
            ["curves", "samples"],
        ),
        ("draw_samples", DataError("no room"), r"samples\.png could not be drawn \(DataError: no room\)", ["confusion", "curves"]),
        (
            "evaluate_with",
            MemoryError(),
            r"confusion\.png and samples\.png could not be drawn \(not enough memory\)",
            ["curves"],
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_drawn_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: Exception, sentence: str, left: list[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(f"nbcnn.training.pictures.{failing}", fail)
    with pytest.warns(RuntimeWarning, match=sentence):
        run = nbcnn.train(network(tmp_path), out=tmp_path / "run")
    assert pictures(run.folder) == [f"{name}.png" for name in left]
    assert len(run.metrics()) == 1 and run.weights_path("best").is_file()


def test_an_old_picture_does_not_stay_for_a_new_one(tmp_path: Path) -> None:
    old = tmp_path / "curves.png"
    old.write_bytes(b"of three epochs ago")
    with pytest.warns(RuntimeWarning, match=r"curves\.png could not be drawn \(ValueError: x\)"), attempted(old):
        raise ValueError("x")
    assert not old.exists()
    old.write_bytes(b"old")
    for other in (CheckpointError("the disk is full"), KeyboardInterrupt()):
        with pytest.raises(type(other)), attempted(old):
            raise other
    assert old.exists()


CODE = """
import os, sys
import nbcnn.report as report
assert 'matplotlib' not in sys.modules
report.draw_curves([{'epoch': 1, 'train_loss': 1.0}], 'c.png', 'x')
import matplotlib
assert 'matplotlib.pyplot' not in sys.modules
print(os.environ.get('MPLBACKEND'), matplotlib.rcParams._get('backend') if len(sys.argv) > 1 else '')
"""


@parametrize("backend", ["module://matplotlib_inline.backend_inline", "nonsense", "svg", ""], quick=["svg"])
def test_whatever_backend_the_environment_names(tmp_path: Path, backend: str) -> None:
    environment = {**os.environ, "MPLBACKEND": backend, "PYTHONPATH": str(Path(nbcnn.__file__).parent.parent)}
    known = ["known"] if backend == "svg" else []
    command = [sys.executable, "-W", "error", "-c", CODE, *known]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{backend} {'svg' * len(known)}\n"  # theirs is left as it is
    with Image.open(tmp_path / "c.png") as image:
        assert image.size == (1200, 504)


def test_without_a_home_pictures_are_drawn(tmp_path: Path) -> None:
    gone = "import pwd\ndef unknown(number): raise KeyError(number)\npwd.getpwuid = unknown\n"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(nbcnn.__file__).parent.parent)}
    command = [sys.executable, "-W", "error", "-c", gone + CODE]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.listdir(tmp_path) == ["c.png"]


def test_a_window_of_ones_own_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monkeypatch.setenv("MPLBACKEND", "nonsense")
        before = matplotlib.rcParams._get("backend")  # asking for it would choose one
        figure.import_matplotlib()
    assert matplotlib.rcParams._get("backend") == before
    assert os.environ["MPLBACKEND"] == "nonsense"
