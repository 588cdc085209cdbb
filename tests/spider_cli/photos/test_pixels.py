"""Every mode and colour profile as 8-bit sRGB."""

import io
import struct
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
import tifffile
from PIL import Image, ImageCms

from spider_cli.photos import Photo

Array = npt.NDArray[Any]


# Modes


def test_grey_sixteen_bits_is_scaled_not_clipped(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    close: Callable[..., bool],
    tmp_path: Path,
) -> None:
    """Grey of mean 143.7 becomes 254.7 where 16 bits are clipped to 8."""
    grey = skimage.data.brick()
    wide = (grey.astype(np.uint16) * 257).astype(np.uint16)
    for name in ("a.png", "a.tif"):
        photo = opened(saved(tmp_path / name, wide))
        assert np.array_equal(photo.pixels, np.repeat(grey[:, :, None], 3, axis=2))
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    photo = opened(saved(tmp_path / "r.png", ramp))
    assert close(photo.pixels[:, :, 0], ramp / 257.0, 0.51)


def test_other_sixteen_bit_tiffs(
    opened: Callable[..., Photo], close: Callable[..., bool], tmp_path: Path
) -> None:
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


def test_sixteen_bit_colour_png(
    opened: Callable[..., Photo],
    png: Callable[..., Path],
    close: Callable[..., bool],
    tmp_path: Path,
) -> None:
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


def test_sixteen_bit_grey_png_with_a_transparent_level(
    opened: Callable[..., Photo], png: Callable[..., Path], tmp_path: Path
) -> None:
    ramp = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in ramp)
    header = struct.pack(">IIBBBBB", 64, 64, 16, 0, 0, 0, 0)
    photo = opened(png(tmp_path / "a.png", header, rows, (b"tRNS", struct.pack(">H", 16))))
    assert photo.pixels[0, :3, 0].tolist() == [0, 255, 0]
    assert photo.notes == ("transparent parts are shown on white",)


def test_twelve_bit_tiff(
    opened: Callable[..., Photo], close: Callable[..., bool], tmp_path: Path
) -> None:
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
def test_float_tiff(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    close: Callable[..., bool],
    tmp_path: Path,
    white: float,
    brightest: float,
) -> None:
    unit = np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64)
    values = unit * np.float32(white)
    values[0, 0] = brightest
    photo = opened(saved(tmp_path / "a.tif", values))
    assert close(photo.pixels[1:, :, 2], unit[1:] * 255, 0.51)
    assert photo.pixels[0, 0, 0] == 255
    assert photo.notes == (f"floating-point values are read as 0 to {white:.10g}",)


def test_float_tiff_with_nan_and_infinities(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path
) -> None:
    values = np.full((8, 8), 0.5, dtype=np.float32)
    values[0, :4] = np.nan, np.inf, -np.inf, -3.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels = opened(saved(tmp_path / "a.tif", values)).pixels
    assert pixels[0, :5, 0].tolist() == [0, 255, 0, 0, 128]
    values[:] = np.nan
    assert opened(saved(tmp_path / "b.tif", values)).pixels.max() == 0


@pytest.mark.parametrize("brightest", [255, 65535, 1 << 30])
def test_integers_of_32_bits(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    close: Callable[..., bool],
    tmp_path: Path,
    brightest: int,
) -> None:
    values = np.linspace(0, brightest, 4096).reshape(64, 64).astype(np.int32)
    photo = opened(saved(tmp_path / "a.tif", values))
    assert close(photo.pixels[:, :, 0], values / brightest * 255, 0.51)
    assert photo.notes == (f"32-bit values are read as 0 to {brightest}",)


def test_unsigned_32_bits(
    opened: Callable[..., Photo], close: Callable[..., bool], tmp_path: Path
) -> None:
    values = np.linspace(0, 2**32 - 1, 4096).reshape(64, 64).astype(np.uint32)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    assert close(opened(tmp_path / "a.tif").pixels[:, :, 0], values / (2**32 - 1) * 255, 0.51)


