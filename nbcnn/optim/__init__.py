"""Optimizers, a family a file; parameter groups, gradient clipping, averages of weights."""

from nbcnn.optim.base import OPTIMIZERS, Optimizer, OptimizerConfig
from nbcnn.optim.parameter_groups import make_optimizer

__all__ = ["OPTIMIZERS", "Optimizer", "OptimizerConfig", "make_optimizer"]
