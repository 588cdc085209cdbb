"""HEIC photos: upright, in sRGB, whole or not at all."""

import io
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from spider_cli.errors import PhotoError
from spider_cli.photos import Photo, named_source, open_photo
from tests.photo_bytes import oriented, written

Array = npt.NDArray[Any]

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def heic(pixels: Array, **options: Any) -> bytes:
    """Without loss where nothing else is asked for. 16-bit values are kept in 10 bits."""
    height, width, *channels = pixels.shape
    mode = MODES[channels[0] if channels else 1] + (";16" if pixels.dtype == np.uint16 else "")
    out = io.BytesIO()
    options = {"quality": -1, "chroma": 444} | options
    pillow_heif.encode(mode, (width, height), pixels.tobytes(), out, **options)
    return out.getvalue()


@pytest.mark.parametrize("name", ["a.heic", "a.HIF", "a.jpg", "a"])
def test_the_content_decides(
    opened: Callable[..., Photo],
    close: Callable[..., bool],
    tmp_path: Path,
    cat: Array,
    name: str,
) -> None:
    photo = opened(written(tmp_path / name, heic(cat)))
    assert close(photo.pixels, cat, 2)
    assert photo.notes == ()
    assert photo.read_as is None


@pytest.mark.parametrize("turn", range(1, 9))
def test_turned_once_where_container_and_exif_both_say_so(
    opened: Callable[..., Photo], close: Callable[..., bool], tmp_path: Path, cat: Array, turn: int
) -> None:
    """As telephones write it."""
    photo = opened(written(tmp_path / "a.heic", heic(cat, exif=oriented(turn))))
    stored = Image.fromarray(cat)
    stored.getexif()[0x0112] = turn
    assert close(photo.pixels, np.asarray(ImageOps.exif_transpose(stored)), 2)


def test_exif_alone_turns_nothing(
    opened: Callable[..., Photo], close: Callable[..., bool], tmp_path: Path, cat: Array
) -> None:
    """The format says that the container's word counts."""
    plain, turned = (oriented(turn).removeprefix(b"Exif\0\0") for turn in (1, 6))
    content = heic(cat, exif=oriented(1))
    assert content.count(plain) == 1
    content = content.replace(plain, turned)
    assert close(opened(written(tmp_path / "a.heic", content)).pixels, cat, 2)


def test_ten_bits(
    opened: Callable[..., Photo], close: Callable[..., bool], tmp_path: Path, cat: Array
) -> None:
    deep = cat.astype(np.uint16) * 257
    assert close(opened(written(tmp_path / "a.heic", heic(deep))).pixels, cat, 2)
    grey = opened(written(tmp_path / "b.heic", heic(deep[:, :, 1].copy())))
    assert close(grey.pixels, np.repeat(cat[:, :, 1:2], 3, axis=2), 2)
    assert grey.notes == ()


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_transparency_is_laid_on_white(
    opened: Callable[..., Photo],
    close: Callable[..., bool],
    tmp_path: Path,
    cat: Array,
    depth: type,
) -> None:
    alpha = np.full((*cat.shape[:2], 1), 255, np.uint8)
    alpha[:40] = 0
    pixels = np.concatenate([cat, alpha], axis=2).astype(depth) * (1 if depth is np.uint8 else 257)
    photo = opened(written(tmp_path / "a.heic", heic(pixels)))
    expected = cat.copy()
    expected[:40] = 255
    assert close(photo.pixels, expected, 2)
    assert photo.notes == ("transparent parts are shown on white",)


def test_an_embedded_profile_is_applied(
    opened: Callable[..., Photo], tmp_path: Path, cat: Array
) -> None:
    """One that swaps red and blue, so that nobody could miss it."""
    from spider_cli.decoders.code_points import profile

    content = profile(12, 13)
    assert content is not None
    swapped = content.replace(b"rXYZ", b"----").replace(b"bXYZ", b"rXYZ").replace(b"----", b"bXYZ")
    photo = opened(written(tmp_path / "a.heic", heic(cat, icc_profile=swapped)))
    assert photo.pixels[..., 2].mean() > photo.pixels[..., 0].mean()  # the cat is orange
    assert photo.notes == ()


