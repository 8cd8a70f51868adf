"""Download of a data set's files from mirrors, verified by size and SHA-256."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from nbcnn.errors import DataError
from nbcnn.util.files import make_folder, write_atomic

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 30.0  # seconds: to be answered at all, and between two pieces
CHUNK = 1 << 16


@dataclass(frozen=True)
class Download:
    """A file to download: its name on the mirrors and here, its length in bytes and its SHA-256 (hex)."""

    name: str
    size: int
    sha256: str


def fetch_files(downloads: Sequence[Download], mirrors: Sequence[str], folder: Path, name: str) -> None:
    """Bring every download into ``folder`` (made if needed), each from the first mirror that has it whole.

    Files that are there already and right are left alone; wrong ones are replaced. A mirror is an address that ends in
    a slash. Raises DataError, listing what was tried, when no mirror delivers.
    """
    make_folder(folder, DataError)
    missing = [download for download in downloads if not is_here(download, folder)]
    with progress_bar(name, sum(download.size for download in missing)) as advance:
        for n, download in enumerate(missing):
            if failures := _fetch(download, mirrors, folder, advance):
                raise DataError(_offline(name, folder, missing[n:], failures))


def is_here(download: Download, folder: Path) -> bool:
    """Whether the file is in the folder, of this length and sum."""
    path = folder / download.name
    try:
        return path.stat().st_size == download.size and sha256(path.read_bytes()).hexdigest() == download.sha256
    except OSError:
        return False


def _fetch(download: Download, mirrors: Sequence[str], folder: Path, advance: Callable[[int], None]) -> list[str]:
    """Bring one file; returns why each mirror failed, or nothing once one has delivered."""
    from pooch import HTTPDownloader  # type: ignore[import-untyped]
    from requests import RequestException

    # "identity", since a server that compresses on the way would have requests decompress the .gz itself.
    get = HTTPDownloader(
        chunk_size=CHUNK, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT), headers={"Accept-Encoding": "identity"}
    )
    failures = []
    for mirror in mirrors:
        sink = _Sink(download, advance)
        try:
            get(mirror + download.name, sink, None)
            sink.check()
        except (RequestException, ValueError) as error:  # ValueError: pooch's int() of a strange Content-Length
            failures.append(f"{mirror} {_reason(error)}")
            advance(-len(sink.content))
        else:
            write_atomic(folder / download.name, bytes(sink.content), DataError)
            return []
    return failures


def _offline(name: str, folder: Path, missing: Sequence[Download], failures: Sequence[str]) -> str:
    names = ", ".join(download.name for download in missing)
    lacks, files = (
        (f"1 file is missing in {folder} ({names}), and it", "the file")
        if len(missing) == 1
        else (f"{len(missing)} files are missing in {folder} ({names}), and the first of them", "the files")
    )
    return (
        f"{name}: {lacks} could not be fetched: {'; '.join(failures)}. Try again later, put {files} there yourself, "
        "or use --data fashion-mnist-mini, which needs no network"
    )


def _reason(problem: Exception) -> str:
    """A failure as the rest of a sentence about the address: requests' own words fill a paragraph."""
    if isinstance(problem, _UnsuitableError):
        return str(problem)
    response = getattr(problem, "response", None)
    if response is not None:
        return f"answers with the HTTP status {response.status_code}"
    kind = type(problem).__name__
    return "does not answer in time" if "Timeout" in kind else f"cannot be reached or breaks off ({kind})"


class _UnsuitableError(ValueError):
    """A mirror sent something else than the file; the next mirror may have it."""


class _Sink:
    """The file that pooch writes to, which refuses more bytes than are expected."""

    def __init__(self, download: Download, advance: Callable[[int], None]) -> None:
        self.download, self.advance, self.content = download, advance, bytearray()

    def write(self, chunk: bytes) -> None:
        if len(self.content) + len(chunk) > self.download.size:
            raise _UnsuitableError(f"sends more than the expected {self.download.size} bytes")
        self.content += chunk
        self.advance(len(chunk))

    def flush(self) -> None:
        """Called by pooch after each piece."""

    def check(self) -> None:
        if len(self.content) < self.download.size:
            raise _UnsuitableError(f"ends after {len(self.content)} of {self.download.size} bytes")
        got = sha256(self.content).hexdigest()
        if got != self.download.sha256:
            raise _UnsuitableError(f"has the SHA-256 {got}, expected {self.download.sha256}: not the published file")


@contextmanager
def progress_bar(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar of bytes on the error output (a terminal only) and the function that moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (TextColumn("fetching {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not (total and console.is_terminal)) as progress:
        task = progress.add_task(name, total=total)
        yield lambda size: progress.advance(task, size)
