"""Winograd's filtering F(4×4, 3×3), equation (37): 36 products for 16 pixels, where the formula has 144."""

from __future__ import annotations

from nbcnn.kernels.conv2d._winograd_backend import WinogradBackend
from nbcnn.kernels.registry import register


@register("conv2d")
class Winograd(WinogradBackend):
    """3×3 at stride 1 in tiles of 4×4: a quarter of the products"""

    m = 4
