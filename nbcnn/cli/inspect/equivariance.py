"""``nbcnn inspect equivariance``: what shifts of the image do to every layer, and to the prediction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from nbcnn.cli._output import say
from nbcnn.cli.inspect._run import image_option, load_run, picture_path, run_options, say_images, say_written

if TYPE_CHECKING:
    from nbcnn.introspect.equivariance import Equivariance
    from nbcnn.training.example_images import ExampleImages


@click.command("equivariance", short_help="What shifts do to layers and predictions.")
@run_options("equivariance")
@image_option
@click.option("--shifts", type=click.IntRange(min=1), default=4, show_default=True, help="Largest shift, in pixels.")
@click.option(
    "--count", type=click.IntRange(min=1), default=32, show_default=True, help="Test images, without --image."
)
@click.option("--blur-pool", is_flag=True, help="Also with a blur before each stride, the same weights.")
@click.option("--save-blurred", metavar="YAML", help="Write that network's file, to train it.")
def command(
    run: str,
    which: str | None,
    weights: str | None,
    out: str | None,
    as_json: bool,
    chosen: tuple[str, ...],
    shifts: int,
    count: int,
    blur_pool: bool,
    save_blurred: str | None,
    **options: Any,
) -> None:
    """Shift images by 1, 2, ... pixels right, left, down and up, and compare every layer of RUN before and after.

    A layer is equivariant where a shift before it gives what a shift after it gives, invariant where it gives the same
    with and without. Errors are shares of the standard deviation of the layer's outputs.
    """
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.errors import ConfigError
    from nbcnn.introspect.anti_aliased import anti_aliased
    from nbcnn.introspect.equivariance import equivariance
    from nbcnn.report.equivariance import ShiftRow, draw_equivariance
    from nbcnn.training.example_images import example_images
    from nbcnn.util.files import write_atomic
    from nbcnn.util.user_folders import expanded

    picture = picture_path(run, out, "equivariance")
    network = load_run(run, which, weights, **options)
    images = example_images(network, chosen, count)
    blurred = anti_aliased(network) if blur_pool or save_blurred is not None else None
    with compiling_is_told():
        found = equivariance(network, images.images, shifts)
        with_blur = None if blurred is None else equivariance(blurred, images.images, shifts)
    rows = [
        ShiftRow(one.layer.name, one.inside, one.changed, one.exact, one.map, one.map_shift) for one in found.layers
    ]
    title = f"{network.config.name}: {len(found.guesses)} images shifted right, left, down and up"
    draw_equivariance(rows, found.predictions_changed, picture, title)
    written = [picture]
    if blurred is not None and save_blurred is not None:
        file = expanded(save_blurred)
        write_atomic(file, blurred.config.to_yaml_in(file.parent).encode(), ConfigError)
        written.append(file)
    if as_json:
        facts = {"run": run, "files": [str(path) for path in written], **found.as_json()}
        blur = None if with_blur is None else {"predictions_changed": with_blur.predictions_changed.tolist()}
        say(json.dumps(facts | {"blur_pool": blur}))
        return
    from nbcnn.cli._tables import plain_table, show

    say_images(images)
    say(title)
    numbers = [str(shift) for shift in range(1, shifts + 1)]
    table = plain_table(
        ("layer",),
        ("inside " + numbers[0], *numbers[1:], "border " + numbers[0], "same place " + numbers[0], *numbers[1:]),
    )
    for one in found.layers:
        inside = [_number(e) + ("" if exact or e != e else "*") for e, exact in zip(one.inside, one.exact, strict=True)]
        table.add_row(one.layer.name, *inside, _number(one.border[0]), *map(_number, one.changed))
    show(table)
    say("inside: layer after shift against shift after layer, where no field touches padding or what was shifted in;")
    say("    0 is equivariant. *: a stride lets the output be shifted only nearly so far. –: there is no such place.")
    say("border: the same at the other places. same place: with the shift against without; 0 is invariant.")
    say(f"predicted classes that a shift changes: {_shares(found)}{_accuracy(images, found)}")
    if with_blur is not None:
        say(f"with blur pooling, not trained so:       {_shares(with_blur)}{_accuracy(images, with_blur)}")
    say_written(written)


def _shares(found: Equivariance) -> str:
    return ", ".join(f"{share:.1%} by {n}" for n, share in enumerate(found.predictions_changed, 1))


def _accuracy(images: ExampleImages, found: Equivariance) -> str:
    known = [(label, guess) for label, guess in zip(images.labels, found.guesses, strict=True) if label is not None]
    return f"; {sum(a == b for a, b in known)} of {len(known)} unshifted ones are right" if known else ""


def _number(error: float) -> str:
    return "–" if error != error else "0" if error == 0 else f"{error:.3f}" if error >= 0.0005 else f"{error:.0e}"
