"""``nbcnn kernels explain``: predicted and measured time of each backend on the layers of a network."""

from __future__ import annotations

import json
from dataclasses import asdict
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from nbcnn.cli._options import config_options, overrides, plugin_option, threads_option
from nbcnn.cli._output import say
from nbcnn.cli._tables import WIDEST
from nbcnn.util.formatting import counted, in_a_sentence, in_words

if TYPE_CHECKING:
    from nbcnn.autotune.explain import Candidate, Explained, Explanation

LEFT = 34
"""Columns for marks, name, what the row is, and the sum."""


@click.command("explain", short_help="Every backend on a network's layers: predicted and measured.")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
@plugin_option
@threads_option
def command(model: str, as_json: bool, **options: Any) -> None:
    """Hold the backends of each layer of MODEL side by side, for every layer that has a choice.

    MODEL is a name, a YAML file or a run folder. Shown are what each backend does, what that should take on this
    machine and what it takes in training, which is fastest and which is configured.
    """
    from nbcnn.autotune.explain import explain
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.config import load_config

    config = load_config(model, overrides(**options))
    with compiling_is_told():
        found = explain(config)
    if as_json:
        say(json.dumps(_plain(found)))
        return
    say(f"{found.name}: training on {counted(found.threads, 'thread')}, a pack of 16 images at a time")
    if not found.layers:
        say("no layer of it has more than one backend")
        return
    for layer in found.layers:
        _show(layer)
    say()
    for line in _legend(found):
        say(line)


def _show(layer: Explained) -> None:
    say(f"\nlayer {layer.path}, {in_a_sentence(layer.problem)}")
    say(f"{'':<{LEFT}}" + "".join(f"  {direction:<20}" for direction in layer.directions).rstrip())
    head = f"{'   backend':<26}{'sum/µs':>8}"
    say(head + f"{'µs':>9}{'GFLOP/s':>8}{'peak':>5}" * len(layer.directions))
    say(f"{'':<{LEFT}}" + f"{'µs':>9}{'MACs':>7}{'bytes':>6}" * len(layer.directions))
    for candidate in layer.candidates:
        for line in _rows(candidate, layer):
            say(line.rstrip())


def _rows(candidate: Candidate, layer: Explained) -> list[str]:
    """A row of measured times, below it the predicted ones and their counts; or the reason why there are none."""
    marks = ("*" if candidate.fastest else " ") + (">" if candidate.configured else " ")
    if candidate.reason is not None:
        reason = wrap(f"can't do it: {candidate.reason}", WIDEST - 16)
        return [f"{marks} {candidate.name:<13}{reason[0]}", *(f"{'':<16}{line}" for line in reason[1:])]
    scratch = f"+{_short(candidate.scratch)}B" if candidate.scratch else ""
    first = f"{marks} {candidate.name:<13}measured  {_microseconds(candidate.measured):>8}"
    second = f"   {scratch:<13}predicted {_microseconds(candidate.predicted):>8}"
    for direction in layer.directions:
        one = candidate.passes[direction]
        first += f"{_microseconds(one.measured):>9}{one.gflops:>8.1f}{one.share:>5.0%}"
        second += f"{_microseconds(one.predicted):>9}{_short(one.macs):>7}{_short(one.bytes):>6}"
    lines = [first, second]
    if candidate.not_for_auto:
        lines += [f"{'':<16}{line}" for line in wrap(f"not for auto: {candidate.not_for_auto}", WIDEST - 16)]
    return lines


def _legend(found: Explanation) -> list[str]:
    bandwidth = found.peak.bandwidth(found.touched)
    auto = " (chosen by auto)" if any(layer.auto for layer in found.layers) else ""
    texts = (
        f"> configured{auto}   * fastest, all directions together   +…B scratch memory",
        "measured: microseconds that a pack takes, one under way on each thread, every thread busy. GFLOP/s "
        "counts two operations for each multiply-add (MAC) that the backend really does; peak is the share of "
        f"{found.peak.flops / 1e9:.0f} GFLOP/s, the fastest that a core of this machine multiplies and adds.",
        "predicted: what the same MACs and bytes would take if only the slower of arithmetic and memory counted, "
        f"max(2·MACs / {found.peak.flops / 1e9:.0f} GFLOP/s, bytes / {bandwidth / 1e9:.0f} GB/s). {bandwidth / 1e9:.0f}"
        f" GB/s is how fast a core copies when it goes through {_short(found.touched)}B again and again, as a step of "
        "this network does.",
        "Far above the prediction, a kernel waits for something else than these two: short loops, edges, what it loads "
        "twice, calls from Python. Few MACs (fft, winograd) help only if that costs less than it saves.",
    )
    return [line for text in texts for line in wrap(text, WIDEST)]


def _plain(found: Explanation) -> dict[str, Any]:
    layers = []
    for layer in found.layers:
        problem = {"op": layer.problem.op, "words": in_words(layer.problem), **asdict(layer.problem)}
        layers.append({**asdict(layer), "problem": problem})
    return {**asdict(found), "peak": found.peak._asdict(), "layers": layers}


def _microseconds(seconds: float) -> str:
    """Three digits, or all of a long time."""
    value = 1e6 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _short(number: float) -> str:
    """``512``, ``3.0M``, ``48k``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            value = number / size
            return f"{value:.1f}{letter}" if value < 10 else f"{value:.0f}{letter}"
    return f"{number:.0f}"
