"""Small valid files of every format, which attacks and fuzzing begin with, and a real run folder of a tiny network."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

import nbcnn
from nbcnn.data.picture import PictureSettings
from nbcnn.engine.weights_metadata import WeightsMetadata
from trust.targets import FILES, SHAPES, TINY

BLOCKS = """\
name: blocks
input: {channels: 1, height: 8, width: 8}
blocks:
  conv: {parameters: {channels: , size: 3, next: relu}, layers: [conv2d: {out_channels: $channels, kernel_size: $size}, $next]}
  stage: {parameters: {width: , body: [tanh]}, layers: [conv: {channels: $width, size: [1, 3]}, sequential: $body]}
layers: [conv: {channels: 2}, stage: {width: 3, body: [conv: {channels: 1, next: sigmoid}]}, flatten, linear: {out_features: 2}]
"""
MODELS = Path(__file__).parents[2] / "models"


def idx(*sizes: int, values: bytes = b"", type_code: int = 8) -> bytes:
    """An IDX file as the format's description has it."""
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, type_code, len(sizes), *sizes) + values


def safetensors(header: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file as the format's description has it; ``length`` may lie."""
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def yaml_seeds() -> list[bytes]:
    """The models that come with nbcnn, TINY, and a network of blocks."""
    return [*(file.read_bytes() for file in sorted(MODELS.glob("*.yaml"))), TINY.encode(), BLOCKS.encode()]


def answers_seeds() -> list[bytes]:
    """Answers of classes: numbers and choices, by number and by name, with a seed and without."""
    return [
        b"students: {Ada: {1: 28, 2: a}}\n",
        b"seed: 3\nstudents:\n  Ada: {blur: 2.5, 10: 7}\n  Ben Li:\n    2: b\n    10: 14\n",
    ]


def idx_seeds() -> list[bytes]:
    """Labels and images of both kinds, plain."""
    return [idx(5, values=bytes(5)), idx(2, 3, 4, values=bytes(range(24))), idx(1, 3, 2, 2, values=bytes(range(12)))]


def checkpoint_seeds() -> list[bytes]:
    """Weights of TINY in two precisions, and other numbers."""
    from safetensors.numpy import save

    rng = np.random.default_rng(0)
    weights = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}
    halves = {name: tensor.astype(np.float16) for name, tensor in weights.items()}
    facts = WeightsMetadata(("ant", "bee"), size=(8, 8), reading=PictureSettings(True, None, 4095)).to_metadata()
    return [save(weights, {"epoch": "1", **facts}), save(halves), save({"count": np.zeros(3, np.int64)})]


def image_seeds() -> list[bytes]:
    """The same picture in every format that is read, and some of other modes."""
    rng, found = np.random.default_rng(0), []
    picture = Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8))
    for form in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"):
        found.append(_saved(picture, form))
    found.append(_saved(picture.quantize(16), "PNG"))
    found.append(_saved(Image.fromarray(rng.integers(0, 65536, (5, 6)).astype(np.uint16)), "PNG"))
    found.append(deep_colour(rng.integers(0, 65536, (5, 6, 3))))
    exif = Image.Exif()
    exif[0x0112] = 6
    found.append(_saved(picture, "JPEG", exif=exif))
    frames = io.BytesIO()
    picture.save(frames, "GIF", save_all=True, append_images=[picture.rotate(90)])
    return [*found, frames.getvalue()]


def deep_colour(pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel, which Pillow does not write."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def _saved(picture: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)


def picture_folder(folder: Path, classes: tuple[str, ...] = ("ant", "bee")) -> Path:
    """Five grey images of 8×8 in a folder for each class; the classes differ in brightness."""
    rng = np.random.default_rng(0)
    for k, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for n in range(5):
            pixels = rng.integers(0, 60, (8, 8)).astype(np.uint8) + np.uint8(120 * k)
            Image.fromarray(pixels).save(folder / name / f"{n}.png")
    return folder


def tiny_run(folder: Path) -> Path:
    """A run folder of TINY, really trained for an epoch, beside its images and its YAML file."""
    (folder / "tiny.yaml").write_text(TINY + "data: {folder: images, grayscale: true}\n")
    picture_folder(folder / "images")
    with patch("nbcnn.training.loop.draw_run"):  # nobody looks at its pictures
        return nbcnn.train(folder / "tiny.yaml", out=folder / "run", threads=1).folder


def run_seeds(run: Path) -> dict[str, bytes]:
    """The files of a run folder that are read."""
    return {name: (run / name).read_bytes() for name in FILES}
