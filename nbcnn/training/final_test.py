"""The evaluation on the test images at the end of a training whose validation images chose the checkpoint."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from nbcnn.data import Dataset
from nbcnn.engine.executor import Executor
from nbcnn.engine.network import Network
from nbcnn.errors import CheckpointError
from nbcnn.runs.checkpoint import load_weights
from nbcnn.runs.run_folder import Run
from nbcnn.training.evaluation import Evaluation, evaluate_with
from nbcnn.training.loading import read_info
from nbcnn.util.files import read_file

LARGEST = 1 << 16
"""Bytes of a test.json: some two hundred."""


@dataclass(frozen=True)
class FinalTest:
    """Accuracy (a share) and mean loss of the best checkpoint, that of ``epoch``, on so many test ``images``.

    ``chosen_on`` is what chose it: the validation images. ``loss`` is None where it is no finite number. ``looks`` is
    how often the test images were looked at, this time included: more than once where a training that had been tested
    went on.
    """

    accuracy: float
    loss: float | None
    images: int
    epoch: int | None
    checkpoint: str = "best"
    chosen_on: str = "validation"
    looks: int = 1


def test_is_for_the_end(network: Network, data: Dataset) -> bool:
    """Whether no epoch is tested: ``data.validation`` is set, and so there are validation images."""
    return network.config.data.validation is not None and data.validation is not None


def look_at_test(run: Run, executor: Executor, data: Dataset) -> Evaluation | None:
    """Evaluate the best checkpoint on the test images and write test.json; None where no validation was asked for.

    There every epoch was tested already. The executor's network gets the weights of that checkpoint. Raises
    CheckpointError.
    """
    network = executor.network
    if not test_is_for_the_end(network, data):
        return None
    epoch = load_best(run, network)
    found = evaluate_with(executor, data)
    loss = found.loss if math.isfinite(found.loss) else None
    steps = max((record["step"] for record in run.metrics()), default=0)
    looks = 1 + earlier_looks(run, steps)
    run.write_json(run.test, asdict(FinalTest(found.accuracy, loss, found.images, epoch, looks=looks)))
    return found


def earlier_looks(run: Run, steps: int) -> int:
    """How often the training in this folder looked at the test images before it had made so many steps.

    At the end of a training that later went on, and after each epoch that had no validation images. A training that
    was finished and only draws its pictures again gets the result that it had: that is no other look.
    """
    records = run.metrics()
    entries = read_info(run).get("resumed")
    entries = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    ends = {entry["step"] for entry in entries if entry.get("tested") is True and type(entry.get("step")) is int}
    tested = sum(1 for record in records if record.get("test_accuracy") is not None)
    return tested + sum(1 for step in ends if step < steps)


@contextmanager
def weights_kept(network: Network) -> Iterator[None]:
    """Whatever weights the network gets inside, afterwards it has those of before."""
    before = network.state_dict()
    try:
        yield
    finally:
        network.load_state_dict(before)


def load_best(run: Run, network: Network) -> int | None:
    """Give the network the best checkpoint's weights; returns its epoch, None for weights that don't say it."""
    path = run.weights_path("best")
    weights, metadata = load_weights(path, network.tensor_shapes)
    network.load_state_dict(weights, str(path))
    epoch = metadata.get("epoch", "")  # weights that somebody put there have none
    return int(epoch) if epoch.isdecimal() else None


def times(looks: int) -> str:
    """``once``, ``twice``, ``3 times``"""
    return {1: "once", 2: "twice"}.get(looks, f"{looks:,} times")


def read_result(run: Run) -> FinalTest | None:
    """What test.json says; None where there is none. Raises CheckpointError for one that no training wrote."""
    if not run.test.exists():
        return None
    try:
        found = FinalTest(**json.loads(read_file(run.test, LARGEST, CheckpointError)))
        numbers = [found.accuracy, *([] if found.loss is None else [found.loss])]
        if (
            type(found.looks) is int
            and found.looks > 0
            and all(type(number) in (int, float) and math.isfinite(number) for number in numbers)
        ):
            return found
    except (ValueError, TypeError, RecursionError):
        pass
    raise CheckpointError(f"{run.test} is no result of a test; remove it, and test with: nbcnn eval {run.folder}")
