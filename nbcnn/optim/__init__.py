"""Optimizers: one file each, found by being here."""

from nbcnn.optim.base import OPTIMIZERS, Optimizer, OptimizerConfig

__all__ = ["OPTIMIZERS", "Optimizer", "OptimizerConfig"]
