"""Files that hold several pictures."""

import io
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from spider_cli.photos import Photo, named_source, open_photo
from spider_cli.structure import is_raw_tiff, looks_cut, raw_is_cut
from tests.dng import dng, mosaic

Array = npt.NDArray[Any]


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif", "avif"])
def test_first_of_several_pictures(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    close: Callable[..., bool],
    tmp_path: Path,
    suffix: str,
) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    path = saved(
        tmp_path / f"a.{suffix}", frames[0], save_all=True, append_images=frames[1:], **options
    )
    photo = opened(path)
    assert close(photo.pixels[5, 5], np.array([255, 0, 0]), 5)
    assert photo.notes == ("first frame of 3",)


def test_one_picture_in_a_gif_is_no_animation(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path
) -> None:
    assert opened(saved(tmp_path / "a.gif", Image.new("RGB", (8, 8), "red"))).notes == ()


def test_pyramids_and_thumbnails_are_no_pages(
    opened: Callable[..., Photo], tmp_path: Path, cat: Array
) -> None:
    for bigtiff in (False, True):
        with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=bigtiff) as writer:
            writer.write(cat, photometric="rgb")
            writer.write(cat[::2, ::2], photometric="rgb", subfiletype=1)
            writer.write(cat[::4, ::4], photometric="rgb", subfiletype=1)
        assert opened(tmp_path / "a.tif").notes == ()
        with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=bigtiff) as writer:
            writer.write(cat, photometric="rgb")
            writer.write(cat[::2], photometric="rgb")
        assert opened(tmp_path / "a.tif").notes == ("first frame of 2",)


def test_multi_picture_jpeg_is_its_first_picture(
    opened: Callable[..., Photo], tmp_path: Path, cat: Array
) -> None:
    small = Image.fromarray(cat[::2, ::2])
    path = tmp_path / "a.jpg"
    Image.fromarray(cat).save(path, format="MPO", save_all=True, append_images=[small])
    photo = opened(path)
    assert photo.pixels.shape == cat.shape
    assert photo.notes == ()


def test_counting_a_million_frames_is_cheap(tmp_path: Path) -> None:
    gif = io.BytesIO()
    Image.new("P", (1, 1)).save(gif, "GIF")
    frame = b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0"
    (tmp_path / "a.gif").write_bytes(gif.getvalue()[:-1] + frame * 1_000_000 + b";")
    tiff = io.BytesIO()
    Image.new("L", (1, 1)).save(tiff, "TIFF")
    data = bytearray(tiff.getvalue())
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    struct.pack_into("<I", data, directory + 2 + 12 * count, len(data))
    start, pages = len(data), 100_000
    data += b"".join(struct.pack("<HI", 0, start + 6 * (i + 1)) for i in range(pages))
    (tmp_path / "a.tif").write_bytes(data + struct.pack("<HI", 0, start))
    for name in ("a.gif", "a.tif"):
        began = time.process_time()
        photo = open_photo(named_source(tmp_path / name))
        assert time.process_time() - began < 3
        assert photo.notes == ("first frame of more than 9999",)


# Camera RAW files, and files made of boxes


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def test_which_tiffs_are_raw(tmp_path: Path, cat: Array) -> None:
    assert is_raw_tiff(io.BytesIO(dng(mosaic(cat))))
    assert is_raw_tiff(io.BytesIO(dng(mosaic(cat), preview=bytes(99), preview_size=(9, 9))))
    plain = tmp_path / "a.tif"
    with tifffile.TiffWriter(plain) as writer:
        writer.write(cat, photometric="rgb", subifds=1)
        writer.write(cat[::2, ::2], photometric="rgb", subfiletype=1)
    assert not is_raw_tiff(io.BytesIO(plain.read_bytes()))
    assert not is_raw_tiff(io.BytesIO(b"II*\0\xff\xff\xff\xff"))
    assert not is_raw_tiff(io.BytesIO(b"II*"))


@pytest.mark.parametrize("preview", [None, bytes(2000)])
def test_a_raw_tiff_that_is_cut(cat: Array, preview: bytes | None) -> None:
    content = dng(mosaic(cat), preview=preview, preview_size=(9, 9))
    assert not raw_is_cut(io.BytesIO(content))
    assert not raw_is_cut(io.BytesIO(content + b"more"))
    assert raw_is_cut(io.BytesIO(content[:-1]))


def test_a_raf_file_that_is_cut() -> None:
    header = b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0")
    content = header + struct.pack(">6I", 108, 50, 158, 10, 168, 500) + bytes(560)
    assert not raw_is_cut(io.BytesIO(content))
    assert raw_is_cut(io.BytesIO(content[:-1]))


def test_a_cr3_file_that_is_cut() -> None:
    start = box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", bytes(40))
    for data in (box(b"mdat", bytes(900)), struct.pack(">I4sQ", 1, b"mdat", 916) + bytes(900)):
        assert not raw_is_cut(io.BytesIO(start + data))
        assert raw_is_cut(io.BytesIO((start + data)[:-1]))
        assert not looks_cut(io.BytesIO(start + data + b"\xff\xff\xff\xffwhat"))


def test_structures_without_end_are_cheap() -> None:
    flood = box(b"ftyp", b"heic\0\0\0\0") + box(b"free", b"") * 3_000_000
    numbers = 4_000_000  # claimed by each of a hundred tags
    entries = [
        struct.pack("<HHII", tag, 4, numbers, 2000) for tag in (273, 279, 330, *range(700, 797))
    ]
    tags = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    tiff = (b"II*\0" + struct.pack("<I", 8) + tags).ljust(17_000_000, b"\0")
    for content in (flood, tiff):
        began = time.process_time()
        looks_cut(io.BytesIO(content))
        raw_is_cut(io.BytesIO(content))
        assert time.process_time() - began < 3
