"""A container's quota of processors, from files as Linux has them: both versions of control groups, nested, absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import nbcnn.engine.thread_pool
from nbcnn.util.cpu_quota import available_threads, cpu_quota

V2 = "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "30 23 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
    "31 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 30 0:29 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
)


def made(root: Path, groups: str, mounts: str, files: dict[str, str]) -> Path:
    """A folder with proc and sys in it; ``files`` are below /sys/fs/cgroup."""
    for name, text in {"proc/self/cgroup": groups, "proc/self/mountinfo": mounts}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("50000 100000\n", 1),
        ("1000 100000\n", 1),
        ("300000 50000\n", 6),
        ("nonsense\n", None),
        ("", None),
        ("100000 0\n", None),
        ("-1 100000\n", None),
    ],
)
def test_version_2_as_a_container_sees_itself(text: str, wanted: int | None, tmp_path: Path) -> None:
    assert cpu_quota(made(tmp_path, "0::/\n", V2, {"cpu.max": text})) == wanted


@pytest.mark.parametrize(
    ("outer", "inner", "wanted"),
    [("max 100000", "250000 100000", 3), ("100000 100000", "400000 100000", 1), ("800000 100000", "max 100000", 8)],
)
def test_of_nested_groups_the_smallest_holds(outer: str, inner: str, wanted: int, tmp_path: Path) -> None:
    files = {"a.slice/cpu.max": outer, "a.slice/b.scope/cpu.max": inner, "other/cpu.max": "1000 100000"}
    assert cpu_quota(made(tmp_path, "0::/a.slice/b.scope\n", V2, files)) == wanted
    deeper = "0::/a.slice/b.scope/c/d\n"  # groups without a controller have no such file
    assert cpu_quota(made(tmp_path, deeper, V2, files)) == wanted


@pytest.mark.parametrize("quota", ["-1", "150000", "300000"])
@pytest.mark.parametrize("top", ["/", "/docker/abc", "/elsewhere"])
def test_version_1(top: str, quota: str, tmp_path: Path) -> None:
    """A container may see its own group as the top of the hierarchy, under a path that is the machine's."""
    groups = "12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/system.slice\n"
    own = "cpu,cpuacct/docker/abc" if top == "/" else "cpu,cpuacct"
    files = {f"{own}/cpu.cfs_quota_us": f"{quota}\n", f"{own}/cpu.cfs_period_us": "100000\n"}
    files["memory/cpu.cfs_quota_us"] = files["memory/cpu.cfs_period_us"] = "100000\n"
    root = made(tmp_path, groups, V1.format(top=top), files)
    assert cpu_quota(root) == {"-1": None, "150000": 2, "300000": 3}[quota]


def test_both_versions_beside_each_other(tmp_path: Path) -> None:
    mounts = V1.format(top="/") + "33 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    files = {"unified/b/cpu.max": "500000 100000", "cpu,cpuacct/a/cpu.cfs_quota_us": "200000"}
    files["cpu,cpuacct/a/cpu.cfs_period_us"] = "100000"
    assert cpu_quota(made(tmp_path, "4:cpu,cpuacct:/a\n0::/b\n", mounts, files)) == 2


def test_odd_paths(tmp_path: Path) -> None:
    """A space in a mount's folder, and a group outside of what the container sees."""
    mounts = V2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/my\\040own")
    files = {"my own/cpu.max": "300000 100000"}
    assert cpu_quota(made(tmp_path, "0::/../../outside\n", mounts, files)) == 3


@pytest.mark.parametrize("groups", ["", "nonsense\n", "0::\n", "::\n"])
def test_where_the_system_says_nothing_there_is_no_quota(groups: str, tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
    assert cpu_quota(made(tmp_path, groups, "nonsense\n - \n1 2 3 - cgroup2\n" + V2, {})) is None


def test_threads_are_those_of_the_quota_and_never_more_than_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for quota, wanted in ((None, 8), (3, 3), (64, 8)):
        monkeypatch.setattr(nbcnn.util.cpu_quota, "cpu_quota", lambda quota=quota: quota)
        assert available_threads() == wanted
