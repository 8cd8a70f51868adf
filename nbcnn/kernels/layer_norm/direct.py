"""Layer normalisation: the kernels of normalization_kernels.py."""

from __future__ import annotations

from nbcnn.kernels.normalization_kernels import NormBackend
from nbcnn.kernels.registry import register


@register("layer_norm")
class Direct(NormBackend):
    """the formula in two passes, 16 images at once"""
