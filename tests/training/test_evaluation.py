"""What an evaluation makes of an engine's losses and guesses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nbcnn.engine.engine import BatchResult
from nbcnn.training.evaluation import evaluate_with

CLASSES = ("a", "b", "c")


def evaluated(losses: np.ndarray, guesses: np.ndarray, labels: np.ndarray) -> Any:
    """An evaluation of an engine that gives these losses and guesses."""
    asked: list[Any] = []

    def evaluate(*arguments: np.ndarray) -> BatchResult:
        asked.append(arguments)
        return BatchResult(losses, guesses)

    images = np.zeros((len(labels), 1, 2, 2), np.uint8)
    data = SimpleNamespace(test=SimpleNamespace(images=images, labels=labels), classes=CLASSES)
    network = SimpleNamespace(out_shape=(len(CLASSES),))
    found = evaluate_with(SimpleNamespace(evaluate=evaluate, network=network), data)  # type: ignore[arg-type]
    ((given, those, order),) = asked
    assert given is images and those is labels and np.array_equal(order, np.arange(len(labels)))
    return found


def test_the_mean_loss_is_summed_in_float64() -> None:
    """Of numbers whose sum float32 can't hold: every order of float32 sums gives another mean."""
    losses = np.ones(4096, np.float32)
    losses[0] = 2.0**25
    found = evaluated(losses, np.zeros(4096, np.int64), np.zeros(4096, np.int64))
    assert found.loss == (2**25 + 4095) / 4096
    assert found.images == 4096


def test_accuracy_and_confusion_count_what_is_right_and_what_was_taken_for_what() -> None:
    labels, guesses = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 1, 0, 2])
    found = evaluated(np.arange(6, dtype=np.float32), guesses, labels)
    assert (found.accuracy, found.loss) == (4 / 6, 15 / 6)
    assert found.confusion.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert found.classes == CLASSES


@pytest.mark.parametrize("wrong", [1, 5])
def test_one_that_is_wrong_costs_one_image(wrong: int) -> None:
    labels = np.arange(6) % 3
    guesses = labels.copy()
    guesses[wrong] = (guesses[wrong] + 1) % 3
    assert evaluated(np.ones(6, np.float32), guesses, labels).accuracy == 5 / 6
