"""The content of run.json: versions, machine, data, options and times of a run, and of each resume."""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np

from nbcnn.autotune.choice import Choice
from nbcnn.compiler.host import LIBRARY_SETTINGS, NOT_SET, fuses, settings, target
from nbcnn.data import Dataset
from nbcnn.data.picture import PictureSettings
from nbcnn.engine.executor import Executor
from nbcnn.engine.network import Network
from nbcnn.plugins import loaded_plugins
from nbcnn.util.blas import described
from nbcnn.util.version import __version__


def description(network: Network, data: Dataset, executor: Executor, choices: Iterable[Choice]) -> dict[str, Any]:
    """The content of a new run's run.json."""
    return {
        **made_with(),
        "started": _now(),
        "threads": executor.threads,
        "data": _data(network, data),
        "classes": list(network.classes),
        **asdict(network.reading or PictureSettings()),
        "backends": {layer.path: layer.backend for layer in network.layers() if layer.op},
        "plugins": [plugin.record() for plugin in loaded_plugins()],
        "auto": [choice.record() for choice in choices],
    }


def made_with() -> dict[str, Any]:
    """All that may decide a last bit, besides the config and the data.

    ``fused`` is whether products and sums may be one instruction; ``settings`` are variables of the environment.
    """
    return {
        "nbcnn": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": version("numba"),
        "machine": f"{platform.system()} {platform.machine()}",
        "cpu": target()[0],
        "fused": "yes" if fuses() else "no",
        "blas": described(),
        "settings": settings(),
    }


def resumed(
    info: Mapping[str, Any],
    position: Mapping[str, Any],
    threads: int,
    network: Network,
    data: Dataset,
    tested: bool,
) -> dict[str, Any]:
    """The content of run.json where the run goes on from a position; ``tested``: it has a result on the test images."""
    before = info.get("resumed")
    entry = {
        **made_with(),
        "started": _now(),
        "threads": threads,
        "epochs": position["epochs"],
        "step": position["step"],
        "tested": tested,
    }
    earlier = before if isinstance(before, list) else []
    now = {"data": _data(network, data), "classes": list(network.classes)}
    return {**info, **now, "resumed": [*earlier, entry]}


def _data(network: Network, data: Dataset) -> dict[str, Any]:
    """The images of the run, with a digest that shows later whether they have changed."""
    return {
        "name": data.name,
        "source": data.source,
        **{key: len(split) for key, split in zip(("train", "test", "validation"), data.splits.values(), strict=False)},
        "sha256": data.digest,
        "folder": network.config.data.folder,
        "done": list(data.done),
    }


def warn_of_others(info: Mapping[str, Any], folder: str) -> None:
    """Say so where a run goes on with another version, on another CPU, or with other settings in the environment.

    Bits are promised for the same alone.
    """
    before, now = dict(info), made_with()
    for known in (before, now):
        own = known.pop("settings", None)
        known.update(own if isinstance(own, dict) else {})
    if "settings" in info:  # what was not set then, or is not set now
        for variable in LIBRARY_SETTINGS:
            before.setdefault(variable, NOT_SET)
            now.setdefault(variable, NOT_SET)
    other = [
        f"{key} {before[key]} then, {now[key]} now"
        for key in now
        if key != "python" and before.get(key, now[key]) != now[key]
    ]
    if other:
        warnings.warn(
            f"{folder} goes on elsewhere or otherwise than it began ({'; '.join(other)}): its bits may not be those of "
            "an uninterrupted training",
            RuntimeWarning,
            stacklevel=3,
        )


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
