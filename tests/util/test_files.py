from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nbcnn.errors import CheckpointError, NbcnnError
from nbcnn.util.files import append_line, make_folder, write_atomic


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_write_makes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomic(path, b"old")
    write_atomic(path, b"new and longer")
    assert path.read_bytes() == b"new and longer"
    assert names(tmp_path) == ["a.bin"]


def test_write_honours_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "a", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_write_goes_on_after_a_short_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data[:3])))
    write_atomic(tmp_path / "a", b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EROFS, "choose a folder that you may write to"),
        (errno.EACCES, "choose a folder that you may write to"),
        (errno.EIO, "look at the disk"),
    ],
)
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, remedy: str
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(CheckpointError, match=rf"cannot write .*a\.bin: {os.strerror(number)}; .*{remedy}"):
            write_atomic(path, b"new", CheckpointError)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_a_failure_in_the_middle_of_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    real, calls = os.write, []

    def half(fd: int, data: memoryview) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, bytes(data[:2]))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(NbcnnError, match="No space left"):
            write_atomic(path, b"12345")
    assert calls == [5, 3]
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", stop)
        with pytest.raises(KeyboardInterrupt):
            write_atomic(tmp_path / "a", b"x")
    assert names(tmp_path) == []


def test_everything_reaches_the_disk_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data before the rename, the folder after it: a power cut between any two leaves a whole file."""
    calls: list[str] = []
    sync, replace = os.fsync, os.replace

    def traced_sync(fd: int) -> None:
        calls.append("folder" if os.path.isdir(f"/proc/self/fd/{fd}") else "data")
        sync(fd)

    def traced_replace(a: Path, b: Path) -> None:
        assert a.parent == b.parent
        calls.append("replace")
        replace(a, b)

    monkeypatch.setattr(os, "fsync", traced_sync)
    monkeypatch.setattr(os, "replace", traced_replace)
    write_atomic(tmp_path / "a", b"x")
    assert calls == ["data", "replace", "folder"]


@pytest.mark.parametrize(("number", "raises"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_folder_that_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, raises: bool
) -> None:
    real, calls = os.fsync, []

    def second_fails(fd: int) -> None:
        calls.append(fd)
        if len(calls) == 2:
            raise OSError(number, os.strerror(number))
        real(fd)

    monkeypatch.setattr(os, "fsync", second_fails)
    if raises:
        with pytest.raises(NbcnnError, match=r"cannot write .*Input/output error"):
            write_atomic(tmp_path / "a", b"new")
    else:
        write_atomic(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert len(calls) == 2


def test_sentences_for_wrong_paths(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NbcnnError, match=r"cannot write .*none/a: No such file or directory; make its folder first"):
        write_atomic(tmp_path / "none" / "a", b"")
    with pytest.raises(NbcnnError, match=r"cannot write .*file/a: Not a directory; a part of that path is a file"):
        write_atomic(tmp_path / "file" / "a", b"")
    with pytest.raises(NbcnnError, match=r"Is a directory; that path is a folder; choose another"):
        write_atomic(tmp_path, b"")
    with pytest.raises(NbcnnError, match=r"File name too long; choose a shorter name"):
        write_atomic(tmp_path / ("x" * 300), b"")
    with pytest.raises(CheckpointError, match=r"cannot make the folder .*file/b: Not a directory"):
        make_folder(tmp_path / "file" / "b", CheckpointError)
    with pytest.raises(CheckpointError, match=r"cannot make the folder .*file: File exists; a part of that path"):
        make_folder(tmp_path / "file", CheckpointError)


def test_append_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    append_line(path, "one")
    append_line(path, "zwei ä")
    assert path.read_bytes() == "one\nzwei ä\n".encode()


def test_a_line_that_does_not_fit_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    append_line(path, "whole")
    real, calls = os.write, []

    def half(fd: int, data: memoryview) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, bytes(data[:4]))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(CheckpointError, match=r"cannot write .*log: No space left on device; free some space"):
            append_line(path, "not whole", CheckpointError)
    assert len(calls) == 2
    assert path.read_bytes() == b"whole\n"
