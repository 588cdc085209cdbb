"""Camera RAW and HEIC photos from the command line, with their packages and without."""

from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tests.dng import dng, mosaic

# Makes the packages of the extras look as if they were not installed.
WITHOUT = """
import sys
for name in ("pillow_heif", "rawpy", "pillow_jxl"):
    sys.modules[name] = None
"""


@pytest.fixture
def shoot(tmp_path: Path, demo_photo: Path) -> Path:
    """A folder: a JPEG, two RAW files and a HEIC."""
    folder = tmp_path / "shoot"
    folder.mkdir()
    with Image.open(demo_photo) as image:
        pixels = np.asarray(image.convert("RGB"))
    preview = demo_photo.read_bytes()
    size = (pixels.shape[1], pixels.shape[0])
    (folder / "1.jpg").write_bytes(preview)
    (folder / "2.dng").write_bytes(dng(mosaic(pixels), preview=preview, preview_size=size))
    (folder / "3.DNG").write_bytes(dng(mosaic(pixels), orientation=6))
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(folder / "4.heic")
    return folder


def test_with_the_packages(inside: Any, shoot: Path) -> None:
    before = {path: path.read_bytes() for path in shoot.iterdir()}
    run = inside("score", shoot)
    assert run.code == 0
    assert run.err == ""
    assert [record.get("read_as") for record in run.records] == [
        None,
        "embedded preview 600 x 400",
        "developed at half size, 200 x 300",
        None,
    ]
    assert {path: path.read_bytes() for path in shoot.iterdir()} == before
    # The preview is the same file as the JPEG, and the HEIC nearly the same picture.
    scores = [record["score"] for record in run.records]
    assert scores[1] == pytest.approx(scores[0], abs=0.01)
    for record in run.records:
        assert record["looked_at"]


def test_without_them_one_line_says_what_waits(spider: Any, shoot: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(WITHOUT)
    root = Path(__file__).parents[3]
    named = shoot / "3.DNG"
    run = spider("score", shoot, named, env={"PYTHONPATH": f"{site}:{root}"})
    assert run.code == 3
    first, second = run.records
    assert first["photo"] == f"{shoot}/1.jpg"
    assert second["error"]["code"] == "unsupported"
    assert second["error"]["hint"] == "pip install 'spider-iqa[raw]'"
    warnings = [line for line in run.err.splitlines() if "warning" in line]
    assert warnings == [
        "spider: warning: 1 HEIC (.heic) and 2 camera RAW (.dng) photos wait for packages that are "
        "not installed: pip install 'spider-iqa[heic,raw]'"
    ]
    assert len(run.errors) == 1
    assert len(run.err.splitlines()) == 2
