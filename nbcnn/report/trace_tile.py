"""The steps of a Winograd tile with a sentence each, for terminal, pictures and HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nbcnn.introspect.trace.winograd_gradient import GradientTiles
from nbcnn.report.trace_words import number, refusal, result
from nbcnn.util.formatting import counted

if TYPE_CHECKING:
    import numpy as np

    from nbcnn.introspect.trace.conv2d import ConvTrace


class TileStep(NamedTuple):
    """A matrix on the way, in ``words`` and in ``short`` for a picture, and how it comes from those before: ``sign``.

    ``place`` is that of the number that is traced.
    """

    words: str
    short: str
    sign: str
    matrix: np.ndarray
    place: tuple[int, int] | None = None


def tile_words(trace: ConvTrace) -> str:
    """The equation, the tile and its multiplications."""
    form = trace.tile
    if form is None:
        return f"winograd can't do it: {refusal(trace, 'winograd')}"
    value, error = result(trace, form.backend)
    side, place = form.m + 2, f"row {form.place[0]}, column {form.place[1]}"
    corner = f"row {form.corner[0]}, column {form.corner[1]}"
    if isinstance(form, GradientTiles):
        down, across = form.tiles
        several = down * across > 1
        part = f"has the largest part in the sum, {number(form.share)} by the formula"
        shown = f"; the tile shown, from {corner} on, {part}" if several else ""
        return (
            f"Gᵀ [Σ (A e Aᵀ) ⊙ (Bᵀ d B)] G, equation (39), over {counted(down * across, 'tile')} ({down}×{across}) of "
            f"{form.m}×{form.m} pixels of dy: {side}·{side}·{down * across} = {form.multiplications:,} multiplications "
            f"for all 9 weights of the kernel, where the formula has {form.formula:,}{shown}"
            f"; this weight is at {place} of the kernel; {form.backend} gives {value}, {error}"
        )
    return (
        f"Aᵀ [Σ (G g Gᵀ) ⊙ (Bᵀ d B)] A, equation (36): the tile of {form.m}×{form.m} pixels from {corner} on takes "
        f"{side}·{side}·{form.channels} = {form.multiplications:,} multiplications, where the formula has "
        f"{form.formula:,}; the pixel is at {place} of the tile; {form.backend} gives {value}, {error}"
    )


def tile_steps(trace: ConvTrace) -> list[TileStep]:
    """All matrices in their order; none where ``winograd`` can't do the layer."""
    form = trace.tile
    if form is None:
        return []
    if isinstance(form, GradientTiles):
        several = form.tiles[0] * form.tiles[1] > 1
        of_all = [TileStep("products of all tiles, summed", "all tiles", "Σ", form.sums)] if several else []
        return [
            TileStep("e, gradients: a tile of dy", "e", "", form.gradients),
            TileStep("A e Aᵀ", "A e Aᵀ", "→", form.transformed_gradients),
            TileStep("d, the pixels of x that this tile of y was made from", "pixels d", "", form.pixels),
            TileStep("Bᵀ d B", "Bᵀ d B", "→", form.transformed),
            TileStep("products, number by number", "products", "=", form.products),
            *of_all,
            TileStep("Gᵀ … G: the gradients of the kernel", "dw", "→", form.kernel, form.place),
        ]
    first = " of the first channel" if form.channels > 1 else ""
    summed = f", summed over {form.channels} channels" if form.channels > 1 else ""
    return [
        TileStep(f"d, pixels{first}", "pixels d", "", form.pixels),
        TileStep("Bᵀ d B", "Bᵀ d B", "→", form.transformed),
        TileStep("G g Gᵀ, the kernel", "G g Gᵀ", "·", form.kernel),
        TileStep(f"products{summed}", "products", "=", form.products),
        TileStep("Aᵀ … A plus bias: the tile of the output", "tile", "→", form.tile, form.place),
    ]
