"""The cache folder of compiled kernels: one file an entry, read only if no other user can write to it.

Entries are pickles, and loading one runs what it says. So the folder, and each entry in it, must be this user's and
nobody else's to write to. An entry is written whole or not at all. Whatever is wrong with the folder costs one warning,
and time.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
import time
import warnings
from functools import lru_cache
from pathlib import Path

from nbcnn.util.locks import module_lock
from nbcnn.util.user_folders import user_cache, variable_folder

LARGEST = 512 << 20
"""Bytes that a folder keeps: LeNet's kernels take 2 MB, and every version of every kernel is another entry."""

FORGOTTEN = 3600
"""Seconds after which nobody is still writing a temporary file: a killed process has left it."""

_told: set[Path] = set()
_swept: set[Path] = set()
_lock = module_lock()


def cache_folder(name: str = "kernels", content: str = "compiled kernels") -> Path | None:
    """A folder of the user's cache, made if need be; None (after one warning) where there is no safe place.

    It is in ``NBCNN_CACHE_DIR``, else the user's cache folder. Its owner must be this user and nobody else may write
    there, because loading a compiled kernel runs what it says. ``content`` is what the warning says is not kept.
    """
    try:
        folder = (variable_folder("NBCNN_CACHE_DIR") or user_cache()) / name
    except ValueError as error:
        _warn(Path(name), f"{content} are not kept: {error}. Set NBCNN_CACHE_DIR to a folder of your own.")
        return None
    with _lock:
        return _safe_folder(folder, content)


@lru_cache
def _safe_folder(folder: Path, content: str) -> Path | None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_others(folder.stat(), "there")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError("it is not writable")
    except OSError as error:
        reason = error.strerror or str(error)
        _warn(folder, f"{content} are not kept: {folder}: {reason}. Set NBCNN_CACHE_DIR to a folder of your own.")
        return None
    return folder


def read_entry(path: Path) -> bytes | None:
    """The bytes that ``write_entry`` was given; None where there is no entry.

    Raises OSError or ValueError for one that is damaged, or that another could have written.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OSError("it is a link") if error.errno == errno.ELOOP else error from None
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise OSError("it is not a file")
        _refuse_others(info, "to it")
        checksum, _, data = b"".join(iter(lambda: os.read(descriptor, 1 << 20), b"")).partition(b"\n")
    finally:
        os.close(descriptor)
    if checksum != hashlib.sha256(data).hexdigest().encode():
        raise ValueError("its checksum is wrong")
    return data


def write_entry(path: Path, data: bytes) -> None:
    """Write an entry, in place of what is there; a disk that is full or read-only costs a warning."""
    folder, spare = path.parent, path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)  # somebody may have emptied the cache meanwhile
        _sweep(folder)
        try:
            _write(spare, hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
            os.replace(spare, path)
        except BaseException:
            spare.unlink(missing_ok=True)
            raise
    except OSError as error:
        _warn(folder, f"compiled kernels are not kept: {folder}: {error.strerror or error}")


def warn_damaged(name: str, path: Path, problem: Exception) -> None:
    """Warn that an entry can't be used: of the first one only, for they often come together."""
    more = "; what else is damaged there is compiled anew without a word"
    _warn(path.parent, f"compiling {name} anew, its cached code is damaged: {path}: {problem}{more}")


def _write(path: Path, data: bytes) -> None:
    # O_EXCL: never through something that is there already.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Once a process, before it adds to the folder: drop what killed processes left, and of entries that are too many
    those that were used longest ago.
    """
    with _lock:
        if folder in _swept:
            return
        _swept.add(folder)
    entries, now = [], time.time()
    with os.scandir(folder) as found:
        for file in found:
            try:
                info = file.stat(follow_symlinks=False)
                if file.name.endswith(".tmp") and now - info.st_mtime > FORGOTTEN:
                    os.unlink(file.path)
                elif file.name.endswith(".nbk"):
                    entries.append((max(info.st_atime, info.st_mtime), info.st_size, file.path))
            except OSError:
                continue  # another process was quicker, or it is not ours to remove
    excess = sum(size for _, size, _ in entries) - LARGEST
    for _, size, path in sorted(entries):
        if excess <= 0:
            break
        Path(path).unlink(missing_ok=True)
        excess -= size


def _refuse_others(info: os.stat_result, where: str) -> None:
    if hasattr(os, "getuid") and info.st_uid != os.getuid():
        raise PermissionError("it belongs to another user")
    if os.name == "posix" and info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"others may write {where}")


def _warn(folder: Path, sentence: str) -> None:
    """One warning for each folder, whatever there is to say."""
    with _lock:
        if folder in _told:
            return
        _told.add(folder)
    warnings.warn(sentence, RuntimeWarning, stacklevel=4)
