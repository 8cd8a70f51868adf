"""nbcnn: convolutional networks from YAML, on Numba kernels that read like the formulas.

net = nbcnn.load("lenet")            # a model's name, a YAML file or a run folder
scores = net(x)                      # x: float32 (N, C, H, W)
run = nbcnn.train("lenet")           # trains it; returns the run folder
nbcnn.evaluate(run.folder).accuracy
nbcnn.predict(run.folder, "shoe.jpg")[0].name
nbcnn.compare("lenet", ["conv2d=direct", "conv2d=fft"])   # same seed, other kernels
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbcnn import data, errors, functional, register
    from nbcnn.comparison import compare
    from nbcnn.config import Overrides
    from nbcnn.errors import NbcnnError
    from nbcnn.evaluation import Evaluation, evaluate
    from nbcnn.loading import load
    from nbcnn.network import Network
    from nbcnn.plugins import load_plugin
    from nbcnn.prediction import Prediction, predict
    from nbcnn.resuming import resume
    from nbcnn.training import train

__version__ = "0.1.0"

_HOME = {
    "Evaluation": "nbcnn.evaluation",
    "NbcnnError": "nbcnn.errors",
    "Network": "nbcnn.network",
    "Overrides": "nbcnn.config",
    "Prediction": "nbcnn.prediction",
    "compare": "nbcnn.comparison",
    "evaluate": "nbcnn.evaluation",
    "load": "nbcnn.loading",
    "load_plugin": "nbcnn.plugins",
    "predict": "nbcnn.prediction",
    "resume": "nbcnn.resuming",
    "train": "nbcnn.training",
}

_MODULES = ("data", "errors", "functional", "register")

__all__ = [
    "Evaluation",
    "NbcnnError",
    "Network",
    "Overrides",
    "Prediction",
    "__version__",
    "compare",
    "data",
    "errors",
    "evaluate",
    "functional",
    "load",
    "load_plugin",
    "predict",
    "register",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import on demand, so that ``nbcnn --help`` need not wait for NumPy and Numba."""
    if name in _MODULES:
        return import_module(f"nbcnn.{name}")
    if name in _HOME:
        value = globals()[name] = getattr(import_module(_HOME[name]), name)
        return value
    raise AttributeError(f"module 'nbcnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What is public, whether it has been imported yet or not, so that notebooks complete it."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
