"""Labels go by the names of classes: in eval, on resume, in tables; what does not fit is said."""

from __future__ import annotations

import json
import shutil
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nbcnn
from nbcnn.cli import main
from nbcnn.data import Dataset, Split, write_idx
from nbcnn.data.classes import in_terms_of
from nbcnn.errors import CheckpointError, DataError
from nbcnn.runs.run_folder import Run
from nbcnn.training.model import Model

pytestmark = pytest.mark.usefixtures("no_pictures")

LEVELS = {"cat": 30, "dog": 120, "fox": 220}


def pictures(folder: Path, levels: dict[str, int], parts: dict[str, int] | None = None, seed: int = 0) -> Path:
    """Folders train and test of 2×2 images, each class of another grey; no two images alike."""
    random = np.random.default_rng(seed)
    for part, count in (parts or {"train": 12, "test": 6}).items():
        for name, level in levels.items():
            (folder / part / name).mkdir(parents=True)
            for k in range(count):
                pixels = np.clip(random.normal(level, 8, (2, 2)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{k}.png")
    return folder


def config(folder: Path, outputs: int = 3, **train: Any) -> dict[str, Any]:
    return {
        "name": "greys",
        "input": {"channels": 1, "height": 2, "width": 2},
        "layers": ["flatten", {"linear": {"out_features": outputs}}],
        "data": {"folder": str(folder), "grayscale": True},
        "train": {"epochs": 40, "batch_size": 6, "optimizer": {"adam": {"lr": 0.1}}} | train,
    }


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("animals") / "set", LEVELS)


@pytest.fixture(scope="module")
def run(animals: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = nbcnn.train(config(animals), out=tmp_path_factory.mktemp("run") / "run")
    assert nbcnn.evaluate(run.folder).accuracy == 1
    return run


def test_a_part_of_the_classes_is_evaluated_by_name(run: Run, tmp_path: Path) -> None:
    fewer = pictures(tmp_path / "fewer", {"dog": 120, "fox": 220}, seed=1)
    for source in (run.folder, nbcnn.load(run.folder)):
        result = nbcnn.evaluate(source, str(fewer))
        assert result.accuracy == 1 and result.classes == ("cat", "dog", "fox") and result.labels_by == "name"
        assert result.labels.tolist() == [1] * 6 + [2] * 6
        assert result.confusion.tolist() == [[0, 0, 0], [0, 6, 0], [0, 0, 6]]


def test_a_class_that_the_network_does_not_know_is_refused_by_name(run: Run, tmp_path: Path) -> None:
    other = pictures(tmp_path / "other", {"ant": 70, "cat": 30, "dog": 120})
    sentence = (
        r"other \(.*\): the network does not know the class ant, and the data have no class fox; it was trained on "
        r"cat, dog, fox; rename the class's folder as it was in training, or take its images out$"
    )
    with pytest.raises(DataError, match=sentence):
        nbcnn.evaluate(run.folder, str(other))
    more = pictures(tmp_path / "more", {"Cat": 30, "ant": 70, "dog ": 120})
    sentence = (
        r"does not know the classes Cat, ant, 'dog ', and the data have no class cat, dog, fox; .* rename the folders "
        r"of these classes \(but for the way it is written, Cat is cat, 'dog ' is dog\) as they were in training, or"
    )
    with pytest.raises(DataError, match=sentence):
        nbcnn.evaluate(run.folder, str(more))


def test_a_folder_renamed_after_training_is_told(run: Run, animals: Path, tmp_path: Path) -> None:
    moved = tmp_path / "set"
    shutil.copytree(animals, moved)
    for part in ("train", "test"):
        (moved / part / "fox").rename(moved / part / "ape")
    with pytest.raises(DataError, match="does not know the class ape, and the data have no class fox; it was trained"):
        nbcnn.evaluate(run.folder, str(moved))


def test_accents_in_two_ways_are_one_name(tmp_path: Path) -> None:
    apart, one = (unicodedata.normalize(form, "Café") for form in ("NFD", "NFC"))
    train = pictures(tmp_path / "a", {apart: 30, "Tee": 200})
    run = nbcnn.train(config(train, 2), out=tmp_path / "run")
    info = json.loads(run.info.read_text())
    assert info["classes"] == [one, "Tee"]
    run.info.write_text(json.dumps(info | {"classes": [apart, "Tee"]}))  # as from elsewhere
    test = pictures(tmp_path / "b", {one: 30, "Tee": 200}, seed=1)
    assert nbcnn.evaluate(run.folder, str(test)).accuracy == 1


def test_data_that_changed_since_the_training_are_told(run: Run, animals: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nbcnn.evaluate(run.folder).data_changed is False
    changed = tmp_path / "set"
    shutil.copytree(animals, changed)
    Image.fromarray(np.array([[31, 32], [33, 34]], np.uint8)).save(changed / "train" / "cat" / "new.png")
    words = (
        r"set \(.*\): images or labels have changed since the training, which had 36 training and 18 test images; now "
        r"there are 37 training and 18 test images"
    )
    with pytest.warns(RuntimeWarning, match=words):
        assert nbcnn.evaluate(run.folder, str(changed)).data_changed is True
    changed.rename(tmp_path / "another")  # another data set, of which nobody says that it is the one of the training
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nbcnn.evaluate(run.folder, str(tmp_path / "another")).data_changed is None


def test_test_images_among_the_training_images_are_counted(run: Run, animals: Path, tmp_path: Path) -> None:
    twice = tmp_path / "twice"
    shutil.copytree(animals, twice)
    for k in range(2):
        shutil.copy(twice / "train" / "dog" / f"{k}.png", twice / "test" / "dog" / f"again{k}.png")
    with pytest.warns(RuntimeWarning, match="twice: 2 test images are also training images, pixel by pixel the same"):
        assert nbcnn.evaluate(run.folder, str(twice)).test_images_in_training == 2


def idx(folder: Path, labels: list[int], levels: list[int]) -> Path:
    folder.mkdir(parents=True)
    random = np.random.default_rng(len(labels))
    for prefix, count in (("train", 8), ("t10k", 4)):
        every = np.repeat(labels, count).astype(np.uint8)
        pixels = np.clip(random.normal(np.array(levels)[every][:, None, None], 8, (len(every), 2, 2)), 0, 255)
        write_idx(folder / f"{prefix}-images-idx3-ubyte", pixels.astype(np.uint8))
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", every)
    return folder


def test_numbers_go_by_position_and_that_is_said(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = idx(tmp_path / "idx", [0, 1, 2], [30, 120, 220])
    result = nbcnn.evaluate(run.folder, str(numbers))
    assert result.accuracy == 1 and result.labels_by == "position" and result.classes == ("cat", "dog", "fox")
    with pytest.raises(SystemExit):
        main(["eval", str(run.folder), "--data", str(numbers)])
    assert "labels go by position, for the data have no names for the classes" in capsys.readouterr().out
    with pytest.raises(
        DataError, match=r"its labels go up to 3, and the network knows 3 classes, cat, dog, fox, which"
    ):
        nbcnn.evaluate(run.folder, str(idx(tmp_path / "more", [0, 3], [30, 120, 220, 60])))


def test_a_network_of_numbers(animals: Path, tmp_path: Path) -> None:
    run = nbcnn.train(
        config(idx(tmp_path / "idx", [0, 1, 2], [30, 120, 220])) | {"data": {"folder": str(tmp_path / "idx")}},
        out=tmp_path / "run",
    )
    assert nbcnn.load(run.folder).classes == () and nbcnn.load(run.folder).class_name(2) == "2"
    again = nbcnn.evaluate(run.folder)
    assert (again.accuracy, again.labels_by, again.classes) == (1, "name", ("0", "1", "2"))
    net = nbcnn.load(run.folder, overrides=nbcnn.Overrides(sets=(f"data={{folder: {animals}, grayscale: true}}",)))
    named = nbcnn.evaluate(net)
    assert named.accuracy == 1 and named.labels_by == "position" and named.classes == ("cat", "dog", "fox")


def data(classes: tuple[str, ...], numbered: bool = False) -> Dataset:
    images, labels = np.zeros((len(classes), 1, 1, 1), np.uint8), np.arange(len(classes), dtype=np.int64)
    return Dataset("d", Split(images, labels), Split(images, labels), classes, "here", numbered=numbered)


def test_folders_called_by_numbers_are_outputs_of_a_network_of_numbers() -> None:
    """In the order of text they come as 0, 1, 10, 2: by position label 2 would be the output 2, and is 10."""
    names = ("0", "1", "10", "2", "3", "4", "5", "6", "7", "8", "9")
    found = in_terms_of(data(names), (), 12)
    assert found.test.labels.tolist() == [int(name) for name in names]
    assert found.classes == tuple(str(k) for k in range(11))
    digits = tuple("0123456789")
    assert in_terms_of(data(digits, numbered=True), digits, 10).test.labels.tolist() == list(range(10))
    with pytest.raises(DataError, match="the network does not know the classes 0, 1, 2, 3, 4, 5, 6, 7 and 2 more"):
        in_terms_of(data(digits), nbcnn.data.DATASETS.get("fashion-mnist").classes, 10)  # MNIST's digits are names


def test_labels_of_every_split_and_names_are_kept() -> None:
    one = Split(np.zeros((1, 1, 1, 1), np.uint8), np.zeros(1, np.int64), files=("dog/1.png",))
    found = in_terms_of(Dataset("d", one, one, ("dog",), "here", validation=one), ("cat", "dog"), 2)
    assert [part.labels.tolist() for part in found.splits.values()] == [[1]] * 3 and found.classes == ("cat", "dog")
    assert found.train.files == ("dog/1.png",)


@pytest.fixture
def spare(tmp_path: Path) -> Run:
    """A network with five outputs for three classes, which guesses one of the two that have no name."""
    folder = pictures(tmp_path / "set", LEVELS)
    with pytest.warns(RuntimeWarning, match="gives 5 scores"):
        run = nbcnn.train(config(folder, 5, epochs=1), out=tmp_path / "run")
    net = nbcnn.load(run.folder)
    tensors = net.state_dict()
    tensors["1.weight"][:] = 0
    tensors["1.bias"][:] = [0, 1, 0, 0, 0]
    tensors["1.weight"][4] = 3  # light images
    net.load_state_dict(tensors)
    nbcnn.runs.checkpoint.save_tensors(run.folder / "best.safetensors", net.tensors, {"epoch": "1"})
    return run


def test_guesses_of_outputs_without_a_name_count_as_wrong(spare: Run, capsys: pytest.CaptureFixture[str]) -> None:
    result = nbcnn.evaluate(spare.folder)
    assert result.columns == ("cat", "dog", "fox", "(other)") and result.outputs == 5
    assert result.confusion.sum() == result.images == 18 and result.confusion[2].tolist() == [0, 0, 0, 6]
    assert np.trace(result.confusion) == round(result.accuracy * 18)
    for words in ([], ["--json"]):
        with pytest.raises(SystemExit):
            main(["eval", str(spare.folder), *words])
    out = capsys.readouterr().out
    assert "  fox    0.0% of 6, taken most often for (other) (6)" in out
    told = json.loads(out.splitlines()[-1])
    assert told["columns"] == ["cat", "dog", "fox", "(other)"] and told["confusion"] == result.confusion.tolist()
    assert told["labels_by"] == "name" and told["data_changed"] is False and told["test_images_in_training"] == 0


@pytest.mark.usefixtures("pictures")
def test_pictures_of_such_guesses_are_drawn(spare: Run) -> None:
    from nbcnn.data import load_folder
    from nbcnn.engine.engine import Engine
    from nbcnn.training.pictures import draw_run

    before = spare.confusion.read_bytes(), spare.samples.read_bytes()
    net = nbcnn.load(spare.folder)
    engine = Engine(net, training=False)
    draw_run(spare, engine, load_folder(Path(net.config.data.folder or ""), grayscale=True))
    engine.close()
    assert (spare.confusion.read_bytes(), spare.samples.read_bytes()) != before


def test_resume_tells_and_refuses_other_names(run: Run, animals: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run.folder, copy)
    renamed = tmp_path / "set"
    shutil.copytree(animals, renamed)
    for part in ("train", "test"):  # fox was the last and is so: not a label changes
        (renamed / part / "fox").rename(renamed / part / "wolf")
    words = r"the class wolf is new, the class fox is gone, with the same images; name the class folders as they were"
    with pytest.raises(DataError, match=words):
        nbcnn.resume(copy, data=str(renamed), epochs=41)
    nbcnn.resume(copy, data=str(renamed), epochs=41, allow_changes=True)
    assert nbcnn.load(copy).classes == ("cat", "dog", "wolf")
    assert nbcnn.evaluate(copy).accuracy == 1
    for part in ("train", "test"):  # and now labels would move
        (renamed / part / "wolf").rename(renamed / part / "ape")
    for allowed in (False, True):
        with pytest.raises(
            DataError, match=r"not know the class ape, and the data have no class wolf; .* rename the cla"
        ):
            nbcnn.resume(copy, epochs=42, allow_changes=allowed)


def test_resume_without_one_of_the_classes_keeps_the_others_labels(run: Run, animals: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run.folder, copy)
    fewer = tmp_path / "set"
    shutil.copytree(animals, fewer)
    for part in ("train", "test"):
        shutil.rmtree(fewer / part / "cat")
    with pytest.raises(DataError, match=r"trained with \(the class cat is gone\); restore them"):
        nbcnn.resume(copy, data=str(fewer), epochs=41)
    nbcnn.resume(copy, data=str(fewer), epochs=41, allow_changes=True)
    last = nbcnn.load(copy, which="last")
    assert last.classes == ("cat", "dog", "fox") and nbcnn.evaluate(last).accuracy == 1
    nbcnn.resume(copy, epochs=42)  # nothing has changed since
    assert isinstance(nbcnn.load(copy), Model)


def test_info_of_another_kind_is_passed_over(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run.folder, copy)
    info = json.loads((copy / "run.json").read_text())
    for record in ([], None, {"name": "set", "sha256": 3, "folder": 4}, {"name": {}, "train": "x"}):
        (copy / "run.json").write_text(json.dumps(info | {"data": record}))
        assert nbcnn.evaluate(copy).data_changed is None
    (copy / "run.json").write_text(json.dumps(info | {"data": info["data"] | {"sha256": "0", "train": [], "test": {}}}))
    with pytest.warns(RuntimeWarning, match="which had other training and other test images; now"):
        assert nbcnn.evaluate(copy).data_changed is True
    (copy / "run.json").write_text(json.dumps(info | {"classes": "cat"}))
    with pytest.raises(CheckpointError, match="classes must be a list of printable names"):
        nbcnn.evaluate(copy)
