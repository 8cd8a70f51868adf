"""Layers: one file for each family, found by being here."""

from nbcnn.layers.base import LAYERS, Layer, LayerConfig

__all__ = ["LAYERS", "Layer", "LayerConfig"]
