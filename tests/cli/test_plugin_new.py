"""Names that ``plugin new`` refuses: those of modules, of what nbcnn has, of what Python's tools look for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from plugin_files import empty_folder, write  # noqa: F401 (a fixture)

from nbcnn.cli import main

pytestmark = pytest.mark.usefixtures("folder")

LIBRARY = "is a library's module, which nothing beside this file could import any more; choose another, for instance"


def new(capsys: pytest.CaptureFixture[str], *words: str, code: int = 2) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["plugin", "new", *words])
    output = capsys.readouterr()
    assert stop.value.code == code, output.err
    return output.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("numpy", f"numpy {LIBRARY} my_numpy"),
        ("nbcnn", f"nbcnn {LIBRARY} my_nbcnn"),
        ("pytest", f"pytest {LIBRARY} my_pytest"),
        ("tensorflow", f"tensorflow {LIBRARY} my_tensorflow"),
        ("json", "Python has something called json; choose another, for instance my_json"),
        ("match", "Python has something called match"),
        ("test", "Python's tools take a file called test.py for their own; choose another, for instance my_test"),
        ("conv2d", "there is one called conv2d already; choose another, for instance my_conv2d"),
        ("naive", "there is one called naive already"),
        ("cosine", "there is one called cosine already"),
        ("null", "YAML takes null for something else than a name"),
        ("class", "letters, digits and _, without .py; for instance my_class"),
        ("my-conv", "letters, digits and _, without .py; for instance my_conv"),
        ("folder/conv", "letters, digits and _, without .py; for instance conv"),
        ("conv.py", "letters, digits and _, without .py; for instance conv"),
        ("numpy.py", "letters, digits and _, without .py; for instance my_numpy"),
        ("", "letters, digits and _, without .py; for instance my_conv"),
    ],
)
@pytest.mark.parametrize("kind", [["--exercise"], ["--kind", "backend"], ["--kind", "dataset"], ["--kind", "schedule"]])
def test_a_name_that_is_somebody_elses(
    name: str, words: str, kind: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name in (("cosine",) if kind[-1] != "schedule" else ("conv2d", "naive")):
        return  # a thing of another kind may be called so
    if kind[-1] == "dataset" and name in ("conv2d", "naive"):
        return  # a data set may be called so
    told = new(capsys, name, *kind)
    assert told.startswith(f"error: {name!r} can't be the name of a plugin: ") and words in told
    assert not list(folder.rglob("*.py"))


def test_a_module_of_any_folder_on_the_path_is_found_and_not_run(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "site" / "somebodys.py", "raise SystemExit")
    monkeypatch.syspath_prepend(str(folder / "site"))
    assert f"somebodys {LIBRARY} my_somebodys" in new(capsys, "somebodys", "--kind", "layer")
    assert "somebodys" not in sys.modules


def test_a_file_of_ones_own_is_told_as_such(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "taken.py", "raise SystemExit")
    assert "taken.py exists already and is never overwritten" in new(capsys, "taken", "--exercise")


def test_what_an_exercise_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--exercise is a backend of conv2d; leave out --kind layer" in new(
        capsys, "mine", "--exercise", "--kind", "layer"
    )
    assert "Missing option '--kind': one of backend, layer, optimizer, schedule, dataset; or --exercise." in new(
        capsys, "mine"
    )
