"""The pictures of a finished training, of its best checkpoint: curves, confusion, samples."""

from __future__ import annotations

import numpy as np

from nbcnn.checkpoint import load_weights
from nbcnn.data import Dataset
from nbcnn.engine import Engine
from nbcnn.evaluation import evaluate_engine
from nbcnn.report.confusion import draw_confusion
from nbcnn.report.curves import draw_curves
from nbcnn.report.samples import draw_samples
from nbcnn.runs import Run


def draw_run(run: Run, engine: Engine, data: Dataset) -> None:
    """Draw curves.png, confusion.png and samples.png; the engine's network gets the best checkpoint's weights."""
    network = engine.network
    weights, metadata = load_weights(run.weights_path("best"), network.shapes)
    network.load_state_dict(weights, str(run.weights_path("best")))
    of = f"best checkpoint (epoch {metadata['epoch']})"
    draw_curves(run.metrics(), run.curves, network.config.name, best=int(metadata["epoch"]))
    tested = evaluate_engine(engine, data)
    draw_confusion(tested.confusion, data.classes, run.confusion, of)
    confidences = probabilities(engine.predict(data.test.images)).max(axis=1)
    draw_samples(data.test.images, tested.labels, tested.guesses, confidences, data.classes, run.samples, of)


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Softmax of scores (N, K) along the classes, equation (14)."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return result
