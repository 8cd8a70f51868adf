"""``nbcnn eval``: accuracy and loss of a trained network on test images."""

from __future__ import annotations

import json
from typing import Literal

import click

from nbcnn.cli._options import config_options, data_options, overrides, plugin_option, threads_option
from nbcnn.cli._output import say


@click.command("eval", short_help="Accuracy of a trained network on test images.")
@click.argument("run", metavar="RUN")
@click.option("--last", "which", flag_value="last", help="The latest checkpoint instead of the best one.")
@click.option("--weights", metavar="FILE", help="A safetensors file to take the weights from instead.")
@click.option(
    "--tta", type=click.Choice(["flip"]), help="Test-time augmentation: average the scores of image and mirror image."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
@plugin_option
@data_options
@threads_option
def command(
    run: str, which: str | None, weights: str | None, tta: Literal["flip"] | None, as_json: bool, **options: object
) -> None:
    """Evaluate RUN, a run folder (or with --weights any model), on the test images of its data set or of --data."""
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.errors import printable
    from nbcnn.training.evaluation import evaluate
    from nbcnn.training.loading import load, trained

    source = run if weights is not None else trained(run).folder
    network = load(source, weights=weights, which="last" if which else "best", overrides=overrides(**options))
    with compiling_is_told():
        result = evaluate(network, tta=tta)
    data = network.config.data.name or network.config.data.folder
    if as_json:
        counts = {"accuracy": result.accuracy, "loss": result.loss, "images": result.images}
        detail = {"classes": result.classes, "columns": result.columns, "confusion": result.confusion.tolist()}
        shared = {"test_images_in_training": result.test_images_in_training, "data_changed": result.data_changed}
        how = {"labels_by": result.labels_by, "tta": result.tta}
        say(json.dumps({"run": run, "data": data, **counts, **detail, **shared, **how}))
        return
    say(f"{printable(run)} on {printable(str(data))}: {result.images:,} test images")
    if result.labels_by == "position":
        side = "the data have" if network.classes else "the network has"
        say(f"labels go by position, for {side} no names for the classes")
    if result.tta is not None:
        say("scores averaged over each image and its mirror image")
    say(f"accuracy {result.accuracy:.2%}, loss {result.loss:.4f}")
    width = max(len(name) for name in result.classes)
    for index, name in enumerate(result.classes):
        row = result.confusion[index]
        if row.sum():
            others = sorted(((n, k) for k, n in enumerate(row) if k != index and n), reverse=True)[:1]
            most = f", taken most often for {result.columns[others[0][1]]} ({others[0][0]})" if others else ""
            say(f"  {name:<{width}}  {row[index] / row.sum():6.1%} of {row.sum()}{most}")
