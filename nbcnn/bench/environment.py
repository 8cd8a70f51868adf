"""The machine and software on which a benchmark ran."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nbcnn.autotune.roofline import cpu_model
from nbcnn.util.cpu_quota import available_threads
from nbcnn.util.version import __version__


def environment(*packages: str) -> dict[str, Any]:
    """CPU, system, versions (of ``packages`` too, where they are installed), load when the measuring began."""
    versions = {"nbcnn": __version__, "python": platform.python_version()}
    for package in ("numba", "llvmlite", "numpy", *packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "cpu": cpu_model(),
        "processors": available_threads(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": versions,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def busy(place: dict[str, Any]) -> str | None:
    """A sentence of warning if other processes were at work when the measuring began."""
    load, processors = place["load"], place["processors"]
    if load is None or load <= 0.75 * processors:
        return None
    return (
        f"the machine is busy (load {load:.1f} on {processors} processors): trust ratios more than times, and do not "
        "compare several threads"
    )


def free_memory() -> float | None:
    """Bytes that programs may still have; None where the system has no such figure (Linux has)."""
    if sys.platform != "linux":
        return None
    found = re.search(r"^MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text(encoding="utf-8"), re.M)
    return int(found[1]) * 1024.0 if found else None
