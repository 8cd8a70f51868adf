"""The images that a network is looked at with: by number, by file, or one of each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stripes import TINY

import nbcnn
from nbcnn.errors import DataError
from nbcnn.training.example_images import class_index, example_images
from nbcnn.training.model import Model


@pytest.fixture
def network(stripes: Path) -> Model:
    return nbcnn.load(TINY | {"data": {"folder": str(stripes)}})


def test_numbers_and_files(network: Model, stripes: Path, tmp_path: Path) -> None:
    test = nbcnn.data.load(str(stripes)).test
    Image.fromarray(np.full((24, 24), 77, np.uint8)).save(tmp_path / "x.png")
    found = example_images(network, ["7", tmp_path / "x.png", 0])
    assert found.images[[0, 2]].tobytes() == test.images[[7, 0]].tobytes()
    assert (found.images[1] == 77).all() and found.images.shape == (3, 1, 12, 12)
    assert found.names == ("test image 7", str(tmp_path / "x.png"), "test image 0")
    assert found.labels == (test.labels[7], None, test.labels[0])
    assert found.steps[0] == () and "24×24" in " ".join(found.steps[1])
    assert found.labels_or(np.array([0, 2, 1])).tolist() == [test.labels[7], 2, test.labels[0]]


def test_one_of_each_class_where_none_is_named(network: Model) -> None:
    assert sorted(label for label in example_images(network, count=3).labels if label is not None) == [0, 1, 2]
    assert len(example_images(network, count=500).images) == 50  # all that there are


def test_a_file_alone_needs_no_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((12, 12), 5, np.uint8)).save("5.png")
    Path("5.png").rename("5")
    found = example_images(nbcnn.load(TINY | {"data": {"folder": "gone"}}), ["./5"])
    assert (found.images == 5).all()


def test_what_is_refused(network: Model) -> None:
    with pytest.raises(DataError, match="has no test image 50: they are numbered from 0 to 49"):
        example_images(network, [50])
    for last in (-1, "-1"):
        with pytest.raises(DataError, match="has no test image -1: they are numbered from 0 to 49"):
            example_images(network, [last])
    with pytest.raises(DataError, match=r"no class 'stripes'; known: 0, 1, 2"):
        class_index(network, "stripes")
    assert class_index(network, "2") == 2
