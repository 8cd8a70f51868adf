"""Attacks by files, known from other libraries: pickles, lying sizes, bombs, links, archives, kernels planted in a cache."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nbcnn
from nbcnn.checkpoint import load_tensors
from nbcnn.data import load_folder, read_idx
from nbcnn.errors import CheckpointError, DataError, ShapeError
from nbcnn.kernels.jit import KernelCache, cache_folder
from nbcnn.loading import read_info
from nbcnn.picture import prepare
from nbcnn.runs import Run
from trust import seeds
from trust.targets import SHAPES, refused, run_folder
from trust.watch import memory_below, watched

pytestmark = pytest.mark.trust
Count = Callable[..., None]
SECRET = "root:x:0:0:the-secret:/root:/bin/sh\n"


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.file), "w")


def pickles(payload: Payload) -> dict[str, bytes]:
    """The payload in every wrapping that some library unpickles."""
    plain = {f"protocol {k}": pickle.dumps(payload, k) for k in range(pickle.HIGHEST_PROTOCOL + 1)}
    array, packed = io.BytesIO(), io.BytesIO()
    np.save(array, np.array([payload], object), allow_pickle=True)
    np.savez(packed, weight=np.array([payload], object))
    torch, tar = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(torch, "w") as archive:
        archive.writestr("archive/data.pkl", plain["protocol 2"])
        archive.writestr("../../outside", "x")
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        member = tarfile.TarInfo("../../outside")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    return plain | {
        ".npy": array.getvalue(), ".npz": packed.getvalue(), ".pt": torch.getvalue(), ".tar.gz": tar.getvalue(),
        ".pkl.gz": seeds.gzipped(plain["protocol 4"]),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["x.safetensors", "x.pt", "x.npz", "x.png", "x.gz", "x"])
def test_pickles_and_archives_are_never_opened(name: str, tmp_path: Path, count: Count) -> None:
    ran, files = tmp_path / "ran", pickles(Payload(tmp_path / "ran"))
    pickle.loads(files["protocol 4"]).close()
    assert ran.exists(), "the payload works"
    ran.unlink()
    readers: list[Callable[[Path], object]] = [load_tensors, read_idx, lambda file: prepare(file, 1, 8, 8, None)]
    readers.append(lambda file: nbcnn.load("lenet", weights=file))
    for content in files.values():
        file = tmp_path / name
        file.write_bytes(content)
        for read in readers:
            with watched(tmp_path):
                assert isinstance(refused(lambda read=read, file=file: read(file)), (CheckpointError, DataError))
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
    count("attacks refused", len(files) * len(readers))


def test_nothing_in_the_package_unpickles_or_unpacks(count: Count) -> None:
    """But the kernel cache, whose entries are its own and whose folder is nobody else's."""
    unsafe = re.compile(
        r"pickle\.loads?\(|np\.load\(|marshal|shelve|zipfile|tarfile|unpack_archive|\beval\(|\bexec\(|yaml\.(load|full_load|unsafe)"
        r"|os\.system|shell=True|allow_pickle=True|torch\.load\("
    )
    found = {}
    for file in (seeds.MODELS.parent / "nbcnn").rglob("*.py"):
        if words := unsafe.findall(file.read_text(encoding="utf-8")):
            found[file.name] = len(words)
    assert found.pop("jit.py") == 1
    found.pop("torch.py")  # a peer of the benchmark: its model.eval()
    assert not found
    count("attacks refused")


def header(**tensors: object) -> bytes:
    return json.dumps(tensors).encode()


def entry(first: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, end]}


LYING = {
    "overlapping tensors": seeds.safetensors(header(a=entry(0, 8, [2]), b=entry(4, 12, [2])), bytes(12)),
    "a hole": seeds.safetensors(header(a=entry(0, 4, [1]), b=entry(8, 12, [1])), bytes(12)),
    "beyond the end": seeds.safetensors(header(a=entry(0, 4096, [1024])), bytes(8)),
    "backwards": seeds.safetensors(header(a=entry(8, 0, [2])), bytes(8)),
    "negative": seeds.safetensors(header(a=entry(-8, 0, [2])), bytes(8)),
    "terabytes": seeds.safetensors(header(a=entry(0, 2**42, [2**40])), bytes(8)),
    "sizes that overflow": seeds.safetensors(header(a=entry(0, 8, [2**32, 2**32, 2])), bytes(8)),
    "a long header": seeds.safetensors(b"{}", length=2**63),
    "a header longer than the file": seeds.safetensors(b"{}", length=3),
    "a short header": seeds.safetensors(header(a=entry(0, 4, [1])), bytes(4), length=5),
    "one name twice": seeds.safetensors(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4)
    ),
    "metadata twice": seeds.safetensors(b'{"__metadata__":{"a":"1","a":"2"}}'),
    "a deep header": seeds.safetensors(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "bytes behind": seeds.safetensors(header(a=entry(0, 4, [1])), bytes(400)),
}  # fmt: skip


