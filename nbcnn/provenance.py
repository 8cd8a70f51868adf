"""What run.json says: what a run was made of, when, and with what; and each time that it went on."""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from nbcnn.data import Dataset
from nbcnn.engine import Engine
from nbcnn.kernels.host import target
from nbcnn.network import Network
from nbcnn.plugins import loaded_plugins


def description(network: Network, data: Dataset, engine: Engine) -> dict[str, Any]:
    """The content of a new run's run.json."""
    from nbcnn.picture import has_dark_background

    return {
        **made_with(),
        "started": _now(),
        "threads": engine.crew.size,
        "data": _data(network, data),
        "classes": list(network.classes),
        "dark_background": has_dark_background(data.train.images),
        "backends": {layer.path: layer.backend for layer in network.layers() if layer.op},
        "plugins": [plugin.record() for plugin in loaded_plugins()],
        "auto": [choice.record() for choice in engine.choices],
    }


def made_with() -> dict[str, str]:
    """All that may decide a last bit, besides the config and the data."""
    from nbcnn import __version__

    return {
        "nbcnn": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": version("numba"),
        "machine": f"{platform.system()} {platform.machine()}",
        "cpu": target()[0],
    }


def resumed(
    info: Mapping[str, Any], position: Mapping[str, Any], threads: int, network: Network, data: Dataset
) -> dict[str, Any]:
    """The content of run.json where the run goes on from a position."""
    before = info.get("resumed")
    entry = {
        **made_with(),
        "started": _now(),
        "threads": threads,
        "epochs": position["epochs"],
        "step": position["step"],
    }
    earlier = before if isinstance(before, list) else []
    now = {"data": _data(network, data), "classes": list(network.classes)}
    return {**info, **now, "resumed": [*earlier, entry]}


def _data(network: Network, data: Dataset) -> dict[str, Any]:
    """What the images were: their digest says later whether they still are these."""
    return {
        "name": data.name,
        "source": data.source,
        **{key: len(split) for key, split in zip(("train", "test", "validation"), data.splits.values(), strict=False)},
        "sha256": data.digest,
        "folder": network.config.data.folder,
    }


def warn_of_others(info: Mapping[str, Any], folder: str) -> None:
    """Say so where a run goes on with another version or on another CPU: bits are promised for the same alone."""
    now = made_with()
    other = [
        f"{key} {info[key]} then, {now[key]} now"
        for key in now
        if key != "python" and info.get(key, now[key]) != now[key]
    ]
    if other:
        warnings.warn(
            f"{folder} goes on in another place than it began ({'; '.join(other)}): its bits may not be those of an "
            "uninterrupted training",
            RuntimeWarning,
            stacklevel=3,
        )


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
