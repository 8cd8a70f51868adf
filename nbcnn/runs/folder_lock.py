"""An exclusive lock on a run folder, which notices when the folder or a file in it was replaced."""

from __future__ import annotations

import errno
import os
import stat
import zlib
from pathlib import Path
from typing import NamedTuple

from nbcnn.errors import NbcnnError
from nbcnn.util.files import at_once, sentence


class _Mark(NamedTuple):
    """The identity of a file when its owner wrote or read it: place on the disk, time, length, digest.

    Some file systems give a file another place from time to time, and anybody may touch it: the content decides.
    """

    place: tuple[int, int, int, int]
    content: int


class FolderLock:
    """A lock on a folder, held until it is closed or forgotten, or the process ends in whatever way.

    Raises ``error`` where somebody else does. Where the system, or the file system, has no such lock, nobody is kept
    out, and another folder in its place is noticed all the same.
    """

    def __init__(self, folder: str | Path, error: type[NbcnnError] = NbcnnError) -> None:
        self._folder, self._error = Path(folder), error
        self._descriptor: int | None = None
        self._own: dict[Path, _Mark] = {}
        try:
            if hasattr(os, "O_DIRECTORY"):  # not on Windows; as long as it is open, no other folder gets its number
                self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            self._lock()
            self._number = _number(os.stat(folder if self._descriptor is None else self._descriptor))
        except OSError as fault:
            raise error(sentence("open", folder, fault)) from fault

    def _lock(self) -> None:
        if self._descriptor is None:
            return
        try:
            import fcntl
        except ImportError:
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise self._error(
                f"{self._folder} is being trained in; wait until that training ends, or stop it"
            ) from None
        except OSError:
            return

    def own(self, path: Path) -> None:
        """Remember this file's present content, or that there is no such file."""
        try:
            self._own[path] = _mark(path)
        except OSError:
            self._own.pop(path, None)

    def check(self) -> None:
        """Raise ``error`` where the folder, or a file of its owner's, is another one now; not where one is missing."""
        try:
            if _number(os.stat(self._folder)) != self._number:
                raise self._error(
                    f"{self._folder} is another folder than the one that this training began in; nothing was written "
                    "to it. If the training's own folder was moved, go on there: nbcnn train --resume FOLDER"
                )
        except OSError:
            return
        for path, mark in self._own.items():
            try:
                if _place(os.lstat(path)) == mark.place:
                    continue
            except OSError:
                continue
            try:
                now = _mark(path)
            except OSError:  # a link, or no file at all
                now = None
            if now is None or now.content != mark.content:
                raise self._error(
                    f"{path} is not this training's any more: somebody has replaced it while it was trained in "
                    f"{self._folder}; nothing was written over it. Go on from what is there now, if you know what it "
                    f"is: nbcnn train --resume {self._folder}, or train anew in another folder"
                )
            self._own[path] = now

    def close(self) -> None:
        """Others may hold it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    __del__ = close


def _number(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _place(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _mark(path: Path) -> _Mark:
    with open(path, "rb", opener=lambda name, flags: at_once(name, flags | getattr(os, "O_NOFOLLOW", 0))) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is no file")
        sum_ = 0
        while block := file.read(1 << 20):
            sum_ = zlib.crc32(block, sum_)
        return _Mark(_place(os.fstat(file.fileno())), sum_)