def test_cmyk(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path, cat: Array
) -> None:
    cmyk = Image.fromarray(cat).convert("CMYK")
    for name in ("a.jpg", "a.tif"):
        options = {"quality": 95} if name == "a.jpg" else {}
        photo = opened(saved(tmp_path / name, cmyk, **options))
        assert np.abs(photo.pixels.astype(int) - cat).mean() < 6


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_few_levels(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path, cat: Array, mode: str
) -> None:
    image = Image.fromarray(cat).convert(mode)
    for name in ("a.png", "a.tif", "a.bmp"):
        photo = opened(saved(tmp_path / name, image))
        assert np.array_equal(photo.pixels, np.asarray(image.convert("RGB")))
        assert photo.notes == ()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_reaches_white(
    opened: Callable[..., Photo], png: Callable[..., Path], tmp_path: Path, bits: int
) -> None:
    header = struct.pack(">IIBBBBB", 8, 1, bits, 0, 0, 0, 0)
    path = png(tmp_path / "a.png", header, b"\0" + b"\xff" * bits)
    assert opened(path).pixels.min() == 255


def test_transparency_is_laid_on_white(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    close: Callable[..., bool],
    tmp_path: Path,
    cat: Array,
) -> None:
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


def test_full_alpha_changes_nothing_and_is_not_mentioned(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path, cat: Array
) -> None:
    rgba = np.dstack([cat, np.full(cat.shape[:2], 255, np.uint8)])
    photo = opened(saved(tmp_path / "a.png", rgba))
    assert np.array_equal(photo.pixels, cat)
    assert photo.notes == ()


@pytest.mark.parametrize("transparency", [3, bytes([255, 128, 0, 255])])
def test_palette_with_alpha(
    opened: Callable[..., Photo],
    close: Callable[..., bool],
    tmp_path: Path,
    transparency: int | bytes,
) -> None:
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


def test_colour_key(opened: Callable[..., Photo], tmp_path: Path, cat: Array) -> None:
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


def test_profile_is_applied(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path
) -> None:
    pixels = np.full((4, 4, 3), (200, 60, 60), dtype=np.uint8)
    profile = matrix_profile(WIDE_RED)
    for name in ("a.png", "a.tif", "a.jpg", "a.webp"):
        options = {"quality": 100} if name == "a.jpg" else {"lossless": True}
        photo = opened(saved(tmp_path / name, pixels, icc_profile=profile, **options))
        assert photo.notes == ()
        red, green, _ = photo.pixels[0, 0].tolist()
        assert red > 210  # a more saturated red than sRGB's at the same numbers
        assert abs(green - 60) < 30


def test_profile_agrees_with_pillow(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    close: Callable[..., bool],
    tmp_path: Path,
    cat: Array,
) -> None:
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


def test_srgb_profile_leaves_the_numbers(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path, cat: Array
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(opened(saved(tmp_path / "a.png", cat, icc_profile=profile)).pixels, cat)


def test_grey_profile(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path, cat: Array
) -> None:
    grey = cat[:, :, 0]
    profile = grey_profile(1.0)
    photo = opened(saved(tmp_path / "a.png", grey, icc_profile=profile))
    assert photo.notes == ()
    assert photo.pixels.mean() > grey.mean() + 20  # linear light is shown brighter
    wide = opened(saved(tmp_path / "b.png", grey.astype(np.uint16) * 257, icc_profile=profile))
    assert np.array_equal(wide.pixels, photo.pixels)


@pytest.mark.parametrize("name", ["a.tif", "a.jpg"])
def test_cmyk_profile(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    close: Callable[..., bool],
    tmp_path: Path,
    name: str,
) -> None:
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
def test_profile_that_is_broken_or_does_not_fit(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
    profile: bytes,
) -> None:
    photo = opened(saved(tmp_path / "a.png", cat, icc_profile=profile))
    assert np.array_equal(photo.pixels, cat)
    assert photo.notes == ("its colour profile is broken or does not fit, and was ignored",)
