"""Configs: YAML, mappings and command-line overrides, validated into frozen models with all defaults."""

from nbcnn.config.data import DataConfig
from nbcnn.config.loader import find_model, load_config, model_names
from nbcnn.config.optimizer import OptimizerChoice
from nbcnn.config.overrides import Overrides
from nbcnn.config.schema import Config, InputConfig
from nbcnn.config.train import CheckpointEvery, EarlyStopping, TrainConfig

__all__ = [
    "CheckpointEvery",
    "Config",
    "DataConfig",
    "EarlyStopping",
    "InputConfig",
    "OptimizerChoice",
    "Overrides",
    "TrainConfig",
    "find_model",
    "load_config",
    "model_names",
]
