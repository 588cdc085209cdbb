"""JPEG XL photos, from the codestream and from the container."""

import base64
import io
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pillow_jxl  # noqa: F401 - it registers with Pillow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spider_cli.decoders.jxl import jxl_size
from spider_cli.errors import PhotoError
from spider_cli.photos import Photo, named_source, open_photo
from tests.photo_bytes import oriented, written

Array = npt.NDArray[Any]

# Made by cjxl of a PNG of 16 x 12: with EXIF's orientation 6, which cjxl moves to the codestream,
# and of two pictures.
TURNED = base64.b64decode(
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAA/anhsY/8KWDALBBSXBAgCAQCgAEsYk46DgwCoFamoGKkL"
    "BAEQ6JsQQK5izER5wre8VRTjEgc8GnoMXBs="
)
MOVING = base64.b64decode(
    "/wpYMMEAAopLAggCkgkAAKAASxiTjoODAKgVqagYqQsEARDomxBArmLMRHnCt7xVFOMSBzwaegxcGwgCkgUAnABLGJOO"
    "g4MpMCLIo3svEASAuVwCwBvdydZ3NtAH/2WgnCEE6j8h4QU="
)


def drawing() -> Array:
    """What both of them show, stored."""
    pixels = np.zeros((12, 16, 3), np.uint8)
    pixels[:6, :8], pixels[6:, 8:], pixels[:, :2] = (250, 20, 30), (10, 200, 90), 240
    return pixels


def jxl(pixels: Array | Image.Image, **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a JPEG is kept as one
        image.save(out, "JXL", **options)
    return out.getvalue()


@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize("name", ["a.jxl", "a.jpg", "a"])
def test_the_content_decides(
    opened: Callable[..., Photo], tmp_path: Path, cat: Array, name: str, container: bool
) -> None:
    content = jxl(cat, lossless=True, use_container=container)
    photo = opened(written(tmp_path / name, content))
    assert np.array_equal(photo.pixels, cat)
    assert photo.notes == ()


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_grey_and_transparency(
    opened: Callable[..., Photo], tmp_path: Path, cat: Array, channels: int
) -> None:
    alpha = np.full((*cat.shape[:2], 1), 255, np.uint8)
    alpha[:40] = 0
    colours = cat if channels == 4 else cat[:, :, 1:2]
    pixels = colours[:, :, 0] if channels == 1 else np.concatenate([colours, alpha], axis=2)
    photo = opened(written(tmp_path / "a.jxl", jxl(pixels, lossless=True)))
    expected = np.broadcast_to(colours, cat.shape).copy()
    if channels > 1:
        expected[:40] = 255
    assert np.abs(photo.pixels.astype(int) - expected).max() <= 1
    assert photo.notes == (() if channels == 1 else ("transparent parts are shown on white",))


def test_sixteen_bit_grey_is_scaled(
    opened: Callable[..., Photo], tmp_path: Path, cat: Array
) -> None:
    light = cat[:, :, 1] / 255
    content = jxl(np.rint(light * 65535).astype(np.uint16), lossless=True)
    photo = opened(written(tmp_path / "a.jxl", content))
    # Pillow's plugin labels such values as linear.
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(photo.pixels[:, :, 0] - expected).mean() < 1


def test_the_codestream_turns_and_exif_does_not(
    opened: Callable[..., Photo], tmp_path: Path, cat: Array
) -> None:
    photo = opened(written(tmp_path / "a.jxl", TURNED))
    assert np.array_equal(photo.pixels, np.rot90(drawing(), -1))
    beside = jxl(cat, lossless=True, exif=oriented(6))
    assert b"Exif" in beside
    assert np.array_equal(opened(written(tmp_path / "b.jxl", beside)).pixels, cat)


@pytest.mark.parametrize("turn", [1, 6])
def test_a_jpeg_inside_comes_out_as_that_jpeg(
    opened: Callable[..., Photo], tmp_path: Path, cat: Array, turn: int
) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(cat).save(path, quality=90, exif=oriented(turn))
    with Image.open(path) as image:
        content = jxl(image)
    assert b"jbrd" in content
    photo = opened(written(tmp_path / "a.jxl", content))
    assert np.array_equal(photo.pixels, opened(path).pixels)


@pytest.mark.parametrize(
    "size",
    [
        (1, 1),
        (8, 8),
        (256, 128),
        (257, 100),
        (40, 30),
        (300, 250),
        (1920, 1080),
        (700, 1),
        (3, 600),
    ],
)
@pytest.mark.parametrize("container", [False, True])
def test_the_size_in_the_header(size: tuple[int, int], container: bool) -> None:
    content = jxl(Image.new("RGB", size), quality=50, effort=1, use_container=container)
    assert jxl_size(content) == size


def test_the_size_as_stored() -> None:
    assert jxl_size(TURNED) == jxl_size(MOVING) == (16, 12)
    assert jxl_size(b"\xff\x0a") is None
    assert jxl_size(b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)) is None


