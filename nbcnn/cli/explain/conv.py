"""``nbcnn explain conv``: one output pixel, or one weight's gradient, of a convolution, traced in each way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from nbcnn.cli._options import config_options, data_options, overrides, plugin_option
from nbcnn.cli._output import say
from nbcnn.cli.explain._example import OF_THE_EXAMPLE, example_options
from nbcnn.cli.explain._numbers import whole_numbers

if TYPE_CHECKING:
    from nbcnn.introspect.trace.conv2d import ConvTrace

OF_A_LAYER = ("layer", "which", "sets", "backends")


@click.command("conv", short_help="One output pixel, or one weight's gradient, of a convolution, traced.")
@click.argument("model", required=False)
@click.option("--layer", metavar="PATH", help="The conv2d layer, as nbcnn summary numbers it. [default: the first]")
@click.option("--pixel", callback=whole_numbers("o,i,j"), metavar="O,I,J", help="Output channel, row, column, from 0.")
@click.option(
    "--weight", callback=whole_numbers("o,c,a,k"), metavar="O,C,A,K", help="Trace this weight's gradient backwards."
)
@click.option("--image", metavar="N|FILE", help="A test image's number, from 0, or a picture file. [default: 0]")
@click.option("--last", "which", flag_value="last", help="A run's latest checkpoint instead of the best one.")
@example_options
@click.option("--out", metavar="FOLDER", help="Write an HTML page and a picture of each step into this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
@plugin_option
@data_options
def command(model: str | None, out: str | None, as_json: bool, **options: Any) -> None:
    """Trace one number of a convolution: as the direct sum, a matrix product, a product of spectra, a Winograd tile.

    Without MODEL it is the book's example, 3×3 pixels and a kernel of 2×2; with --image or --data an image of a data
    set takes the place of its numbers. MODEL (a run folder, a name, a YAML file) gives a layer and what reaches it.
    """
    from nbcnn.cli._compiling import compiling_is_told

    context = click.get_current_context()
    typed = {name for name in options if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    _check_options(typed, model)
    with compiling_is_told():
        trace = _example(options, typed) if model is None else _layer(model, options)
    files = _written(trace, out) if out is not None else []
    if as_json:
        say(json.dumps(trace.as_json() | {"files": [str(file) for file in files]}))
        return
    from nbcnn.cli.explain._conv_text import lines
    from nbcnn.errors import shown

    for line in lines(trace):
        say(line)
    for file in files:
        say(f"written to {shown(file)}")


def _written(trace: ConvTrace, out: str) -> list[Path]:
    """The page, and a picture of each way."""
    from nbcnn.errors import CheckpointError
    from nbcnn.report.page import write_page
    from nbcnn.report.trace_page import trace_page
    from nbcnn.report.trace_pictures import draw_trace
    from nbcnn.util.files import claim_folder

    folder = claim_folder(out, ".", "explain-conv", CheckpointError)
    write_page(folder / "conv.html", trace_page(trace))
    return [folder / "conv.html", *draw_trace(trace, folder)]


def _check_options(typed: set[str], model: str | None) -> None:
    """Options that belong to the example go without a model, others not without; none is passed over."""
    if "kernel" in typed and "kernel_size" in typed:
        raise click.UsageError("--kernel has a size of its own; leave --kernel-size out.")
    if model is None and typed & {"image", "data", "data_dir"} and (sizes := typed & {"input_size", "in_channels"}):
        option = f"--{min(sizes).replace('_', '-')}"
        raise click.UsageError(f"{option} is for the example's own numbers; an image has its size, so leave it out.")
    strange = [name for name in (OF_THE_EXAMPLE if model else OF_A_LAYER) if name in typed]
    if not strange:
        return
    names = {"which": "--last", "sets": "--set", "backends": "--backend"}
    option = names.get(strange[0], f"--{strange[0].replace('_', '-')}")
    if model:
        sentence = f"{option} is for the example without MODEL; a layer of {model} has its own: choose it with --layer."
    else:
        sentence = f"{option} is for a layer of a MODEL; give one, as in nbcnn explain conv lenet {option} ..."
    raise click.UsageError(sentence)


def _example(options: dict[str, Any], typed: set[str]) -> ConvTrace:
    import numpy as np

    from nbcnn.introspect.trace.example import explain_example
    from nbcnn.training.chosen_image import image_without_network

    arguments = {name: options[name] for name in (*OF_THE_EXAMPLE, "pixel", "weight")}
    if not {"image", "data", "data_dir"} & typed:
        return explain_example(**arguments)
    data = options["data"] or "fashion-mnist-mini"
    found = image_without_network(options["image"] or 0, data, options["data_dir"])
    x = found.pixels.astype(np.float32) / np.float32(255)
    return explain_example(x=x, called=found.words, **arguments)


def _layer(model: str, options: dict[str, Any]) -> ConvTrace:
    from nbcnn.introspect.trace.layer import conv_layer, explain_conv
    from nbcnn.training.chosen_image import chosen_image
    from nbcnn.training.loading import load

    given = {name: options[name] for name in ("sets", "backends", "data", "data_dir")}
    network = load(model, which=options["which"] or "best", overrides=overrides(**given))
    conv_layer(network, options["layer"])  # before any image is read
    image = chosen_image(network, options["image"] or 0)
    where = {name: options[name] for name in ("layer", "pixel", "weight")}
    return explain_conv(network, image.pixels, label=image.label, called=image.words, **where)