@pytest.mark.parametrize("case", LYING)
def test_a_checkpoint_that_lies_is_refused(case: str, tmp_path: Path, count: Count) -> None:
    (tmp_path / "x.safetensors").write_bytes(LYING[case])
    with (
        memory_below(4 << 20),
        pytest.raises(CheckpointError, match=r"x\.safetensors is (a damaged|not a) safetensors file"),
    ):
        load_tensors(tmp_path / "x.safetensors")
    count("attacks refused")


def test_a_checkpoint_cut_anywhere_is_refused(tmp_path: Path, count: Count) -> None:
    whole = seeds.checkpoint_seeds()[0]
    for length in range(len(whole)):
        (tmp_path / "x.safetensors").write_bytes(whole[:length])
        assert isinstance(refused(lambda: load_tensors(tmp_path / "x.safetensors")), CheckpointError), length
    count("attacks refused", len(whole))


def test_arrays_and_gzip_bombs_ask_for_no_memory(tmp_path: Path, count: Count) -> None:
    claim, bomb = seeds.idx(*[2**32 - 1] * 4, values=bytes(100)), seeds.idx(28, values=bytes(100_000_000))
    for content in (claim, seeds.gzipped(claim), seeds.gzipped(bomb), seeds.gzipped(seeds.gzipped(bomb))):
        (tmp_path / "x").write_bytes(content)
        with memory_below(3 << 20), pytest.raises(DataError):
            read_idx(tmp_path / "x")
    count("attacks refused", 4)


PIXELS = """
import resource, sys
from nbcnn.picture import prepare
from nbcnn.errors import DataError
from PIL import Image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    prepare(sys.argv[1], 3, 8, 8, None)
except DataError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_pixel_bomb_is_not_decoded(tmp_path: Path, count: Count) -> None:
    """12,000 × 12,000 pixels of one bit, which Pillow would still decode: 20 kB as a file, 430 MB in colour."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS, most = None, Image.MAX_IMAGE_PIXELS
    try:
        Image.new("1", (12_000, 12_000)).save(tmp_path / "x.png")
    finally:
        Image.MAX_IMAGE_PIXELS = most
    assert (tmp_path / "x.png").stat().st_size < 100_000
    done = subprocess.run(
        [sys.executable, "-c", PIXELS, str(tmp_path / "x.png")], capture_output=True, text=True, check=True
    )
    sentence, kilobytes = done.stdout.splitlines()
    assert "x.png is too large: " in sentence and int(kilobytes) < 20_000
    count("attacks refused")


# Links and pipes


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seeds.tiny_run(tmp_path_factory.mktemp("run"))


