"""The pictures of a finished training: curves, confusion matrix, samples, augmented images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.config import Config
from nbcnn.data import Dataset
from nbcnn.engine.executor import Executor
from nbcnn.kernels.augmented_packs import PARTNER, VALUE
from nbcnn.report.augmented import EPOCHS, IMAGES, draw_augmented
from nbcnn.report.confusion import draw_confusion
from nbcnn.report.curves import draw_curves
from nbcnn.report.figure import attempted
from nbcnn.report.image_choice import evenly
from nbcnn.report.samples import draw_samples
from nbcnn.runs.run_folder import Run
from nbcnn.training.augmentation import draw_augmentations
from nbcnn.training.evaluation import Evaluation, evaluate_with
from nbcnn.training.final_test import load_best
from nbcnn.training.prediction import probabilities


class Drawn(NamedTuple):
    """What the pictures were drawn from: the evaluation of the best weights on the test images, and the probabilities
    (N,) of its guesses; None for what could not be computed.
    """

    tested: Evaluation | None
    confidences: np.ndarray | None


def draw_run(run: Run, executor: Executor, data: Dataset, tested: Evaluation | None = None) -> Drawn:
    """Draw curves.png, confusion.png, samples.png and, where images were augmented, augmented.png.

    The executor's network gets the best checkpoint's weights; ``tested`` is their evaluation on the test images, if it
    was made. What can't be drawn costs a warning, never the training.
    """
    network = executor.network
    best = load_best(run, network)
    of = "best checkpoint" if best is None else f"best checkpoint (epoch {best})"
    with attempted(run.curves):
        run.check()
        draw_curves(run.metrics(), run.curves, network.config.name, best=best)
    confidences = None
    with attempted(run.confusion, run.samples):
        tested = tested or evaluate_with(executor, data)
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
        with attempted(run.augmented):
            chosen = evenly(data.train.labels.tolist(), IMAGES)
            numbers, augmentations = first_epochs(network.config, data, chosen)
            run.check()
            images, words = viewable(data.train.images[numbers]), str(settings.augment)
            draw_augmented(images, augmentations, run.augmented, words, len(chosen))
    return Drawn(tested, confidences)


def first_epochs(config: Config, data: Dataset, chosen: list[int]) -> tuple[list[int], list[np.ndarray]]:
    """The numbers of the ``chosen`` training images and of those mixed with them, and their augmentations in EPOCHS.

    Colours that are erased with are bytes, so that the picture can show them.
    """
    settings, images = config.train, data.train.images
    drawn = [
        draw_augmentations(settings.augment, len(images), settings.seed, epoch, images.shape[2:])
        for epoch in range(1, EPOCHS + 1)
    ]
    found = [each for each in drawn if each is not None]
    partners = [each[chosen, PARTNER].astype(int).tolist() for each in found] if settings.augment.mixup else []
    numbers = [*chosen, *(number for each in partners for number in each)]
    augmentations = [np.ascontiguousarray(each[numbers]) for each in found]
    for epoch, each in enumerate(augmentations):
        if each.dtype.kind == "f":
            each[:, VALUE] = np.clip((each[:, VALUE] * config.data.std[0] + config.data.mean[0]) * 255, 0, 255)
        if partners:
            each[: len(chosen), PARTNER] = len(chosen) * (1 + epoch) + np.arange(len(chosen))
    return numbers, augmentations


def viewable(images: np.ndarray) -> np.ndarray:
    """Images uint8 (N, C, H, W) as a person can look at them: grey or colour as they are, else the mean of channels."""
    channels = images.shape[1]
    if channels in (1, 3):
        return images
    mean: np.ndarray = images.sum(axis=1, dtype=np.uint32, keepdims=True) // channels
    return mean.astype(np.uint8)
