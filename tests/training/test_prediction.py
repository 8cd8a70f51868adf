"""nbcnn predict and nbcnn.predict: the pixels of training, the answers of eval, and what is said where that can't be."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import nbcnn
from nbcnn.cli.predict import command
from nbcnn.config import load_config
from nbcnn.data import data_source, load_dataset, load_folder, write_idx
from nbcnn.data.picture import PictureSettings, prepare
from nbcnn.errors import CheckpointError, DataError, ShapeError
from nbcnn.runs.checkpoint import load_tensors, save_tensors
from nbcnn.training.prediction import Prediction

pytestmark = pytest.mark.usefixtures("no_pictures")

SIDE = 12


def config(folder: Path, **data: Any) -> dict[str, Any]:
    return {
        "name": "tiny",
        "input": {"channels": 1, "height": SIDE, "width": SIDE},
        "layers": [
            {"conv2d": {"out_channels": 2, "kernel_size": 3}},
            "relu",
            "flatten",
            {"linear": {"out_features": 2}},
        ],
        "data": {"folder": str(folder), "mean": 0.4, "std": 0.3, **data},
        "train": {"epochs": 3, "batch_size": 8, "threads": 1, "optimizer": {"adam": {"lr": 0.01}}},
    }


def shapes(dtype: type = np.uint8, scale: int = 1, mixed: bool = False) -> list[tuple[str, np.ndarray]]:
    """Bars and poles on dark ground, every fourth on light if ``mixed``: class and pixels (SIDE, SIDE)."""
    rng, found = np.random.default_rng(0), []
    for name, where in (("bar", np.s_[5:7, 2:10]), ("pole", np.s_[2:10, 5:7])):
        for k in range(10):
            pixels = rng.integers(0, 20, (SIDE, SIDE))
            pixels[where] = 220
            pixels = np.roll(pixels, rng.integers(-2, 3, 2), (0, 1))
            found.append((name, ((240 - pixels if mixed and k % 4 == 3 else pixels) * scale).astype(dtype)))
    return found


def write(folder: Path, images: list[tuple[str, np.ndarray]]) -> Path:
    for k, (name, pixels) in enumerate(images):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name / f"{k:02}.png")
    return folder


def test_files(folder: Path) -> list[Path]:
    """The pictures that eval reads, in its order."""
    return [folder / name for name in load_folder(folder, grayscale=True).test.files]


test_files.__test__ = False  # type: ignore[attr-defined]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on pictures of which three quarters are dark; its pictures are beside it."""
    place = tmp_path_factory.mktemp("mixed")
    write(place / "set", shapes(mixed=True))
    return nbcnn.train(config(place / "set", grayscale=True), out=place / "run").folder


def test_predict_sees_the_pixels_of_eval_and_answers_alike(mixed: Path) -> None:
    network, files = nbcnn.load(mixed), test_files(mixed.parent / "set")
    data = load_dataset(network.config.data)
    reading = network.reading
    assert reading == PictureSettings(pictures=True)
    for path, image in zip(files, data.test.images, strict=True):
        assert np.array_equal(prepare(path, 1, SIDE, SIDE, reading.dark_background).image, image)
    found = nbcnn.predict(mixed, files)
    assert [one.steps for one in found] == [("used as it is",)] * len(files)
    assert [one.name for one in found] == [data.classes[k] for k in nbcnn.evaluate(mixed).guesses]
    shown = json.loads(run(mixed, *files, "--json", "--top", 1).output)
    assert [one["guesses"][0]["probability"] for one in shown] == [one.probability for one in found]


def test_nothing_is_inverted_where_pictures_were_learned_but_it_is_said(tmp_path: Path) -> None:
    """Three quarters of the pictures lie on the dark, or all: neither is a reason to change one."""
    write(tmp_path / "set", shapes())
    folder = nbcnn.train(config(tmp_path / "set", grayscale=True), out=tmp_path / "run", epochs=1).folder
    assert nbcnn.load(folder).reading == PictureSettings(pictures=True, dark_background=True)
    Image.fromarray(255 - shapes()[0][1]).save(tmp_path / "ink.png")
    (plain,), (inverted,) = (nbcnn.predict(folder, tmp_path / "ink.png", invert=how) for how in (None, True))
    assert plain.steps == (
        "not inverted, though the background is light and all training pictures have a dark one (--invert would)",
    )
    assert inverted.steps == ("inverted, as asked",)
    scores = nbcnn.load(folder).scores((255 - shapes()[0][1])[None, None])[0]
    assert np.argmax(scores) == plain.indices[0]


