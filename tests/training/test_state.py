"""The saved state of a training: what comes back, what is refused, and that a kill leaves one consistent state."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nbcnn.errors import CheckpointError
from nbcnn.runs.checkpoint import load_tensors, save_tensors
from nbcnn.runs.run_folder import Run
from nbcnn.training.state import Position, read_state, save_state

SHAPES = {"0.weight": (2, 3), "0.bias": (2,)}
POSITION = Position(epochs=3, step=170, seen=64, right=50, loss_sum=0.1 + 0.2, seconds=1.5, best_accuracy=2 / 3)


def weights(value: float) -> dict[str, np.ndarray]:
    return {name: np.full(shape, value, np.float32) for name, shape in SHAPES.items()}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", "lenet")


def test_all_comes_back_to_the_bit(run: Run) -> None:
    optimizer = {"moments": np.arange(16, dtype=np.float32).reshape(2, 8), "count": np.array([12])}
    config = {"name": "lenet", "train": {"seed": 2**63, "lr": 0.1 + 0.2}}
    save_state(run, weights(0.5), optimizer, POSITION, config, "abc")
    state = read_state(run)
    assert (state.position, state.config, state.data) == (POSITION, config, "abc")
    fresh = {name: np.zeros_like(value) for name, value in optimizer.items()}
    found = state.restore(SHAPES, fresh)
    assert all(np.array_equal(found[name], value) for name, value in weights(0.5).items())
    assert list(found) == list(SHAPES)
    assert fresh["moments"].tolist() == optimizer["moments"].tolist()
    assert fresh["count"].tolist() == [12]
    assert json.loads(run.position.read_text()) == asdict(POSITION)


def test_a_network_may_have_names_like_the_parts_of_the_file(run: Run) -> None:
    names = {"weights.weights.0": np.ones(2, np.float32), "optimizer.x": np.zeros(1, np.float32)}
    state = {"weights": np.full(3, 7, np.float32)}
    save_state(run, names, state, POSITION, {}, "")
    fresh = {"weights": np.zeros(3, np.float32)}
    found = read_state(run).restore({name: value.shape for name, value in names.items()}, fresh)
    assert {name: value.tolist() for name, value in found.items()} == {"weights.weights.0": [1, 1], "optimizer.x": [0]}
    assert fresh["weights"].tolist() == [7, 7, 7]


def test_what_does_not_fit_is_refused_and_fills_nothing(run: Run) -> None:
    with pytest.raises(CheckpointError, match=r"run cannot be resumed: it has no state\.safetensors; train"):
        read_state(run)
    save_state(run, weights(1), {"velocity": np.ones(8, np.float32)}, POSITION, {}, "")
    state, velocity = read_state(run), np.zeros(8, np.float32)
    with pytest.raises(CheckpointError, match=r"state\.safetensors does not fit this network: 0\.bias is "):
        state.restore({"0.weight": (2, 3), "0.bias": (3,)}, {"velocity": velocity})
    with pytest.raises(
        CheckpointError, match=r"does not fit this optimizer: the file has velocity and the optimizer m"
    ):
        state.restore(SHAPES, {"m": velocity})
    assert not velocity.any()


GOOD = asdict(POSITION)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"position": "[1]", "config": "{}"},
        {"position": "nonsense", "config": "{}"},
        {"position": "[" * 100_000, "config": "{}"},
        {"position": json.dumps(GOOD)},
        {"position": json.dumps(GOOD), "config": "[]"},
        *(
            {"position": json.dumps(GOOD | {key: value}), "config": "{}"}
            for key, value in (
                ("step", -1),
                ("step", 2**63),
                ("epochs", True),
                ("seen", 1.0),
                ("right", "7"),
                ("loss_sum", float("nan")),
                ("seconds", None),
                ("best_loss", float("inf")),
                ("more", 1),
            )
        ),
        {"position": json.dumps({k: v for k, v in GOOD.items() if k != "step"}), "config": "{}"},
    ],
)
def test_without_a_position_and_a_config_there_is_nothing_to_go_on_from(run: Run, metadata: dict[str, Any]) -> None:
    save_tensors(run.state, {f"weights.{n}": v for n, v in weights(1).items()}, metadata)
    with pytest.raises(
        CheckpointError, match=r"does not say where training stopped, and with which config; train anew"
    ):
        read_state(run)


def test_an_epoch_that_is_complete() -> None:
    position = Position(1, 200, 100, 50, 3.5, 2.5, 0.5, 0.25)
    position.next_epoch()
    assert position == Position(2, 200, 0, 0, 0.0, 0.0, 0.5, 0.25)


SAVER = """
import sys, itertools, numpy as np
from nbcnn.runs.run_folder import Run
from nbcnn.training.state import Position, save_state
run = Run(sys.argv[1])
for step in itertools.count(1):
    weights = {"0.weight": np.full((200, 300), step, np.float32)}
    run.save("last", weights, {"step": str(step)})
    save_state(run, weights, {"velocity": np.full(60000, step, np.float32)}, Position(step=step), {}, "")
    print(step, flush=True)
"""


def test_a_kill_at_any_moment_leaves_one_consistent_state(run: Run) -> None:
    for delay in (0.001, 0.004, 0.007, 0.011):
        saver = subprocess.Popen([sys.executable, "-c", SAVER, str(run.folder)], stdout=subprocess.PIPE)
        assert saver.stdout is not None
        saver.stdout.readline()
        time.sleep(delay)
        os.kill(saver.pid, signal.SIGKILL)
        saver.wait()
        saver.stdout.close()
        velocity = np.zeros(60000, np.float32)
        state = read_state(run)
        found = state.restore({"0.weight": (200, 300)}, {"velocity": velocity})
        assert set(np.unique(found["0.weight"])) == {state.position.step}
        assert set(np.unique(velocity)) == {state.position.step}
        last, metadata = load_tensors(run.weights_path("last"))
        assert set(np.unique(last["0.weight"])) == {int(metadata["step"])}
        json.loads(run.position.read_text())
