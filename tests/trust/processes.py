"""Tiny trainings in processes of their own, as a person starts them, and what they leave."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import nbcnn
from nbcnn.runs.checkpoint import load_tensors

ROOT = Path(nbcnn.__file__).parent.parent

TINY = """\
name: tiny
input: {channels: 1, height: 28, width: 28}
layers:
  - flatten
  - linear: {out_features: 10}
train: {epochs: 1, batch_size: 500, threads: 2, optimizer: {sgd: {lr: 0.1}}}
"""

POWERLESS = """
import ctypes, os, sys
try:
    for power in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: root would get at every file otherwise
        ctypes.CDLL(None).prctl(24, power, 0, 0, 0)
except (AttributeError, OSError):
    pass
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Becomes the Python program that its arguments say, with such rights to files as people have who are not root."""

SEVERAL = """
import json, os, sys
import matplotlib.backends.backend_agg, nbcnn.cli, nbcnn.cli.train, nbcnn.cli._progress, nbcnn.training.loop
for line in sys.stdin:
    job = json.loads(line)
    if not os.fork():
        os.environ["NBCNN_CACHE_DIR"] = job["cache"]
        os.chdir(job["folder"])
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        exec(job["first"])
        nbcnn.cli.main(job["words"])
    print(os.wait()[1], flush=True)
"""
"""A program that has imported everything and compiled nothing, and runs each command in a child: a second less for each."""


def environment(cache: Path, source: Path = ROOT) -> dict[str, str]:
    """What a process with this cache, and nbcnn from there, is started with."""
    taken = ("NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT", "NBCNN_PLUGINS")
    kept = {name: value for name, value in os.environ.items() if name not in taken}
    return {**kept, "NBCNN_CACHE_DIR": str(cache), "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}


def start(folder: Path, cache: Path, *words: str, source: Path = ROOT) -> subprocess.Popen[str]:
    """Python with these words, in a folder."""
    command = [sys.executable, "-c", POWERLESS, *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=environment(cache, source), text=True, **pipes)  # type: ignore[call-overload]


def end(process: subprocess.Popen[str]) -> tuple[str, list[str]]:
    """Output, and the lines of the error output; the process must end well."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    return out, err.splitlines()


class Commands:
    """``nbcnn`` in processes of their own: each really started (``really``), or forked from one that has imported all."""

    def __init__(self, folder: Path, really: bool) -> None:
        self.folder, self._really = folder, really
        (folder / "tiny.yaml").write_text(TINY)
        self._server = None if really else start(folder, folder / "none", "-c", SEVERAL)

    def train(self, cache: Path, first: str = "", model: str = "tiny.yaml") -> tuple[str, list[str]]:
        """SHA-256 of the weights after training, and the lines of the error output.

        ``first`` is a program that its process runs before.
        """
        run = f"run-{len(list(self.folder.glob('run-*')))}"
        words = ["train", model, "--out", run]
        if self._server is None:
            program = f"{first}\nfrom nbcnn.cli import main\nmain()"
            _, lines = end(start(self.folder, cache, "-c", program, *words))
        else:
            job = {"cache": str(cache), "folder": str(self.folder), "first": first, "words": words}
            assert self._server.stdin is not None and self._server.stdout is not None
            print(json.dumps(job), file=self._server.stdin, flush=True)
            status = self._server.stdout.readline()
            told = (self.folder / "err").read_text()
            assert status == "0\n", (self.folder / "out").read_text() + told
            lines = told.splitlines()
        return bits(self.folder / run), lines

    def close(self) -> None:
        """End the one that others are forked from."""
        if self._server is not None:
            self._server.communicate(timeout=60)


def bits(run: Path) -> str:
    """SHA-256 of a run's last weights."""
    tensors, _ = load_tensors(run / "last.safetensors")
    return hashlib.sha256(b"".join(tensors[name].tobytes() for name in sorted(tensors))).hexdigest()
