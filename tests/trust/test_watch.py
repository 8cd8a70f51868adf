"""The watch over fuzzed input: what it must notice is done here, and noticed."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nbcnn.errors import DataError
from trust.targets import assert_fit, refused
from trust.watch import memory_below, watched

pytestmark = pytest.mark.trust

PLANTED: dict[str, Callable[[Path], object]] = {
    r"reads /etc/passwd": lambda folder: open("/etc/passwd").close(),
    r"reads .*outside": lambda folder: (folder / "link").read_text(),
    r"writes .*other": lambda folder: (folder.parent / "other").write_text("x"),
    r"os\.mkdir": lambda folder: (folder.parent / "made").mkdir(),
    r"os\.remove": lambda folder: (folder.parent / "outside").unlink(),
    r"os\.rename": lambda folder: os.replace(folder / "inside", folder.parent / "moved"),
    r"subprocess\.Popen": lambda folder: subprocess.run([sys.executable, "-c", ""], check=True),
    r"os\.system": lambda folder: os.system("true"),
    r"socket\.": lambda folder: socket.socket().close(),
    r"pickle\.find_class": lambda folder: pickle.loads(pickle.dumps(os.getcwd)),
    r"compile of <string>|exec of <string>": lambda folder: eval("1 + 1"),
    r"exec of .*evil\.py": lambda folder: exec(compile("x = 1", str(folder / "evil.py"), "exec")),
}


@pytest.mark.parametrize("words", PLANTED)
def test_what_is_planted_is_noticed(words: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "inside").write_text("x")
    (tmp_path / "outside").write_text("x")
    (folder / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(AssertionError, match=words), watched(folder):
        PLANTED[words](folder)


def test_what_is_allowed_is_not(tmp_path: Path) -> None:
    with watched(tmp_path) as watch:
        (tmp_path / "a").write_text("x")
        os.replace(tmp_path / "a", tmp_path / "b")
        (tmp_path / "b").read_text()
    assert watch.opened == 2


def test_memory_is_noticed_even_where_it_is_given_back() -> None:
    with pytest.raises(AssertionError, match=r"8,\d{3},\d{3} bytes were asked for"), memory_below(1 << 20):
        np.empty(1 << 23, np.uint8)


def test_errors_of_others_warnings_and_unfit_sentences_are_noticed() -> None:
    def fail(error: Exception) -> None:
        raise error

    with pytest.raises(ValueError, match="x"):
        refused(lambda: fail(ValueError("x")))
    with pytest.raises(AssertionError):
        refused(lambda: warnings.warn("x", UserWarning, stacklevel=1))
    with pytest.raises(AssertionError, match="without a word"):
        refused(lambda: fail(DataError("")))
    assert isinstance(refused(lambda: fail(DataError("x"))), DataError)
    for text in ("\x1b[1m", "\x9b", "\u202e", "\ud800", "\r", "a\x00", "Traceback", "x" * 40_000):
        with pytest.raises(AssertionError):
            assert_fit(text)
