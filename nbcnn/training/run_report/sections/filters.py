"""The kernels that the first convolution has learned."""

from __future__ import annotations

from nbcnn.errors import ConfigError
from nbcnn.introspect.filters import filters
from nbcnn.report.page import Html, element, paragraph
from nbcnn.report.small_pictures import in_rows, scale, signed
from nbcnn.training.run_report.facts import RunFacts

KERNELS, CHANNELS = 64, 4
"""Kernels, and input channels of each, that are shown."""


def content(facts: RunFacts) -> list[Html]:
    """One picture for each kernel and channel, all on one scale."""
    if facts.network is None or not facts.has_weights:
        return facts.lacking("weights", "network", "config")
    try:
        first = filters(facts.network)[0]
    except ConfigError as error:
        return [paragraph(f"There are none: {facts.without_folder(str(error))}.")]
    weight, largest = first.weight, scale(first.weight)
    made, read, rows, columns = weight.shape
    shown = weight[:KERNELS, :CHANNELS]
    pictures = []
    for n, kernel in enumerate(shown):
        channels = (signed(one, largest, f"kernel {n}, channel {c}", 44) for c, one in enumerate(kernel))
        pictures.append(element("div", *channels, class_="kernel"))
    less = ""
    if len(shown) < made or shown.shape[1] < read:
        less = f" Shown: {len(shown)} kernels" + (f", {shown.shape[1]} channels of each." if read > 1 else ".")
    words = (
        f"Layer {first.name}: {made} kernels of {read}×{rows}×{columns}; from {weight.min():.3g} to "
        f"{weight.max():.3g}. White is 0, red above, blue below.{less}"
    )
    return [paragraph(words), in_rows(pictures)]
