"""Kill a training again and again, at random moments and while it saves, and go on each time: nothing may be lost.

python tests/trust/kills.py --kills 200 --seed 1
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from nbcnn.runs.checkpoint import load_tensors
from nbcnn.runs.run_folder import Run
from nbcnn.training.state import read_state
from trust.small import result, write_small

EPOCHS = 60
"""One training is 660 steps, 330 saved states and 60 epochs: a second or two, but for its kills."""


class Survived(NamedTuple):
    """How many kills there were, how many of them met a file half written, and how many trainings they were in."""

    kills: int
    in_saves: int
    trainings: int


def survive(folder: Path, kills: int, seed: int) -> Survived:
    """Train and kill until there were so many kills; AssertionError tells what was lost."""
    dice, done, in_saves, trainings = random.Random(seed), 0, 0, 0
    while done < kills:
        trainings += 1
        source = write_small(folder, EPOCHS, seed=trainings)
        assert train(source, folder / f"plain-{trainings}").wait(60) == 0
        whole, run = result(folder / f"plain-{trainings}"), folder / f"killed-{trainings}"
        step = 0
        while True:
            process = train(source, run)
            met = "" if done == kills else kill(process, run, dice)
            if not met:
                assert process.wait(60) == 0, "a resumed training failed"
                break
            done, in_saves = done + 1, in_saves + (met == "save")
            step = check(run, whole, step)
        assert result(run) == whole, f"training {trainings} of seed {seed} came to something else"
        assert not list(run.glob(".nbcnn*")), "half written files are left"
    return Survived(done, in_saves, trainings)


def train(source: Path, run: Path) -> subprocess.Popen[bytes]:
    """A training in a process of its own: a new one, or one that goes on where there is something to go on from."""
    words = ["--resume", str(run)] if (run / "config.yaml").exists() else [str(source), "--out", str(run)]
    if words[0] != "--resume" and run.exists():  # killed before the config was written: there was no training yet
        for file in run.iterdir():
            file.unlink()
        run.rmdir()
    return subprocess.Popen([sys.executable, "-m", "nbcnn", "train", *words], stdout=subprocess.DEVNULL)


def kill(process: subprocess.Popen[bytes], run: Path, dice: random.Random) -> str:
    """Kill it in its start, its steps, a save or the end of an epoch, as the dice fall; "" if that was too late."""
    when = dice.choice(["start", "steps", "save", "save", "end", "end"])
    if when == "start":
        time.sleep(dice.uniform(0, 0.8))
    else:
        wait_for(process, run / "state.safetensors")
        time.sleep(dice.uniform(0, 0.3))
    if when == "end":  # weights, metrics and state are written one after the other
        wait_for(process, run / "last.safetensors")
        time.sleep(dice.uniform(0, 0.008))
    while when == "save" and process.poll() is None and not any(run.glob(".nbcnn*")):
        pass
    if process.poll() is not None:
        return ""
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return "save" if any(run.glob(".nbcnn*")) else when if when != "save" else "steps"


def wait_for(process: subprocess.Popen[bytes], file: Path) -> None:
    """Until the file is written anew, or the process has ended."""

    def written() -> int:
        return file.stat().st_mtime_ns if file.exists() else 0

    before = written()
    while process.poll() is None and written() == before:
        time.sleep(0.0002)


def check(folder: Path, whole: dict[str, object], step: int) -> int:
    """What a kill may not have harmed; returns the step that is saved, never one before ``step``."""
    for file in folder.glob("*.safetensors"):
        load_tensors(file)
    if not (folder / "config.yaml").exists():
        return 0
    run = Run.open(folder)
    position, records = read_state(run).position, whole["metrics"]
    assert isinstance(records, list)
    assert position.step >= step, f"step {step} was saved, and now it is {position.step}"
    logged = [{key: row[key] for key in records[0]} for row in run.metrics()]
    assert position.epochs <= len(logged) <= position.epochs + 1, "metrics are lost, or from nowhere"
    assert logged == records[: len(logged)], "metrics are others than without kills"
    return position.step


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    asked = parser.parse_args()
    print(f"seed {asked.seed}")
    with tempfile.TemporaryDirectory() as place:
        survived = survive(Path(place), asked.kills, asked.seed)
    print(f"{survived.kills} kills survived, {survived.in_saves} of them in a save, in {survived.trainings} trainings")
