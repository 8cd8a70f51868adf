"""A data set: stripes at ten angles, made on the spot. The file's name is its name in YAML and for --data.

Images that lie in a folder need no plugin: see `nbcnn data info FOLDER`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nbcnn.plugin import Dataset, DataSource, Split, register


@register.dataset()
class MyDataSet(DataSource):
    """Images uint8 (N, C, H, W), labels int64 (N,) from 0 on, in two parts: for training and for testing."""

    title = "Stripes"
    description = "stripes at ten angles under noise, grey, 28 x 28"
    licence = "CC0"
    classes = tuple(f"{18 * k} degrees" for k in range(10))  # the names of labels 0 to 9
    counts = (3000, 600)  # training and test images
    embedded = True  # there is nothing to fetch

    def locate(self, data_dir: Path | None = None) -> Path | None:
        """Where the images are on this machine, or None if they have to be fetched first."""
        return Path(__file__).parent

    def fetch(self, data_dir: Path | None = None) -> Path:
        """Bring them here; nbcnn/data/sets/mnist.py shows a data set that is fetched and checked."""
        return Path(__file__).parent

    def load(self, data_dir: Path | None = None) -> Dataset:
        """Both parts; the same images every time."""
        train, test = (self._draw(count, seed) for seed, count in enumerate(self.counts))
        return Dataset(self.name, train, test, self.classes, "made on the spot")

    def _draw(self, count: int, seed: int) -> Split:
        random = np.random.default_rng(seed)
        labels = random.integers(0, len(self.classes), count)
        angles = np.deg2rad(18 * labels)[:, None, None]
        rows, columns = np.mgrid[:28, :28]
        waves = np.sin((np.cos(angles) * rows + np.sin(angles) * columns) * 2 * np.pi / 7)  # (N, 28, 28)
        images = 90 + 60 * waves + random.integers(0, 100, waves.shape)
        return Split(images.astype(np.uint8)[:, None], labels)
