"""Opening photos, and what comes in memory: formats, orientation, silence."""

import struct
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFile, ImageOps

from spider_cli.errors import PhotoError
from spider_cli.photos import Photo, named_source, open_photo, photo_from_array

Array = npt.NDArray[Any]


# Good files


LOSSLESS = {"png": {}, "bmp": {}, "tif": {}, "webp": {"lossless": True}}


LOSSY = {"jpg": {"quality": 95, "subsampling": 0}, "webp": {"quality": 95}, "jpe": {"quality": 95}}


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_formats(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
    suffix: str,
) -> None:
    photo = opened(saved(tmp_path / f"a.{suffix}", cat, **LOSSLESS[suffix]))
    assert np.array_equal(photo.pixels, cat)
    assert photo.notes == ()
    assert (photo.width, photo.height) == (226, 150)
    assert photo.source.name == str(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("suffix", LOSSY)
def test_lossy_formats(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
    suffix: str,
) -> None:
    options = {"format": "JPEG"} if suffix == "jpe" else {}
    photo = opened(saved(tmp_path / f"a.{suffix}", cat, **options, **LOSSY[suffix]))
    assert np.abs(photo.pixels.astype(int) - cat).mean() < 4


def test_avif(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path, cat: Array
) -> None:
    photo = opened(saved(tmp_path / "a.avif", cat, quality=90))
    assert np.abs(photo.pixels.astype(int) - cat).mean() < 4


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"])
def test_compressed_tiff(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
    compression: str,
) -> None:
    photo = opened(saved(tmp_path / "a.tif", cat, compression=compression))
    assert np.abs(photo.pixels.astype(int) - cat).mean() < 5


def test_progressive_jpeg(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path, cat: Array
) -> None:
    photo = opened(saved(tmp_path / "a.jpg", cat, quality=95, progressive=True))
    assert np.abs(photo.pixels.astype(int) - cat).mean() < 4


@pytest.mark.parametrize("suffix", ["png", "txt", "nef", "heic", ""])
def test_the_content_decides_not_the_name(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
    suffix: str,
) -> None:
    named = saved(tmp_path / "a.jpg", cat)
    plain = opened(named).pixels
    assert np.array_equal(opened(named.rename(tmp_path / f"b.{suffix}")).pixels, plain)


def test_a_tiff_with_the_name_of_a_raw_file_is_a_tiff(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path, cat: Array
) -> None:
    assert np.array_equal(opened(saved(tmp_path / "a.nef", cat, format="TIFF")).pixels, cat)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (300000, 2), (3, 100000)])
def test_thin_photos(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path, size: tuple[int, int]
) -> None:
    width, height = size
    pixels = (
        np.arange(width * height * 3, dtype=np.uint32).reshape(height, width, 3).astype(np.uint8)
    )
    assert np.array_equal(opened(saved(tmp_path / "a.png", pixels)).pixels, pixels)


def test_a_photo_of_several_strips(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1100, 700, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert np.array_equal(opened(saved(tmp_path / "a.bmp", pixels)).pixels, pixels)
    turned = opened(saved(tmp_path / "a.png", pixels, exif=exif)).pixels
    assert np.array_equal(turned, np.rot90(pixels, -1))


def test_names_hidden_by_spaces_and_odd_characters(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path, cat: Array
) -> None:
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
def test_exif_orientation(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
    turn: int,
    suffix: str,
) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {"lossless": True} if suffix == "webp" else {}
    path = saved(tmp_path / f"a.{suffix}", cat, exif=exif, **options)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    photo = opened(path)
    assert np.array_equal(photo.pixels, expected)
    assert (photo.width > photo.height) == (turn < 5)


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_orientation_of_avif(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path, cat: Array, turn: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    stored = Image.fromarray(cat)
    stored.getexif()[0x0112] = turn
    expected = np.asarray(ImageOps.exif_transpose(stored))
    photo = opened(saved(tmp_path / "a.avif", cat, exif=exif, quality=90))
    assert photo.pixels.shape == expected.shape
    assert np.abs(photo.pixels.astype(int) - expected).mean() < 4


@pytest.mark.parametrize(
    ("kind", "value"),
    [(3, b"\0\0\0\0"), (3, b"\x09\0\0\0"), (2, b"6\0\0\0"), (4, b"\xff" * 4), (8, b"\xff\xff\0\0")],
)
def test_a_senseless_orientation_is_ignored(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
    kind: int,
    value: bytes,
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
def test_corrupt_exif_still_opens(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
    exif: bytes,
    suffix: str,
) -> None:
    path = saved(tmp_path / f"a.{suffix}", cat, exif=exif)
    assert opened(path).pixels.shape == cat.shape


# Silence, threads


@pytest.fixture
def noisy_files(
    saved: Callable[..., Path], png: Callable[..., Path], tmp_path: Path, cat: Array
) -> list[Path]:
    """Files that Pillow warns about or logs."""
    palette = Image.fromarray(cat).convert("P")
    first = saved(tmp_path / "alphas.png", palette, transparency=bytes(range(256)))
    height, width, _ = cat.shape
    rows = b"".join(b"\0" + row.tobytes() for row in cat)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    second = png(tmp_path / "apng.png", header, rows, (b"acTL", struct.pack(">II", 0, 0)))
    third = saved(tmp_path / "tags.tif", cat)
    content = bytearray(third.read_bytes())
    (directory,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, directory)
    entries = content[directory + 2 : directory + 2 + 12 * count]
    struct.pack_into("<I", content, 4, len(content))
    beyond = struct.pack("<HHII", 50000, 2, 1 << 20, 1 << 24)
    third.write_bytes(content + struct.pack("<H", count + 1) + entries + beyond + bytes(4))
    return [first, second, third]


def test_pillow_is_silent(
    noisy_files: list[Path], tmp_path: Path, cat: Array, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        for path in noisy_files:
            open_photo(named_source(path))
        assert list(warnings.filters) == before
    assert caught == []
    assert capfd.readouterr() == ("", "")


def test_many_threads(
    failed: Callable[..., PhotoError],
    saved: Callable[..., Path],
    noisy_files: list[Path],
    tmp_path: Path,
    cat: Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All threads together leave the process as it was, and each photo is right."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    good = [saved(tmp_path / f"{i}.png", np.roll(cat, i, axis=1)) for i in range(12)]
    cut = saved(tmp_path / "cut.jpg", cat)
    cut.write_bytes(cut.read_bytes()[:3000])
    barrier = threading.Barrier(8)

    def work(worker: int) -> None:
        barrier.wait(timeout=10)
        for i, path in enumerate(good):
            assert np.array_equal(open_photo(named_source(path)).pixels, np.roll(cat, i, axis=1))
            open_photo(named_source(noisy_files[worker % 3]))
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


def test_array_with_alpha_is_laid_on_white(close: Callable[..., bool], cat: Array) -> None:
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


def test_pillow_images(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path, cat: Array
) -> None:
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
