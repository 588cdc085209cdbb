"""Files that are huge, hostile, or of formats not read yet."""

import io
import struct
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from spider_cli.errors import PhotoError
from spider_cli.photos import Photo

Array = npt.NDArray[Any]


# Large files and bombs


def test_huge_png_is_refused_from_its_header(
    failed: Callable[..., PhotoError], png: Callable[..., Path], tmp_path: Path
) -> None:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    path = png(tmp_path / "a.png", header, b"")
    tracemalloc.start()
    began = time.process_time()
    error = failed(path)
    took = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert error.code == "too_large"
    assert "100000 x 100000" in error.message
    assert took < 0.5
    assert peak < 4_000_000


def huge_webp(path: Path) -> Path:
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (1, 2, 3, 4)).save(
        out, "WEBP", lossless=True, exif=b"Exif\0\0" + b"II*\0" + bytes(8)
    )
    content = bytearray(out.getvalue())
    assert content[12:16] == b"VP8X"
    content[24:30] = (16382).to_bytes(3, "little") * 2
    path.write_bytes(content)
    return path


def test_other_huge_headers(failed: Callable[..., PhotoError], tmp_path: Path) -> None:
    jpeg = io.BytesIO()
    Image.new("RGB", (16, 16)).save(jpeg, "JPEG")
    content = bytearray(jpeg.getvalue())
    start = content.index(b"\xff\xc0")
    content[start + 5 : start + 9] = struct.pack(">HH", 65500, 65500)
    (tmp_path / "a.jpg").write_bytes(content)
    bmp = io.BytesIO()
    Image.new("RGB", (16, 16)).save(bmp, "BMP")
    content = bytearray(bmp.getvalue())
    content[18:26] = struct.pack("<ii", 100_000, 100_000)
    (tmp_path / "a.bmp").write_bytes(content)
    gif = io.BytesIO()
    Image.new("P", (16, 16)).save(gif, "GIF")
    content = bytearray(gif.getvalue())
    content[6:10] = struct.pack("<HH", 65535, 65535)
    (tmp_path / "a.gif").write_bytes(content)
    huge_webp(tmp_path / "a.webp")
    for name in ("a.jpg", "a.bmp", "a.gif", "a.webp"):
        assert failed(tmp_path / name).code == "too_large", name


def test_the_limit_is_the_callers(
    opened: Callable[..., Photo],
    failed: Callable[..., PhotoError],
    saved: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
) -> None:
    path = saved(tmp_path / "a.png", cat)
    assert opened(path, max_decode_pixels=226 * 150).width == 226
    assert failed(path, max_decode_pixels=226 * 150 - 1).code == "too_large"


@cache
def bombs() -> dict[str, tuple[bytes, bytes]]:
    zeros = zlib.compress(bytes(64_000_000), 9)
    return {
        "text": (b"zTXt", b"Comment\0\0" + zeros),
        "international": (b"iTXt", b"Comment\0\x01\0\0\0" + zeros),
        "profile": (b"iCCP", b"x\0\0" + zeros),
        "method": (b"zTXt", b"Comment\0\x09" + zeros[:100]),
        "unicode": (b"tEXt", b"\xff" * 10 + b"\0\xff"),
        "short": (b"pHYs", b"\0"),
        "animation": (b"fcTL", bytes(26)),
    }


@pytest.mark.parametrize("bomb", bombs())
@pytest.mark.parametrize("after", [False, True])
def test_bombs_and_damage_in_png_metadata_leave_the_picture(
    opened: Callable[..., Photo],
    png: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
    bomb: str,
    after: bool,
) -> None:
    height, width, _ = cat.shape
    exif = Image.Exif()
    exif[0x0112] = 3
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in cat)
    chunks = [(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))]
    path = png(tmp_path / "a.png", header, rows, *chunks, *([] if after else [bombs()[bomb]]))
    if after:  # between the pixels and the end
        content = path.read_bytes()
        other = png(tmp_path / "b.png", header, b"", bombs()[bomb]).read_bytes()
        path.write_bytes(content[:-12] + other[33 : other.rindex(b"IDAT") - 4] + content[-12:])
    tracemalloc.start()
    began = time.process_time()
    photo = opened(path)
    assert time.process_time() - began < 2
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000
    if bomb != "animation" or after:
        assert np.array_equal(photo.pixels, cat[::-1, ::-1])


def test_png_with_a_wrong_checksum_in_its_metadata(
    opened: Callable[..., Photo], tmp_path: Path, cat: Array
) -> None:
    path = tmp_path / "a.png"
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "hello there")
    Image.fromarray(cat).save(path, pnginfo=text)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"hello there", b"jello there"))
    photo = opened(path)
    assert np.array_equal(photo.pixels, cat)
    assert photo.notes == ("its metadata is damaged or too large, and was ignored",)


