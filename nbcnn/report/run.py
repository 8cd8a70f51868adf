"""The pictures of a finished training: curves, confusion and samples of its best checkpoint, augmented images."""

from __future__ import annotations

import numpy as np

from nbcnn.checkpoint import load_weights
from nbcnn.data import Dataset, epoch_moves
from nbcnn.engine import Engine
from nbcnn.evaluation import evaluate_engine
from nbcnn.report.augmented import EPOCHS, IMAGES, draw_augmented
from nbcnn.report.confusion import draw_confusion
from nbcnn.report.curves import draw_curves
from nbcnn.report.evenly import evenly
from nbcnn.report.samples import draw_samples
from nbcnn.runs import Run


def draw_run(run: Run, engine: Engine, data: Dataset) -> None:
    """Draw curves.png, confusion.png, samples.png and, where images were augmented, augmented.png.

    The engine's network gets the best checkpoint's weights.
    """
    network = engine.network
    weights, metadata = load_weights(run.weights_path("best"), network.shapes)
    network.load_state_dict(weights, str(run.weights_path("best")))
    of = f"best checkpoint (epoch {metadata['epoch']})"
    draw_curves(run.metrics(), run.curves, network.config.name, best=int(metadata["epoch"]))
    tested = evaluate_engine(engine, data)
    draw_confusion(tested.confusion, data.classes, run.confusion, of)
    confidences = probabilities(engine.predict(data.test.images)).max(axis=1)
    names = [*data.classes, *(str(output) for output in range(len(data.classes), tested.outputs))]
    draw_samples(data.test.images, tested.labels, tested.guesses, confidences, names, run.samples, of)
    settings = network.config.train
    if settings.augment:
        padding, p = settings.augment.random_crop.padding, settings.augment.random_horizontal_flip.p
        chosen = evenly(data.train.labels.tolist(), IMAGES)
        first, count = data.train.images[chosen], max(chosen) + 1
        drawn = [epoch_moves(count, settings.seed, epoch, padding=padding, p=p) for epoch in range(1, EPOCHS + 1)]
        moves = [each[chosen] for each in drawn if each is not None]
        draw_augmented(first, moves, run.augmented, str(settings.augment))


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Softmax of scores (N, K) along the classes, equation (14)."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return result