def test_a_picture_is_inverted_where_idx_images_were_learned_unless_it_is_one_of_them(tmp_path: Path) -> None:
    images = shapes()
    (tmp_path / "set").mkdir()
    for part in ("train", "t10k"):
        pixels = np.stack([pixels for _, pixels in images])
        write_idx(tmp_path / "set" / f"{part}-images-idx3-ubyte", pixels + np.uint8(part == "t10k"))
        write_idx(tmp_path / "set" / f"{part}-labels-idx1-ubyte", np.array([n == "pole" for n, _ in images], np.uint8))
    folder = nbcnn.train(config(tmp_path / "set"), out=tmp_path / "run", epochs=1).folder
    assert nbcnn.load(folder).reading == PictureSettings(dark_background=True)
    write(tmp_path / "own", images)
    assert {one.steps for one in nbcnn.predict(folder, sorted((tmp_path / "own").glob("*/*")))} == {("used as it is",)}
    Image.fromarray(255 - images[0][1]).save(tmp_path / "ink.png")
    (ink,) = nbcnn.predict(folder, tmp_path / "ink.png")
    assert ink.steps == ("inverted: the background is light, the training images have a dark one",)
    assert np.array_equal(ink.probabilities, nbcnn.predict(folder, images[0][1][None, None])[0].probabilities)


def test_no_image_of_fashion_mnist_would_be_inverted() -> None:
    data = data_source("fashion-mnist-mini").load()
    for image in data.test.images[:500]:
        assert np.array_equal(prepare(Image.fromarray(image[0]), 1, 28, 28, dark_background=True).image, image)


def test_a_mixed_idx_set_inverts_nothing(tmp_path: Path) -> None:
    images = shapes(mixed=True)
    for part in ("train", "t10k"):
        pixels = np.stack([pixels for _, pixels in images])
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", pixels + np.uint8(part == "t10k"))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.array([n == "pole" for n, _ in images], np.uint8))
    folder = nbcnn.train(config(tmp_path), out=tmp_path / "run", epochs=1).folder
    assert nbcnn.load(folder).reading == PictureSettings()


def test_twelve_bits_are_learned_and_met_again_with_the_same_white(tmp_path: Path) -> None:
    """The largest number is 3520; a single dark picture must not get a white of its own."""
    write(tmp_path / "set", shapes(np.uint16, 16))
    folder = nbcnn.train(config(tmp_path / "set", grayscale=True), out=tmp_path / "run").folder
    network = nbcnn.load(folder)
    assert network.config.data.white_level == 4095 and network.reading == PictureSettings(True, True, 4095)
    dark = (shapes()[0][1].astype(np.uint16)) * 4  # up to 880: alone it would be one of 10 bits
    Image.fromarray(dark).save(tmp_path / "dark.png")
    (found,) = nbcnn.predict(folder, tmp_path / "dark.png")
    assert found.steps == ("16 bits to 8, 4095 is white",)
    by_hand = np.floor(dark * 255.0 / 4095 + 0.5).astype(np.uint8)
    assert np.array_equal(found.probabilities, nbcnn.predict(folder, by_hand[None, None])[0].probabilities)
    info = json.loads((folder / "run.json").read_text())
    assert info["data"]["done"] == ["20: 16 bits to 8, darkest 0, lightest 3520, 4095 is white"]
    # Other pictures of the same camera, all dark: eval reads them by the same white.
    write(tmp_path / "other", [(name, (pixels.astype(np.uint16)) * 4) for name, pixels in shapes()])
    other = nbcnn.evaluate(folder, str(tmp_path / "other"))
    said = nbcnn.predict(folder, test_files(tmp_path / "other"))
    assert [one.indices[0] for one in said] == other.guesses.tolist()


def test_a_resumed_run_keeps_its_white(tmp_path: Path) -> None:
    write(tmp_path / "set", shapes(np.uint16, 16))
    mapping = config(tmp_path / "set", grayscale=True)
    run = nbcnn.train(mapping, out=tmp_path / "run", epochs=1)
    assert load_config(run.config).data.white_level == 4095
    nbcnn.resume(run.folder, source=mapping, epochs=2)  # this source has no white level
    assert load_config(run.config).data.white_level == 4095
    assert nbcnn.load(run.folder, which="last").config.data.white_level == 4095


def test_config_and_weights_are_enough(mixed: Path, tmp_path: Path) -> None:
    picture = test_files(mixed.parent / "set")[0]
    for name in ("config.yaml", "best.safetensors"):
        shutil.copy(mixed / name, tmp_path)
    whole, part = run(mixed, picture), run(tmp_path, picture)
    assert whole.output == part.output and "bar" in whole.output
    shutil.copy(mixed / "config.yaml", tmp_path / "net.yaml")
    assert run(tmp_path / "net.yaml", "--weights", mixed / "best.safetensors", picture).output == whole.output
    found = nbcnn.predict(tmp_path / "net.yaml", picture, weights=mixed / "best.safetensors")
    assert found[0].classes[0] in whole.output


def test_weights_that_know_nothing_are_told(mixed: Path, tmp_path: Path) -> None:
    shutil.copy(mixed / "config.yaml", tmp_path)
    save_tensors(tmp_path / "best.safetensors", load_tensors(mixed / "best.safetensors")[0], {"format": "pt"})
    sentence = r"nothing says which classes the network was trained on and how their pictures were read .*inverted$"
    with pytest.warns(RuntimeWarning, match=sentence):
        (found,) = nbcnn.predict(tmp_path, test_files(mixed.parent / "set")[:1])
    assert set(found.classes) == {"0", "1"}


