"""Optimizers: each file in this folder is one family."""

from nbcnn.optim.base import OPTIMIZERS, Optimizer, OptimizerConfig

__all__ = ["OPTIMIZERS", "Optimizer", "OptimizerConfig"]
