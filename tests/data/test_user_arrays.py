"""Training from Python on arrays, and of a network that is there already."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbcnn
from nbcnn.data.user_arrays import own_dataset
from nbcnn.errors import DataError

pytestmark = pytest.mark.usefixtures("no_pictures")

CONFIG: dict[str, Any] = {
    "name": "tiny",
    "input": {"channels": 1, "height": 6, "width": 5},
    "layers": ["flatten", {"linear": {"out_features": 3}}],
    "data": {"mean": 0.5, "std": 0.25},
    "train": {"epochs": 2, "batch_size": 8, "optimizer": {"adam": {"lr": 0.01}}},
}


def drawn(count: int = 60, channels: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images that differ by their label's brightness."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = rng.integers(0, 60, (count, channels, 6, 5)) + 80 * labels[:, None, None, None]
    return images.astype(np.uint8), labels


@pytest.fixture(autouse=True)
def place(tmp_path: Path) -> Any:
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def test_a_network_is_trained_on_arrays_from_the_parameters_that_it_has() -> None:
    net = nbcnn.load(CONFIG)
    net.tensors["1.bias"][:] = [7, 8, 9]
    before = net.state_dict()
    run = nbcnn.train(net, data=drawn(), epochs=3)
    assert len(run.metrics()) == 3
    last = nbcnn.load(run.folder, which="last")
    for name, tensor in net.tensors.items():
        np.testing.assert_array_equal(tensor, last.tensors[name])
    assert (net.tensors["1.bias"] > 6).all() and (net.tensors["1.weight"] != before["1.weight"]).any()
    x = drawn()[0].astype(np.float32)
    np.testing.assert_array_equal(net(x), last(x))


def test_the_run_has_its_images_and_can_be_evaluated_and_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = drawn(), drawn(30, seed=1)
    run = nbcnn.train(CONFIG, data=(train, test))
    result = nbcnn.evaluate(run.folder)
    assert result.images == 30
    np.testing.assert_array_equal(result.labels, test[1])
    assert result.accuracy == max(record["test_accuracy"] for record in run.metrics())
    stored = nbcnn.data.load(run.folder / "data")
    np.testing.assert_array_equal(stored.train.images, train[0])
    whole = nbcnn.train(CONFIG, data=(train, test), epochs=4)
    nbcnn.resume(run.folder, epochs=4)
    assert (run.folder / "last.safetensors").read_bytes() == (whole.folder / "last.safetensors").read_bytes()


def test_images_of_several_channels_are_kept_to_the_bit() -> None:
    images, labels = drawn(30, channels=2)
    run = nbcnn.train({**CONFIG, "input": {"channels": 2, "height": 6, "width": 5}}, data=(images, labels), epochs=1)
    stored = nbcnn.data.load(run.folder / "data")
    assert len(stored.train) + len(stored.test) == 30
    both = np.concatenate([stored.train.images, stored.test.images])
    assert sorted(image.tobytes() for image in both) == sorted(image.tobytes() for image in images)


def test_a_data_set_by_name_is_still_an_option() -> None:
    run = nbcnn.train(
        {**CONFIG, "input": {"channels": 1, "height": 28, "width": 28}, "layers": ["flatten", {"linear": {"out_features": 10}}]},
        data="fashion-mnist-mini",
        epochs=1,
    )  # fmt: skip
    assert nbcnn.load(run.folder).config.data.name == "fashion-mnist-mini"


@pytest.mark.parametrize("scaled", [False, True])
def test_floats_that_are_bytes_are_taken_as_such(scaled: bool) -> None:
    images, labels = drawn()
    floats = images.astype(np.float32) / np.float32(255) if scaled else images.astype(np.float64)
    given, plain = own_dataset((floats, labels)), own_dataset((images, labels))
    assert given.digest == plain.digest


def test_about_a_fifth_of_each_class_is_held_out_and_equal_images_stay_together() -> None:
    rng = np.random.default_rng(3)
    images, labels = rng.integers(0, 256, (900, 4, 4)).astype(np.uint8), np.repeat([0, 1, 2], 300)
    data = own_dataset((np.concatenate([images, images]), np.concatenate([labels, labels])))
    share = [np.mean(data.test.labels == label) * len(data.test) / 600 for label in range(3)]
    assert all(0.13 < part < 0.27 for part in share)
    train, test = ({image.tobytes() for image in split.images} for split in (data.train, data.test))
    assert not train & test and len(train | test) == 900
    more = own_dataset((np.concatenate([images, 255 - images[:1]]), np.concatenate([labels, [0]])))
    assert test - {image.tobytes() for image in more.test.images} == set()  # who was a test image stays one


X, Y = drawn(12)
REFUSED: dict[str, tuple[Any, str]] = {
    "images alone": (X, "data: expected (images, labels), or ((images, labels), (test_images, test_labels)), got ndarray"),
    "three parts": ((X, Y, Y), "data: expected (images, labels), or"),
    "floats that are no bytes": (
        (X / 10.0, Y),
        "data: images must be bytes (uint8, 0 is black, 255 is white), got float64 from",
    ),
    "NaN": ((np.full((6, 1, 6, 5), np.nan), Y[:6]), "data: images must be bytes (uint8"),
    "negative": ((X.astype(int) - 300, Y), "data: images must be bytes (uint8"),
    "text": ((np.full((6, 1, 6, 5), "a"), Y[:6]), "data: images must be uint8, got <U1"),
    "two axes": ((X.reshape(12, -1), Y), "data: images must be (N, C, H, W), or (N, H, W) for one channel, got shape (12, 30)"),
    "channels last": ((np.zeros((12, 8, 8, 3), np.uint8), Y), "look channels-last (N, H, W, C); write images.transpose(0, 3, 1, 2)"),
    "one-hot labels": ((X, np.eye(3)[Y]), "data: labels must be class numbers (N,), got shape (12, 3); write labels.argmax(axis=1)"),
    "float labels": ((X, Y.astype(float)), "data: labels must be whole numbers (N,), got float64 of shape (12,); write labels.astype(int)"),
    "negative labels": ((X, Y - 1), "data: labels must be class numbers from 0 to 255, got -1 to 1"),
    "fewer labels": ((X, Y[:5]), "data: images holds 12 images, but data: labels holds 5 labels"),
    "no images": ((X[:0], Y[:0]), "data: images holds no images"),
    "one image of a class": ((X[:4], [0, 1, 1, 1]), "data: class 0 has 1 image, no two of them different"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "words"), REFUSED.values(), ids=REFUSED)
def test_arrays_that_do_not_fit_are_told(data: Any, words: str) -> None:
    with pytest.raises(DataError, match=re.escape(words)):
        nbcnn.train(CONFIG, data=data)
    assert not list(Path().iterdir())  # no run folder is left
