"""The process that watches a command with plugins: crashes, hangs and ends are told, signals and exit codes pass."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from exhaustive import exhaustive, parametrize
from plugin_files import BACKEND, empty_folder, write  # noqa: F401 (a fixture)

from nbcnn.cli import _watchdog

pytestmark = pytest.mark.usefixtures("folder")

NET = """\
name: tiny
input: {channels: 1, height: 8, width: 8}
layers: [{conv2d: {out_channels: 2, kernel_size: 3, backend: mine}}, flatten, {linear: {out_features: 10}}]
data: {folder: images, grayscale: true}
train: {epochs: 400, batch_size: 8, optimizer: {sgd: {lr: 0.1}}, threads: 1}
"""


def start(*words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nbcnn", *words],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ends(*words: str, code: int, **environment: str) -> str:
    process = start(*words, **environment)
    out, err = process.communicate()
    assert process.returncode == code, out + err
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # nothing is left
    return err


def pictures() -> None:
    from trust.seeds import picture_folder

    picture_folder(Path("images"))
    write(Path("tiny.yaml"), NET)


def in_training(statement: str) -> None:
    """A plugin whose backend does something at its first call on numbers; that is in a training."""
    text = BACKEND.replace("    dx[:] = 0", "    pass").replace(
        "def grad_weight(x, dy, dw, db, scratch):\n",
        f"def grad_weight(x, dy, dw, db, scratch):\n    global CALLS\n    CALLS += x.any()\n    if CALLS > 20:\n        {statement}\n",
    )
    write(Path("mine.py"), "import ctypes, os, time\n\nCALLS = 0\n" + text)


def test_a_command_without_plugins_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NBCNN_PLUGINS", raising=False)
    assert not _watchdog.needed(["train", "lenet", "--epochs", "3"])
    assert _watchdog.needed(["train", "lenet", "--plugin", "mine"])
    assert _watchdog.needed(["train", "lenet", "--plugin=mine.py"])
    assert _watchdog.needed(["kernels", "check", "mine.py"])
    monkeypatch.setenv("NBCNN_PLUGINS", "mine.py")
    assert _watchdog.needed(["train", "lenet"])


def test_a_crash_in_a_training_is_told_with_what_is_kept_and_how_to_check() -> None:
    pictures()
    in_training("ctypes.string_at(0)")
    err = ends("train", "tiny.yaml", "--plugin", "mine.py", "--out", "run", code=2)
    crash, check, saved = err.splitlines()[-3:]
    assert crash == (
        "error: the command crashed (SIGSEGV) in a step of the training, with the plugin mine.py: likely it reads or "
        "writes far out of its arrays"
    )
    assert check == "error: nbcnn kernels check mine.py says what is wrong"
    assert saved.startswith("error: run keeps what was saved after epoch ")
    assert saved.endswith("train --resume run --plugin mine.py")


def test_a_plugin_that_ends_the_process_in_training_is_told() -> None:
    pictures()
    in_training("os._exit(0)")
    err = ends("train", "tiny.yaml", "--plugin", "mine.py", "--out", "run", code=2)
    assert "error: a step of the training ended the program (exit code 0); a plugin only defines" in err


def test_a_process_that_somebody_killed_is_not_laid_to_the_plugin() -> None:
    pictures()
    in_training("os.kill(os.getpid(), 9)")
    err = ends("train", "tiny.yaml", "--plugin", "mine.py", "--out", "run", code=-signal.SIGKILL)
    assert "error" not in err


@parametrize(
    "text, code, words",
    [
        ("import time\ntime.sleep(1000)\n", 2, "error: loading mine.py has not come back within 2 s, so the command"),
        ("while True: pass\n", 2, "error: loading mine.py has not come back within 2 s, so the command was ended"),
        ("import os\nos._exit(0)\n", 2, "error: loading mine.py ended the program (exit code 0); a plugin only"),
        ("import ctypes\nctypes.string_at(0)\n", 2, "error: the command crashed (SIGSEGV) in loading mine.py, with"),
    ],
    quick=lambda case: "os._exit" in case[0],
)
def test_a_plugin_that_blocks_or_ends_the_program_while_it_is_loaded(text: str, code: int, words: str) -> None:
    write(Path("mine.py"), text + BACKEND)
    assert words in ends("plugin", "list", "--plugin", "mine.py", code=code, NBCNN_PATIENCE="2")


def test_a_function_of_a_backend_that_never_comes_back_is_named() -> None:
    text = BACKEND.replace("        return None", "        while True: pass")
    write(Path("mine.py"), text)
    err = ends("plugin", "list", "--plugin", "mine.py", code=2, NBCNN_PATIENCE="2")
    assert "error: mine.py: supports of conv2d=mine has not come back within 2 s, so the command was ended" in err
    assert "error: NBCNN_PATIENCE=600 in the environment allows 600 seconds" in err


def test_a_patience_that_is_no_number_is_refused() -> None:
    write(Path("mine.py"), BACKEND)
    err = ends("plugin", "list", "--plugin", "mine.py", code=2, NBCNN_PATIENCE="long")
    assert err == "error: NBCNN_PATIENCE must be a number of seconds above 0, got 'long'\n"


@parametrize("whom", ["the watcher", "both"], quick=["both"])
@parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)], quick=[(signal.SIGINT, 130)])
def test_a_signal_stops_a_training_once(whom: str, number: signal.Signals, code: int) -> None:
    pictures()
    write(Path("tiny.yaml"), NET.replace("batch_size: 8", "batch_size: 2"))
    in_training("open('slow', 'w'), time.sleep(0.8)")
    process = start("train", "tiny.yaml", "--plugin", "mine.py", "--out", "run")
    while not Path("slow").exists():
        assert process.poll() is None
        time.sleep(0.02)
    if whom == "both":
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == code, out + err
    assert "stopped; saved in run after step" in out  # a second one would not have waited for the step
    assert "train --resume run --plugin mine.py" in out


@exhaustive
def test_a_call_that_never_comes_back_can_be_stopped_by_a_second_ctrl_c() -> None:
    pictures()
    stop = "open('hangs', 'w'); signal.pthread_sigmask(signal.SIG_BLOCK, [2]); ctypes.PyDLL(None).sleep(1000)"
    in_training(stop)
    write(Path("mine.py"), "import signal\n" + Path("mine.py").read_text())
    process = start("train", "tiny.yaml", "--plugin", "mine.py", "--out", "run")
    while not Path("hangs").exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "error: stopped, but a step of the training did not come back and was ended" in err
    assert "error: nbcnn kernels check mine.py says what is wrong" in err
