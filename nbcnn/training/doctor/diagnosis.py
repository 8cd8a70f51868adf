"""The diagnosis: every rule is asked, and what follows from another finding is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from nbcnn.training.doctor import rules as package
from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

Look = Callable[[Evidence], Finding | None]


@cache
def rules() -> Mapping[str, ModuleType]:
    """The modules of all rules, by name."""
    names = sorted(module.name for module in iter_modules(package.__path__) if module.name[0] != "_")
    return {name: import_module(f"{package.__name__}.{name}") for name in names}


def diagnose(evidence: Evidence, in_training: bool = False) -> list[Finding]:
    """What the rules find, those that explain most first; [] for a training that nothing is wrong with."""
    found: dict[str, Finding] = {}
    for name, rule in rules().items():
        if in_training and not getattr(rule, "IN_TRAINING", True):
            continue
        if (finding := rule.look(evidence)) is not None:
            found[name] = replace(finding, rule=name)
    explained = {name for one in found for name in explains(one)}
    left = [name for name in found if name not in explained]
    return [found[name] for name in sorted(left, key=lambda name: (-len(explains(name)), name))]


def explains(name: str) -> tuple[str, ...]:
    """The rules whose findings follow from those of a rule."""
    found: tuple[str, ...] = getattr(rules()[name], "EXPLAINS", ())
    return found