def test_code_points_of_a_wide_gamut_are_applied(
    opened: Callable[..., Photo], tmp_path: Path, cat: Array
) -> None:
    """Against the same numbers with an ICC profile of the same colours."""
    from spider_cli.decoders.code_points import profile

    content = heic(cat, color_primaries=12, transfer_characteristics=13, matrix_coefficients=6)
    by_points = opened(written(tmp_path / "a.heic", content))
    plain = opened(written(tmp_path / "b.heic", heic(cat)))
    stored = Image.fromarray(plain.pixels)
    known = ImageCms.ImageCmsProfile(io.BytesIO(profile(12, 13) or b""))
    converted = ImageCms.profileToProfile(
        stored,
        known,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert np.abs(by_points.pixels.astype(int) - plain.pixels).max() > 10
    assert np.abs(by_points.pixels.astype(int) - np.asarray(converted)).max() <= 2
    assert by_points.notes == ()


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_said(
    opened: Callable[..., Photo], tmp_path: Path, cat: Array, transfer: int
) -> None:
    content = heic(cat, color_primaries=9, transfer_characteristics=transfer, matrix_coefficients=9)
    photo = opened(written(tmp_path / "a.heic", content))
    assert photo.notes == ("it is HDR; shown as on an ordinary screen",)


def test_the_main_picture_of_several(
    opened: Callable[..., Photo], close: Callable[..., bool], tmp_path: Path, cat: Array
) -> None:
    held = pillow_heif.from_pillow(Image.new("RGB", (64, 64), "red"))
    held.add_from_pillow(Image.fromarray(cat))
    held.save(tmp_path / "a.heic", quality=-1, chroma=444, primary_index=1)
    photo = opened(tmp_path / "a.heic")
    assert close(photo.pixels, cat, 2)
    assert photo.notes == ("main picture of 2",)


@pytest.mark.parametrize("tiles", [{}, {"tile_size": 64}])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.999])
def test_truncated(
    failed: Callable[..., PhotoError],
    tmp_path: Path,
    cat: Array,
    tiles: dict[str, int],
    share: float,
) -> None:
    """The decoder alone would give a photo of tiles, the lost ones black."""
    content = heic(cat, **tiles)
    path = written(tmp_path / "a.heic", content[: int(len(content) * share)])
    assert failed(path).code == "truncated"


def test_what_hangs_on_behind_is_no_damage(
    opened: Callable[..., Photo], tmp_path: Path, cat: Array
) -> None:
    content = heic(cat)
    whole = opened(written(tmp_path / "a.heic", content)).pixels
    more = written(tmp_path / "b.heic", content + b"SEFHe\0\0\0\xff\xff" * 40)
    assert np.array_equal(opened(more).pixels, whole)


def test_the_limit_holds_before_anything_is_decoded(
    failed: Callable[..., PhotoError], tmp_path: Path, cat: Array
) -> None:
    content = heic(cat)
    path = written(tmp_path / "a.heic", content)
    assert failed(path, max_decode_pixels=226 * 150 - 1).code == "too_large"
    size = content.index(b"ispe") + 8
    for claimed in [(20_000, 20_000), (100_000, 100_000)]:
        huge = content[:size] + struct.pack(">II", *claimed) + content[size + 8 :]
        error = failed(written(path, huge))
        assert error.code == "too_large"
        assert f"{claimed[0]} x {claimed[1]}" in error.message
    tiny = content[:size] + struct.pack(">II", 8, 8) + content[size + 8 :]
    assert failed(written(path, tiny)).code in ("too_large", "unreadable")


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_damage_escapes_as_anything_else(
    tmp_path_factory: pytest.TempPathFactory, cat: Array, data: st.DataObject
) -> None:
    tiles = {"tile_size": 64} if data.draw(st.booleans()) else {}
    content = bytearray(heic(np.ascontiguousarray(cat[:70, :90]), **tiles))
    for _ in range(data.draw(st.integers(1, 6))):
        where = data.draw(st.integers(0, len(content) - 1))
        content[where] = data.draw(st.integers(0, 255))
    path = written(tmp_path_factory.getbasetemp() / "flipped.heic", content)
    try:
        open_photo(named_source(path), max_decode_pixels=1_000_000)
    except PhotoError as error:
        assert error.message.isprintable()


def test_many_threads(tmp_path: Path, cat: Array) -> None:
    turns = (1, 6, 3)
    paths = [
        written(tmp_path / f"{turn}.heic", heic(cat, exif=oriented(turn), tile_size=64))
        for turn in turns
    ]
    alone = [open_photo(named_source(path)).pixels for path in paths]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda path: open_photo(named_source(path)).pixels, paths * 6))
    assert all(np.array_equal(one, alone[i % 3]) for i, one in enumerate(together))
