"""Attacks by files, known from other libraries: pickles, archives, sizes that lie, bombs."""

from __future__ import annotations

import io
import json
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
from nbcnn.data import read_idx
from nbcnn.data.picture import prepare
from nbcnn.errors import CheckpointError, DataError
from nbcnn.runs.checkpoint import load_tensors
from trust import seeds
from trust.targets import refused
from trust.watch import memory_below, watched

pytestmark = pytest.mark.trust
Count = Callable[..., None]


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
    nbcnn.load("lenet")  # imports what it needs of nbcnn, kernels of optimizers too
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
from nbcnn.data.picture import prepare
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
