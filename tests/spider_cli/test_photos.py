"""Opening photos: every kind of good and bad file that can be made on the fly."""

import io
import os
import struct
import threading
import time
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile, ImageOps, features

from spider_cli.errors import PhotoError
from spider_cli.photos import Photo, named_source, open_photo, photo_from_array

Array = npt.NDArray[Any]


@pytest.fixture(scope="session")
def cat() -> Array:
    """A real photo, (150, 226, 3) uint8, as wide and high as no symmetry would allow."""
    return np.ascontiguousarray(skimage.data.chelsea()[::2, ::2])


def opened(path: Path, **options: int) -> Photo:
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


def failed(path: Path, **options: int) -> PhotoError:
    """Fail to open, and check what holds for every failure."""
    with pytest.raises(PhotoError) as caught:
        open_photo(named_source(path), **options)
    error = caught.value
    assert error.message.isprintable()  # one line, too
    assert path.name in error.message
    assert error.hint.isprintable() or not error.hint
    return error


def saved(path: Path, pixels: Array | Image.Image, **options: Any) -> Path:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def close(a: Array, b: Array, tolerance: float = 1.0) -> bool:
    return (
        a.shape == b.shape and float(np.abs(a.astype(float) - b.astype(float)).max()) <= tolerance
    )


