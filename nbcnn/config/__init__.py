"""Configs: YAML, mappings and the command line's overrides, validated into frozen models with every default shown."""

from nbcnn.config.loader import find_model, load_config, model_names
from nbcnn.config.overrides import Overrides
from nbcnn.config.schema import CheckpointEvery, Config, DataConfig, InputConfig, OptimizerChoice, TrainConfig

__all__ = [
    "CheckpointEvery",
    "Config",
    "DataConfig",
    "InputConfig",
    "OptimizerChoice",
    "Overrides",
    "TrainConfig",
    "find_model",
    "load_config",
    "model_names",
]
