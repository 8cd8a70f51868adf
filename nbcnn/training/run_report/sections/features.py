"""Feature maps: what the layers make of the first test image."""

from __future__ import annotations

import numpy as np

from nbcnn.introspect.layer_outputs import LayerOutput, spread
from nbcnn.report.page import Html, element, paragraph
from nbcnn.report.small_pictures import image, in_rows, scale, signed
from nbcnn.training.pictures import viewable
from nbcnn.training.run_report.facts import RunFacts
from nbcnn.util.formatting import times

LAYERS, CHANNELS, UNITS = 14, 12, 512


def content(facts: RunFacts) -> list[Html]:
    """The image, then at most LAYERS layers with CHANNELS channels of each."""
    maps, network, data = facts.maps, facts.network, facts.data
    if maps is None or network is None or data is None:
        return facts.lacking("maps", "images", "weights", "network", "config")
    layers = spread(list(maps.layers.values()), LAYERS)
    truth = data.classes[int(data.test.labels[0])]
    last = maps.outputs[list(maps.outputs)[-1]][0]
    guess = f", taken for {network.class_name(int(last.argmax()))}" if last.ndim == 1 else ""
    less = f" {len(layers)} of {len(maps.layers)} layers are shown." if len(layers) < len(maps.layers) else ""
    words = f"Test image 0, {truth}{guess}. Each layer has its own scale: white is 0, red above, blue below.{less}"
    pixels = viewable(data.test.images[:1])[0]
    made = [paragraph(words), in_rows([image(pixels, f"test image 0, {truth}", 112)])]
    for layer in layers:
        made += _layer(layer, maps.outputs[layer.path][0])
    return made


def _layer(layer: LayerOutput, outputs: np.ndarray) -> list[Html]:
    largest, finite = scale(outputs), outputs[np.isfinite(outputs)]
    span = f": {finite.min():.3g} to {finite.max():.3g}" if finite.size else ": no finite number"
    if outputs.ndim == 1:
        shown, part = outputs[None, :UNITS], f", the first {UNITS}" if outputs.size > UNITS else ""
        pictures = [element("div", signed(shown, largest, f"outputs of {layer.name}", 640), class_="strip")]
    else:
        part = f", {CHANNELS} of {len(outputs)} channels" if len(outputs) > CHANNELS else ""
        pictures = [
            signed(one, largest, f"{layer.name}, channel {channel}") for channel, one in enumerate(outputs[:CHANNELS])
        ]
    return [element("h3", f"{layer.name}, {times(outputs.shape)}{part}{span}"), in_rows(pictures)]
