"""nbcnn: convolutional networks from YAML, on Numba kernels that read like the formulas.

net = nbcnn.load("lenet")            # a model's name, a YAML file or a run folder
scores = net(x)                      # x: float32 (N, C, H, W)
run = nbcnn.train("lenet")           # trains it; returns the run folder
nbcnn.evaluate(run.folder).accuracy
nbcnn.predict(run.folder, "shoe.jpg")[0].name
nbcnn.compare("lenet", ["conv2d=direct", "conv2d=fft"])   # same seed, other kernels
nbcnn.check("lenet").findings        # advice on its architecture
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nbcnn.util.version import __version__

if TYPE_CHECKING:
    from nbcnn import data, errors, exercises, functional
    from nbcnn.config import Overrides
    from nbcnn.errors import NbcnnError
    from nbcnn.introspect.activations import activations
    from nbcnn.introspect.check import check
    from nbcnn.introspect.equivariance import equivariance
    from nbcnn.introspect.field_table import receptive_fields
    from nbcnn.introspect.filters import filters
    from nbcnn.introspect.measured_field import measured_field
    from nbcnn.introspect.saliency import saliency
    from nbcnn.introspect.trace.layer import explain_conv
    from nbcnn.plugin import register
    from nbcnn.plugins import load_plugin
    from nbcnn.training.comparison import compare
    from nbcnn.training.doctor.doctor import doctor
    from nbcnn.training.evaluation import Evaluation, evaluate
    from nbcnn.training.folding import fold
    from nbcnn.training.loading import load
    from nbcnn.training.model import Model
    from nbcnn.training.model import Model as Network
    from nbcnn.training.prediction import Prediction, predict
    from nbcnn.training.resume import resume
    from nbcnn.training.run_report.report import write_report
    from nbcnn.training.seeds import resume_seeds, train_seeds
    from nbcnn.training.train import train

_HOME = {
    "Evaluation": "nbcnn.training.evaluation",
    "Model": "nbcnn.training.model",
    "NbcnnError": "nbcnn.errors",
    "Overrides": "nbcnn.config",
    "Prediction": "nbcnn.training.prediction",
    "activations": "nbcnn.introspect.activations",
    "check": "nbcnn.introspect.check",
    "compare": "nbcnn.training.comparison",
    "doctor": "nbcnn.training.doctor.doctor",
    "equivariance": "nbcnn.introspect.equivariance",
    "evaluate": "nbcnn.training.evaluation",
    "explain_conv": "nbcnn.introspect.trace.layer",
    "filters": "nbcnn.introspect.filters",
    "fold": "nbcnn.training.folding",
    "load": "nbcnn.training.loading",
    "load_plugin": "nbcnn.plugins",
    "measured_field": "nbcnn.introspect.measured_field",
    "predict": "nbcnn.training.prediction",
    "receptive_fields": "nbcnn.introspect.field_table",
    "resume": "nbcnn.training.resume",
    "resume_seeds": "nbcnn.training.seeds",
    "saliency": "nbcnn.introspect.saliency",
    "train": "nbcnn.training.train",
    "train_seeds": "nbcnn.training.seeds",
    "write_report": "nbcnn.training.run_report.report",
}

_MODULES = {
    "data": "nbcnn.data",
    "errors": "nbcnn.errors",
    "exercises": "nbcnn.exercises",
    "functional": "nbcnn.functional",
    "register": "nbcnn.plugin.register",
}
_OTHER_NAMES = {"Network": "Model"}

__all__ = [
    "Evaluation",
    "Model",
    "NbcnnError",
    "Network",
    "Overrides",
    "Prediction",
    "__version__",
    "activations",
    "check",
    "compare",
    "data",
    "doctor",
    "equivariance",
    "errors",
    "evaluate",
    "exercises",
    "explain_conv",
    "filters",
    "fold",
    "functional",
    "load",
    "load_plugin",
    "measured_field",
    "predict",
    "receptive_fields",
    "register",
    "resume",
    "resume_seeds",
    "saliency",
    "train",
    "train_seeds",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import on demand, so that ``nbcnn --help`` need not wait for NumPy and Numba."""
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _OTHER_NAMES:
        return __getattr__(_OTHER_NAMES[name])
    if name in _HOME:
        value = globals()[name] = getattr(import_module(_HOME[name]), name)
        return value
    raise AttributeError(f"module 'nbcnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What is public, whether it has been imported yet or not, so that notebooks complete it."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
