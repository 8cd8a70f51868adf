"""The commands nbcnn data list, info and fetch."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from rich.console import Console

import nbcnn.cli.data as data_command
from nbcnn.data.sets.fashion_mnist import FashionMnist
from nbcnn.data.source import DATASETS, IdxSource
from nbcnn.errors import DataError


@pytest.fixture(autouse=True)
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without data sets, wide enough for its paths."""
    monkeypatch.delenv("NBCNN_DATA_DIR", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name, **_: tmp_path / "cache" / name)
    assert "mnist" in DATASETS
    monkeypatch.setattr(FashionMnist, "system", ())


def run(*arguments: str) -> Result:
    return CliRunner().invoke(data_command.command, arguments, catch_exceptions=True)


def rows(text: str) -> dict[str, list[str]]:
    """The words of each line by its first word."""
    return {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}


def idx(*sizes: int, values: bytes) -> bytes:
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, 8, len(sizes), *sizes) + values


def put_tiny(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "train-images-idx3-ubyte": idx(3, 1, 2, values=bytes([0, 255] * 3)),
        "train-labels-idx1-ubyte": idx(3, values=b"\0\1\1"),
        "t10k-images-idx3-ubyte": idx(1, 1, 2, values=b"ab"),
        "t10k-labels-idx1-ubyte": idx(1, values=b"\0"),
    }

    class Tiny(IdxSource):
        title, description, licence = "Tiny images", "four images", "public domain"
        classes = ("[b]cat", "dog")
        counts = (3_000, 1)
        contents = tuple(hashlib.sha256(content).hexdigest() for content in files.values())

    monkeypatch.setitem(DATASETS._things, "tiny", Tiny)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_help_and_first_line_of_the_module() -> None:
    assert data_command.command.name == "data"
    result = run("--help")
    assert result.exit_code == 0
    assert data_command.__doc__ is not None and data_command.__doc__.splitlines()[0] in result.output
    assert set(data_command.command.commands) == {"list", "info", "fetch"}


def test_list_says_where_each_data_set_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put_tiny(tmp_path / ("a" * 150) / "tiny", monkeypatch)
    result = run("list", "--data-dir", str(folder.parent))
    assert result.exit_code == 0
    table = rows(result.output)
    assert table["name"] == ["title", "images", "where"]
    assert table["mnist"] == ["MNIST", "60,000", "+", "10,000", "not", "here:", "nbcnn", "data", "fetch", "mnist"]
    where = "not here: nbcnn data fetch fashion-mnist"
    assert table["fashion-mnist"] == ["Fashion-MNIST", "60,000", "+", "10,000", *where.split()]
    assert table["fashion-mnist-mini"][-4:] == ["10,000", "+", "2,000", "embedded"]
    assert table["tiny"] == ["Tiny", "images", "3,000", "+", "1", str(folder)]


def test_a_narrow_terminal_gets_whole_paths_and_no_trailing_spaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put_tiny(tmp_path / ("a" * 150) / "tiny", monkeypatch)
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setattr(Console, "is_terminal", True)
    lines = run("list", "--data-dir", str(folder.parent)).output.splitlines()
    assert [line for line in lines if line.endswith(f" {folder}")] and lines == [line.rstrip() for line in lines]


def test_statistics_of_many_channels_stand_on_short_lines(tmp_path: Path) -> None:
    for name in ("train", "t10k"):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(1, 28, 2, 2, values=bytes(range(112))))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(1, values=b"\0"))
    lines = run("info", str(tmp_path)).output.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("mean"))
    assert max(map(len, lines[start:])) <= 80
    words = " ".join(lines[start:]).split()
    # Channel k has the pixels 4k to 4k + 3.
    assert words[1:29] == [f"{(4 * k + 1.5) / 255:.4f}" for k in range(28)] and words[29] == "(training"
    assert words.count("0.0044") == 28


def test_a_folder_of_mixed_sizes_is_told_the_option(tmp_path: Path) -> None:
    (tmp_path / "ant").mkdir()
    for k in range(5):
        Image.fromarray(np.zeros((4 + k, 6), np.uint8)).save(tmp_path / "ant" / f"{k}.png")
    error = run("info", str(tmp_path)).exception
    assert isinstance(error, DataError)
    assert str(error).endswith("make them alike with --size H W (height and width), which is data.size in a config")


@pytest.mark.parametrize("arguments", [("list",), ("info", "mnist")])
def test_a_data_dir_that_does_not_exist_is_an_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    error = run(*arguments, "--data-dir", str(tmp_path / "nope")).exception
    assert isinstance(error, DataError) and f"the data folder {tmp_path / 'nope'} does not exist; name" in str(error)


