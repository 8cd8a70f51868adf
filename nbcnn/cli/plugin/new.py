"""``nbcnn plugin new``: a new plugin file, copied from a commented template that works."""

from __future__ import annotations

from pathlib import Path

import click

from nbcnn.cli._output import say

KINDS = ("backend", "layer", "optimizer", "schedule", "dataset")


@click.command("new", short_help="Write a commented plugin that works already, or an exercise.")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), help="What it adds; a backend is one of conv2d.")
@click.option("--exercise", is_flag=True, help="A backend whose loops are left to you; kernels check leads through it.")
def command(name: str, kind: str | None, exercise: bool) -> None:
    """Write NAME.py here: a plugin of one kind that works as it is, with comments that say what each part is for.

    What it registers is called NAME. A file that is there already is never overwritten. With --exercise it is a
    convolution to be written by you.
    """
    from nbcnn.cli.plugin._names import unfit
    from nbcnn.errors import PluginError

    if exercise and kind not in (None, "backend"):
        raise click.UsageError(f"--exercise is a backend of conv2d; leave out --kind {kind}.")
    if kind is None and not exercise:
        raise click.UsageError(f"Missing option '--kind': one of {', '.join(KINDS)}; or --exercise.")
    if reason := unfit(name, kind or "backend"):
        raise PluginError(f"{name!r} can't be the name of a plugin: {reason}")
    kind = "exercise" if exercise else str(kind)
    path = Path(f"{name}.py")
    text = (Path(__file__).parent / "_templates" / f"{kind}.py").read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise PluginError(f"{path} exists already and is never overwritten; choose another name") from None
    except OSError as error:
        raise PluginError(f"{path} can't be written: {error.strerror}; choose a folder that you may write to") from None
    from nbcnn.cli._display import program

    say(f"{path}: {_WHAT[kind]}, called {name}\n\nnext:")
    for what, command in _NEXT[kind]:
        say(f"  {program()} {command.format(name=name)}\n      {what}")


_WHAT = {
    "exercise": "a backend of conv2d whose loops are yours to write",
    "backend": "a backend of conv2d, the formula as it stands",
    "layer": "a layer, an activation with a slope",
    "optimizer": "an optimizer, Lion",
    "schedule": "a learning-rate schedule, polynomial decay",
    "dataset": "a data set, stripes at ten angles",
}
_TRAIN = "train lenet-relu --epochs 1 --plugin {name}.py"
_NEXT = {
    "exercise": (("which kernel comes first, and what is wrong with it", "kernels check {name}.py"),),
    "backend": (
        ("hold it against the definition, its gradients and the contract", "kernels check {name}.py"),
        ("train with it", "train lenet --epochs 1 --plugin {name}.py --backend conv2d={name}"),
    ),
    "layer": (
        ("see it in a network", 'summary lenet-relu --plugin {name}.py --set "layers[1]={name}"'),
        ("train with it", _TRAIN + ' --set "layers[1]={name}"'),
    ),
    "optimizer": (("train with it", _TRAIN + ' --set "train.optimizer={name}"'),),
    "schedule": (("train with it", _TRAIN + ' --set "train.schedule={name}"'),),
    "dataset": (
        ("see what is in it", "data info {name} --plugin {name}.py"),
        ("train on it", _TRAIN + " --data {name}"),
    ),
}