# Formats not read yet, or not without an extra


STARTS = {
    "a.cr2": b"II*\0\x10\0\0\0CR\x02\0",
    "a.cr3": b"\0\0\0\x18ftypcrx \0\0\0\x01",
    "a.raf": b"FUJIFILMCCD-RAW 0201",
    "a.orf": b"IIRO\x08\0\0\0",
    "a.rw2": b"IIU\0\x18\0\0\0",
    "a.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "a.heif": b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic",
    "a.hif": b"\0\0\0\x18ftypmif2\0\0\0\0miafheix",
    "a.jxl": b"\xff\x0a\x12",
    "b.jxl": b"\0\0\0\x0cJXL \r\n\x87\n",
}


@pytest.fixture
def without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if none of the packages were installed."""
    for module in ("pillow_heif", "rawpy", "pillow_jxl"):
        monkeypatch.setitem(sys.modules, module, None)


@pytest.mark.parametrize("name", STARTS)
def test_an_absent_extra_is_named_with_the_command(
    failed: Callable[..., PhotoError], tmp_path: Path, without_extras: None, name: str
) -> None:
    extra = {"jxl": "jxl", "heic": "heic", "heif": "heic", "hif": "heic"}
    for path in (tmp_path / name, tmp_path / "renamed.jpg"):
        path.write_bytes(STARTS[name].ljust(600, b"\0"))
        error = failed(path)
        assert error.code == "unsupported"
        assert "not installed" in error.message
        assert error.hint == f"pip install 'spider-iqa[{extra.get(name[2:], 'raw')}]'"


@pytest.mark.parametrize("suffix", ["cr2", "Nef", "arw", "dng"])
def test_an_absent_extra_by_a_raw_name(
    failed: Callable[..., PhotoError], tmp_path: Path, without_extras: None, suffix: str
) -> None:
    """LibRaw knows files that do not say what they are."""
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"some bytes nobody knows")
    assert failed(path).hint == "pip install 'spider-iqa[raw]'"


@pytest.mark.parametrize("start", [b"8BPS\0\x01", b"P6\n2 2\n255\n", b"\xff\x4f\xff\x51"])
def test_known_but_unsupported(
    failed: Callable[..., PhotoError], tmp_path: Path, start: bytes
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(start.ljust(600, b"\0"))
    error = failed(path)
    assert error.code == "unsupported"
    assert "cannot read yet" in error.message
    assert "JPEG" in error.hint


@pytest.mark.parametrize("mark", ["dng", "thumbnail"])
@pytest.mark.parametrize("there", [False, True])
def test_raw_files_that_look_like_tiff(
    failed: Callable[..., PhotoError],
    tmp_path: Path,
    cat: Array,
    monkeypatch: pytest.MonkeyPatch,
    mark: str,
    there: bool,
) -> None:
    """Pillow would open their thumbnail. LibRaw does not know them either."""
    if not there:
        monkeypatch.setitem(sys.modules, "rawpy", None)
    path = tmp_path / "a.tif"
    if mark == "dng":
        extra = [(50706, 1, 4, (1, 4, 0, 0), True)]
        tifffile.imwrite(path, cat[:16, :16], photometric="rgb", extratags=extra)
    else:
        with tifffile.TiffWriter(path) as writer:
            writer.write(cat[::4, ::4], photometric="rgb", subfiletype=1, subifds=1)
            writer.write(cat[:, :, 0].copy(), photometric="minisblack")
    error = failed(path)
    assert error.code == "unsupported"
    assert "RAW" in error.message


def test_a_tiff_that_pillow_does_not_know(
    failed: Callable[..., PhotoError], tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8, 3), np.float32), photometric="rgb")
    error = failed(tmp_path / "a.tif")
    assert error.code == "unsupported"
    assert "TIFF" in error.message


@pytest.mark.parametrize("how", ["module", "codec"])
def test_a_pillow_without_a_codec(
    failed: Callable[..., PhotoError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = tmp_path / "a.avif"
    path.write_bytes(b"\0\0\0\x1cftypavif".ljust(600, b"\0"))
    if how == "module":
        monkeypatch.setitem(sys.modules, "PIL.AvifImagePlugin", None)
    else:
        monkeypatch.setattr("PIL.AvifImagePlugin.SUPPORTED", False)
    error = failed(path)
    assert error.code == "unsupported"
    assert "Pillow" in error.message
