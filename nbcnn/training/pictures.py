"""The pictures of a finished training: curves, confusion matrix, samples, augmented images."""

from __future__ import annotations

import numpy as np

from nbcnn.data import Dataset, epoch_moves
from nbcnn.engine.executor import Executor
from nbcnn.report.augmented import EPOCHS, IMAGES, draw_augmented
from nbcnn.report.confusion import draw_confusion
from nbcnn.report.curves import draw_curves
from nbcnn.report.figure import attempted
from nbcnn.report.image_choice import evenly
from nbcnn.report.samples import draw_samples
from nbcnn.runs.checkpoint import load_weights
from nbcnn.runs.run_folder import Run
from nbcnn.training.evaluation import Evaluation, evaluate_with
from nbcnn.training.prediction import probabilities


def draw_run(run: Run, executor: Executor, data: Dataset) -> None:
    """Draw curves.png, confusion.png, samples.png and, where images were augmented, augmented.png.

    The executor's network gets the best checkpoint's weights. What can't be drawn costs a warning, never the training.
    """
    network = executor.network
    weights, metadata = load_weights(run.weights_path("best"), network.tensor_shapes)
    network.load_state_dict(weights, str(run.weights_path("best")))
    epoch = metadata.get("epoch", "")  # weights that somebody put there have none
    best = int(epoch) if epoch.isdecimal() else None
    of = "best checkpoint" if best is None else f"best checkpoint (epoch {best})"
    with attempted(run.curves):
        run.check()
        draw_curves(run.metrics(), run.curves, network.config.name, best=best)
    tested: Evaluation | None = None
    with attempted(run.confusion, run.samples):
        tested = evaluate_with(executor, data)
    if tested is not None:
        with attempted(run.confusion):
            run.check()
            draw_confusion(tested.confusion, data.classes, run.confusion, of)
        with attempted(run.samples):
            confidences = probabilities(executor.predict(data.test.images)).max(axis=1)
            images = viewable(data.test.images)
            names = [*data.classes, *(str(output) for output in range(len(data.classes), tested.outputs))]
            run.check()
            draw_samples(images, tested.labels, tested.guesses, confidences, names, run.samples, of)
    settings = network.config.train
    if settings.augment:
        padding, p = settings.augment.random_crop.padding, settings.augment.random_horizontal_flip.p
        with attempted(run.augmented):
            chosen = evenly(data.train.labels.tolist(), IMAGES)
            first, count = viewable(data.train.images[chosen]), max(chosen) + 1
            drawn = [epoch_moves(count, settings.seed, epoch, padding=padding, p=p) for epoch in range(1, EPOCHS + 1)]
            moves = [each[chosen] for each in drawn if each is not None]
            run.check()
            draw_augmented(first, moves, run.augmented, str(settings.augment))


def viewable(images: np.ndarray) -> np.ndarray:
    """Images uint8 (N, C, H, W) as a person can look at them: grey or colour as they are, else the mean of channels."""
    channels = images.shape[1]
    if channels in (1, 3):
        return images
    mean: np.ndarray = images.sum(axis=1, dtype=np.uint32, keepdims=True) // channels
    return mean.astype(np.uint8)
