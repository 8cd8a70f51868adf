"""The record of one automatic choice of a backend: problem, timings, result; as a sentence and as JSON."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nbcnn.autotune.roofline import cpu
from nbcnn.compiler.host import compiler
from nbcnn.compiler.sources import texts
from nbcnn.kernels.registry import MOST_ERROR, backend, backend_names, refusals, tolerance
from nbcnn.util.formatting import in_words, milliseconds
from nbcnn.util.memory import gigabytes, memory
from nbcnn.util.version import __version__


@dataclass(frozen=True)
class Choice:
    """The backend ``name`` for the layers (paths) that have this problem and are asked for these directions.

    ``seconds`` is the time of a pack of 16 images in all directions, by candidate; ``slow`` are those left out after
    a short timing, ``refused`` those that can't do the problem, with their reasons; ``steps`` are the seconds of
    whole steps, where these decided.
    """

    problem: Any
    directions: tuple[str, ...]
    layers: tuple[str, ...]
    refused: Mapping[str, str]
    name: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    slow: tuple[str, ...] = ()
    steps: Mapping[str, float] = field(default_factory=dict)
    remembered: bool = False

    @property
    def candidates(self) -> list[str]:
        """The backends that can be chosen."""
        return [name for name in backend_names(self.problem.op) if name not in self.refused]

    @property
    def short(self) -> str:
        """``conv2d 5×5, 6→16 on 14×14: direct``."""
        return f"{in_words(self.problem)}: {self.name}"

    def __str__(self) -> str:
        """``conv2d 5×5, 6→16 on 14×14: direct 0.41 ms, im2col 0.78 ms; far slower: naive → direct``."""
        parts = [_times(self.seconds) or "the only one"]
        if self.steps:
            parts.append(f"near, so in whole steps {_times(self.steps)}")
        # Those that can't do it were never in question.
        cannot = refusals(self.problem, self.refused)
        able = {name: why for name, why in self.refused.items() if name not in cannot}
        lists = {"far slower": self.slow, "too inexact": [name for name in able if not _too_large(able[name])]}
        lists["too large for memory"] = [name for name in able if _too_large(able[name])]
        parts += [f"{why}: {', '.join(sorted(names))}" for why, names in lists.items() if names]
        found = "; ".join(parts)
        error = tolerance(self.problem, self.name)
        note = f" (inexact, by a share of at most {error:.1g})" if error else ""
        return f"{in_words(self.problem)}: {found} → {self.name}{note}"

    def record(self) -> dict[str, Any]:
        """The choice as run.json keeps it."""
        kept = {"layers": list(self.layers), "chosen": self.name, "directions": list(self.directions)}
        return kept | {"seconds": dict(self.seconds), "steps": dict(self.steps), "remembered": self.remembered}

    def answer(self) -> dict[str, Any]:
        """The choice as the cache keeps it."""
        return {"name": self.name, "seconds": self.seconds, "slow": self.slow, "steps": self.steps}

    def read(self, answer: Any) -> Choice:
        """A choice from a cached answer; raises ValueError and others for what can't be an answer."""
        seconds, slow, steps = answer["seconds"], tuple(answer["slow"]), answer["steps"]
        if not {answer["name"], *seconds, *slow, *steps} <= set(self.candidates):
            raise ValueError(f"it names a backend that is none of {', '.join(self.candidates)}")
        timed, stepped = ({name: float(time) for name, time in times.items()} for times in (seconds, steps))
        return replace(self, name=answer["name"], seconds=timed, slow=slow, steps=stepped, remembered=True)


_SCRATCH = "its scratch "


def _too_large(reason: str) -> bool:
    return reason.startswith(_SCRATCH)


def cannot_run(problem: Any, threads: int, footprint: int) -> dict[str, str]:
    """The backends that can't do a problem on so many threads, and why: by their own word, or for want of memory."""
    found = refusals(problem)
    for name in backend_names(problem.op):
        if name not in found and (flaw := _scratch_flaw(problem, name, threads, footprint)):
            found[name] = flaw
    return found


def _scratch_flaw(problem: Any, name: str, threads: int, footprint: int) -> str | None:
    """Why there is no memory for a backend's scratch, where a step of a thread takes ``footprint`` bytes besides."""
    scratch, has = backend(problem.op, name).workspace(problem) * np.dtype(problem.dtype).itemsize, memory()
    if threads * (scratch + footprint) + footprint <= has.bytes:
        return None
    return f"{_SCRATCH}of {gigabytes(scratch)} for each of {threads} threads does not fit, {has}"


def not_for_auto(problem: Any, threads: int = 1, footprint: int = 0) -> dict[str, str]:
    """The backends that can't be chosen for a problem, and why; one above MOST_ERROR can still be named."""
    found = cannot_run(problem, threads, footprint)
    for name in backend_names(problem.op):
        if name not in found and tolerance(problem, name) > MOST_ERROR:
            found[name] = f"its error bound {tolerance(problem, name):.2g} is above auto's {MOST_ERROR:g}"
    return {name: found[name] for name in backend_names(problem.op) if name in found}


def question(choice: Choice, threads: int) -> dict[str, Any]:
    """All that an answer depends on: as soon as any of it changes, the question is a new one."""
    op, names = choice.problem.op, choice.candidates
    return {
        "problem": {"op": op, **asdict(choice.problem)},
        "directions": list(choice.directions),
        "threads": threads,
        "cpu": cpu()._asdict(),
        "nbcnn": __version__,
        "compiler": compiler(),
        "kernels": _kernels_digest(),
        "candidates": {name: _text_digests(type(backend(op, name))) for name in names},
    }


def _times(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {milliseconds(time)}" for name, time in sorted(seconds.items(), key=lambda item: item[1]))


def _text_digests(kind: type) -> list[str]:
    """Digests of a backend's file, and of what a plugin's file imports of its own."""
    return [_file_digest(inspect.getfile(kind)), *texts([kind.__module__]).values()]


@cache
def _kernels_digest() -> str:
    """Digest of every source file that kernels are made of, for backends share helpers."""
    folder = Path(__file__).parents[1]
    files = sorted(file for room in ("compiler", "kernels", "lanes") for file in (folder / room).rglob("*.py"))
    text = "".join(f"{file.relative_to(folder).as_posix()} {_file_digest(str(file))}\n" for file in files)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _file_digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
