"""The number of processors that a container may use: the CPU quota of its control groups (cgroups).

A container with a quota of two processors sees all of the machine's; with a thread for each, its threads would wait for
one another most of the time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path, PurePosixPath


def available_threads() -> int:
    """Processors that this process may use; a container's quota counts."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(there, cpu_quota() or there)


def cpu_quota(root: Path = Path("/")) -> int | None:
    """How many processors' time the control groups allow, rounded up and at least 1; None where they do not say.

    Of nested groups the smallest holds. ``root`` is where ``proc`` and ``sys`` are.
    """
    quotas = [quota for folder in _groups(root) if (quota := _quota(folder)) is not None]
    return max(1, ceil(min(quotas))) if quotas else None


def _groups(root: Path) -> Iterator[Path]:
    """The folders of this process's group and of those above it, in each hierarchy that may limit processors."""
    paths = {_kind(line): line.split(":", 2)[2] for line in _lines(root / "proc/self/cgroup") if line.count(":") >= 2}
    for line in _lines(root / "proc/self/mountinfo"):
        place, _, system = line.partition(" - ")
        fields, (kind, *rest) = place.split(), system.split() or [""]
        kind = kind if kind == "cgroup2" or "cpu" in (rest or [""])[-1].split(",") else ""
        if kind not in paths or len(fields) < 5:
            continue
        top, folder = fields[3], root / _plain(fields[4]).lstrip("/")
        path = PurePosixPath(paths[kind])
        inside = path.relative_to(top).parts if path.is_relative_to(top) else ()
        names = () if ".." in inside else inside
        for count in range(len(names) + 1):
            yield folder.joinpath(*names[:count])


def _kind(line: str) -> str:
    """The file system of a hierarchy in /proc/self/cgroup, where that hierarchy may limit processors."""
    number, controllers = line.split(":", 2)[:2]
    if not controllers:
        return "cgroup2" if number == "0" else "other"
    return "cgroup" if "cpu" in controllers.split(",") else "other"


def _quota(folder: Path) -> float | None:
    """A group's own: cpu.max of version 2 holds quota and period, version 1 has a file for each."""
    found = " ".join(_lines(folder / "cpu.max")) or " ".join(
        line for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us") for line in _lines(folder / name)
    )
    try:
        quota, period = (int(word) for word in found.split())  # "max", where there is none, is no number
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _plain(path: str) -> str:
    """A path of mountinfo, which has spaces and the like as octal numbers."""
    for code in ("040", "011", "012", "134"):
        path = path.replace(f"\\{code}", chr(int(code, 8)))
    return path


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