def png(path: Path, header: bytes, data: bytes, *chunks: tuple[bytes, bytes]) -> Path:
    """A PNG put together by hand: IHDR's body, filtered rows, and chunks to come before those."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))
    return path


# Good files


LOSSLESS = {"png": {}, "bmp": {}, "tif": {}, "webp": {"lossless": True}}
LOSSY = {"jpg": {"quality": 95, "subsampling": 0}, "webp": {"quality": 95}, "jpe": {"quality": 95}}


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_formats(tmp_path: Path, cat: Array, suffix: str) -> None:
    photo = opened(saved(tmp_path / f"a.{suffix}", cat, **LOSSLESS[suffix]))
    assert np.array_equal(photo.pixels, cat)
    assert photo.notes == ()
    assert (photo.width, photo.height) == (226, 150)
    assert photo.source.name == str(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("suffix", LOSSY)
def test_lossy_formats(tmp_path: Path, cat: Array, suffix: str) -> None:
    options = {"format": "JPEG"} if suffix == "jpe" else {}
    photo = opened(saved(tmp_path / f"a.{suffix}", cat, **options, **LOSSY[suffix]))
    assert np.abs(photo.pixels.astype(int) - cat).mean() < 4


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif(tmp_path: Path, cat: Array) -> None:
    photo = opened(saved(tmp_path / "a.avif", cat, quality=90))
    assert np.abs(photo.pixels.astype(int) - cat).mean() < 4


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"])
def test_compressed_tiff(tmp_path: Path, cat: Array, compression: str) -> None:
    photo = opened(saved(tmp_path / "a.tif", cat, compression=compression))
    assert np.abs(photo.pixels.astype(int) - cat).mean() < 5


def test_progressive_jpeg(tmp_path: Path, cat: Array) -> None:
    photo = opened(saved(tmp_path / "a.jpg", cat, quality=95, progressive=True))
    assert np.abs(photo.pixels.astype(int) - cat).mean() < 4


@pytest.mark.parametrize("suffix", ["png", "txt", "nef", "heic", ""])
def test_the_content_decides_not_the_name(tmp_path: Path, cat: Array, suffix: str) -> None:
    named = saved(tmp_path / "a.jpg", cat)
    plain = opened(named).pixels
    assert np.array_equal(opened(named.rename(tmp_path / f"b.{suffix}")).pixels, plain)


def test_a_tiff_with_the_name_of_a_raw_file_is_a_tiff(tmp_path: Path, cat: Array) -> None:
    assert np.array_equal(opened(saved(tmp_path / "a.nef", cat, format="TIFF")).pixels, cat)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (300000, 2), (3, 100000)])
def test_thin_photos(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    pixels = (
        np.arange(width * height * 3, dtype=np.uint32).reshape(height, width, 3).astype(np.uint8)
    )
    assert np.array_equal(opened(saved(tmp_path / "a.png", pixels)).pixels, pixels)


def test_a_photo_of_several_strips(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1100, 700, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert np.array_equal(opened(saved(tmp_path / "a.bmp", pixels)).pixels, pixels)
    turned = opened(saved(tmp_path / "a.png", pixels, exif=exif)).pixels
    assert np.array_equal(turned, np.rot90(pixels, -1))


def test_names_hidden_by_spaces_and_odd_characters(tmp_path: Path, cat: Array) -> None:
    for name in (" a .jpg", "line\nbreak.jpg", "[1].jpg", "\u00e9\u4e2d.jpg"):
        path = saved(tmp_path / name, cat)
        assert opened(path).width == 226
    bad = tmp_path / "line\nbreak.png"
    bad.write_bytes(b"no")
    with pytest.raises(PhotoError, match=r"line\\nbreak\.png is not a photo"):
        open_photo(named_source(bad))


# Orientation


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_exif_orientation(tmp_path: Path, cat: Array, turn: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {"lossless": True} if suffix == "webp" else {}
    path = saved(tmp_path / f"a.{suffix}", cat, exif=exif, **options)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    photo = opened(path)
    assert np.array_equal(photo.pixels, expected)
    assert (photo.width > photo.height) == (turn < 5)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(3, b"\0\0\0\0"), (3, b"\x09\0\0\0"), (2, b"6\0\0\0"), (4, b"\xff" * 4), (8, b"\xff\xff\0\0")],
)
def test_a_senseless_orientation_is_ignored(
    tmp_path: Path, cat: Array, kind: int, value: bytes
) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHI4sI", 1, 0x0112, kind, 1, value, 0)
    assert opened(saved(tmp_path / "a.jpg", cat, exif=exif)).pixels.shape == cat.shape


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0garbage",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0" * 50,
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x05\0\0\0\x01\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x1a\x01\x05\0\x01\0\0\0\0\0\0\0\0\0\0\0",
    ],
)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_corrupt_exif_still_opens(tmp_path: Path, cat: Array, exif: bytes, suffix: str) -> None:
    path = saved(tmp_path / f"a.{suffix}", cat, exif=exif)
    assert opened(path).pixels.shape == cat.shape


# Modes


def test_grey_sixteen_bits_is_scaled_not_clipped(tmp_path: Path) -> None:
    """Grey of mean 143.7 becomes 254.7 where 16 bits are clipped to 8."""
    grey = skimage.data.brick()
    wide = (grey.astype(np.uint16) * 257).astype(np.uint16)
    for name in ("a.png", "a.tif"):
        photo = opened(saved(tmp_path / name, wide))
        assert np.array_equal(photo.pixels, np.repeat(grey[:, :, None], 3, axis=2))
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    photo = opened(saved(tmp_path / "r.png", ramp))
    assert close(photo.pixels[:, :, 0], ramp / 257.0, 0.51)


def test_other_sixteen_bit_tiffs(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    ramp = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    expected = ramp / 257.0
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp, byteorder=">", photometric="minisblack")
    assert close(opened(path).pixels[:, :, 1], expected, 0.51)
    tifffile.imwrite(path, ramp, photometric="miniswhite")
    assert close(opened(path).pixels[:, :, 1], 255 - expected, 0.51)
    tifffile.imwrite(path, (ramp // 2).astype(np.int16), photometric="minisblack")
    assert close(opened(path).pixels[:, :, 1], expected, 1.0)
    colours = np.stack([ramp, ramp[::-1], ramp.T], axis=-1)
    tifffile.imwrite(path, colours, photometric="rgb")
    photo = opened(path)
    assert close(photo.pixels, colours / 257.0)
    assert photo.notes == ()


def test_sixteen_bit_colour_png(tmp_path: Path) -> None:
    ramp = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    colours = np.stack([ramp, ramp[::-1], ramp.T], axis=-1)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colours)
    path = png(tmp_path / "a.png", struct.pack(">IIBBBBB", 64, 64, 16, 2, 0, 0, 0), rows)
    assert close(opened(path).pixels, colours / 257.0)
    # The same with a transparent colour: the first pixel's.
    key = colours[0, 0].astype(">u2").tobytes()
    path = png(
        tmp_path / "b.png", struct.pack(">IIBBBBB", 64, 64, 16, 2, 0, 0, 0), rows, (b"tRNS", key)
    )
    photo = opened(path)
    assert photo.pixels[0, 0].tolist() == [255, 255, 255]
    assert close(photo.pixels[10], colours[10] / 257.0)


def test_sixteen_bit_grey_png_with_a_transparent_level(tmp_path: Path) -> None:
    ramp = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in ramp)
    header = struct.pack(">IIBBBBB", 64, 64, 16, 0, 0, 0, 0)
    photo = opened(png(tmp_path / "a.png", header, rows, (b"tRNS", struct.pack(">H", 16))))
    assert photo.pixels[0, :3, 0].tolist() == [0, 255, 0]
    assert photo.notes == ("transparent parts are shown on white",)


def test_twelve_bit_tiff(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "a.tif"
    # No writer here packs 12 bits: an uncompressed 8-bit file is relabelled.
    values = np.arange(0, 4096, 4, dtype=np.uint16).reshape(32, 32)
    packed = np.array(
        [[a >> 4, (a & 15) << 4 | b >> 8, b & 255] for a, b in values.reshape(-1, 2).tolist()],
        dtype=np.uint8,
    )
    tifffile.imwrite(path, packed.reshape(32, 48), photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags["BitsPerSample"].overwrite(12)
        file.pages[0].tags["ImageWidth"].overwrite(32)
    assert close(opened(path).pixels[:, :, 0], values / 4095 * 255, 0.51)


@pytest.mark.parametrize(
    ("white", "brightest"), [(1.0, 1.0), (1.0, 3.0), (255.0, 255.0), (65535.0, 65535.0), (1e6, 1e6)]
)
def test_float_tiff(tmp_path: Path, white: float, brightest: float) -> None:
    unit = np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64)
    values = unit * np.float32(white)
    values[0, 0] = brightest
    photo = opened(saved(tmp_path / "a.tif", values))
    assert close(photo.pixels[1:, :, 2], unit[1:] * 255, 0.51)
    assert photo.pixels[0, 0, 0] == 255
    assert photo.notes == (f"floating-point values are read as 0 to {white:.10g}",)


def test_float_tiff_with_nan_and_infinities(tmp_path: Path) -> None:
    values = np.full((8, 8), 0.5, dtype=np.float32)
    values[0, :4] = np.nan, np.inf, -np.inf, -3.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels = opened(saved(tmp_path / "a.tif", values)).pixels
    assert pixels[0, :5, 0].tolist() == [0, 255, 0, 0, 128]
    values[:] = np.nan
    assert opened(saved(tmp_path / "b.tif", values)).pixels.max() == 0


@pytest.mark.parametrize("brightest", [255, 65535, 1 << 30])
def test_integers_of_32_bits(tmp_path: Path, brightest: int) -> None:
    values = np.linspace(0, brightest, 4096).reshape(64, 64).astype(np.int32)
    photo = opened(saved(tmp_path / "a.tif", values))
    assert close(photo.pixels[:, :, 0], values / brightest * 255, 0.51)
    assert photo.notes == (f"32-bit values are read as 0 to {brightest}",)


def test_unsigned_32_bits(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    values = np.linspace(0, 2**32 - 1, 4096).reshape(64, 64).astype(np.uint32)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    assert close(opened(tmp_path / "a.tif").pixels[:, :, 0], values / (2**32 - 1) * 255, 0.51)


def test_cmyk(tmp_path: Path, cat: Array) -> None:
    cmyk = Image.fromarray(cat).convert("CMYK")
    for name in ("a.jpg", "a.tif"):
        options = {"quality": 95} if name == "a.jpg" else {}
        photo = opened(saved(tmp_path / name, cmyk, **options))
        assert np.abs(photo.pixels.astype(int) - cat).mean() < 6


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_few_levels(tmp_path: Path, cat: Array, mode: str) -> None:
    image = Image.fromarray(cat).convert(mode)
    for name in ("a.png", "a.tif", "a.bmp"):
        photo = opened(saved(tmp_path / name, image))
        assert np.array_equal(photo.pixels, np.asarray(image.convert("RGB")))
        assert photo.notes == ()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_reaches_white(tmp_path: Path, bits: int) -> None:
    header = struct.pack(">IIBBBBB", 8, 1, bits, 0, 0, 0, 0)
    path = png(tmp_path / "a.png", header, b"\0" + b"\xff" * bits)
    assert opened(path).pixels.min() == 255


def test_transparency_is_laid_on_white(tmp_path: Path, cat: Array) -> None:
    alpha = np.tile(np.linspace(0, 255, cat.shape[1]).astype(np.uint8), (cat.shape[0], 1))
    rgba = np.dstack([cat, alpha])
    share = alpha[:, :, None] / 255.0
    expected = cat * share + 255 * (1 - share)
    for name in ("a.png", "a.tif", "a.webp"):
        options = {"lossless": True, "exact": True} if name == "a.webp" else {}
        photo = opened(saved(tmp_path / name, rgba, **options))
        assert close(photo.pixels, expected)
        assert photo.notes == ("transparent parts are shown on white",)
    grey = np.dstack([cat[:, :, 0], alpha])
    photo = opened(saved(tmp_path / "la.png", grey))
    assert close(photo.pixels, np.repeat(cat[:, :, :1], 3, 2) * share + 255 * (1 - share))


def test_full_alpha_changes_nothing_and_is_not_mentioned(tmp_path: Path, cat: Array) -> None:
    rgba = np.dstack([cat, np.full(cat.shape[:2], 255, np.uint8)])
    photo = opened(saved(tmp_path / "a.png", rgba))
    assert np.array_equal(photo.pixels, cat)
    assert photo.notes == ()


@pytest.mark.parametrize("transparency", [3, bytes([255, 128, 0, 255])])
def test_palette_with_alpha(tmp_path: Path, transparency: int | bytes) -> None:
    image = Image.fromarray(np.array([[0, 1, 2, 3]], dtype=np.uint8), "P")
    image.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200, 10, 20, 30])
    path = tmp_path / "a.png"
    image.save(path, transparency=transparency)
    alphas = [255, 255, 255, 0] if transparency == 3 else [255, 128, 0, 255]
    palette = np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200], [10, 20, 30]])
    share = np.array(alphas)[:, None] / 255
    photo = opened(path)
    assert close(photo.pixels[0], palette * share + 255 * (1 - share))
    assert photo.notes == ("transparent parts are shown on white",)


def test_colour_key(tmp_path: Path, cat: Array) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(cat).save(path, transparency=tuple(int(v) for v in cat[0, 0]))
    photo = opened(path)
    assert photo.pixels[0, 0].tolist() == [255, 255, 255]
    path = tmp_path / "b.png"
    Image.fromarray(cat[:, :, 0]).save(path, transparency=int(cat[0, 0, 0]))
    assert opened(path).pixels[0, 0].tolist() == [255, 255, 255]


# Colour profiles


def matrix_profile(red: tuple[float, float, float], gamma: float = 2.2) -> bytes:
    """A small RGB profile: sRGB's primaries, but for the red one (XYZ at D50)."""
    columns = {b"rXYZ": red, b"gXYZ": (0.3851, 0.7169, 0.0971), b"bXYZ": (0.1431, 0.0606, 0.7141)}
    tags = {tag: b"XYZ \0\0\0\0" + fixed(*value) for tag, value in columns.items()}
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    return icc(b"RGB ", b"mntr", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def grey_profile(gamma: float) -> bytes:
    return icc(
        b"GRAY",
        b"mntr",
        {b"kTRC": b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"},
    )


@cache
def cmyk_profile() -> bytes:
    """CMYK to Lab through a table of two steps an ink, in which cyan ink prints green."""
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    table = b""
    for corner in range(16):
        c, m, y, k = (corner >> i & 1 for i in (3, 2, 1, 0))
        rgb = (
            (0, 160, 0) if c and not m and not y else (255 * (1 - c), 255 * (1 - m), 255 * (1 - y))
        )
        paint = Image.new("RGB", (1, 1), (0, 0, 0) if k else rgb)
        seen = ImageCms.profileToProfile(paint, srgb, lab, outputMode="LAB")
        light, *chroma = np.asarray(seen)[0, 0].tolist()
        table += bytes([light, *((value + 128) % 256 for value in chroma)])
    identity = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += identity * 4 + table + identity * 3
    return icc(b"CMYK", b"prtr", {b"A2B0": lut, b"A2B1": lut}, pcs=b"Lab ")


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def icc(space: bytes, kind: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ") -> bytes:
    tags = {b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249)} | tags
    directory, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        value += b"\0" * (-len(value) % 4)
        directory += tag + struct.pack(">II", start + len(body), len(value))
        body += value
    header = struct.pack(
        ">I4sI4s4s4s12s4s", start + len(body), b"", 0x02400000, kind, space, pcs, b"", b"acsp"
    )
    header = header.ljust(68, b"\0") + fixed(0.9642, 1.0, 0.8249)
    return header.ljust(128, b"\0") + directory + body


WIDE_RED = (0.55, 0.28, 0.002)


def test_profile_is_applied(tmp_path: Path) -> None:
    pixels = np.full((4, 4, 3), (200, 60, 60), dtype=np.uint8)
    profile = matrix_profile(WIDE_RED)
    for name in ("a.png", "a.tif", "a.jpg", "a.webp"):
        options = {"quality": 100} if name == "a.jpg" else {"lossless": True}
        photo = opened(saved(tmp_path / name, pixels, icc_profile=profile, **options))
        assert photo.notes == ()
        red, green, _ = photo.pixels[0, 0].tolist()
        assert red > 210  # a more saturated red than sRGB's at the same numbers
        assert abs(green - 60) < 30


def test_profile_agrees_with_pillow(tmp_path: Path, cat: Array) -> None:
    profile = matrix_profile(WIDE_RED, 1.8)
    image = Image.fromarray(cat)
    expected = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    pixels = opened(saved(tmp_path / "a.png", image, icc_profile=profile)).pixels
    assert np.array_equal(pixels, np.asarray(expected))
    assert not close(pixels, cat, 8)
    # With transparency, in a palette, and turned.
    rgba = image.convert("RGBA")
    exif = Image.Exif()
    exif[0x0112] = 3
    path = saved(tmp_path / "b.png", rgba, icc_profile=profile, exif=exif)
    assert np.array_equal(opened(path).pixels, pixels[::-1, ::-1])
    palette = image.convert("P")
    in_palette = opened(saved(tmp_path / "c.png", palette, icc_profile=profile)).pixels
    assert np.abs(in_palette.astype(int) - pixels).mean() < 30
    assert not np.array_equal(in_palette, np.asarray(palette.convert("RGB")))


def test_srgb_profile_leaves_the_numbers(tmp_path: Path, cat: Array) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(opened(saved(tmp_path / "a.png", cat, icc_profile=profile)).pixels, cat)


def test_grey_profile(tmp_path: Path, cat: Array) -> None:
    grey = cat[:, :, 0]
    profile = grey_profile(1.0)
    photo = opened(saved(tmp_path / "a.png", grey, icc_profile=profile))
    assert photo.notes == ()
    assert photo.pixels.mean() > grey.mean() + 20  # linear light is shown brighter
    wide = opened(saved(tmp_path / "b.png", grey.astype(np.uint16) * 257, icc_profile=profile))
    assert np.array_equal(wide.pixels, photo.pixels)


@pytest.mark.parametrize("name", ["a.tif", "a.jpg"])
def test_cmyk_profile(tmp_path: Path, name: str) -> None:
    options = {"quality": 100} if name == "a.jpg" else {}
    inks = {
        "white": (0, 0, 0, 0),
        "green": (255, 0, 0, 0),
        "black": (0, 0, 0, 255),
        "yellow": (0, 0, 255, 0),
    }
    colours = {
        "white": (255, 255, 255),
        "green": (0, 160, 0),
        "black": (0, 0, 0),
        "yellow": (255, 255, 0),
    }
    for colour, ink in inks.items():
        image = Image.new("CMYK", (16, 16), ink)
        photo = opened(saved(tmp_path / name, image, icc_profile=cmyk_profile(), **options))
        assert photo.notes == ()
        assert close(photo.pixels[5, 5], np.array(colours[colour]), 30), colour


@pytest.mark.parametrize(
    "profile",
    [b"garbage", b"\0" * 128, matrix_profile(WIDE_RED)[:150], grey_profile(2.2), cmyk_profile()],
    ids=["garbage", "zeros", "cut", "grey", "cmyk"],
)
def test_profile_that_is_broken_or_does_not_fit(tmp_path: Path, cat: Array, profile: bytes) -> None:
    photo = opened(saved(tmp_path / "a.png", cat, icc_profile=profile))
    assert np.array_equal(photo.pixels, cat)
    assert photo.notes == ("its colour profile is broken or does not fit, and was ignored",)


# Several pictures in one file


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif", "avif"])
def test_first_of_several_pictures(tmp_path: Path, suffix: str) -> None:
    if suffix == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    path = saved(
        tmp_path / f"a.{suffix}", frames[0], save_all=True, append_images=frames[1:], **options
    )
    photo = opened(path)
    assert close(photo.pixels[5, 5], np.array([255, 0, 0]), 5)
    assert photo.notes == ("first frame of 3",)


def test_one_picture_in_a_gif_is_no_animation(tmp_path: Path) -> None:
    assert opened(saved(tmp_path / "a.gif", Image.new("RGB", (8, 8), "red"))).notes == ()


def test_pyramids_and_thumbnails_are_no_pages(tmp_path: Path, cat: Array) -> None:
    tifffile = pytest.importorskip("tifffile")
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


def test_multi_picture_jpeg_is_its_first_picture(tmp_path: Path, cat: Array) -> None:
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


# Bad files


def test_missing(tmp_path: Path) -> None:
    assert failed(tmp_path / "none.jpg").code == "not_found"
    assert failed(tmp_path / "none" / "none.jpg").code == "not_found"
    (tmp_path / "file").write_bytes(b"x")
    assert failed(tmp_path / "file" / "a.jpg").code == "not_found"


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    assert failed(tmp_path / "a.jpg").code == "empty_file"


@pytest.mark.parametrize(
    "content",
    [b"just words\n", b"\0" * 4096, b"BMW is a car maker, not a photo", b"%", b"RIFF1234AVI "],
)
def test_not_an_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert failed(tmp_path / "a.jpg").code == "not_an_image"


def test_folder(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    error = failed(tmp_path / "a.jpg")
    assert error.code == "unreadable"
    assert "folder" in error.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_pipe_and_device_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert failed(tmp_path / "a.jpg").code == "unreadable"
    assert failed(Path("/dev/zero")).code == "unreadable"


def test_permission_denied(tmp_path: Path, cat: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.jpg", cat)

    def refuse(self: Path, *args: Any, **kwargs: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(self))

    # Replaced rather than chmod-ed, which stops nobody who runs the tests as root.
    monkeypatch.setattr(Path, "open", refuse)
    error = failed(path)
    assert error.code == "unreadable"
    assert "permission denied" in error.message


def test_read_error_in_the_middle(
    tmp_path: Path, cat: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(
        tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    )

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 100_000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    content = path.read_bytes()
    monkeypatch.setattr(Path, "open", lambda self, mode: Failing(content))
    error = failed(path)
    assert error.code == "unreadable"
    assert "input/output error" in error.message


FORMATS: dict[str, dict[str, Any]] = {
    "baseline.jpg": {},
    "progressive.jpg": {"progressive": True},
    "a.png": {},
    "a.gif": {},
    "a.bmp": {},
    "lossy.webp": {},
    "lossless.webp": {"lossless": True},
    "raw.tif": {},
    "lzw.tif": {"compression": "tiff_lzw"},
    "deflate.tif": {"compression": "tiff_adobe_deflate"},
    "jpeg.tif": {"compression": "jpeg"},
}
if features.check("avif"):
    FORMATS["a.avif"] = {}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9, 0.99])
def test_truncated(tmp_path: Path, cat: Array, name: str, share: float) -> None:
    path = saved(tmp_path / name, cat, **FORMATS[name])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert failed(path).code == "truncated"


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    out = io.BytesIO()
    Image.fromarray(skimage.data.chelsea()).save(out, "JPEG", quality=80)
    return out.getvalue()


@settings(deadline=None, max_examples=40)
@given(share=st.floats(0.001, 0.999))
def test_a_jpeg_cut_anywhere_is_never_judged(
    tmp_path_factory: pytest.TempPathFactory, jpeg: bytes, share: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.jpg"
    path.write_bytes(jpeg[: max(3, int(len(jpeg) * share))])
    assert failed(path).code == "truncated"


def test_truncated_whatever_another_library_has_set(
    tmp_path: Path, cat: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for name, options in FORMATS.items():
        path = saved(tmp_path / name, cat, **options)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert failed(path).code == "truncated", name
        assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_damaged_data(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path / "a.png", noise)
    content = bytearray(path.read_bytes())
    content[200:300] = bytes(100)
    path.write_bytes(content)
    assert failed(path).code in ("unreadable", "truncated", "not_an_image")


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_no_damage_escapes_as_anything_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Of small files of every format with flipped bytes come a photo or a PhotoError, no more."""
    name = data.draw(st.sampled_from(sorted(FORMATS)))
    out = io.BytesIO()
    image = Image.fromarray(skimage.data.chelsea()[:40, :50])
    exif = Image.Exif()
    exif[0x0112] = 6
    kind = {"jpg": "JPEG", "tif": "TIFF"}.get(name[-3:], name.rpartition(".")[2].upper())
    extra = {} if kind in ("GIF", "BMP") else {"exif": exif, "icc_profile": grey_profile(2.0)}
    image.save(out, kind, **FORMATS[name], **extra)
    content = bytearray(out.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        where = data.draw(st.integers(0, len(content) - 1))
        content[where] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"flipped-{name}"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            open_photo(named_source(path), max_pixels=1_000_000)
        except PhotoError as error:
            assert error.message.isprintable()


# Large files and bombs


def huge_png(path: Path, side: int) -> Path:
    return png(path, struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0), b"")


def test_huge_png_is_refused_from_its_header(tmp_path: Path) -> None:
    path = huge_png(tmp_path / "a.png", 100_000)
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


def test_other_huge_headers(tmp_path: Path) -> None:
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


def test_the_limit_is_the_callers(tmp_path: Path, cat: Array) -> None:
    path = saved(tmp_path / "a.png", cat)
    assert opened(path, max_pixels=226 * 150).width == 226
    assert failed(path, max_pixels=226 * 150 - 1).code == "too_large"


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"lossy.webp", "lossless.webp"}))
@pytest.mark.parametrize("limit", [290_000, 140_000])
def test_pillows_own_limit_neither_warns_nor_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    """One is a size that Pillow warns of, the other one that it refuses."""
    path = saved(tmp_path / name, Image.new("RGB", (600, 500), "red"), **FORMATS[name])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert opened(path).width == 600
    assert caught == []
    assert limit == Image.MAX_IMAGE_PIXELS


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
    tmp_path: Path, cat: Array, bomb: str, after: bool
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


def test_png_with_a_wrong_checksum_in_its_metadata(tmp_path: Path, cat: Array) -> None:
    path = tmp_path / "a.png"
    from PIL import PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "hello there")
    Image.fromarray(cat).save(path, pnginfo=text)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"hello there", b"jello there"))
    photo = opened(path)
    assert np.array_equal(photo.pixels, cat)
    assert photo.notes == ("its metadata is damaged or too large, and was ignored",)


# Formats not read yet


RAW_STARTS = {
    "a.cr2": b"II*\0\x10\0\0\0CR\x02\0",
    "a.cr3": b"\0\0\0\x18ftypcrx \0\0\0\x01",
    "a.raf": b"FUJIFILMCCD-RAW 0201",
    "a.orf": b"IIRO\x08\0\0\0",
    "a.rw2": b"IIU\0\x18\0\0\0",
    "a.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "a.heif": b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic",
    "a.jxl": b"\xff\x0a\x12",
    "a.psd": b"8BPS\0\x01",
    "a.ppm": b"P6\n2 2\n255\n",
}


@pytest.mark.parametrize("name", RAW_STARTS)
def test_known_but_unsupported_by_content(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / name, tmp_path / "renamed.jpg"):
        path.write_bytes(RAW_STARTS[name].ljust(600, b"\0"))
        error = failed(path)
        assert error.code == "unsupported"
        assert "cannot read yet" in error.message
        assert "JPEG" in error.hint


@pytest.mark.parametrize("suffix", ["heic", "HEIF", "cr2", "Nef", "arw", "dng", "jxl"])
def test_known_but_unsupported_by_extension(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"some bytes nobody knows")
    error = failed(path)
    assert error.code == "unsupported"
    assert suffix.upper() in error.message


@pytest.mark.parametrize("mark", ["dng", "thumbnail"])
def test_raw_files_that_look_like_tiff(tmp_path: Path, cat: Array, mark: str) -> None:
    """Pillow would open their thumbnail."""
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "a.tif"
    if mark == "dng":
        extra = [(50706, 1, 4, (1, 4, 0, 0), True)]
        tifffile.imwrite(path, cat, photometric="rgb", extratags=extra)
    else:
        with tifffile.TiffWriter(path) as writer:
            writer.write(cat[::4, ::4], photometric="rgb", subfiletype=1, subifds=1)
            writer.write(cat[:, :, 0].copy(), photometric="minisblack")
    error = failed(path)
    assert error.code == "unsupported"
    assert "RAW" in error.message


def test_a_tiff_that_pillow_does_not_know(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8, 3), np.float32), photometric="rgb")
    error = failed(tmp_path / "a.tif")
    assert error.code == "unsupported"
    assert "TIFF" in error.message


# Silence, threads


def noisy_files(folder: Path, cat: Array) -> list[Path]:
    """Files that Pillow warns about or logs."""
    palette = Image.fromarray(cat).convert("P")
    first = saved(folder / "alphas.png", palette, transparency=bytes(range(256)))
    height, width, _ = cat.shape
    rows = b"".join(b"\0" + row.tobytes() for row in cat)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    second = png(folder / "apng.png", header, rows, (b"acTL", struct.pack(">II", 0, 0)))
    third = saved(folder / "tags.tif", cat)
    content = bytearray(third.read_bytes())
    (directory,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, directory)
    entries = content[directory + 2 : directory + 2 + 12 * count]
    struct.pack_into("<I", content, 4, len(content))
    beyond = struct.pack("<HHII", 50000, 2, 1 << 20, 1 << 24)
    third.write_bytes(content + struct.pack("<H", count + 1) + entries + beyond + bytes(4))
    return [first, second, third]


def test_pillow_is_silent(tmp_path: Path, cat: Array, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        for path in noisy_files(tmp_path, cat):
            open_photo(named_source(path))
        assert list(warnings.filters) == before
    assert caught == []
    assert capfd.readouterr() == ("", "")


def test_many_threads(tmp_path: Path, cat: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    """All threads together leave the process as it was, and each photo is right."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    good = [saved(tmp_path / f"{i}.png", np.roll(cat, i, axis=1)) for i in range(12)]
    cut = saved(tmp_path / "cut.jpg", cat)
    cut.write_bytes(cut.read_bytes()[:3000])
    noisy = noisy_files(tmp_path, cat)
    barrier = threading.Barrier(8)

    def work(worker: int) -> None:
        barrier.wait(timeout=10)
        for i, path in enumerate(good):
            assert np.array_equal(open_photo(named_source(path)).pixels, np.roll(cat, i, axis=1))
            open_photo(named_source(noisy[worker % 3]))
            assert failed(cut).code == "truncated"

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        assert list(warnings.filters) == before
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


# Arrays and Pillow images


def test_arrays(cat: Array) -> None:
    grey = np.repeat(cat[:, :, :1], 3, axis=2)
    assert np.array_equal(photo_from_array(cat).pixels, cat)
    assert np.array_equal(photo_from_array(cat[:, :, 0]).pixels, grey)
    assert np.array_equal(photo_from_array(cat[:, :, :1]).pixels, grey)
    assert np.array_equal(photo_from_array(cat.astype(np.uint16) * 257).pixels, cat)
    assert np.array_equal(photo_from_array(cat / 255).pixels, cat)
    assert np.array_equal(photo_from_array((cat / 255).astype(np.float32)).pixels, cat)
    assert np.array_equal(photo_from_array(cat[:, :, 0] > 99).pixels, (grey > 99) * np.uint8(255))
    strided = photo_from_array(cat[::2, ::-1])
    assert np.array_equal(strided.pixels, cat[::2, ::-1])
    assert strided.pixels.flags.c_contiguous
    assert photo_from_array(cat, name="frame 7").source.name == "frame 7"


def test_arrays_are_copied(cat: Array) -> None:
    mine = cat.copy()
    photo = photo_from_array(mine)
    mine[:] = 0
    assert np.array_equal(photo.pixels, cat)


def test_array_with_alpha_is_laid_on_white(cat: Array) -> None:
    alpha = np.full((*cat.shape[:2], 1), 64, np.uint8)
    for colours in (cat, cat[:, :, :1]):
        photo = photo_from_array(np.concatenate([colours, alpha], axis=2))
        assert close(photo.pixels, np.broadcast_to(colours * (64 / 255) + 191, cat.shape))
        assert photo.notes == ("transparent parts are shown on white",)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros(7, np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.int64),
        np.full((4, 4), 1.5),
        np.full((4, 4), -0.1),
        np.full((4, 4), np.nan),
        np.array([["a"]]),
    ],
)
def test_arrays_that_are_no_photo(array: Array) -> None:
    with pytest.raises(PhotoError) as caught:
        photo_from_array(array, name="mine")
    assert caught.value.code == "unsupported"
    assert caught.value.message.startswith("mine cannot be read: a")


def test_pillow_images(tmp_path: Path, cat: Array) -> None:
    image = Image.fromarray(cat)
    assert np.array_equal(photo_from_array(image).pixels, cat)
    grey = image.convert("L")
    assert np.array_equal(photo_from_array(grey).pixels[:, :, 0], np.asarray(grey))
    exif = Image.Exif()
    exif[0x0112] = 8
    path = saved(tmp_path / "a.png", image, exif=exif)
    with Image.open(path) as lazy:
        assert np.array_equal(photo_from_array(lazy).pixels, opened(path).pixels)
    path.write_bytes(path.read_bytes()[:3000])
    with Image.open(path) as lazy, pytest.raises(PhotoError):
        photo_from_array(lazy)


def test_photos_compare_and_show_without_their_pixels(cat: Array) -> None:
    photo = photo_from_array(cat)
    assert photo == photo_from_array(cat)
    assert "uint8" not in repr(photo)
