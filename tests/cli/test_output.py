"""The standard streams: closed, full, without a reader, or unable to write what is printed."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import nbcnn
from nbcnn.cli import main

pytestmark = pytest.mark.usefixtures("no_pictures")

TINY = """\
name: tiny
input: {channels: 1, height: 28, width: 28}
layers: [{max_pool2d: {kernel_size: 14}}, flatten, {linear: {out_features: 10}}]
train: {epochs: 1, batch_size: 1000}
"""


class Failing(io.StringIO):
    """A stream of which every write fails."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, text: str) -> int:
        raise OSError(self._number, os.strerror(self._number))


def code(*words: str | Path) -> object:
    """The exit code of ``nbcnn`` with these words."""
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return stop.value.code


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path / "tiny.yaml"


@pytest.mark.parametrize(
    "words", ["summary lenet", "kernels", "data list", "data info fashion-mnist-mini", "plugin list", "--help", "--version"]
)  # fmt: skip
@pytest.mark.parametrize("streams", [("stdout",), ("stdout", "stderr", "stdin")])
def test_nothing_to_print_on(monkeypatch: pytest.MonkeyPatch, words: str, streams: tuple[str, ...]) -> None:
    for stream in streams:
        monkeypatch.setattr(sys, stream, None)
    assert code(*words.split()) == 0


def test_training_and_mistakes_without_any_stream(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in ("stdout", "stderr", "stdin"):
        monkeypatch.setattr(sys, stream, None)
    out = tiny.parent / "run"
    assert code("train", tiny, "--out", out) == 0
    assert code("eval", out) == 0
    assert code("train", tiny, "--out", out) == 2


@pytest.mark.parametrize("words", [["summary", "lenet"], ["summary", "lenet", "--json"], ["kernels"], ["data", "list"]])
def test_whoever_reads_has_enough(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setattr(sys, "stdout", Failing(errno.EPIPE))
    assert code(*words) == 0


@pytest.mark.parametrize(
    ("number", "why"), [(errno.EPIPE, "its reader has gone"), (errno.ENOSPC, "No space left on device")]
)
def test_a_training_goes_on_when_nobody_reads_it(
    pictures: None,
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
    why: str,
) -> None:
    monkeypatch.setattr(sys, "stdout", Failing(number))
    assert code("train", tiny, "--out", tiny.parent / "run") == 0
    sentence = f"warning: the output can't be written any more ({why}); training goes on, Ctrl-C stops it\n"
    assert capsys.readouterr().err == sentence
    assert len((tiny.parent / "run/metrics.jsonl").read_text().splitlines()) == 1
    assert (tiny.parent / "run/samples.png").is_file()


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC])
def test_an_error_output_that_fails_changes_no_exit_code(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(sys, "stderr", Failing(number))
    assert code("train", "nowhere.yaml") == 2
    assert code("no-such-verb") == 2
    # A warning while it trains: 12 scores of which two have no class.
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert code("train", tiny, "--set", "layers.2.linear.out_features=12", "--out", tiny.parent / "run") == 0


def test_files_do_not_get_the_numbers_of_closed_streams(tmp_path: Path) -> None:
    program = (
        "import sys, os; from nbcnn.cli._output import open_closed_streams; open_closed_streams()\n"
        "number = os.open('file', os.O_CREAT | os.O_RDWR); os.write(1, b'1'); os.write(2, b'2'); os.read(0, 1)\n"
        "os.write(number, str(number).encode())"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(nbcnn.__file__).parent.parent)}
    command = ["sh", "-c", f'exec <&- >&- 2>&-; exec "{sys.executable}" -c "$0"', program]
    assert subprocess.run(command, cwd=tmp_path, env=environment, check=False).returncode == 0
    assert int((tmp_path / "file").read_text()) > 2


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONUTF8": "0", "LC_ALL": "C"}])
def test_a_terminal_of_few_letters(tmp_path: Path, variables: dict[str, str]) -> None:
    paths = {"PYTHONPATH": str(Path(nbcnn.__file__).parent.parent)}
    command = [sys.executable, "-m", "nbcnn", "summary", "lenet"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **variables, **paths}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode("ascii").startswith("lenet: input 1?28?28\n")
