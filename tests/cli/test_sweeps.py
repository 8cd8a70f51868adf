"""What a sweep prints, held against its words and its width."""

from __future__ import annotations

import re

import pytest
from bench.fakes import DIRECTIONS, PROBLEM, contest

from nbcnn.bench.results import Contest
from nbcnn.bench.rows import Row
from nbcnn.bench.sweep import AXES, KERNELS, Point, Sweep
from nbcnn.cli._bench import folded, whole_table
from nbcnn.cli._sweeps import absences, grid, sweep_tables
from nbcnn.cli._tables import WIDEST


def the_map(**seconds: float | None) -> Sweep:
    sides = AXES["map"].values
    places = [(kernel, image) for kernel in KERNELS for image in sides]
    return Sweep(AXES["map"], [Point({"kernel": k, "image": i}, contest(**seconds)) for k, i in places])


def lacking(places: list[tuple[dict[str, int], dict[str, str]]], axis: str) -> Sweep:
    timed = {"direct": dict.fromkeys(DIRECTIONS, 1.0)}
    return Sweep(AXES[axis], [Point(at, Contest(PROBLEM, 1, timed, absent)) for at, absent in places])


def test_a_map_is_a_grid_of_winners() -> None:
    found = the_map(direct=1.0, fft=1.5)
    found.points[0] = Point({"kernel": 1, "image": 8}, contest(direct=1.0, fft=0.05))
    found.points[1] = Point({"kernel": 1, "image": 16}, contest(direct=1.02, fft=1.0))
    found.points[2] = Point({"kernel": 1, "image": 32}, contest(direct=1.0))
    found.points[3] = Point({"kernel": 1, "image": 64}, contest(direct=None))
    lines = grid(found, "forward")
    assert len(lines) == 1 + len(AXES["map"].values)
    assert lines[0].split() == ["image", *(f"{k}×{k}" for k in KERNELS)]
    firsts = [re.split(r"  +", line.strip())[:3] for line in lines[1:]]
    assert firsts == [
        ["8×8", "fft 20×", "direct 1.5×"],
        ["16×16", "fft ≈", "direct 1.5×"],
        ["32×32", "direct alone", "direct 1.5×"],
        ["64×64", "–", "direct 1.5×"],
        ["128×128", "direct 1.5×", "direct 1.5×"],
    ]


def test_a_grid_of_long_names_is_cut_to_the_width() -> None:
    lines = grid(the_map(a_backend_with_a_very_long_name=1.0, other=12.3), "forward")
    assert 90 <= max(map(len, lines)) <= WIDEST
    assert re.search(r"a_backe\w*… 12×$", lines[1])


def test_a_printed_sweep_fits_the_width(capsys: pytest.CaptureFixture[str]) -> None:
    sweep_tables([the_map(pointwise=1.0, fft_tiled=30.0)], 1, 3)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= WIDEST
    assert len(out.splitlines()) < 30
    assert out.count("pointwise 30×") == 3 * 30
    assert "grad_weight: the winner, and how many times slower the second is" in out
    assert "Who is less than 5% ahead has not overtaken; in a map ≈." in out


def test_who_could_not_take_part_has_one_line() -> None:
    small = [({"kernel": k}, {"one": f"the kernel is {k}×{k}"} if k > 1 else {"slow": "no"}) for k in KERNELS]
    assert list(absences(lacking(small, "kernel"))) == [
        "slow at kernel 1: no",
        "one at kernel 3, 5, 7, 9, 11; at kernel 3: the kernel is 3×3",
    ]
    everywhere = [({"kernel": k}, {"none": "never"}) for k in KERNELS]
    assert list(absences(lacking(everywhere, "kernel"))) == ["none at every point: never"]


def test_in_a_map_absences_are_told_by_side_or_counted() -> None:
    places = [{"kernel": k, "image": i} for k in KERNELS for i in AXES["map"].values]
    kernels = lacking([(at, {"one": f"{at['kernel']} > 1"} if at["kernel"] > 1 else {}) for at in places], "map")
    assert list(absences(kernels)) == ["one at kernel 3, 5, 7, 9, 11; at kernel 3, image 8: 3 > 1"]
    images = lacking([(at, {"one": "large"} if at["image"] > 32 else {}) for at in places], "map")
    assert list(absences(images)) == ["one at image 64, 128: large"]
    corner = lacking([(at, {"one": "both"} if min(at.values()) > 8 else {}) for at in places], "map")
    assert list(absences(corner)) == ["one at 8 of 30 points: both"]


def test_a_network_beside_two_peers_fits_the_width(capsys: pytest.CaptureFixture[str]) -> None:
    many = {"nbcnn": [138_900.0], "torch channels_last": [68_845.0], "onnxruntime arrays": [95_831.0]}
    long = "first step, kernels in the cache"
    whole_table("lenet", [Row("inference", long, "images/s", True, many)], ["torch", "onnxruntime"], 2, 7)
    lines = capsys.readouterr().out.splitlines()
    assert re.search(r"138,900 +channels_last 68,845 +2\.02 +arrays 95,831 +1\.45$", lines[3])
    assert max(map(len, lines)) <= WIDEST


def test_long_lines_are_folded() -> None:
    line = folded("  – " + "word " * 50, "    ")
    assert line.startswith("  – word")
    assert max(map(len, line.splitlines())) <= WIDEST
    assert all(each.startswith("    word") for each in line.splitlines()[1:])
