"""Measure backends, layer by layer, along axes, and whole networks beside other libraries."""

from __future__ import annotations

import json
from typing import Any

import click

from nbcnn.cli._options import config_options, overrides, plugin_option


@click.command("bench", short_help="Backends timed side by side; networks beside other libraries.")
@click.argument("model", required=False)
@click.option("--model", "whole", metavar="MODEL", help="Measure this network as a whole.")
@click.option("--against", multiple=True, metavar="PEER,...", help="Beside torch, onnxruntime, if they are installed.")
@click.option("--only", multiple=True, metavar="MEASURE,...", help="With --model: some measures, as training,latency.")
@click.option("--op", "ops", multiple=True, metavar="OP", help="Race the layers of this op. [default: conv2d]")
@click.option("--threads", type=click.IntRange(min=1), help="Threads at work. [default: 1; with --model all]")
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="Turns for each contender.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
@plugin_option
def command(model: str | None, whole: str | None, as_json: bool, **options: Any) -> None:
    """Race the backends over the layers of MODEL (lenet if none is given), in each direction.

    Or measure a whole network with --model.
    """
    from nbcnn.bench.environment import environment

    _fits_together(model, whole, options)
    record = {"environment": environment("torch", "onnxruntime", "onnx"), "rounds": options["rounds"]}
    found = _whole(whole, as_json, options) if whole else _layers(model or "lenet", as_json, options)
    if as_json:
        click.echo(json.dumps(record | found))


def _fits_together(model: str | None, whole: str | None, options: dict[str, Any]) -> None:
    """Refuse options that would be ignored."""
    if model and whole:
        raise click.UsageError(f"{model} races its layers, --model {whole} measures a whole network; give one of them")
    if whole and options["ops"]:
        raise click.UsageError("--op chooses layers to race; it does not go with --model")
    if not whole and options["only"]:
        raise click.UsageError("--only chooses measures of a whole network; give it with --model")


def _layers(model: str, as_json: bool, options: dict[str, Any]) -> dict[str, Any]:
    from nbcnn.bench.layers import race_layers
    from nbcnn.cli._bench import layers_table, progress
    from nbcnn.config import load_config

    threads, ops, wanted = options["threads"] or 1, options["ops"] or ("conv2d",), options["backends"]
    config = load_config(model, overrides(sets=options["sets"]))
    with progress() as tell:
        raced = race_layers(config, ops, wanted, threads, options["rounds"], tell)
    if not as_json:
        layers_table(config.name, raced, threads, options["rounds"])
    return {"name": config.name, "threads": threads, "layers": [each.as_json() for each in raced]}


def _whole(model: str, as_json: bool, options: dict[str, Any]) -> dict[str, Any]:
    from nbcnn.bench.peers import peers_of
    from nbcnn.bench.whole import measure, measures, task_of
    from nbcnn.cli._bench import progress, whole_table
    from nbcnn.crew import available_threads
    from nbcnn.loading import load
    from nbcnn.plugins import loaded_plugins

    only, peers, threads = measures(options["only"]), peers_of(options["against"]), options["threads"]
    threads = threads or available_threads()
    sets, backends = list(options["sets"]), list(options["backends"])
    network = load(model, overrides=overrides(sets=sets, backends=backends, threads=threads))
    plugins = [str(plugin.file) for plugin in loaded_plugins()]
    source = {"source": model, "sets": sets, "backends": backends, "plugins": plugins}
    with progress() as tell:
        rows = measure(task_of(network, threads), source, peers, only, options["rounds"], tell)
    if not as_json:
        whole_table(network.config.name, rows, list(peers), threads, options["rounds"])
    found = {"name": network.config.name, "threads": threads, "batch_size": network.config.train.batch_size}
    return found | {"rows": [row.as_json(list(peers)) for row in rows]}
