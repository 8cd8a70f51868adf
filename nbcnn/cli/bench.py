"""``nbcnn bench``: timings of backends by layer and along axes, and of networks against other libraries."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from nbcnn.cli._options import config_options, overrides, plugin_option
from nbcnn.cli._output import say

WITHOUT_DROPOUT = "in training: timed with dropout, compared without, for no two libraries draw the same random numbers"


@click.command("bench", short_help="Backends timed side by side; networks beside other libraries.")
@click.argument("model", required=False)
@click.option("--op", "ops", multiple=True, metavar="OP", help="Race the layers of this op. [default: conv2d]")
@click.option(
    "--sweep", "axes", multiple=True, metavar="AXIS,...", help="kernel, image, channels, batch, map, all; threads."
)
@click.option("--out", metavar="FOLDER", help="With --sweep: the folder to make. [default: bench-1, -2, ...]")
@click.option("--model", "whole", metavar="MODEL", help="Measure this network as a whole.")
@click.option("--profile", "profiled", is_flag=True, help="Where a training step's time goes, call by call.")
@click.option("--only", multiple=True, metavar="MEASURE,...", help="With --model: some measures, as training,latency.")
@click.option("--against", multiple=True, metavar="PEER,...", help="Beside torch, onnxruntime, where installed.")
@click.option(
    "--patience", type=click.FloatRange(min=0, min_open=True), help="With both: a point's seconds. [default: 30]"
)
@click.option(
    "--threads", type=click.IntRange(1, 1024), help="Threads at work. [default: 1; with --model, --profile all]"
)
@click.option("--rounds", type=click.IntRange(min=1), help="Turns of each contender. [default: 7; with --sweep 3]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
@plugin_option
def command(model: str | None, as_json: bool, **options: Any) -> None:
    """Time what computes the same, in turn: backends over the layers of MODEL (lenet if none is given).

    With --sweep: backends of conv2d along kernel size, image size, channels, batch, with pictures of who overtakes
    whom. With --model: a whole network's training, inference, latency, start-up and memory. With both: the network's
    training and inference as batch, image, channels or threads grow. --against puts other libraries beside any of them.
    With --profile: where the time of a training step goes, on --backend.
    """
    from nbcnn.bench.environment import busy, environment
    from nbcnn.cli._bench import progress

    _fits_together(model, options)
    options["rounds"] = options["rounds"] or (3 if options["axes"] else 7)
    place = environment("torch", "onnxruntime", "onnx")
    begin = partial(progress, busy(place))
    record = {"environment": place, "rounds": options["rounds"]}
    if options["axes"] and options["whole"]:
        found = _growth(record, as_json, options, begin)
    elif options["axes"]:
        found = _sweep(record, as_json, options, begin)
    elif options["profiled"]:
        found = _profile(model or "lenet", as_json, options, begin)
    elif options["whole"]:
        found = _whole(options["whole"], as_json, options, begin)
    else:
        found = _layers(model or "lenet", as_json, options, begin)
    if as_json:
        say(json.dumps(record | found))


def _fits_together(model: str | None, options: dict[str, Any]) -> None:
    """Refuse what would be ignored."""
    whole, axes = options["whole"], options["axes"]
    if options["profiled"]:
        for option, key in (("model", "whole"), ("sweep", "axes"), ("op", "ops"), ("against", "against")):
            if options[key]:
                raise click.UsageError(f"--{option} does not go with --profile, which is about one network's own steps")
    if model and whole:
        raise click.UsageError(f"{model} races its layers, --model {whole} measures a whole network; give one of them")
    if model and axes:
        raise click.UsageError(f"--sweep makes its own convolutions; leave out {model}")
    needs = (("only", "--model", whole), ("out", "--sweep", axes), ("patience", "--sweep and --model", axes and whole))
    for option, other, given in needs:
        if options[option] and not given:
            raise click.UsageError(f"--{option} goes with {other}")
    for option, key, other, given in (
        ("op", "ops", "--model", whole),
        ("op", "ops", "--sweep", axes),
        ("set", "sets", "--sweep without --model", axes and not whole),
    ):
        if options[key] and given:
            raise click.UsageError(f"--{option} does not go with {other}")


def _layers(model: str, as_json: bool, options: dict[str, Any], begin: Callable[[], Any]) -> dict[str, Any]:
    from nbcnn.bench.layers import race_layers
    from nbcnn.bench.peers import peers_of
    from nbcnn.cli._bench import layers_table
    from nbcnn.config import load_config

    peers, threads, rounds = peers_of(options["against"]), options["threads"] or 1, options["rounds"]
    config = load_config(model, overrides(sets=options["sets"]))
    ops, wanted = options["ops"] or ("conv2d",), options["backends"]
    with begin() as tell:
        raced = race_layers(config, ops, wanted, threads, rounds, tell, peers=peers)
    if not as_json:
        layers_table(config.name, raced, threads, rounds)
    return {"name": config.name, "threads": threads, "layers": [each.as_json() for each in raced]}


def _sweep(record: dict[str, Any], as_json: bool, options: dict[str, Any], begin: Callable[[], Any]) -> dict[str, Any]:
    from nbcnn.bench.output_folder import new_folder, save_sweeps, unused_removed
    from nbcnn.bench.peers import peers_of
    from nbcnn.bench.sweep import able_to, axes_of, sweep
    from nbcnn.cli._sweeps import sweep_tables

    axes, peers, threads = axes_of(options["axes"]), peers_of(options["against"]), options["threads"] or 1
    for axis in axes:
        able_to(axis, options["backends"])  # mistakes are reported before a folder is made
    folder = new_folder(options["out"])
    with begin() as tell, unused_removed(folder):
        sweeps = [sweep(axis, options["backends"], threads, options["rounds"], tell, peers=peers) for axis in axes]
    found = {"threads": threads, "folder": str(folder), "sweeps": [each.as_json() for each in sweeps]}
    files = save_sweeps(folder, record | found, sweeps, threads)
    if not as_json:
        sweep_tables(sweeps, threads, options["rounds"])
        say("\n" + "\n".join(str(file) for file in files))
    return found


def _profile(model: str, as_json: bool, options: dict[str, Any], begin: Callable[[], Any]) -> dict[str, Any]:
    from nbcnn.bench.end_to_end import task_of
    from nbcnn.bench.profile import profile
    from nbcnn.cli._profile import profile_table
    from nbcnn.training.loading import load
    from nbcnn.util.cpu_quota import available_threads

    threads = options["threads"] or available_threads()
    wanted = overrides(sets=options["sets"], backends=options["backends"], threads=threads)
    with begin() as tell:
        found = profile(task_of(load(model, overrides=wanted), threads), options["rounds"], tell)
    if not as_json:
        profile_table(found, options["rounds"])
    return found.as_json()


def _growth(record: dict[str, Any], as_json: bool, options: dict[str, Any], begin: Callable[[], Any]) -> dict[str, Any]:
    from nbcnn.bench.output_folder import new_folder, save_growths, unused_removed
    from nbcnn.bench.peers import peers_of
    from nbcnn.bench.scaling import PATIENCE, grow, growth_axes, growth_measures, places
    from nbcnn.bench.scaling_crossover import overtaken
    from nbcnn.cli._scaling import growth_tables
    from nbcnn.training.loading import load
    from nbcnn.util.cpu_quota import available_threads

    axes, only = growth_axes(options["axes"]), growth_measures(options["only"])
    peers, patience = peers_of(options["against"]), options["patience"] or PATIENCE
    if options["threads"] and [axis.name for axis in axes] == ["threads"]:
        raise click.UsageError("--threads does not go with --sweep threads, which has its own")
    threads, rounds = options["threads"] or available_threads(), options["rounds"]
    config = load(options["whole"], overrides=overrides(sets=options["sets"], backends=options["backends"])).config
    for axis in axes:
        places(axis, config, threads)  # mistakes are reported before a folder is made
    folder = new_folder(options["out"])
    with begin() as tell, unused_removed(folder):
        growths = [grow(axis, config, peers, only, threads, rounds, patience, tell) for axis in axes]
    sweeps = [growth.as_json() | {"overtaken": overtaken(growth)} for growth in growths]
    found = {"name": config.name, "threads": threads, "folder": str(folder), "sweeps": sweeps}
    files = save_growths(folder, record | found, growths)
    if not as_json:
        growth_tables(growths, rounds)
        say("\n" + "\n".join(str(file) for file in files))
    return found


def _whole(model: str, as_json: bool, options: dict[str, Any], begin: Callable[[], Any]) -> dict[str, Any]:
    from nbcnn.bench.end_to_end import drops, measure, measures, task_of
    from nbcnn.bench.peers import peers_of
    from nbcnn.cli._bench import whole_table
    from nbcnn.plugins import loaded_plugins
    from nbcnn.training.loading import load
    from nbcnn.util.cpu_quota import available_threads

    only, peers = measures(options["only"]), peers_of(options["against"])
    threads = options["threads"] or available_threads()
    sets, backends = list(options["sets"]), list(options["backends"])
    network = load(model, overrides=overrides(sets=sets, backends=backends, threads=threads))
    plugins = [plugin.name if plugin.package else str(plugin.file) for plugin in loaded_plugins()]
    source = {"source": model, "sets": sets, "backends": backends, "plugins": plugins}
    with begin() as tell:
        rows = measure(task_of(network, threads), source, peers, only, options["rounds"], tell)
    note = WITHOUT_DROPOUT if peers and "training" in only and drops(network) else ""
    if not as_json:
        whole_table(network.config.name, rows, list(peers), threads, options["rounds"], note)
    found = {"name": network.config.name, "threads": threads, "batch_size": network.config.train.batch_size}
    return found | ({"note": note} if note else {}) | {"rows": [row.as_json(list(peers)) for row in rows]}
