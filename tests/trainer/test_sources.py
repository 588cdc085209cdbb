"""Photos to train on: listed, with their maps; look-alikes found."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from trainer.sources import load_pixels, near_duplicates, read_collection


def test_a_map_is_no_photo(shots: Any) -> None:
    assert [(s.path.name, s.source) for s in shots] == [
        ("0.png", "one"),
        ("1.png", "one"),
        ("2.png", "two"),
    ]
    assert all(s.labels is not None and s.labels.name == f"{s.path.stem}.labels.png" for s in shots)


def test_other_files_are_left_out(tmp_path: Path) -> None:
    for name in ("a.jpg", "B.JPEG", "c.txt", "d.webp", "labels.csv", "e.labels.png"):
        (tmp_path / name).write_bytes(b"")
    found = read_collection([tmp_path])
    assert sorted(s.path.name for s in found) == ["B.JPEG", "a.jpg", "d.webp"]
    assert all(s.labels is None for s in found)
    assert read_collection([]) == []


def test_pixels_are_rgb(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((4, 6), 7, np.uint8)).save(path)
    pixels = load_pixels(path)
    assert pixels.shape == (4, 6, 3)
    assert (pixels == 7).all()


def test_pixels_are_upright(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(path, exif=exif)
    assert load_pixels(path).shape == (40, 20, 3)


def test_look_alikes(shots: Any, tmp_path: Path) -> None:
    """Smaller, recompressed, a little brighter: still the same photo."""
    pixels = cv2.resize(load_pixels(shots[0].path), (180, 132), interpolation=cv2.INTER_AREA)
    alike = tmp_path / "alike.jpg"
    Image.fromarray(np.clip(pixels * 0.95 + 9, 0, 255).astype(np.uint8)).save(alike, quality=60)
    paths = [shot.path for shot in shots]
    assert near_duplicates(paths, [alike]) == {shots[0].path}
    assert near_duplicates(paths, []) == set()
    assert near_duplicates(paths, [paths[1]]) == {paths[1]}
    assert near_duplicates([], paths) == set()


@pytest.mark.parametrize("quality", [40, 95])
def test_a_jpeg_is_like_itself(shots: Any, tmp_path: Path, quality: int) -> None:
    copy = tmp_path / "copy.jpg"
    Image.fromarray(load_pixels(shots[2].path)).save(copy, quality=quality)
    assert near_duplicates([copy], [shot.path for shot in shots]) == {copy}
