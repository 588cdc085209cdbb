"""Camera RAW files: the preview or a development, upright, and what may be wrong with them."""

import io
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from spider_cli.decoders.raw import upright_turn
from spider_cli.errors import PhotoError
from spider_cli.photos import Photo, named_source, open_photo
from tests.dng import dng, mosaic

Array = npt.NDArray[Any]

TURNS: dict[int, Callable[[Array], Array]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: np.rot90(a),
}
"""EXIF's orientation -> the stored picture as it should be shown."""


@pytest.fixture(scope="module")
def scene() -> Array:
    """(300, 450, 3) uint8, unlike itself however it is turned."""
    return np.ascontiguousarray(skimage.data.chelsea()[:300, :450])


@pytest.fixture(scope="module")
def sensor(scene: Array) -> Array:
    return mosaic(scene)


def halved(pixels: Array) -> Array:
    """(height / 2, width / 2, 3) float: each 2 x 2 block one pixel."""
    height, width, _ = pixels.shape
    mean: Array = pixels.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    return mean


def jpeg(pixels: Array, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95, **options)
    return out.getvalue()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def far(shown: Array, expected: Array) -> float:
    """The mean difference of a value, 0-255."""
    assert shown.shape == expected.shape
    return float(np.abs(shown - expected.astype(float)).mean())


# Which picture, and how it is turned


@pytest.mark.parametrize("turn", TURNS)
def test_without_a_preview_the_sensor_is_developed_at_half_size(
    opened: Callable[..., Photo], tmp_path: Path, scene: Array, sensor: Array, turn: int
) -> None:
    photo = opened(written(tmp_path / "a.dng", dng(sensor, orientation=turn)))
    expected = TURNS[turn](halved(scene))
    # A pixel's colours come from different places of the block.
    assert far(photo.pixels, expected) < 5
    assert np.abs((photo.pixels - expected).mean((0, 1))).max() < 1
    assert photo.read_as == f"developed at half size, {photo.width} x {photo.height}"
    assert photo.notes == ()


@pytest.mark.parametrize("turn", TURNS)
def test_a_large_preview_is_taken_and_turned_as_the_raw_file_says(
    opened: Callable[..., Photo], tmp_path: Path, scene: Array, sensor: Array, turn: int
) -> None:
    content = dng(sensor, orientation=turn, preview=jpeg(scene), preview_size=(450, 300))
    photo = opened(written(tmp_path / "a.dng", content))
    assert far(photo.pixels, TURNS[turn](scene)) < 4
    assert photo.read_as == f"embedded preview {photo.width} x {photo.height}"
    assert photo.notes == ()


def test_a_preview_that_stands_upright_already_is_left_so(
    opened: Callable[..., Photo], tmp_path: Path, scene: Array, sensor: Array
) -> None:
    upright = np.ascontiguousarray(TURNS[6](scene))
    content = dng(sensor, orientation=6, preview=jpeg(upright), preview_size=(300, 450))
    photo = opened(written(tmp_path / "a.dng", content))
    assert far(photo.pixels, upright) < 4


@pytest.mark.parametrize(
    ("own", "flip", "preview", "turn"),
    [
        (1, 1, (600, 400), 1),
        (6, 1, (600, 400), 6),  # the RAW file says nothing
        (6, 6, (600, 400), 6),
        (1, 6, (600, 400), 6),  # the preview lies as the sensor does, and does not say so
        (1, 6, (400, 600), 1),
        (6, 6, (400, 600), 1),  # upright already, with a copy of the RAW file's EXIF data
        (1, 8, (400, 600), 1),
        (3, 3, (600, 400), 3),
        (1, 3, (600, 400), 1),  # its own word, as its shape tells nothing
    ],
)
def test_the_turn_of_a_preview(own: int, flip: int, preview: tuple[int, int], turn: int) -> None:
    assert upright_turn(own, flip, preview, sensor=(6000, 4000)) == turn


@pytest.mark.parametrize(("side", "taken"), [(224, False), (225, True)])
def test_a_preview_below_half_the_long_side_is_too_small(
    opened: Callable[..., Photo],
    tmp_path: Path,
    scene: Array,
    sensor: Array,
    side: int,
    taken: bool,
) -> None:
    small = np.asarray(Image.fromarray(scene).resize((side, 150)))
    content = dng(sensor, preview=jpeg(small), preview_size=(side, 150))
    read_as = opened(written(tmp_path / "a.dng", content)).read_as
    assert read_as is not None
    assert read_as.startswith("embedded preview") == taken


