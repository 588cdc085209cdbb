"""Where pictures go, and when they do not."""

from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np
import pytest
from PIL import Image

from spider_cli.errors import PhotoError
from spider_cli.outputs.pictures import Pictures
from spider_cli.photos import Source
from spider_cli.results import Grounding, Record


def source(name: str, relative: str | None = None) -> Source:
    return Source(Path(name), name, None, PurePath(relative or name))


def region(records: dict[str, Record]) -> Grounding:
    outcome = records["region"].outcome
    assert isinstance(outcome, Grounding)
    probability = np.zeros((480, 640), np.float32)
    probability[100:200, 300:500] = 0.8
    pixels = np.full((480, 640, 3), 90, np.uint8)
    return replace(outcome, files=None, probability=probability, pixels=pixels)


def test_names_mirror_the_tree(tmp_path: Path, records: dict[str, Record]) -> None:
    pictures = Pictures(tmp_path / "heat", overwrite=False)
    plan = pictures.plan(source("photos/sub/a.jpg", "sub/a.jpg"))
    assert not (tmp_path / "heat").exists()  # planning writes nothing
    done = pictures.write(plan, region(records))
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    assert names == {f"heat/sub/a.jpg.{kind}.png" for kind in ("overlay", "heatmap", "mask")}
    assert done.files is not None
    assert done.files.heatmap == str(tmp_path / "heat/sub/a.jpg.heatmap.png")
    assert done.pixels is None
    assert done.probability is None
    modes = {}
    for kind, path in done.files.to_json().items():
        with Image.open(path) as picture:
            modes[kind] = picture.mode
    assert modes == {"overlay": "RGB", "heatmap": "L", "mask": "L"}


@pytest.mark.parametrize("kind", ["overlay", "heatmap", "mask"])
def test_existing_output_is_refused_before_judging(tmp_path: Path, kind: str) -> None:
    (tmp_path / f"a.jpg.{kind}.png").touch()
    with pytest.raises(PhotoError) as caught:
        Pictures(tmp_path, overwrite=False).plan(source("a.jpg"))
    assert caught.value.code == "exists"
    assert "--force" in caught.value.hint
    Pictures(tmp_path, overwrite=True).plan(source("a.jpg"))


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_photos_never_share_a_name(tmp_path: Path, overwrite: bool) -> None:
    pictures = Pictures(tmp_path, overwrite=overwrite)
    pictures.plan(source("/a/x.jpg", "x.jpg"))
    with pytest.raises(PhotoError) as caught:
        pictures.plan(source("/b/x.jpg", "x.jpg"))
    assert caught.value.code == "same_output"
    assert "/a/x.jpg" in caught.value.message
    assert "/b/x.jpg" in caught.value.message


def test_output_that_appeared_meanwhile_is_kept(tmp_path: Path, records: dict[str, Record]) -> None:
    pictures = Pictures(tmp_path, overwrite=False)
    plan = pictures.plan(source("a.jpg"))
    plan.mask.write_bytes(b"somebody else's")
    with pytest.raises(PhotoError) as caught:
        pictures.write(plan, region(records))
    assert caught.value.code == "exists"
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg.mask.png"]
    assert plan.mask.read_bytes() == b"somebody else's"


def test_a_file_in_the_way_fails_that_photo(tmp_path: Path, records: dict[str, Record]) -> None:
    (tmp_path / "sub").touch()
    pictures = Pictures(tmp_path, overwrite=True)
    with pytest.raises(PhotoError) as caught:
        pictures.write(pictures.plan(source("sub/a.jpg")), region(records))
    assert caught.value.code == "cannot_write"


def test_undecodable_names_are_escaped(tmp_path: Path, records: dict[str, Record]) -> None:
    pictures = Pictures(tmp_path, overwrite=False)
    done = pictures.write(pictures.plan(source("\udcff.jpg")), region(records))
    assert done.files is not None
    assert done.files.mask == rf"{tmp_path}/\xff.jpg.mask.png"
