"""How to make the run again: the command, all that decides a bit, the config."""

from __future__ import annotations

from shlex import quote
from typing import Any

from nbcnn.report.page import Html, code, element, paragraph, table, unfolded
from nbcnn.training.run_report.facts import RunFacts

_KEYS = (
    ("nbcnn", "nbcnn"),
    ("python", "Python"),
    ("numpy", "NumPy"),
    ("numba", "Numba"),
    ("blas", "BLAS"),
    ("machine", "system"),
    ("cpu", "CPU"),
    ("fused", "products and sums fused"),
    ("threads", "threads (they decide no bit)"),
    ("started", "began"),
)


def content(facts: RunFacts) -> list[Html]:
    """A command, tables, the config to unfold."""
    made = []
    if facts.config_text:
        plugins = _loaded(facts.info.get("plugins"))
        made = [
            paragraph("In this folder, to the same bits with the same versions, CPU and images:"),
            code(f"nbcnn train config.yaml --out {quote(f'../{facts.name}-again')}{plugins}"),
        ]
    rows = [(name, str(facts.info[key])) for key, name in _KEYS if key in facts.info]
    if facts.config is not None:
        rows.insert(0, ("seed", str(facts.config.train.seed)))
    rows += _data(facts.info.get("data"))
    settings = facts.info.get("settings")
    if isinstance(settings, dict):
        rows.append(("environment", ", ".join(f"{name}={value}" for name, value in settings.items())))
    if rows:
        made.append(table(("what", "value"), [(name, element("span", value, class_="value")) for name, value in rows]))
    resumed = facts.info.get("resumed")
    for entry in resumed if isinstance(resumed, list) else []:
        if isinstance(entry, dict):
            made.append(paragraph(f"Went on at {_text(entry, 'started')} from step {_text(entry, 'step')}."))
    if facts.config_text:
        made.append(unfolded("config.yaml, every default spelled out", code(facts.config_text.rstrip("\n"))))
    return made or facts.lacking("config", "info")


def _loaded(plugins: Any) -> str:
    """The plugins that have to be loaded first, as options."""
    entries = [entry for entry in plugins if isinstance(entry, dict)] if isinstance(plugins, list) else []
    return "".join(f" --plugin {quote(str(entry.get('file') or entry.get('name')))}" for entry in entries)


def _data(data: Any) -> list[tuple[str, str]]:
    if not isinstance(data, dict):
        return []
    counts = ", ".join(f"{_text(data, key)} {key}" for key in ("train", "validation", "test") if key in data)
    found = [("data", f"{_text(data, 'name')}: {counts} images")]
    found += [("data from", str(data["source"]))] if data.get("source") else []
    return found + ([("SHA-256 of the images and labels", str(data["sha256"]))] if data.get("sha256") else [])


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry.get(key, "?")
    return f"{value:,}" if isinstance(value, int) else str(value)
