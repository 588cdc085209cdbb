"""Small pictures: of the right size and shape, without metadata, and made again from the file."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spider_cli.audit.entry import Preview
from spider_cli.audit.report.preview import (
    HEAT_SIDE,
    SIDE,
    preview_again,
    preview_of,
    preview_of_photo,
)
from spider_cli.audit.report.thumbs import HEAT, LARGE, THUMB, save_pictures
from spider_cli.masks import encode_mask
from spider_cli.outputs.heatmap import OPACITY, colours
from spider_cli.results import Grounding
from spider_cli.sources import named_source
from tests.spider_cli.audit.report.makers import entry, failure, picture


def opened(data: bytes | None) -> Image.Image:
    assert data is not None
    return Image.open(io.BytesIO(data))


def pixels_of(width: int, height: int) -> np.ndarray:
    across = np.linspace(0, 255, width, dtype=np.uint8)
    return np.broadcast_to(across[None, :, None], (height, width, 3)).copy()


def region(pixels: np.ndarray | None, probability: np.ndarray | None) -> Grounding:
    return Grounding(
        "?", "!", None, False, None, 0.0, None, False, None, probability=probability, pixels=pixels
    )


@pytest.mark.parametrize(("width", "height"), [(3000, 2000), (1000, 4100), (301, 200), (1, 1)])
def test_shape_and_size(width: int, height: int) -> None:
    probability = np.zeros((height, width), np.float32)
    probability[:, width // 2 :] = 1
    made = preview_of_photo(pixels_of(width, height), probability)
    photo, heat = opened(made.jpeg), opened(made.heat)
    assert (photo.format, heat.format, heat.mode) == ("JPEG", "PNG", "L")
    assert max(photo.size) == min(SIDE, max(width, height))
    assert max(heat.size) == min(HEAT_SIDE, max(width, height))
    for picture_ in (photo, heat):
        assert picture_.width / picture_.height == pytest.approx(width / height, rel=0.01)
    assert not photo.getexif()
    assert set(photo.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    if width > 1:
        values = np.asarray(heat)
        assert (values[:, : heat.width // 2 - 1] == 0).all()
        assert (values[:, heat.width // 2 + 1 :] == 255).all()
        assert np.asarray(photo.convert("L"))[0, 0] < 40


def test_of_a_record() -> None:
    pixels = pixels_of(60, 40)
    half = np.full((40, 60), 0.5, np.float32)
    made = preview_of(entry(region=region(pixels, half)).record)
    assert made is not None
    assert (np.asarray(opened(made.heat)) == 128).all()
    clean = preview_of(entry(region=region(pixels, None)).record)
    assert clean == Preview(made.jpeg, None)
    assert preview_of(entry(region=region(None, half)).record) is None
    assert preview_of(failure("x.jpg").record) is None


def test_again_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(pixels_of(60, 40)).save(path, exif=turned)
    mask = np.zeros((60, 40), bool)
    mask[:30] = True
    source = named_source(str(path))
    made = preview_again(source, encode_mask(mask))
    assert made is not None
    assert opened(made.jpeg).size == (40, 60)
    heat = np.asarray(opened(made.heat))
    assert (heat[:30] == 255).all()
    assert (heat[30:] == 0).all()
    assert preview_again(source, None) == Preview(made.jpeg, None)
    assert preview_again(source, encode_mask(mask[:, :20])) == Preview(made.jpeg, None)
    path.write_bytes(path.read_bytes()[:200])
    assert preview_again(source, None) is None
    path.unlink()
    assert preview_again(source, None) is None


def test_as_files(tmp_path: Path) -> None:
    probability = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (128, 1))
    made = preview_of_photo(pixels_of(900, 450), None)
    heat = preview_of_photo(pixels_of(256, 128), probability).heat
    saved = save_pictures(Preview(made.jpeg, heat), 7, tmp_path)
    assert saved is not None
    assert saved.stem.startswith("00007-")
    assert (saved.size, saved.heat) == ((900, 450), True)
    assert saved.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert (tmp_path / f"{saved.stem}{LARGE}").read_bytes() == made.jpeg
    assert opened((tmp_path / f"{saved.stem}{THUMB}").read_bytes()).size == (400, 200)
    # The heatmap is the overlay of `ground`: its colours, laid on as opaque as they are there.
    heated = opened((tmp_path / f"{saved.stem}{HEAT}").read_bytes())
    laid = np.asarray(heated.convert("RGBA"))[0]
    assert (laid[:, :3] == colours()).all()
    assert laid[:, 3].tolist() == [round(value * OPACITY) for value in range(256)]
    plain = save_pictures(Preview(made.jpeg, None), 8, tmp_path)
    assert plain is not None
    assert not plain.heat
    assert not (tmp_path / f"{plain.stem}{HEAT}").exists()


@pytest.mark.parametrize("jpeg", [b"", b"no picture", picture()[:300]])
def test_what_is_no_picture_leaves_nothing(jpeg: bytes, tmp_path: Path) -> None:
    assert save_pictures(Preview(jpeg, None), 1, tmp_path) is None
    assert not list(tmp_path.iterdir())
