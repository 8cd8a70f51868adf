"""The CPU's model and its peak compute and memory speed (the roofline), measured once and cached.

The bests are of one thread while as many threads as a run has do the same: a core's clock, the last cache and the
memory are shared.
"""

from __future__ import annotations

import hashlib
import os
import platform
from contextlib import closing
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from nbcnn.autotune import peak
from nbcnn.autotune.measurement_cache import MeasurementCache
from nbcnn.autotune.sampler import together
from nbcnn.compiler.host import compiler, target
from nbcnn.engine.thread_pool import ThreadPool
from nbcnn.kernels.contract import LANES, KernelWithAttributes
from nbcnn.util.aligned import zeros

_SIZES = tuple(1 << k for k in range(15, 26, 2))
"""Bytes that are copied in turn, a half each read and written: 32 kB to 32 MB, from the first cache to the memory."""
_MOST_TOGETHER = 1 << 30
_BURSTS = 40


class Cpu(NamedTuple):
    """The model's name, what LLVM calls it, a digest of its instruction sets, and how many processors there are."""

    model: str
    target: str
    features: str
    processors: int


class Peak(NamedTuple):
    """Peak speeds of one thread: ``flops`` per second (a multiply-add is two), bytes copied per second by size."""

    flops: float
    copied: tuple[tuple[int, float], ...]

    def bandwidth(self, touched: int) -> float:
        """Bytes copied per second in a loop over ``touched`` bytes: that of the next larger measured size."""
        return next((rate for size, rate in self.copied if size >= touched), self.copied[-1][1])

    def seconds(self, macs: float, moved: float, touched: int) -> float:
        """The roofline: t = max(2·macs / flops, moved / bandwidth(touched)), were nothing else in the way."""
        return max(2 * macs / self.flops, moved / self.bandwidth(touched))


@cache
def cpu() -> Cpu:
    """The CPU, as far as it decides speed."""
    name, features = target()
    digest = hashlib.sha256(",".join(features).encode()).hexdigest()[:16]
    return Cpu(cpu_model(), name, digest, os.cpu_count() or 1)


def measured_peak(threads: int, dtype: str, notes: MeasurementCache | None = None) -> Peak:
    """The peak of each of ``threads`` threads, from the user's cache or measured now, in about a second."""
    notes, question = notes or _notes(), _question(threads, dtype)
    known = notes.get(f"peak-{dtype}", question, _read_peak)
    if known is None:
        known = _measure(threads, dtype)
        notes.put(f"peak-{dtype}", question, known._asdict())
    return known


def known_peak(threads: int, dtype: str) -> Peak | None:
    """The same where it is in the user's cache; nothing is measured."""
    return _notes().get(f"peak-{dtype}", _question(threads, dtype), _read_peak)


def _notes() -> MeasurementCache:
    return MeasurementCache("machine", "this machine's measured bests")


def _question(threads: int, dtype: str) -> dict[str, Any]:
    source = hashlib.sha256(Path(peak.__file__).read_bytes() + Path(__file__).read_bytes()).hexdigest()
    return {"cpu": cpu()._asdict(), "threads": threads, "dtype": dtype, "compiler": compiler(), "by": source}


def _measure(threads: int, dtype: str) -> Peak:
    """The best of many bursts: what disturbs a burst only makes it slower."""
    with closing(ThreadPool(threads)) as pool:
        rates, count = [], 50_000
        for chains in peak.CHAINS:
            kernel = KernelWithAttributes(peak.multiply_add, tuple(range(chains)))
            starts = np.linspace(0.25, 0.75, 2 + chains)[:, None].repeat(LANES, 1).astype(dtype)
            arrays = [(starts.copy(), np.zeros((chains, LANES), dtype)) for _ in range(threads)]
            rates.append(2 * chains * LANES * count / _best(pool, kernel, arrays, count))
        copied = []
        for size in _SIZES:
            if size == _SIZES[0] or size * threads <= _MOST_TOGETHER:
                rows = (size // 2 // LANES // np.dtype(dtype).itemsize, LANES)
                arrays = [(zeros(rows, np.dtype(dtype)), zeros(rows, np.dtype(dtype))) for _ in range(threads)]
                for x, _ in arrays:
                    x[...] = 1  # memory that was never written to is no memory yet
                times = max(1, (4 << 20) // size)
                copied.append((size, size * times / _best(pool, peak.copy, arrays, times)))
    return Peak(max(rates), tuple(copied))


def _best(pool: ThreadPool, kernel: Any, arrays: list[tuple[np.ndarray, np.ndarray]], count: int) -> float:
    """Seconds of the fastest burst; a fast one is hardly a chance of one burst, so it is the median of the best few."""
    kernel(*arrays[0], 1)
    players = [lambda x=x, y=y: kernel(x, y, count) for x, y in arrays]
    bursts = sorted(together(pool, players, 1) for _ in range(_BURSTS))
    return median(bursts[:5])


def _read_peak(answer: Any) -> Peak:
    flops, copied = float(answer["flops"]), tuple((int(size), float(rate)) for size, rate in answer["copied"])
    if not (flops > 0 and copied and all(size > 0 and rate > 0 for size, rate in copied)):
        raise ValueError("speeds must be above 0")
    return Peak(flops, copied)


def cpu_model(file: Path = Path("/proc/cpuinfo")) -> str:
    """``AMD EPYC 9654``, where the system says so."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("model name")]
    return named[0] if named and named[0] else platform.processor() or platform.machine()
