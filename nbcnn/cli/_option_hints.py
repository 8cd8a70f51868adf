"""Hints for commands and options of other tools: ``nbcnn help``, ``--lr``, ``epochs=3``."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click

from nbcnn.util.suggestions import closest

_COMMANDS = {
    "help": "write nbcnn --help, or nbcnn COMMAND --help for one command",
    "version": "write nbcnn --version",
    "list": "nbcnn data list shows data sets, nbcnn kernels shows backends",
}
_VERBS = {
    "eval": ("test", "evaluate", "evaluation", "validate", "val", "score", "accuracy"),
    "train": ("fit", "run", "start", "learn", "resume", "continue", "training"),
    "predict": ("infer", "inference", "classify", "detect", "prediction", "recognize"),
    "bench": ("benchmark", "speed", "profile", "time", "timeit"),
    "summary": ("info", "show", "describe", "print", "model", "summarize", "summarise"),
    "kernels": ("backends", "backend", "kernel", "ops"),
    "check": ("lint", "advise", "advice", "audit", "verify"),
    "data": ("datasets", "dataset", "download", "fetch"),
    "plugin": ("plugins", "new"),
    "warmup": ("compile", "precompile", "warm"),
    "exercise": ("exercises", "quiz", "question", "questions", "homework"),
    "compare": ("diff", "comparison"),
}
_SAME = {
    "--data": ("--dataset", "--data-path", "--datapath", "--folder", "--root", "--images", "--train-dir"),
    "--out": ("--output", "--output-dir", "--save-dir", "--save", "--run", "--run-dir", "--project", "-o", "--logdir"),
    "--epochs": ("--epoch", "--max-epochs", "--num-epochs", "--n-epochs", "--iterations", "-e", "-n", "--num_epochs"),
    "--batch-size": ("--batch", "--bs", "--batchsize", "--batch_size", "-b"),
    "--seed": ("--random-seed", "--random-state", "--manual-seed", "-s"),
    "--threads": ("--workers", "--num-workers", "--jobs", "--num-threads", "-j", "-t", "--cpus"),
    "--weights": ("--checkpoint", "--ckpt", "--load", "--pretrained", "--state-dict", "-w"),
    "--backend": ("--kernel", "--kernels", "--backends", "--algorithm", "--algo"),
    "--json": ("--format", "--as-json"),
    "--resume": ("--continue", "--restart"),
}
_OPTIMIZER = ("lr", "learning-rate", "momentum", "weight-decay", "betas", "eps", "wd")
_ANSWERS = {
    **dict.fromkeys(
        ("--device", "--gpu", "--gpus", "--cuda", "--cpu", "--no-cuda", "--accelerator"),
        "everything is computed on the CPU; leave it out",
    ),
    **dict.fromkeys(
        ("--model", "--config", "--cfg", "--net", "--arch", "--yaml", "-c", "-m"),
        "the model is no option; write it after the command, as in nbcnn train lenet",
    ),
    **dict.fromkeys(("--optimizer", "--optim", "--opt"), "write --set train.optimizer=adam"),
    **dict.fromkeys(
        ("--scheduler", "--lr-scheduler", "--schedule"), "nbcnn keeps the learning rate as it is; leave it out"
    ),
    "--version": "write nbcnn --version, without a command",
    "-V": "write nbcnn --version, without a command",
    "--verbose": "it says all that it knows; leave it out, or add --debug for the traceback of an error",
    "-v": "it says all that it knows; leave it out, or add --debug for the traceback of an error",
    "--test": "write nbcnn eval RUN",
    "--eval": "write nbcnn eval RUN",
}


def unknown_command(name: str, known: Iterable[str]) -> str:
    """The hint for an unknown command: how to get help, or the nearest command and the list."""
    verbs = sorted(known)
    if name in _COMMANDS and "train" in verbs:
        return _COMMANDS[name]
    listed = f"known: {', '.join(verbs)}"
    if name == "models" and "train" in verbs:
        from nbcnn.config import model_names  # here, because it imports much

        return f"the models that come with nbcnn are {', '.join(model_names())}; nbcnn summary NAME shows one"
    verb = next((verb for verb, names in _VERBS.items() if name.lower() in names and verb in verbs), None)
    match = verb or closest(name, verbs)
    return f"did you mean {match}? ({listed})" if match else listed


def better_words(error: click.UsageError) -> str | None:
    """A sentence with a remedy in place of click's own; None where click's will do."""
    return _unknown_option(error) if isinstance(error, click.NoSuchOption) else _extra_argument(error)


def _unknown_option(error: click.NoSuchOption) -> str:
    """The whole sentence about an option that a command does not have."""
    name = error.option_name
    options = [option for option in _options(error.ctx) if option.startswith("--")]
    there = f"No such option {name!r}"
    if (key := name.lstrip("-").replace("_", "-")) in _OPTIMIZER and "--set" in options:
        argument = {"learning-rate": "lr", "wd": "weight_decay"}.get(key, key.replace("-", "_"))
        return f"{there}; write --set train.optimizer.adam.{argument}=... (or sgd, whichever the model has)."
    if not error.ctx or not error.ctx.parent:
        return f"{there}; options stand after the command, as in nbcnn train lenet --epochs 3 (nbcnn train --help)."
    if "." in name and "--set" in options:
        return f"{there}; write --set {name.lstrip('-')}=..."
    if name in _ANSWERS:
        return f"{there}; {_ANSWERS[name]}."
    same = next((option for option, names in _SAME.items() if name in names and option in options), None)
    plain = {option.lstrip("-").replace("-", "_"): option for option in options}
    near = same or plain.get(closest(name.lstrip("-").replace("-", "_"), plain) or "")
    return f"{there}; did you mean {near}?" if near else f"{there}; known: {', '.join(sorted(options))}."


def _extra_argument(error: click.UsageError) -> str | None:
    """The hint for ``epochs=3`` after a command: ``--set train.epochs=3``; None for any other error."""
    found = re.search(r"unexpected extra argument\w* \((.*)\)", error.message)
    pair = found and re.search(r"([A-Za-z_][\w.\[\]]*)=(\S+)", found[1])
    if not pair or "--set" not in _options(error.ctx):
        return None
    key = pair[1] if "." in pair[1] else f"train.{pair[1]}"
    return f"{error.message.rstrip('.')}; to change a key of the config write --set {key}={pair[2]}."


def _options(context: click.Context | None) -> list[str]:
    """The options of the command that was asked for."""
    return [name for parameter in context.command.params for name in parameter.opts] if context else []
