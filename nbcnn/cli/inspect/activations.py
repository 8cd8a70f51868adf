"""``nbcnn inspect activations``: every layer's outputs and gradients, as statistics, a picture and a file of arrays."""

from __future__ import annotations

import json
from typing import Any

import click

from nbcnn.cli._output import say
from nbcnn.cli.inspect._run import image_option, load_run, picture_path, run_options, say_images, say_written


@click.command("activations", short_help="Outputs and gradients of every layer; --dump writes the arrays.")
@run_options("activations")
@image_option
@click.option("--dump", metavar="NPZ", help="A file for the arrays of all layers, for numpy.load.")
def command(
    run: str,
    which: str | None,
    weights: str | None,
    out: str | None,
    as_json: bool,
    chosen: tuple[str, ...],
    dump: str | None,
    **options: Any,
) -> None:
    """Show what every layer of RUN gives for some images, and the gradient of the loss with respect to it.

    All in evaluation, as predict computes it. The loss is that of the image's label; of a picture's file, which has
    none, that of the class that the network takes it for. Without --image: the first test images, one of each class.
    """
    import numpy as np

    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.introspect.activations import activations, array_file
    from nbcnn.report.activations import draw_activations
    from nbcnn.training.example_images import example_images
    from nbcnn.util.files import write_atomic
    from nbcnn.util.user_folders import expanded

    picture = picture_path(run, out, "activations")
    network = load_run(run, which, weights, **options)
    images = example_images(network, chosen, 16)
    with compiling_is_told():
        guesses = network.scores(images.images).argmax(axis=1)
        labels = images.labels_or(guesses)
        found = activations(network, images.images, labels)
    written = [picture]
    if dump is not None:
        file = expanded(dump)
        write_atomic(file, array_file(found, images.images, labels))
        written.append(file)
    names = [layer.name for layer in found.layers.values()]
    of = f"{network.config.name}, {len(labels)} images"
    draw_activations(found.outputs, found.gradients, names, picture, of)
    if as_json:
        facts = {"run": run, "names": images.names, "labels": labels.tolist(), "files": [str(path) for path in written]}
        say(json.dumps(facts | found.as_json()))
        return
    from nbcnn.cli._tables import plain_table, show
    from nbcnn.util.formatting import times

    say_images(images)
    say(f"{of}: {', '.join(images.names[:4])}{', ...' if len(labels) > 4 else ''}")
    table = plain_table(("layer", "output"), ("mean", "std", "min", "max", "zeros", "gradient"))
    for path, layer in found.layers.items():
        output, gradient = found.outputs[path], found.gradients[path]
        numbers = (output.mean(), output.std(), output.min(), output.max())
        zeros, size = np.mean(output == 0), np.sqrt(np.mean(np.square(gradient, dtype=np.float64)))
        shape = times(layer.shape)
        table.add_row(layer.name, shape, *(f"{number:.4g}" for number in numbers), f"{zeros:.0%}", f"{size:.2e}")
    show(table)
    say("gradient: root mean square of the derivative of an image's loss with respect to the layer's outputs.")
    say_written(written)
