"""Atomic writing of files, safe against kills, full disks and power cuts; creation of new folders."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from itertools import count
from pathlib import Path

from nbcnn.errors import NbcnnError
from nbcnn.util.user_folders import expanded

_REMEDIES = {
    errno.ENOSPC: "free some space or choose another folder",
    errno.EDQUOT: "free some space or choose another folder",
    errno.EFBIG: "allow larger files (ulimit -f)",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder that you may write to",
    errno.ENOENT: "make its folder first",
    errno.ENOTDIR: "a part of that path is a file; choose another",
    errno.EEXIST: "a part of that path is a file; choose another",
    errno.EISDIR: "that path is a folder; choose another",
    errno.ENAMETOOLONG: "choose a shorter name",
}
# Some network file systems cannot fsync a folder; the replacement itself is atomic there too.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP}


def sentence(doing: str, path: str | Path, fault: OSError) -> str:
    """``cannot write runs/a/best.safetensors: No space left on device; free some space or …``."""
    remedy = _REMEDIES.get(fault.errno or 0, "look at the disk and the folder's rights")
    return f"cannot {doing} {path}: {fault.strerror or fault}; {remedy}"


def write_atomic(path: str | Path, data: bytes, error: type[NbcnnError] = NbcnnError) -> None:
    """Write ``data`` to ``path``, whole or not at all.

    The bytes go to a temporary file in the same folder, which is flushed to disk and then renamed over ``path``. On
    any failure the old file stays as it was and the temporary one is removed. Raises ``error`` with one sentence
    when the system refuses.
    """
    path = Path(path)
    spare = path.parent / f".nbcnn-{secrets.token_hex(8)}.tmp"
    try:
        try:
            _write_synced(spare, data)
            os.replace(spare, path)
        except BaseException:  # a Ctrl-C too must not leave the temporary file behind
            spare.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as fault:
        raise error(sentence("write", path, fault)) from fault


def read_file(path: str | Path, largest: int, error: type[NbcnnError] = NbcnnError) -> bytes:
    """The content of a file of at most ``largest`` bytes.

    Never waits for a pipe and never reads a device without end, whatever a link in an untrusted folder leads to. Raises
    ``error`` with one sentence for what is no file, too large or can't be read.
    """
    try:
        with open(path, "rb", opener=at_once) as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise error(f"{path} is not a file; restore it, or remove it")
            data = file.read(min(info.st_size, largest) + 1)  # read() asks for all that it may need
    except OSError as fault:
        raise error(sentence("read", path, fault)) from fault
    except ValueError:  # a zero byte, which no file's name has
        raise error(f"{str(path)!r} can't be the name of a file; choose another") from None
    if len(data) > largest:
        raise error(f"{path} is larger than {largest:,} bytes; is this the file?")
    return data


def at_once(path: str, flags: int) -> int:
    """An opener for ``open`` that doesn't wait for someone to write into a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def append_line(path: str | Path, text: str, error: type[NbcnnError] = NbcnnError) -> None:
    """Append ``text`` and a line feed to a log, and hand it to the system before returning.

    A line that can't be written whole is taken back, so the log holds whole lines. Raises ``error`` with one sentence.
    """
    try:
        with open(path, "ab", buffering=0) as log:
            size = log.seek(0, os.SEEK_END)
            try:
                _write_all(log.fileno(), f"{text}\n".encode())
            except OSError:
                log.truncate(size)
                raise
    except OSError as fault:
        raise error(sentence("write", path, fault)) from fault


def make_folder(path: str | Path, error: type[NbcnnError] = NbcnnError) -> None:
    """Make a folder and those above it, if need be; raises ``error`` with one sentence."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise error(sentence("make the folder", path, fault)) from fault


def claim_folder(out: str | Path | None, parent: str, name: str, error: type[NbcnnError] = NbcnnError) -> Path:
    """Make a new folder: ``out``, or the next free ``<parent>/<name>-<k>``.

    A folder that exists is never used. Raises ``error`` when ``out`` exists or can't be made.
    """
    if out is not None:
        folder = expanded(out)
        if not str(out) or str(folder).startswith("~"):
            what = "stands for nobody's home here" if str(out) else "is no name of a folder"
            raise error(f"{str(out)!r} {what}; give the new folder in full (--out)")
        make_folder(folder.parent, error)
        if not _claim(folder, error):
            more = f", or go on with that training: --resume {out}" if (folder / "config.yaml").exists() else ""
            raise error(f"{out} exists already and is never overwritten; choose another --out{more}")
        return folder
    make_folder(parent, error)
    # The name comes out of a YAML file: it may not lead out of the parent.
    safe = re.sub(r"[^\w.-]+", "-", name).strip(".-")[:80] or "run"
    return next(path for k in count(1) if _claim(path := Path(parent, f"{safe}-{k}"), error))


def remove_file(path: str | Path, error: type[NbcnnError] = NbcnnError) -> None:
    """Remove a file, if it is there; raises ``error`` with one sentence."""
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as fault:
        raise error(sentence("remove", path, fault)) from fault


def remove_spares(folder: str | Path) -> None:
    """Drop temporary files of ``write_atomic``, in a folder where nobody writes: a killed process leaves them."""
    for spare in Path(folder).glob(".nbcnn-*.tmp"):
        spare.unlink(missing_ok=True)


def _claim(folder: Path, error: type[NbcnnError]) -> bool:
    """Make the folder; False when something of that name is there already. Of two racing processes one gets it."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    except OSError as fault:
        raise error(sentence("make the folder", folder, fault)) from fault
    return True


def _write_synced(path: Path, data: bytes) -> None:
    # O_EXCL: never write through something that is there already. Mode 0666 is what the user's umask applies to.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    """``os.write`` may stop early (a single call writes at most 2 GiB on Linux)."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):  # Windows cannot open a folder, and needs no such call
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as fault:
        if fault.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)
