"""Fetching from mirrors: local servers stand in for them."""

from __future__ import annotations

import gzip
import hashlib
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import platformdirs
import pytest
from rich.console import Console

from nbcnn.data import fetch as fetching
from nbcnn.data.fetch import Download
from nbcnn.data.source import IdxSource
from nbcnn.errors import DataError


def idx(*sizes: int, values: bytes) -> bytes:
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, 8, len(sizes), *sizes) + values


CONTENTS = {
    "train-images-idx3-ubyte": idx(3, 2, 2, values=bytes(range(12))),
    "train-labels-idx1-ubyte": idx(3, values=b"\0\1\1"),
    "t10k-images-idx3-ubyte": idx(2, 2, 2, values=bytes(range(100, 108))),
    "t10k-labels-idx1-ubyte": idx(2, values=b"\1\0"),
}
PACKED = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in CONTENTS.items()}
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


class Mirror(ThreadingHTTPServer):
    """Serves ``files``; an int among them is a status to answer with, None means silence."""

    daemon_threads = True

    def __init__(self, files: Mapping[str, bytes | int | None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.asked: list[str] = []
        self.encodings: list[str] = []
        self.release = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.asked.append(name)
        self.server.encodings.append(self.headers["Accept-Encoding"])
        answer = self.server.files.get(name, 404)
        if answer is None:
            self.server.release.wait(10)
            return
        if isinstance(answer, int):
            self.send_error(answer)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


Serve = Callable[[Mapping[str, bytes | int | None]], Mirror]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers = []

    def start(files: Mapping[str, bytes | int | None]) -> Mirror:
        server = Mirror(files)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.release.set()
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("NBCNN_DATA_DIR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name, **_: tmp_path / "cache" / name)
    return tmp_path / "cache" / "nbcnn" / "data"


def tiny(*mirrors: str) -> IdxSource:
    class Tiny(IdxSource):
        title, description, licence = "Tiny", "five images", "none"
        classes = ("cat", "dog")
        counts = (3, 2)
        contents = tuple(hashlib.sha256(content).hexdigest() for content in CONTENTS.values())
        downloads = tuple(
            Download(name, len(packed), hashlib.sha256(packed).hexdigest()) for name, packed in PACKED.items()
        )

    Tiny.mirrors = mirrors
    return Tiny("tiny")


def test_loading_fetches_into_the_cache_once(serve: Serve, cache: Path) -> None:
    mirror = serve(PACKED)
    dataset = tiny(mirror.address).load()
    assert dataset.train.images.flat[11] == 11 and dataset.test.labels.tolist() == [1, 0]
    assert dataset.source == str(cache / "tiny")
    assert {path.name: path.read_bytes() for path in (cache / "tiny").iterdir()} == PACKED
    assert mirror.asked == list(PACKED)
    assert tiny(mirror.address).load().source == str(cache / "tiny") and len(mirror.asked) == 4


def test_a_mirror_is_asked_not_to_compress_on_the_way(serve: Serve, tmp_path: Path) -> None:
    mirror = serve(PACKED)
    tiny(mirror.address).fetch(tmp_path)
    assert mirror.encodings == ["identity"] * 4


@pytest.mark.parametrize(
    "flaw",
    [404, 500, b"<html>", PACKED[IMAGES][:-1], PACKED[IMAGES] + b"x", PACKED[IMAGES][:-1] + b"x"],
    ids=["404", "500", "html", "short", "long", "altered"],
)
def test_the_next_mirror_is_asked_for_what_one_lacks(serve: Serve, tmp_path: Path, flaw: bytes | int) -> None:
    first, second = serve({**PACKED, IMAGES: flaw}), serve(PACKED)
    folder = tiny(first.address, second.address).fetch(tmp_path)
    assert folder == tmp_path / "tiny"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == PACKED
    assert first.asked == list(PACKED) and second.asked == [IMAGES]


def test_says_what_was_tried_when_no_mirror_delivers(serve: Serve, tmp_path: Path) -> None:
    altered = PACKED[IMAGES][:-1] + b"x"
    mirrors = [serve({IMAGES: answer}) for answer in (404, altered, altered[:9], altered + b"yz")]
    gone = serve({})
    gone.shutdown()
    gone.server_close()
    addresses = [mirror.address for mirror in (*mirrors, gone)]
    with pytest.raises(DataError) as caught:
        tiny(*addresses).fetch(tmp_path)
    size, good = len(PACKED[IMAGES]), hashlib.sha256(PACKED[IMAGES]).hexdigest()
    assert str(caught.value) == (
        f"tiny: 4 files are missing in {tmp_path / 'tiny'} ({', '.join(PACKED)}), and the first of them could not be "
        f"fetched: {addresses[0]} answers with the HTTP status 404; "
        f"{addresses[1]} has the SHA-256 {hashlib.sha256(altered).hexdigest()}, expected {good}: "
        "not the published file; "
        f"{addresses[2]} ends after 9 of {size} bytes; "
        f"{addresses[3]} sends more than the expected {size} bytes; "
        f"{addresses[4]} cannot be reached or breaks off (ConnectionError). "
        "Try again later, put the files there yourself, or use --data fashion-mnist-mini, which needs no network"
    )
    assert list((tmp_path / "tiny").iterdir()) == []


def test_names_only_what_is_still_missing(serve: Serve, tmp_path: Path) -> None:
    last = list(PACKED)[-1]
    mirror = serve({**PACKED, last: 404})
    sentence = rf"1 file is missing in .*tiny \({last}\), and it could not be fetched: .* 404\. .* put the file there"
    with pytest.raises(DataError, match=sentence):
        tiny(mirror.address).fetch(tmp_path)


def test_a_silent_mirror_is_given_up(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "READ_TIMEOUT", 0.2)
    start = time.monotonic()
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:\d+/ does not answer in time\. Try again later"):
        tiny(serve({IMAGES: None}).address).fetch(tmp_path)
    assert time.monotonic() - start < 4
    assert fetching.CONNECT_TIMEOUT == 10


def test_files_that_are_right_are_kept_and_wrong_ones_replaced(serve: Serve, cache: Path) -> None:
    (cache / "tiny").mkdir(parents=True)
    (cache / "tiny" / IMAGES).write_bytes(PACKED[IMAGES])
    (cache / "tiny" / LABELS).write_bytes(PACKED[LABELS][:-1] + b"x")
    mirror = serve(PACKED)
    tiny(mirror.address).fetch()
    assert mirror.asked == [name for name in PACKED if name != IMAGES]
    assert (cache / "tiny" / LABELS).read_bytes() == PACKED[LABELS]


def test_fetching_leaves_a_good_copy_elsewhere_unless_a_folder_is_named(
    serve: Serve, tmp_path: Path, cache: Path
) -> None:
    mirror = serve(PACKED)
    source = tiny(mirror.address)
    type(source).system = (tmp_path / "system",)
    (tmp_path / "system").mkdir()
    for name, content in CONTENTS.items():
        (tmp_path / "system" / name).write_bytes(content)
    assert source.fetch() == tmp_path / "system" and mirror.asked == []
    assert source.fetch(tmp_path / "mine") == tmp_path / "mine" / "tiny" and len(mirror.asked) == 4
    assert source.fetch(tmp_path / "mine") == tmp_path / "mine" / "tiny" and len(mirror.asked) == 4
    (tmp_path / "system" / "train-labels-idx1-ubyte").write_bytes(b"broken")
    assert source.fetch() == cache / "tiny" and len(mirror.asked) == 8


def test_the_folder_of_the_environment_is_fetched_to(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBCNN_DATA_DIR", str(tmp_path / "variable"))
    assert tiny(serve(PACKED).address).fetch() == tmp_path / "variable" / "tiny"


def test_says_that_a_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot make the folder .*file/tiny: Not a directory"):
        tiny("http://127.0.0.1:9/").fetch(tmp_path / "file")


def test_the_bar_reaches_its_end_and_goes_back_after_a_failure(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves: list[int] = []
    totals: list[int] = []

    @contextmanager
    def progress_bar(_: str, total: int) -> Iterator[Callable[[int], None]]:
        totals.append(total)
        yield moves.append

    monkeypatch.setattr(fetching, "progress_bar", progress_bar)
    tiny(serve({IMAGES: PACKED[IMAGES][:-1]}).address, serve(PACKED).address).fetch(tmp_path)
    assert totals == [sum(moves)] == [sum(map(len, PACKED.values()))]
    assert min(moves) == 1 - len(PACKED[IMAGES])


def test_the_bar_is_shown_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with fetching.progress_bar("tiny", 1000) as advance:
        advance(500)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(Console, "is_terminal", True)
    with fetching.progress_bar("tiny", 1000) as advance:
        advance(1000)
    out, err = capsys.readouterr()
    assert out == "" and "fetching tiny" in err and "1.0/1.0 kB" in err
    with fetching.progress_bar("tiny", 0) as advance:
        advance(0)
    assert "fetching" not in capsys.readouterr().err