@pytest.mark.parametrize(
    "name", ["config.yaml", "run.json", "metrics.jsonl", "best.safetensors", "last.optimizer.safetensors"]
)
def test_links_and_pipes_in_a_run_folder_print_nothing_and_hold_nobody_up(
    name: str, run: Path, tmp_path: Path, count: Count
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    os.mkfifo(tmp_path / "pipe")
    files = seeds.run_seeds(run)
    for goal in (tmp_path / "secret", tmp_path / "pipe", Path("/dev/zero"), Path("/nowhere"), run / name, tmp_path):
        if goal == run / name:
            goal = Path(name)  # a link to itself
        assert run_folder(files, run) == []
        (run / name).unlink()
        (run / name).symlink_to(goal)
        with memory_below(64 << 20):
            errors = [refused(act) for act in (lambda: nbcnn.load(run), lambda: Run(run).metrics(), lambda: read_info(Run(run)),
                                               lambda: Run(run).resume(SHAPES, {"velocity": np.zeros(58, np.float32)}))]  # fmt: skip
        told = [str(error) for error in errors if error]
        assert told or goal in (Path("/nowhere"), Path(name)), (name, goal)  # run.json and metrics may be missing
        assert not any("the-secret" in words or "root:x" in words for words in told), told
    run_folder(files, run)
    count("attacks refused", 6)


@pytest.mark.parametrize("channels", [10**6, 10**9, 10**12])
def test_a_config_that_asks_for_terabytes_gets_none(channels: int, run: Path, tmp_path: Path, count: Count) -> None:
    """Neither in a run folder, whose weights do not fit it, nor alone; some systems promise memory that they lack."""
    files = seeds.run_seeds(run)
    huge = files["config.yaml"].replace(b"out_features: 2", f"out_features: {channels}".encode())
    huge = huge.replace(b"out_channels: 2", f"out_channels: {channels}".encode())
    assert huge != files["config.yaml"]
    (run / "config.yaml").write_bytes(huge)
    (tmp_path / "x.yaml").write_bytes(huge)
    with memory_below(16 << 20):
        fits = refused(lambda: nbcnn.load(run))
        alone = refused(lambda: nbcnn.load(tmp_path / "x.yaml"))
    assert "best.safetensors does not fit this network" in str(fits)
    assert isinstance(alone, ShapeError) and "more than there is" in str(alone)
    run_folder(files, run)
    count("attacks refused", 2)


@pytest.mark.parametrize("place", ["ant/0.png", "bee", "loop", "ant/loop", "round"])
def test_links_in_folders_of_images(place: str, tmp_path: Path, count: Count) -> None:
    outside = seeds.picture_folder(tmp_path / "outside")
    root = seeds.picture_folder(tmp_path / "root")
    goals = {
        "ant/0.png": outside / "ant" / "0.png",
        "bee": outside / "bee",
        "loop": root,
        "ant/loop": Path("loop"),
        "round": Path("round"),
    }
    path = root / place
    if path.exists():
        path.rename(root.parent / "spare")
    path.symlink_to(goals[place])
    with watched(root):
        error = refused(lambda: load_folder(root))
    assert error is None if place == "round" else isinstance(error, DataError)  # a link to nowhere holds no class
    count("attacks refused")


def test_no_name_leads_out_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["../evil", "/tmp/evil", "a/b", "..", ".", "", "a\x00b", "~", "a\\b", "con\n"]
    for name in names:
        text = {
            "name": name,
            "input": {"channels": 1, "height": 8, "width": 8},
            "layers": ["flatten", {"linear": {"out_features": 2}}],
        }
        with watched(tmp_path):
            assert "expected a name of at most 80 letters" in str(refused(lambda text=text: nbcnn.load(text)))
        made = Run.create(None, name)
        assert made.folder.resolve().parent == tmp_path / "runs"
    count("attacks refused", len(names))


# The kernel cache


def planted(folder: Path, payload: Payload) -> tuple[KernelCache, object, object]:
    """A cache's entry for a kernel, with the checksum right and the payload inside."""
    import hashlib

    from nbcnn.kernels.sgd import sgd_step

    cache, context = KernelCache("nbcnn.kernels.x", "0" * 64), sgd_step.targetctx
    path = cache._path((), context)
    folder_now = cache_folder()
    assert folder_now is None or path is not None
    data = pickle.dumps(payload)
    magic = ("0" * 64, "()", context.codegen().magic_tuple())
    file = folder / "kernels" / f"nbcnn.kernels.x-{hashlib.sha256(repr(magic).encode()).hexdigest()[:20]}.nbk"
    file.write_bytes(hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
    return cache, (), context


@pytest.mark.jit
@pytest.mark.parametrize("how", ["others may write", "another user's", "a link to another user's"])
def test_kernels_planted_in_a_cache_are_not_loaded(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "kernels").mkdir(mode=0o700)
    monkeypatch.setenv("NBCNN_CACHE_DIR", str(tmp_path))
    if how == "others may write":
        (tmp_path / "kernels").chmod(0o777)
    else:
        monkeypatch.setattr(os, "getuid", lambda: 12345)
    if how.startswith("a link"):
        (tmp_path / "kernels").rename(tmp_path / "theirs")
        (tmp_path / "kernels").symlink_to(tmp_path / "theirs")
    with pytest.warns(
        RuntimeWarning, match="compiled kernels are not kept: .*(others may write there|it belongs to another user)"
    ):
        cache, signature, context = planted(tmp_path, Payload(ran))
    assert cache.load_overload(signature, context) is None
    assert not ran.exists()
    count("attacks refused")
