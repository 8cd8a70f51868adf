"""``nbcnn explain layout``: what a network sees when channels-last pictures are reshaped instead of transposed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from nbcnn.cli._options import config_options, data_options, overrides, plugin_option, threads_option
from nbcnn.cli._output import say

if TYPE_CHECKING:
    from pathlib import Path

    from nbcnn.report.layout_result import LayoutLab


@click.command("layout", short_help="Channels first and last: what a wrong reshape does.")
@click.argument("model", required=False)
@click.option("--epochs", type=click.IntRange(min=1), default=2, show_default=True, help="Passes over the images.")
@click.option("--images", type=click.IntRange(min=1), default=5000, show_default=True, help="Training images at most.")
@click.option("--image", type=int, default=0, show_default=True, help="The test image to show, by its number.")
@click.option(
    "--margin", type=click.IntRange(0, 1000), default=8, show_default=True, help="Black pixels around each picture."
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of initialisation and shuffling.")
@click.option("--out", metavar="FOLDER", help="Write an HTML page and a picture into this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
@plugin_option
@data_options
@threads_option
def command(
    model: str | None,
    epochs: int,
    images: int,
    image: int,
    margin: int,
    out: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Train MODEL twice on the same colour pictures: transposed to (C, H, W), and reshaped to it by mistake.

    The mistake raises no error and still learns. Shown are what each network sees, its accuracy, and what is left of
    it when the pictures are moved by some pixels. Grey pictures get a colour each. Without MODEL it
    is a small network with global pooling, which follows shifts.
    """
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.report.layout_words import lines
    from nbcnn.training.layout_lab import explain_layout

    with compiling_is_told():
        found = explain_layout(model, overrides(**options), epochs=epochs, images=images, image=image, margin=margin)
    files = _written(found, out) if out is not None else []
    if as_json:
        say(json.dumps(found.as_json() | {"files": [str(file) for file in files]}))
        return
    from nbcnn.errors import shown

    for line in lines(found):
        say(line)
    for file in files:
        say(f"written to {shown(file)}")


def _written(found: LayoutLab, out: str) -> list[Path]:
    """The page and the picture."""
    from nbcnn.errors import CheckpointError
    from nbcnn.report.layout_page import draw_layout, layout_page
    from nbcnn.report.page import write_page
    from nbcnn.util.files import claim_folder

    folder = claim_folder(out, ".", "explain-layout", CheckpointError)
    draw_layout(found.picture, found.seen, folder / "layout.png")
    write_page(folder / "layout.html", layout_page(found))
    return [folder / "layout.html", folder / "layout.png"]
