"""Checks that a network fits its data set; the network gets the classes and the settings for reading pictures."""

from __future__ import annotations

import warnings

from nbcnn.data import Dataset
from nbcnn.data.background import has_dark_background
from nbcnn.data.picture import PictureSettings
from nbcnn.engine.network import Network
from nbcnn.training.evaluation import check_data


def check_compatible(network: Network, data: Dataset) -> None:
    """Hold a network and its data against each other, and name its classes; raises DataError, warns of spare scores.

    The network gets what is known of the data: its classes, and how its pictures were read.
    """
    check_data(network, data)
    network.classes = () if data.numbered else data.classes
    dark = has_dark_background(data.train.images, data.test.images)
    network.reading = PictureSettings(data.pictures, dark, data.white_level)
    if data.white_level is not None:  # found in the images, and kept: others must be read as these were
        settings = network.config.data.model_copy(update={"white_level": data.white_level})
        network.config = network.config.model_copy(update={"data": settings})
    if network.out_shape[0] > len(data.classes):
        last = list(network.layers())[-1]
        warnings.warn(
            f"{last.where} gives {network.out_shape[0]} scores, and {data.name} has {len(data.classes)} classes; "
            f"out_features: {len(data.classes)} would do",
            RuntimeWarning,
            stacklevel=3,
        )
