"""What the machine is and can: its CPU by name, the roofline's arithmetic, bests that are measured once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiler.test_machine_code import SCALAR, array, assembly, packed
from memory import own_memory
from numba import float32, int64
from numba.types import UniTuple

from nbcnn.autotune import peak, roofline
from nbcnn.autotune.roofline import Peak, cpu, measured_peak

PEAK = Peak(100e9, ((1000, 80e9), (4000, 40e9), (16000, 10e9)))


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    return own_memory(monkeypatch, tmp_path / "cache")


def test_the_cpu_has_a_name_and_is_the_same_each_time(tmp_path: Path) -> None:
    found = cpu()
    assert found.model and found.target and found.processors >= 1
    assert re.fullmatch("[0-9a-f]{16}", found.features)
    assert cpu() == found
    file = tmp_path / "cpuinfo"
    file.write_text(
        "processor\t: 0\nmodel name\t: Some CPU: 9 GHz\nflags\t: fpu\n\nprocessor\t: 1\nmodel name\t: Other\n"
    )
    assert roofline.cpu_model(file) == "Some CPU: 9 GHz"
    file.write_text("Hardware: a board\n")
    assert roofline.cpu_model(file) == roofline.cpu_model(tmp_path / "absent") != ""


def test_the_bandwidth_is_that_of_the_next_larger_size() -> None:
    assert [PEAK.bandwidth(size) for size in (1, 1000, 1001, 4000, 9000, 10**9)] == [80e9, 80e9, 40e9, 40e9, 10e9, 10e9]


def test_the_roofline_is_the_larger_of_two_times() -> None:
    assert PEAK.seconds(50e9, 0, 1) == 1.0  # two operations each
    assert PEAK.seconds(50e9, 79e9, 1000) == 1.0
    assert PEAK.seconds(50e9, 80e9, 1001) == 2.0
    assert PEAK.seconds(0, 5e9, 16000) == 0.5


def test_the_bests_are_measured_once_for_each_question(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def measure(threads: int, dtype: str) -> Peak:
        asked.append((threads, dtype))
        return PEAK._replace(flops=100e9 * threads)

    monkeypatch.setattr(roofline, "_measure", measure)
    for _ in range(2):
        assert measured_peak(1, "float32") == PEAK
        assert measured_peak(2, "float32").flops == 200e9
        assert measured_peak(1, "float64") == PEAK
    assert asked == [(1, "float32"), (2, "float32"), (1, "float64")]
    file = next(iter((cache / "machine").glob("peak-float64-*.json")))
    note = json.loads(file.read_text())
    for answer, words in (
        ({"flops": 0, "copied": [[1, 1.0]]}, "speeds must be above 0"),
        ({"flops": 1e9, "copied": []}, "speeds must be above 0"),
        ({"flops": 1e9}, "KeyError 'copied'"),
        ({"flops": 1e9, "copied": [1]}, "int"),
    ):
        file.write_text(json.dumps({**note, "answer": answer}))
        with pytest.warns(RuntimeWarning, match=f"this machine's measured bests are found anew.*{words}"):
            assert measured_peak(1, "float64") == PEAK


def test_a_real_measurement_gives_speeds_of_this_century(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roofline, "_BURSTS", 3)
    monkeypatch.setattr(roofline, "_SIZES", (1 << 15, 1 << 17))
    found = roofline._measure(2, "float32")
    assert 1e8 < found.flops < 1e13
    assert [size for size, _ in found.copied] == [1 << 15, 1 << 17]
    assert all(1e7 < rate < 1e13 for _, rate in found.copied)


@pytest.mark.parametrize("chains", peak.CHAINS)
def test_no_multiply_add_is_left_out(chains: int) -> None:
    x, y = np.zeros((2 + chains, 16)), np.zeros((chains, 16))
    x[0], x[1], x[2:] = 2.0, np.arange(16), np.arange(chains)[:, None]
    peak.multiply_add(x, y, 5, tuple(range(chains)))
    ends = [np.arange(16) * 31 + 32 * start for start in range(chains)]  # s·2^5 + v·(1 + 2 + 4 + 8 + 16)
    np.testing.assert_array_equal(y, ends)
    text = assembly(peak.multiply_add, array(float32, 2), array(float32, 2), int64, UniTuple(int64, chains))
    assert len(re.findall(packed(32), text)) >= chains
    assert not re.search(SCALAR, text)


def test_a_copy_is_a_copy() -> None:
    x = np.random.default_rng(0).standard_normal((5, 16)).astype(np.float32)
    y = np.zeros_like(x)
    peak.copy(x, y, 2)
    np.testing.assert_array_equal(x, y)
