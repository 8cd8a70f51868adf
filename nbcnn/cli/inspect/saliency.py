"""``nbcnn inspect saliency``: which pixels the score of a class depends on."""

from __future__ import annotations

import json
from typing import Any

import click

from nbcnn.cli._output import say
from nbcnn.cli.inspect._run import image_option, load_run, picture_path, run_options, say_images, say_written


@click.command("saliency", short_help="What the scores look at: gradient and occlusion.")
@run_options("saliency")
@image_option
@click.option("--class", "named", metavar="NAME|N", help="The class whose score is meant. [default: the guess]")
@click.option("--patch", type=click.IntRange(min=1), help="Side of the square that covers. [default: a 7th]")
@click.option("--stride", type=click.IntRange(min=1), help="Pixels from a square to the next. [default: half of it]")
def command(
    run: str,
    which: str | None,
    weights: str | None,
    out: str | None,
    as_json: bool,
    chosen: tuple[str, ...],
    named: str | None,
    patch: int | None,
    stride: int | None,
    **options: Any,
) -> None:
    """Draw which pixels the score of a class depends on, by default that of the class that RUN takes the image for.

    By the score's gradient, and by how far the score falls where a square covers the image. Without --image: four test
    images of different classes.
    """
    import numpy as np

    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.introspect.saliency import saliency
    from nbcnn.report.saliency import draw_saliency
    from nbcnn.training.example_images import class_index, example_images
    from nbcnn.training.pictures import viewable

    picture = picture_path(run, out, "saliency")
    network = load_run(run, which, weights, **options)
    wanted = None if named is None else np.array(class_index(network, named))
    images = example_images(network, chosen, 4)
    with compiling_is_told():
        found = saliency(network, images.images, wanted, patch=patch, stride=stride)
    titles = []
    for name, label, one, score in zip(images.names, images.labels, found.classes, found.scores, strict=True):
        truth = "" if label is None else f", true: {network.class_name(label)}"
        titles.append(f"{name}: {network.class_name(int(one))} {score:.2f}{truth}")
    seen = viewable(images.images)
    draw_saliency(seen, found.gradient, found.occlusion, titles, picture, f"{network.config.name}: what scores look at")
    if as_json:
        say(json.dumps({"run": run, "images": images.names, "files": [str(picture)], **found.as_json()}))
        return
    say_images(images)
    for title, gradient, drops in zip(titles, found.gradient, found.drops, strict=True):
        row, column = np.unravel_index(gradient.argmax(), gradient.shape)
        top, left = np.unravel_index(drops.argmax(), drops.shape)
        say(title)
        say(f"  the gradient is largest at row {row}, column {column}: {gradient.max():.3g}")
        square = f"the {found.patch}×{found.patch} square at row {found.tops[top]}, column {found.lefts[left]}"
        say(f"  the score falls most, by {drops.max():.3g}, where {square} is covered")
    say_written([picture])