def test_a_damaged_preview_gives_way_to_the_sensor(
    opened: Callable[..., Photo], tmp_path: Path, scene: Array, sensor: Array
) -> None:
    whole = jpeg(scene)
    cut = whole[: len(whole) // 2].ljust(len(whole), b"\0")
    photo = opened(written(tmp_path / "a.dng", dng(sensor, preview=cut, preview_size=(450, 300))))
    assert far(photo.pixels, halved(scene)) < 5


# What a file is


@pytest.mark.parametrize("name", ["a.jpg", "a.tif", "a.NEF", "a"])
def test_the_content_decides(
    opened: Callable[..., Photo], tmp_path: Path, sensor: Array, name: str
) -> None:
    assert opened(written(tmp_path / name, dng(sensor))).read_as is not None


@pytest.mark.parametrize("suffix", ["nef", "cr3", "raf", "raw"])
def test_other_content_under_a_raw_name(
    failed: Callable[..., PhotoError], tmp_path: Path, suffix: str
) -> None:
    error = failed(written(tmp_path / f"a.{suffix}", b"some bytes nobody knows"))
    assert error.code == "not_an_image"


@pytest.mark.parametrize(
    "start",
    [
        b"II*\0\x10\0\0\0CR\x02\0",
        b"\0\0\0\x18ftypcrx \0\0\0\x01",
        b"FUJIFILMCCD-RAW 0201",
        b"IIRO\x08\0\0\0",
        b"IIU\0\x18\0\0\0",
        b"FOVb",
    ],
)
def test_a_raw_file_that_libraw_cannot_read(
    failed: Callable[..., PhotoError], tmp_path: Path, start: bytes
) -> None:
    error = failed(written(tmp_path / "a.jpg", start.ljust(900, b"\0")))
    assert error.code in ("unsupported", "unreadable")
    assert "LibRaw" in error.message or "damaged" in error.message
    assert error.hint


# Cut, damaged, huge, hostile


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_a_cut_file_is_truncated_and_libraw_says_nothing(
    failed: Callable[..., PhotoError],
    tmp_path: Path,
    sensor: Array,
    share: float,
    capfd: pytest.CaptureFixture[str],
) -> None:
    content = dng(sensor)
    path = written(tmp_path / "a.dng", content[: int(len(content) * share)])
    assert failed(path).code == "truncated"
    assert capfd.readouterr() == ("", "")


def test_a_cut_file_with_a_whole_preview_says_so(
    opened: Callable[..., Photo], tmp_path: Path, scene: Array, sensor: Array
) -> None:
    content = dng(sensor, preview=jpeg(scene), preview_size=(450, 300))
    photo = opened(written(tmp_path / "a.dng", content[:-1000]))
    assert far(photo.pixels, scene) < 4
    assert photo.notes == ("the file ends early: its preview is whole, its sensor's data are not",)


def test_the_limit_holds_before_anything_is_decoded(
    opened: Callable[..., Photo],
    failed: Callable[..., PhotoError],
    tmp_path: Path,
    scene: Array,
    sensor: Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = written(tmp_path / "a.dng", dng(sensor))
    assert opened(path, max_decode_pixels=450 * 300).width == 225
    with_preview = written(
        tmp_path / "b.dng", dng(sensor, preview=jpeg(scene), preview_size=(450, 300))
    )
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)  # nobody is to get there
    for one in (path, with_preview):
        error = failed(one, max_decode_pixels=450 * 300 - 1)
        assert error.code == "too_large"
        assert "450 x 300" in error.message


def test_a_file_too_long_to_be_taken_into_memory(
    failed: Callable[..., PhotoError],
    tmp_path: Path,
    sensor: Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spider_cli.decoders.MOST_BYTES", 1000)
    assert failed(written(tmp_path / "a.dng", dng(sensor))).code == "too_large"


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_damage_escapes_as_anything_else(
    tmp_path_factory: pytest.TempPathFactory, scene: Array, data: st.DataObject
) -> None:
    small = np.ascontiguousarray(scene[:60, :80])
    preview = jpeg(small) if data.draw(st.booleans()) else None
    content = bytearray(dng(mosaic(small), preview=preview, preview_size=(80, 60)))
    for _ in range(data.draw(st.integers(1, 6))):
        where = data.draw(st.integers(0, min(len(content), 900) - 1))
        content[where] = data.draw(st.integers(0, 255))
    path = written(tmp_path_factory.getbasetemp() / "flipped.dng", content)
    try:
        open_photo(named_source(path), max_decode_pixels=1_000_000)
    except PhotoError as error:
        assert error.message.isprintable()


def test_many_threads(tmp_path: Path, scene: Array, sensor: Array) -> None:
    with_preview = dng(sensor, orientation=6, preview=jpeg(scene), preview_size=(450, 300))
    contents = [dng(sensor), with_preview, dng(sensor, orientation=8)]
    paths = [written(tmp_path / f"{i}.dng", content) for i, content in enumerate(contents)]
    alone = [open_photo(named_source(path)) for path in paths]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda path: open_photo(named_source(path)), paths * 6))
    for number, photo in enumerate(together):
        assert np.array_equal(photo.pixels, alone[number % 3].pixels)
        assert photo.read_as == alone[number % 3].read_as


def test_rawpy_that_does_not_start(
    failed: Callable[..., PhotoError],
    tmp_path: Path,
    sensor: Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Installed, to all appearances."""
    monkeypatch.delitem(sys.modules, "rawpy")
    (tmp_path / "rawpy.py").write_text("raise ImportError('libraw.so.99 is missing here')")
    monkeypatch.syspath_prepend(tmp_path)
    error = failed(written(tmp_path / "a.dng", dng(sensor)))
    assert error.code == "unsupported"
    assert "libraw.so.99" in error.message
    assert "pip install" in error.hint
