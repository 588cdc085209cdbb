"""Making photos on the fly, opening them, and failing to."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from PIL import Image, features

from spider_cli.errors import PhotoError
from spider_cli.photos import Photo, named_source, open_photo

Array = npt.NDArray[Any]


@pytest.fixture(scope="session")
def cat() -> Array:
    """A real photo, (150, 226, 3) uint8, as wide and high as no symmetry would allow."""
    return np.ascontiguousarray(skimage.data.chelsea()[::2, ::2])


def _opened(path: Path, **options: int) -> Photo:
    """Open, and check what holds for every photo."""
    before = path.read_bytes(), path.stat().st_mtime_ns
    photo = open_photo(named_source(path), **options)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.shape == (photo.height, photo.width, 3)
    assert photo.pixels.flags.c_contiguous
    assert photo.pixels.flags.writeable
    assert all(note.isprintable() for note in photo.notes)
    return photo


def _failed(path: Path, **options: int) -> PhotoError:
    """Fail to open, and check what holds for every failure."""
    with pytest.raises(PhotoError) as caught:
        open_photo(named_source(path), **options)
    error = caught.value
    assert error.message.isprintable()  # one line, too
    assert path.name in error.message
    assert error.hint.isprintable() or not error.hint
    return error


def _saved(path: Path, pixels: Array | Image.Image, **options: Any) -> Path:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def _close(a: Array, b: Array, tolerance: float = 1.0) -> bool:
    return (
        a.shape == b.shape and float(np.abs(a.astype(float) - b.astype(float)).max()) <= tolerance
    )


def _png(path: Path, header: bytes, data: bytes, *chunks: tuple[bytes, bytes]) -> Path:
    """A PNG put together by hand: IHDR's body, filtered rows, and chunks to come before those."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))
    return path


@pytest.fixture(scope="session")
def opened() -> Callable[..., Photo]:
    return _opened


@pytest.fixture(scope="session")
def failed() -> Callable[..., PhotoError]:
    return _failed


@pytest.fixture(scope="session")
def saved(lack: Callable[[str, str], NoReturn]) -> Callable[..., Path]:
    def save(path: Path, *picture: Any, **options: Any) -> Path:
        if path.suffix == ".avif" and not features.check("avif"):
            lack("AVIF in Pillow", "pip install 'pillow>=11.3'")
        return _saved(path, *picture, **options)

    return save


@pytest.fixture(scope="session")
def close() -> Callable[..., bool]:
    return _close


@pytest.fixture(scope="session")
def png() -> Callable[..., Path]:
    return _png
