"""Layers, a family a file, and what they share: base class, calls, config entries, field types."""

from nbcnn.layers.base import LAYERS, Layer, LayerConfig

__all__ = ["LAYERS", "Layer", "LayerConfig"]