def test_the_limit_holds_before_anything_is_decoded(
    failed: Callable[..., PhotoError],
    tmp_path: Path,
    cat: Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pillow_jxl.Decoder", None)  # nobody is to get there
    content = jxl(cat, lossless=True)
    path = written(tmp_path / "a.jxl", content)
    assert failed(path, max_decode_pixels=226 * 150 - 1).code == "too_large"
    # Not small, both sides in 30 bits, the least of each byte first.
    bits = 0 | 3 << 1 | 99_999 << 3 | 0 << 33 | 3 << 36 | 99_999 << 38
    error = failed(written(path, b"\xff\x0a" + bits.to_bytes(9, "little") + content[11:]))
    assert error.code == "too_large"
    assert "100000 x 100000" in error.message


def test_one_that_moves_is_refused(failed: Callable[..., PhotoError], tmp_path: Path) -> None:
    """The decoder would give its last picture."""
    error = failed(written(tmp_path / "a.jxl", MOVING))
    assert error.code == "unsupported"
    assert "animated" in error.message


@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.999])
def test_cut(
    failed: Callable[..., PhotoError], tmp_path: Path, cat: Array, container: bool, share: float
) -> None:
    content = jxl(cat, quality=90, use_container=container)
    path = written(tmp_path / "a.jxl", content[: max(12, int(len(content) * share))])
    error = failed(path)
    # A bare codestream does not say how long it is.
    assert error.code == ("truncated" if container and share > 0.01 else "unreadable")


def test_a_panic_of_the_decoder_is_an_error_of_the_photo(
    failed: Callable[..., PhotoError],
    tmp_path: Path,
    cat: Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rust's do not come as Exception."""

    class PanicException(BaseException): ...

    class Panicking:
        def __init__(self, num_threads: int) -> None: ...

        def __call__(self, content: bytes) -> None:
            raise PanicException("index out of bounds")

    monkeypatch.setattr("pillow_jxl.Decoder", Panicking)
    assert failed(written(tmp_path / "a.jxl", jxl(cat))).code == "unreadable"


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_damage_escapes_as_anything_else(
    tmp_path_factory: pytest.TempPathFactory, cat: Array, data: st.DataObject
) -> None:
    container = data.draw(st.booleans())
    content = bytearray(jxl(np.ascontiguousarray(cat[:50, :60]), use_container=container))
    for _ in range(data.draw(st.integers(1, 6))):
        where = data.draw(st.integers(0, len(content) - 1))
        content[where] = data.draw(st.integers(0, 255))
    path = written(tmp_path_factory.getbasetemp() / "flipped.jxl", content)
    try:
        open_photo(named_source(path), max_decode_pixels=1_000_000)
    except PhotoError as error:
        assert error.message.isprintable()


def test_many_threads(tmp_path: Path, cat: Array) -> None:
    paths = [
        written(tmp_path / "a.jxl", jxl(cat, lossless=True)),
        written(tmp_path / "b.jxl", TURNED),
    ]
    alone = [open_photo(named_source(path)).pixels for path in paths]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda path: open_photo(named_source(path)).pixels, paths * 9))
    assert all(np.array_equal(one, alone[i % 2]) for i, one in enumerate(together))
