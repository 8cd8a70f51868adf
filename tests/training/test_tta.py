"""Test-time augmentation: scores averaged over image and mirror image, in evaluation and prediction."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stripes import TINY, write_stripes

import nbcnn
import nbcnn.training.tta
from nbcnn.errors import ConfigError
from nbcnn.runs.run_folder import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("tta")
    write_stripes(folder / "stripes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nbcnn.training.loop.draw_run", lambda *_: None)
        settings = TINY["train"] | {"epochs": 1}
        return nbcnn.train(TINY | {"data": {"folder": str(folder / "stripes")}, "train": settings}, out=folder / "run")


def mean_scores(run: Run, images: np.ndarray) -> np.ndarray:
    net = nbcnn.load(run.folder)
    x = images.astype(np.float32) / 255
    return (net(x).astype(np.float64) + net(np.ascontiguousarray(x[:, :, :, ::-1])).astype(np.float64)) / 2


@pytest.mark.parametrize("at_once", [1000, 50, 7])
def test_an_evaluation_is_that_of_the_mean_scores(run: Run, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nbcnn.training.tta, "AT_ONCE", at_once)
    images, labels = nbcnn.data.load(nbcnn.load(run.folder).config.data.folder or "", "test")
    wanted = mean_scores(run, images)
    found = nbcnn.evaluate(run.folder, tta="flip")
    assert found.tta == "flip" and np.array_equal(found.guesses, wanted.argmax(axis=1))
    assert found.accuracy == np.mean(wanted.argmax(axis=1) == labels) == np.trace(found.confusion) / 50
    shares = np.exp(wanted) / np.exp(wanted).sum(axis=1, keepdims=True)
    assert found.loss == pytest.approx(-np.log(shares[np.arange(50), labels]).mean(), rel=1e-6)
    plain = nbcnn.evaluate(run.folder)
    assert plain.tta is None and plain.loss != found.loss


def test_losses_of_large_scores_are_finite() -> None:
    found = nbcnn.training.tta.cross_entropy(np.array([[1e4, 0.0], [0.0, 0.0]], np.float32), np.array([1, 0]))
    assert found == pytest.approx([1e4, np.log(2)])


def test_a_mirror_image_is_predicted_as_the_image(run: Run, tmp_path: Path) -> None:
    images, _ = nbcnn.data.load(nbcnn.load(run.folder).config.data.folder or "", "test")
    wanted = np.exp(mean_scores(run, images[:20]))
    wanted /= wanted.sum(axis=1, keepdims=True)
    for given in (images[:20], np.ascontiguousarray(images[:20, :, :, ::-1])):
        for one, shares in zip(nbcnn.predict(run.folder, given, tta="flip"), wanted, strict=True):
            assert one.probabilities[np.argsort(one.indices)] == pytest.approx(shares, rel=1e-5)
    Image.fromarray(images[0, 0]).save(tmp_path / "a.png")
    Image.fromarray(images[0, 0, :, ::-1].copy()).save(tmp_path / "b.png")
    a, b = nbcnn.predict(run.folder, [tmp_path / "a.png", tmp_path / "b.png"], tta="flip", invert=False)
    assert a.probabilities.tobytes() == b.probabilities.tobytes()


def test_other_words_are_refused(run: Run) -> None:
    for attempt in (nbcnn.evaluate, lambda folder, tta: nbcnn.predict(folder, np.zeros((1, 1, 12, 12)), tta=tta)):
        with pytest.raises(ConfigError, match="unknown tta 'mirror': expected flip, or None for none"):
            attempt(run.folder, tta="mirror")  # type: ignore[operator]


def test_the_commands_take_it(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from nbcnn.cli import main

    found = nbcnn.evaluate(run.folder, tta="flip")
    for arguments in (["eval", str(run.folder)], ["eval", str(run.folder), "--json"]):
        with pytest.raises(SystemExit) as left:
            main([*arguments, "--tta", "flip"])
        assert left.value.code == 0
        out = capsys.readouterr().out
        if "--json" in arguments:
            assert (json.loads(out)["tta"], json.loads(out)["loss"]) == ("flip", found.loss)
        else:
            assert "scores averaged over each image and its mirror image\n" in out
            assert f"accuracy {found.accuracy:.2%}, loss {found.loss:.4f}\n" in out
    Image.fromarray(np.full((12, 12), 9, np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(SystemExit) as left:
        main(["predict", str(run.folder), str(tmp_path / "a.png"), "--tta", "flip", "--json"])
    guesses = json.loads(capsys.readouterr().out)[0]["guesses"]
    (one,) = nbcnn.predict(run.folder, [tmp_path / "a.png"], tta="flip")
    assert left.value.code == 0 and guesses[0]["probability"] == pytest.approx(one.probability)
