"""``nbcnn inspect`` and ``nbcnn summary --receptive-field``: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from stripes import TINY, write_stripes

import nbcnn
from nbcnn.cli import main

BRANCHES: list[Any] = [
    {"conv2d": {"out_channels": 2, "kernel_size": 3, "padding": 1}},
    "batch_norm2d",
    "relu",
    {"residual": {"body": [{"conv2d": {"out_channels": 2, "kernel_size": 3, "padding": 1}}]}},
    {"max_pool2d": {"kernel_size": 2}},
    "flatten",
    {"linear": {"out_features": 3}},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspect")
    write_stripes(folder / "stripes")
    data = {"folder": str(folder / "stripes")}
    config = TINY | {"layers": BRANCHES, "data": data, "train": {"epochs": 1, "batch_size": 30}}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("nbcnn.training.loop.draw_run", lambda *_: None)
        return nbcnn.train(config, out=folder / "run").folder


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def command(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    """What is printed, or what the error says."""
    with pytest.raises(SystemExit) as done:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert done.value.code == code, err
    return out if code == 0 else err


def size_of(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as image:
        assert image.format == "PNG"
        return image.size


@pytest.mark.parametrize("what", ["features", "filters", "equivariance"])
def test_a_picture_is_drawn_into_the_run_folder(run: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--count", 3, "--shifts", 2] if what == "equivariance" else []
    text = command(capsys, "inspect", what, run, *more)
    assert text.rstrip().endswith(f"{what}.png")
    assert min(size_of(run / f"{what}.png")) > 200


@pytest.mark.parametrize("what", ["saliency", "activations"])
def test_a_picture_is_drawn_where_it_is_asked_for(run: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(command(capsys, "inspect", what, run, "--image", 0, "--out", "own.png", "--json"))
    assert found["files"] == ["own.png"]
    assert min(size_of(Path("own.png"))) > 200
    assert not (run / f"{what}.png").exists()


def test_activations_are_dumped(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = command(capsys, "inspect", "activations", run, "--image", 3, "--image", 0, "--dump", "all.npz")
    assert "0 conv2d" in text and "3 residual (add)" in text and "written to all.npz" in text
    net, test = nbcnn.load(run), nbcnn.data.load(str(run.parent / "stripes")).test
    with np.load("all.npz") as arrays:
        assert arrays["image"].tobytes() == test.images[[3, 0]].tobytes()
        assert arrays["label"].tolist() == test.labels[[3, 0]].tolist()
        assert arrays["output.6"].tobytes() == net.scores(test.images[[3, 0]]).tobytes()
        assert arrays["gradient.3.body.0"].shape == arrays["output.3.body.0"].shape == (2, 2, 12, 12)
        assert arrays["image_gradient"].shape == (2, 1, 12, 12)
        assert {name.partition(".")[2] for name in arrays if "." in name} == set(net_paths())


def net_paths() -> list[str]:
    return ["0", "1", "2", "3.body.0", "3.shortcut.0", "3", "4", "5", "6"]


def test_pictures_become_pixels_as_in_predict(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.full((30, 30, 3), 90, np.uint8)).save("grey.png")
    text = command(
        capsys, "inspect", "saliency", run, "--image", "grey.png", "--class", "2", "--patch", 3, "--stride", 3
    )
    assert "grey.png: colour to grey" in text and "grey.png: 2 " in text
    assert "the 3×3 square" in text


def test_the_field_and_its_numbers(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(command(capsys, "inspect", "field", run, "--layer", "3", "--at", "0,5", "--json"))
    assert (found["rows"], found["columns"], found["place"]) == ([-2, 2], [3, 7], [0, 5])
    assert found["reached"] == [[0, 2], [3, 7]]
    assert np.shape(found["before"]["gradient"]) == (12, 12)
    assert found["before"]["gradient"] != found["gradient"]


def test_with_and_without_blur_pooling(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = command(
        capsys,
        "inspect",
        "equivariance",
        run,
        "--count",
        4,
        "--shifts",
        2,
        "--blur-pool",
        "--save-blurred",
        "blur.yaml",
    )
    assert "with blur pooling, not trained so" in text and "written to blur.yaml" in text
    layers = nbcnn.load("blur.yaml").layers()
    assert [layer.kind for layer in layers][5:7] == ["max_pool2d", "blur_pool"]


BAD = {
    ("inspect", "features", "RUN", "--layer", "conv1"): "has no layer 'conv1'; its layers: 0 (conv2d), 1 (batch_norm2d)",
    ("inspect", "features", "RUN", "--layer", "33"): "has no layer '33'; did you mean 6?",
    ("inspect", "filters", "RUN", "--layer", "2"): "layer 2 relu of tiny has no kernels to look at; those that have: 0, 3.body.0",
    ("inspect", "field", "RUN", "--layer", "3.body"): "",
    ("inspect", "field", "RUN", "--at", "3"): "--at 3: expected a row and a column of the layer's output, from 0, such as --at 2,3",
    ("inspect", "field", "RUN", "--at", "6,0"): "layer 4 max_pool2d has 6 rows and 6 columns, so no unit at 6,0",
    ("inspect", "saliency", "RUN", "--image", "50"): "has no test image 50: they are numbered from 0 to 49",
    ("inspect", "saliency", "RUN", "--image", "none.png"): "none.png",
    ("inspect", "saliency", "RUN", "--class", "shoe"): "tiny has no class 'shoe'; known: 0, 1, 2",
    ("inspect", "saliency", "RUN", "--patch", "13"): "patch must be from 1 to 12",
    ("inspect", "saliency", "RUN", "--data", "fashion-mnist-mini"): "its images are 1×28×28 (channels × height × width), the network takes 1×12×12",
    ("inspect", "equivariance", "RUN", "--shifts", "12"): "shifts must be from 1 to 11",
    ("inspect", "activations", "RUN", "--out", "a.jpg"): "--out a.jpg: the picture is a PNG; give it a name that ends in .png",
    ("inspect", "activations", "RUN", "--out", "no/a.png"): "make its folder first",
    ("inspect", "activations", "lenet"): "lenet is not trained yet: train it (nbcnn train lenet) and give its run folder",
    ("inspect", "activations", "nowhere"): "nowhere: no such run folder",
    ("inspect", "featurs", "RUN"): "There is no command 'featurs'; did you mean features?",
}  # fmt: skip


@pytest.mark.parametrize("words", list(BAD), ids=" ".join)
def test_what_is_refused(run: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    given = [run if word == "RUN" else word for word in words]
    if not BAD[words]:
        assert "layer 3.body.0 conv2d" in command(capsys, *given)  # of a list, its last layer
        return
    text = command(capsys, *given, code=2)
    assert BAD[words] in text
    assert "Traceback" not in text


def test_a_run_without_weights(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
    assert "begun has no weights yet: no epoch of its training has ended" in command(
        capsys, "inspect", "filters", "begun", code=2
    )


def test_the_table_of_receptive_fields(capsys: pytest.CaptureFixture[str]) -> None:
    text = command(capsys, "summary", "lenet", "--receptive-field")
    assert [line.split() for line in text.splitlines() if line.startswith(("3 ", "7 "))] == [
        ["3", "conv2d", "5×5", "14", "2", "-2", "14", "=", "6", "+", "(5", "-", "1)·2;", "jump", "2", "=", "2·1"],
        ["7", "linear", "all", "the", "whole", "image"],
    ]
    found = json.loads(command(capsys, "summary", "lenet", "--receptive-field", "--json"))["layers"]
    assert (found[5]["size"], found[5]["jump"], found[5]["offset"]) == ([16, 16], [4, 4], [-2, -2])
    assert found[7]["size"] is None
