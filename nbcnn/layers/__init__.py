"""Layers: each file in this folder is one family of layers."""

from nbcnn.layers.base import LAYERS, Layer, LayerConfig

__all__ = ["LAYERS", "Layer", "LayerConfig"]