def test_info_of_a_named_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put_tiny(tmp_path / "tiny", monkeypatch)
    result = run("info", "tiny", "--data-dir", str(tmp_path))
    assert result.exit_code == 0, result
    table = rows(result.output)
    assert table["title"] == ["Tiny", "images"] and table["description"] == ["four", "images"]
    assert table["source"] == [str(folder)] and table["licence"] == ["public", "domain"]
    assert table["images"] == ["3", "for", "training,", "1", "for", "testing"]
    assert table["shape"] == ["1", "x", "1", "x", "2", "(channels", "x", "height", "x", "width)"]
    assert table["mean"][0] == "0.5000" and table["std"] == ["0.5000"]
    assert table["label"] == ["class", "training", "test"]
    assert table["0"] == ["[b]cat", "1", "1"] and table["1"] == ["dog", "2", "0"]


def test_info_of_a_folder(tmp_path: Path) -> None:
    for k in range(5):
        (tmp_path / "[b]ant").mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 6), 51 * k, np.uint8)).save(tmp_path / "[b]ant" / f"{k}.png")
    result = run("info", str(tmp_path), "--size", "2", "3", "--grayscale")
    assert result.exit_code == 0, result
    table = rows(result.output)
    assert table["name"] == [tmp_path.name] and "licence" not in table
    assert table["source"] == f"{tmp_path} (one in five images of a class is a test image, by its content)".split()
    assert table["shape"][:5] == ["1", "x", "2", "x", "3"]
    held = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(tmp_path.glob("*/*.png"))]
    train = [0.2 * k for k, one in enumerate(held) if one >= "3" * 64]
    assert 3 <= len(train) < 5
    assert table["0"] == ["[b]ant", str(len(train)), str(5 - len(train))]
    mean = f"{np.mean(train):.4f}"
    assert table["mean"][0] == mean
    assert rows(run("info", str(tmp_path)).output)["mean"][:3] == [mean] * 3


def test_info_says_what_was_done_to_pictures_also_as_json(tmp_path: Path) -> None:
    for k in range(5):
        ant = tmp_path / ("test" if k == 4 else "train") / "ant"
        ant.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.array([[0, 100 * k + 616]], np.uint16)).save(ant / f"{k}.png")
    lines = run("info", str(tmp_path), "--grayscale").output.splitlines()
    assert "pictures  5: 16 bits to 8, darkest 0, lightest 1016, 1023 is white" in lines
    facts = json.loads(run("info", str(tmp_path), "--grayscale", "--json").output)
    assert facts["pictures"] == ["5: 16 bits to 8, darkest 0, lightest 1016, 1023 is white"]
    assert facts["white_level"] == 1023 and facts["images"] == {"train": 4, "test": 1}
    assert facts["shape"] == [1, 1, 2] and facts["classes"] == [{"name": "ant", "train": 4, "test": 1}]
    assert facts["mean"] == [pytest.approx(np.mean([0, 154, 0, 178, 0, 203, 0, 228]) / 255, abs=1e-9)]


def test_info_of_a_named_data_set_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_tiny(tmp_path / "tiny", monkeypatch)
    facts = json.loads(run("info", "tiny", "--data-dir", str(tmp_path), "--json").output)
    assert facts["pictures"] == [] and facts["licence"] == "public domain"
    assert [one["train"] for one in facts["classes"]] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("info", "mnist"), "mnist is not on this machine; fetch it with: nbcnn data fetch mnist"),
        (("info", "mnits"), r"mnits is neither a folder nor a named data set: did you mean mnist\?"),
        (("info", "mnist", "--grayscale"), "--size and --grayscale are for a folder of images; the data set mnist has"),
        (
            ("info", "mnist", "--size", "2", "3"),
            "--size and --grayscale are for a folder of images; the data set mnist",
        ),
        (("info", __file__), r"test_data\.py is a file, not a folder; expected a folder with"),
        (("fetch", "mnits"), r"unknown data set 'mnits': did you mean mnist\?"),
    ],
)
def test_errors_are_nbcnns_own(arguments: tuple[str, ...], sentence: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, DataError)
    with pytest.raises(DataError, match=sentence):
        raise result.exception


def test_fetch_says_where_the_data_set_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(self: FashionMnist, data_dir: Path | None) -> Path:
        asked.append((self.name, data_dir))
        return Path("x/y")

    monkeypatch.setattr(FashionMnist, "fetch", fetch)
    result = run("fetch", "fashion-mnist", "--data-dir", str(tmp_path))
    assert result.output == "fashion-mnist is in x/y\n" and asked == [("fashion-mnist", tmp_path)]
    assert "fashion-mnist-mini is in " in run("fetch", "fashion-mnist-mini").output