def test_an_older_run_has_it_in_run_json_alone(mixed: Path, tmp_path: Path) -> None:
    """There a majority was called the background of pictures, and pictures were inverted by it."""
    shutil.copy(mixed / "config.yaml", tmp_path)
    save_tensors(tmp_path / "best.safetensors", load_tensors(mixed / "best.safetensors")[0], {"epoch": "1"})
    old = json.loads((mixed / "run.json").read_text())
    del old["pictures"], old["white_level"]
    (tmp_path / "run.json").write_text(json.dumps({**old, "dark_background": True}))
    files = sorted((mixed.parent / "set").glob("*/*"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not any("inverted: " in step for one in nbcnn.predict(tmp_path, files) for step in one.steps)
        assert nbcnn.load(tmp_path).classes == ("bar", "pole")


def test_what_a_prediction_holds(mixed: Path) -> None:
    network, files = nbcnn.load(mixed), test_files(mixed.parent / "set")
    pixels = np.stack([np.asarray(Image.open(path)) for path in files])[:, None]
    by_path = nbcnn.predict(network, files)
    powers = np.exp(network.scores(pixels).astype(np.float64))
    for one, shares in zip(by_path, powers / powers.sum(axis=1, keepdims=True), strict=True):
        assert isinstance(one, Prediction) and one.picture in map(str, files)
        assert np.allclose(one.probabilities, np.sort(shares)[::-1], atol=1e-6)
        assert [network.classes[k] for k in one.indices] == list(one.classes)
        assert (one.name, one.probability) == (one.classes[0], one.probabilities[0])
    scaled = (pixels / np.float32(255) - np.float32(0.4)) / np.float32(0.3)
    others = [
        [nbcnn.predict(network, str(path))[0] for path in files],
        nbcnn.predict(network, [Image.open(path) for path in files]),
        nbcnn.predict(network, pixels),
        [nbcnn.predict(network, image)[0] for image in pixels],
    ]
    for found in others:
        assert all(np.array_equal(a.probabilities, b.probabilities) for a, b in zip(found, by_path, strict=True))
    floats = nbcnn.predict(network, scaled.astype(np.float32))
    assert all(np.allclose(a.probabilities, b.probabilities, atol=1e-5) for a, b in zip(floats, by_path, strict=True))
    assert nbcnn.predict(network, pixels)[3].picture == "3" and nbcnn.predict(network, []) == []


def test_many_pictures_are_looked_at_together(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = test_files(mixed.parent / "set")
    whole = nbcnn.predict(mixed, files)
    monkeypatch.setattr("nbcnn.training.prediction.AT_ONCE", 3)
    parts = nbcnn.predict(mixed, files)
    assert [(a.picture, *a.probabilities) for a in parts] == [(b.picture, *b.probabilities) for b in whole]


def test_what_is_no_picture(mixed: Path) -> None:
    with pytest.raises(ShapeError, match=r"expected float32 images of shape \(N, 1, 12, 12\), got shape \(5, 9, 9\)"):
        nbcnn.predict(mixed, np.zeros((5, 9, 9), np.float32))
    with pytest.raises(
        DataError, match=r"expected images \(N, 1, 12, 12\), got uint8 \(30, 40, 3\); pictures of other si"
    ):
        nbcnn.predict(mixed, np.zeros((30, 40, 3), np.uint8))
    with pytest.raises(
        DataError, match=r"a picture is a path or one of Pillow's, got ndarray; an array is given alone"
    ):
        nbcnn.predict(mixed, [np.zeros((12, 12), np.uint8)])
    with pytest.raises(CheckpointError, match="lenet is not trained yet"):
        nbcnn.predict("lenet", "x.png")


def test_pictures_that_cannot_be_read_are_listed(mixed: Path, tmp_path: Path) -> None:
    good = test_files(mixed.parent / "set")[0]
    bad = [tmp_path / f"{k:02}.png" for k in range(13)]
    for path in bad:
        path.write_text("no picture")
    with pytest.raises(DataError, match=r"^13 of 14 pictures can't be read:\n  .*00\.png is not an image") as caught:
        nbcnn.predict(mixed, [*bad, good])
    lines = str(caught.value).splitlines()
    assert len(lines) == 12 and lines[-1] == "  and 3 more"
    with pytest.raises(DataError, match=r"^.*00\.png is not an image that nbcnn reads"):
        nbcnn.predict(mixed, [good, bad[0]])
    result = run(mixed, *bad, good, "--json")
    assert result.exit_code == 2
    assert [one["picture"] for one in json.loads(result.stdout)] == [str(good)]
    told = result.stderr.splitlines()
    assert len(told) == 11 and told[-1] == "error: 3 more, in all 13 of 14 pictures can't be read"
