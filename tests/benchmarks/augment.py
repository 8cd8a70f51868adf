"""What augmentation costs a training step, and what it is good for: LeNet on the embedded images.

    python tests/benchmarks/augment.py speed [--threads 1]
    python tests/benchmarks/augment.py accuracy [--epochs 200] [--seeds 3]

Accuracies and losses are means of the last ten epochs and of all seeds; twelve trainings of 200 epochs take minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from statistics import fmean, median

import numpy as np

import nbcnn
from nbcnn.autotune.sampler import Contender, take_rounds
from nbcnn.bench.rows import as_rates
from nbcnn.config import load_config
from nbcnn.config.augment import AugmentConfig
from nbcnn.engine.engine import Engine
from nbcnn.training.augmentation import draw_augmentations
from nbcnn.training.model import Model

CROP, FLIP = "train.augment.random_crop.padding=2", "train.augment.random_horizontal_flip.p=0.5"
_SHIFTS = {"random_crop": {"padding": 2}, "random_horizontal_flip": {"p": 0.5}}
SPEEDS: dict[str, dict] = {
    "none": {},
    "shifts and flips": _SHIFTS,
    "the same, reflected": _SHIFTS | {"random_crop": {"padding": 2, "padding_mode": "reflect"}},
    "random_erasing": {"random_erasing": {}},
    "mixup": {"mixup": {}},
    "random_affine": {"random_affine": {"degrees": 15}},
}
"""The sections ``train.augment`` whose cost is measured."""
WAYS = {"none": (), "flip": (FLIP,), "crop": (CROP,), "crop and flip": (CROP, FLIP)}


def speed(threads: int) -> None:
    """Steps without augmentation and with each kind of it in turn, on batches of LeNet's size from 10,000 images."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (10_000, 1, 28, 28), dtype=np.uint8), rng.integers(0, 10, 10_000)
    given = {
        name: draw_augmentations(AugmentConfig.model_validate(way), 10_000, 0, 1, (28, 28))
        for name, way in SPEEDS.items()
    }
    engines = {name: Engine(Model(load_config("lenet")), threads=threads) for name in SPEEDS}
    steps = rng.permutation(10_000)[:1280].reshape(-1, 64)

    def epoch(name: str) -> None:
        for order in steps:
            engines[name].train_step(images, labels, order, given[name])

    contenders = [Contender(name, partial(epoch, name)) for name in SPEEDS]
    rates = as_rates(take_rounds(contenders, 41), steps.size)
    for name in SPEEDS:
        ratios = [there / here for there, here in zip(rates[name], rates["none"], strict=True)]
        speed = f"{median(rates[name]):,.0f} images/s, {median(ratios):.3f} of those without, within rounds"
        print(f"LeNet's training steps, {threads} threads, {name}: {speed}")


def accuracy(epochs: int, seeds: int) -> None:
    """All ways to augment with each seed."""
    stops = [stop for stop in (40, 100, 200) if stop < epochs] + [epochs]
    print("augmentation    " + "".join(f"{stop:>6} epochs: test, loss, training" for stop in stops))
    with tempfile.TemporaryDirectory() as folder:
        for way, sets in WAYS.items():
            runs = []
            for seed in range(seeds):
                out = Path(folder) / f"{way}-{seed}"
                # The test images after each epoch: the table is of epochs, and nothing is chosen by it.
                sets = (*sets, "data.validation=null")
                runs.append(nbcnn.train("lenet", sets=sets, epochs=epochs, seed=seed, out=out).metrics())
            cells = []
            for stop in stops:
                last = [record for records in runs for record in records[stop - 10 : stop]]
                means = [fmean(r[key] for r in last) for key in ("test_accuracy", "test_loss", "train_accuracy")]
                cells.append("{:>17.1%}  {:.3f}  {:8.1%}".format(*means))
            print(f"{way:<16}" + " ".join(cells))


def main() -> None:
    """One of both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "accuracy"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    if given.what == "speed":
        speed(given.threads)
    else:
        accuracy(given.epochs, given.seeds)


if __name__ == "__main__":
    main()
