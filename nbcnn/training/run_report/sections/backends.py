"""Which backend computed each layer and why, and what had to be compiled."""

from __future__ import annotations

from typing import Any

from nbcnn.kernels.registry import backend_names
from nbcnn.report.page import Html, element, paragraph, table
from nbcnn.training.run_report.facts import RunFacts
from nbcnn.util.formatting import counted, in_words, milliseconds


def content(facts: RunFacts) -> list[Html]:
    """A row for each group of layers with one op, one backend and one reason."""
    if (network := facts.network) is None:
        return facts.lacking("network", "config")
    reasons, groups = _by_auto(facts.info.get("auto")), dict[tuple[str, str, str], list[str]]()
    for layer in network.layers():
        if layer.op is None:
            continue
        name, problem = str(layer.backend), layer.problem
        why, known = reasons.get(layer.path), backend_names(layer.op)
        what = layer.op
        if why is not None:
            what = in_words(problem) if problem is not None else layer.op
        elif len(known) < 2:
            why = "the only one that there is"
        else:
            others = ", ".join(other for other in known if other != name)
            why = f"config.yaml names it; also known: {others}"
        groups.setdefault((what, name, why), []).append(layer.path)
    rows = [(", ".join(paths), what, name, why) for (what, name, why), paths in groups.items()]
    return [
        table(("layers", "op", "backend", "why"), rows),
        *_plugins(facts.info.get("plugins")),
        element("h3", "Compiled kernels"),
        *(paragraph(sentence) for sentence in _compiled(facts)),
    ]


def _by_auto(choices: Any) -> dict[str, str]:
    """By path, how ``backend: auto`` chose; what no training wrote is passed over."""
    found = {}
    for choice in choices if isinstance(choices, list) else []:
        if not isinstance(choice, dict):
            continue
        parts = ["auto chose it"]
        if timed := _times(choice.get("seconds")):
            parts.append(f"a pack took {timed}")
        if steps := _times(choice.get("steps")):
            parts.append(f"near, so in whole steps {steps}")
        if choice.get("remembered"):
            parts.append("remembered from an earlier timing")
        layers = choice.get("layers")
        for path in layers if isinstance(layers, list) else []:
            found[str(path)] = "; ".join(parts)
    return found


def _times(seconds: Any) -> str:
    if not isinstance(seconds, dict):
        return ""
    numbers = [(str(k), float(v)) for k, v in seconds.items() if type(v) in (int, float)]
    return ", ".join(f"{name} {milliseconds(time)}" for name, time in sorted(numbers, key=lambda one: one[1]))


def _plugins(plugins: Any) -> list[Html]:
    rows = []
    for plugin in plugins if isinstance(plugins, list) else []:
        if isinstance(plugin, dict):
            rows.append([str(plugin.get(key, "")) for key in ("name", "file", "sha256")])
    if not rows:
        return []
    return [element("h3", "Plugins"), table(("plugin", "file", "SHA-256 of its content"), rows)]


def _compiled(facts: RunFacts) -> list[str]:
    """A sentence for each part of the training."""
    parts = facts.info.get("compiled")
    found = []
    for part in parts if isinstance(parts, list) else []:
        try:
            kernels, loaded, seconds = int(part["kernels"]), int(part["loaded"]), float(part["seconds"])
        except (TypeError, KeyError, ValueError, OverflowError):
            continue
        if kernels:
            text = f"{counted(kernels, 'kernel')} compiled in {seconds:.1f} s"
        else:
            text = "No kernel had to be compiled"
        found.append(f"{text}; {loaded:,} were loaded from the cache of earlier compilations.")
    if len(found) > 1:
        found = [f"Part {n} of the training: {sentence}" for n, sentence in enumerate(found, 1)]
    return found or ["How many were compiled is not recorded: the training has not reached its end, or is older."]
