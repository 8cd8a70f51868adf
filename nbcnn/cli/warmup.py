"""``nbcnn warmup``: compilation of the kernels of networks ahead of their first run."""

from __future__ import annotations

import json
from typing import Any

import click

from nbcnn.cli._options import config_options, overrides, plugin_option
from nbcnn.cli._output import say
from nbcnn.util.formatting import counted


@click.command("warmup", short_help="Compile a network's kernels ahead.")
@click.argument("models", metavar="[MODEL]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
@plugin_option
def command(models: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Compile all kernels that training, evaluation and prediction of each MODEL take, and keep them.

    MODEL is a name, a YAML file or a run folder; without any, all networks that come with nbcnn, which takes minutes:
    most of them have backends chosen by timing. The first training then compiles nothing. What is in the cache already
    is loaded, which takes milliseconds.
    """
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.compiler.kernel_cache import cache_folder
    from nbcnn.config import load_config, model_names
    from nbcnn.training.warmup import warm_up

    wanted, folder = overrides(**options), cache_folder()
    names = models or tuple(model_names())
    for name in names:
        load_config(name, wanted)  # mistakes are reported before anything is compiled
    found = []
    with compiling_is_told() as tell:
        for number, name in enumerate(names, 1):
            if len(names) > 1:
                tell(f"model {number} of {len(names)}: {name}")
            found.append(warm_up(name, wanted))
            if not as_json:
                say(_line(name, *found[-1][1:]))
    if as_json:
        rows = [{"model": name, **each._asdict()} for name, each in zip(names, found, strict=True)]
        say(json.dumps({"cache": str(folder) if folder else None, "models": rows}))
    elif folder:
        say(f"kernels are kept in {folder}")
    else:
        say("kernels are not kept: see the warning")


def _line(name: str, compiled: int, seconds: float, loaded: int, loading: float) -> str:
    """``lenet: 18 kernels compiled in 6.3 s, 2 loaded from the cache in 0.01 s``"""
    parts = []
    if compiled:
        parts.append(f"{counted(compiled, 'kernel')} compiled in {seconds:.1f} s")
    if loaded:
        parts.append(f"{counted(loaded, 'kernel')} loaded from the cache in {loading:.2f} s")
    return f"{name}: {', '.join(parts) or 'all kernels are ready, by those above'}"
