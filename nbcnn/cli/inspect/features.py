"""``nbcnn inspect features``: the feature maps of every layer for one image."""

from __future__ import annotations

import json
from typing import Any

import click

from nbcnn.cli._output import say
from nbcnn.cli.inspect._run import load_run, picture_path, run_options, say_images, say_written

DRAWN = 14
"""Layers that are drawn where none is named."""


@click.command("features", short_help="Feature maps of one image, layer by layer.")
@run_options("features")
@click.option("--image", "chosen", default=None, metavar="N|FILE", help="A test image by its number from 0, or a file.")
@click.option("--layer", "paths", multiple=True, metavar="PATH", help="A layer to draw, as summary numbers it.")
def command(
    run: str,
    which: str | None,
    weights: str | None,
    out: str | None,
    as_json: bool,
    chosen: str | None,
    paths: tuple[str, ...],
    **options: Any,
) -> None:
    """Draw what the layers of RUN make of one image, by default the first test image.

    In deep networks some layers are drawn, evenly spread over its convolutions, poolings, activations and joins;
    --layer names others. Channels are drawn in their order.
    """
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.introspect.activations import activations
    from nbcnn.introspect.layer_outputs import find_layer, layer_outputs, spread
    from nbcnn.report.feature_maps import LayerMaps, draw_feature_maps
    from nbcnn.training.example_images import example_images
    from nbcnn.training.pictures import viewable

    picture = picture_path(run, out, "features")
    network = load_run(run, which, weights, **options)
    if paths:
        layers = [find_layer(network.root, path, network.config.name) for path in paths]
    else:
        layers = spread(list(layer_outputs(network.root).values()), DRAWN)
    images = example_images(network, [chosen] if chosen is not None else [0])
    with compiling_is_told():
        outputs = activations(network, images.images).outputs
    guess = network.class_name(int(list(outputs.values())[-1][0].argmax()))
    title = f"{network.config.name}, {images.names[0]}, taken for {guess}"
    maps = [LayerMaps(layer.name, outputs[layer.path][0]) for layer in layers]
    draw_feature_maps(viewable(images.images)[0], maps, picture, title)
    if as_json:
        told = [{"path": layer.path, **layer.as_json(), "outputs": outputs[layer.path][0].tolist()} for layer in layers]
        say(json.dumps({"run": run, "image": images.names[0], "guess": guess, "files": [str(picture)], "layers": told}))
        return
    say_images(images)
    say(f"{title}: {len(layers)} of {len(outputs)} layers drawn")
    say_written([picture])
