"""Files that are missing, unreadable, cut or damaged."""

import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from spider_cli.errors import PhotoError
from spider_cli.photos import Photo, named_source, open_photo

Array = npt.NDArray[Any]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_missing(failed: Callable[..., PhotoError], tmp_path: Path) -> None:
    assert failed(tmp_path / "none.jpg").code == "not_found"
    assert failed(tmp_path / "none" / "none.jpg").code == "not_found"
    (tmp_path / "file").write_bytes(b"x")
    assert failed(tmp_path / "file" / "a.jpg").code == "not_found"


def test_empty(failed: Callable[..., PhotoError], tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    assert failed(tmp_path / "a.jpg").code == "empty_file"


@pytest.mark.parametrize(
    "content",
    [b"just words\n", b"\0" * 4096, b"BMW is a car maker, not a photo", b"%", b"RIFF1234AVI "],
)
def test_not_an_image(failed: Callable[..., PhotoError], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert failed(tmp_path / "a.jpg").code == "not_an_image"


def test_folder(failed: Callable[..., PhotoError], tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    error = failed(tmp_path / "a.jpg")
    assert error.code == "unreadable"
    assert "folder" in error.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_pipe_and_device_do_not_hang(failed: Callable[..., PhotoError], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert failed(tmp_path / "a.jpg").code == "unreadable"
    assert failed(Path("/dev/zero")).code == "unreadable"


def test_permission_denied(
    failed: Callable[..., PhotoError],
    saved: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = saved(tmp_path / "a.jpg", cat)

    def refuse(self: Path, *args: Any, **kwargs: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(self))

    # Replaced rather than chmod-ed, which stops nobody who runs the tests as root.
    monkeypatch.setattr(Path, "open", refuse)
    error = failed(path)
    assert error.code == "unreadable"
    assert "permission denied" in error.message


def test_read_error_in_the_middle(
    failed: Callable[..., PhotoError],
    saved: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
    monkeypatch: pytest.MonkeyPatch,
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
    "a.avif": {},
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9, 0.99])
def test_truncated(
    failed: Callable[..., PhotoError],
    saved: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
    name: str,
    share: float,
) -> None:
    path = saved(tmp_path / name, cat, **FORMATS[name])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert failed(path).code == "truncated"


def test_a_tiff_cut_after_its_pixels_says_so(
    opened: Callable[..., Photo], saved: Callable[..., Path], tmp_path: Path, cat: Array
) -> None:
    """Its profile is lost, so that its colours may be wrong."""
    path = saved(tmp_path / "a.tif", cat, compression="tiff_lzw", icc_profile=bytes(4000))
    content = path.read_bytes()
    path.write_bytes(content[:-1000])
    photo = opened(path)
    assert np.array_equal(photo.pixels, cat)
    assert photo.notes == ("the file ends early: its pixels are whole, its metadata is not",)


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    out = io.BytesIO()
    Image.fromarray(skimage.data.chelsea()).save(out, "JPEG", quality=80)
    return out.getvalue()


@settings(deadline=None, max_examples=40)
@given(share=st.floats(0.001, 0.999))
def test_a_jpeg_cut_anywhere_is_never_judged(
    failed: Callable[..., PhotoError],
    tmp_path_factory: pytest.TempPathFactory,
    jpeg: bytes,
    share: float,
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.jpg"
    path.write_bytes(jpeg[: max(3, int(len(jpeg) * share))])
    assert failed(path).code == "truncated"


def test_truncated_whatever_another_library_has_set(
    failed: Callable[..., PhotoError],
    saved: Callable[..., Path],
    tmp_path: Path,
    cat: Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for name, options in FORMATS.items():
        path = saved(tmp_path / name, cat, **options)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert failed(path).code == "truncated", name
        assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_damaged_data(
    failed: Callable[..., PhotoError], saved: Callable[..., Path], tmp_path: Path
) -> None:
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
    extra = {} if kind in ("GIF", "BMP") else {"exif": exif, "icc_profile": SRGB}
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
            open_photo(named_source(path), max_decode_pixels=1_000_000)
        except PhotoError as error:
            assert error.message.isprintable()


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"lossy.webp", "lossless.webp"}))
@pytest.mark.parametrize("limit", [290_000, 140_000])
def test_pillows_own_limit_neither_warns_nor_fails(
    opened: Callable[..., Photo],
    saved: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    limit: int,
) -> None:
    """One is a size that Pillow warns of, the other one that it refuses."""
    path = saved(tmp_path / name, Image.new("RGB", (600, 500), "red"), **FORMATS[name])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert opened(path).width == 600
    assert caught == []
    assert limit == Image.MAX_IMAGE_PIXELS
