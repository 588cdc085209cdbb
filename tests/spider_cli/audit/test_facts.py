"""What is read of a photo's EXIF; exiftool, which shares no code with us, reads the same."""

import json
import math
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import IFDRational

from spider_cli.audit import facts
from spider_cli.audit.facts import facts_of, look_of
from spider_cli.photos import Photo, named_source
from spider_cli.shot_facts import Facts
from tests.photo_bytes import written
from tests.spider_cli.audit.tagged import KINDS, block, jpeg, pixels_of, write_tagged

SHOWN = Facts(
    width=64,
    height=48,
    taken="2026-11-28T14:03:09.42+01:00",
    camera="Canon EOS R5",
    serial="0123456789",
    lens="RF50mm F1.2 L USM",
    exposure=0.004,
    aperture=2.8,
    iso=400,
    focal_length=50.0,
)


def read(path: Path) -> Facts:
    """The facts of a file, without those of its pixels."""
    found = facts_of(Photo(named_source(path), pixels_of()))
    return replace(found, look=None, focus=None)


def of_tags(
    tmp_path: Path, below: dict[int, Any] | None = None, above: dict[int, Any] | None = None
) -> Facts:
    return read(written(tmp_path / "a.jpg", jpeg(block(above or {}, below or {}))))


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tagged")
    return {kind: write_tagged(kind, folder) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_tells(tagged: dict[str, Path], kind: str) -> None:
    assert read(tagged[kind]) == SHOWN


def test_exiftool_reads_the_same(tagged: dict[str, Path], tool: Callable[[str], str]) -> None:
    exiftool = tool("exiftool")
    done = subprocess.run(
        [exiftool, "-json", "-n", *map(str, tagged.values())],
        capture_output=True,
        text=True,
        check=False,
    )
    told = {one["SourceFile"]: one for one in json.loads(done.stdout)}
    for path in tagged.values():
        one, ours = told[str(path)], read(path)
        day, clock = str(one["DateTimeOriginal"]).split()
        moment = f"{day.replace(':', '-')}T{clock}"
        assert ours.taken == f"{moment}.{one['SubSecTimeOriginal']}{one['OffsetTimeOriginal']}"
        assert ours.camera == one["Model"]
        assert ours.lens == one["LensModel"]
        assert str(ours.serial).lstrip("0") == str(one["SerialNumber"]).lstrip("0")
        assert ours.exposure == pytest.approx(one["ExposureTime"])
        assert ours.aperture == pytest.approx(one["FNumber"])
        assert (ours.iso, ours.focal_length) == (one["ISO"], one["FocalLength"])


def test_a_photo_without_exif_has_its_size_alone(tmp_path: Path) -> None:
    Image.fromarray(pixels_of()).save(tmp_path / "a.jpg")
    for path in (tmp_path / "a.jpg", tmp_path / "gone.jpg", tmp_path):
        assert read(path) == Facts(width=64, height=48)


@pytest.mark.parametrize(
    ("tags", "taken"),
    [
        ({Base.DateTimeOriginal: "2026:11:28 14:03:09"}, "2026-11-28T14:03:09"),
        ({Base.DateTimeOriginal: "2026-11-28T14:03:09.125"}, "2026-11-28T14:03:09.125"),
        ({Base.DateTimeDigitized: "2026:11:28 14:03:09"}, "2026-11-28T14:03:09"),
        (
            {
                Base.DateTimeOriginal: "0000:00:00 00:00:00",
                Base.DateTimeDigitized: "2026:11:28 14:03:09",
                Base.SubsecTimeDigitized: " 7 ",
                Base.OffsetTimeDigitized: "-09:30",
            },
            "2026-11-28T14:03:09.7-09:30",
        ),
        ({Base.DateTimeOriginal: "2026:13:28 14:03:09"}, None),
        ({Base.DateTimeOriginal: "    :  :     :  :  "}, None),
        ({Base.DateTimeOriginal: "yesterday"}, None),
        ({Base.DateTimeOriginal: b"\xff\xfe2\x000\x002\x006\x00"}, None),
        (
            {
                Base.DateTimeOriginal: "2026:11:28 14:03:09",
                Base.SubsecTimeOriginal: "٣",
                Base.OffsetTimeOriginal: "+25:99",
            },
            "2026-11-28T14:03:09",
        ),
    ],
)
def test_the_moment_is_the_shutters(
    tmp_path: Path, tags: dict[int, Any], taken: str | None
) -> None:
    assert of_tags(tmp_path, tags, {Base.DateTime: "2027:01:01 00:00:00"}).taken == taken


@pytest.mark.parametrize(
    ("maker", "model", "camera"),
    [
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("NIKON CORPORATION", "NIKON D850", "NIKON D850"),
        ("SONY", "ILCE-7M4", "SONY ILCE-7M4"),
        ("OLYMPUS IMAGING CORP.", "E-M1", "OLYMPUS E-M1"),
        ("Apple", "iPhone 15", "Apple iPhone 15"),
        ("Apple", None, "Apple"),
        (None, "iPhone 15", "iPhone 15"),
        ("", " \0x", None),
        (None, None, None),
    ],
)
def test_cameras_are_named_once(
    tmp_path: Path, maker: str | None, model: str | None, camera: str | None
) -> None:
    tags = {Base.Make: maker, Base.Model: model}
    above = {tag: value for tag, value in tags.items() if value is not None}
    assert of_tags(tmp_path, above=above).camera == camera


@pytest.mark.parametrize(
    ("written_as", "text"),
    [
        ("a\x1b[31mred\x07\r\nb\x7f", "a [31mred b"),
        ("x" * 5000, "x" * 100),
        ("Zeiß".encode(), "Zeiß"),
        ("ß".encode() * 3001, "ß" * 100),
        ("Zeiß".encode("latin-1"), "Zeiß"),
        ("abc\u202egpj.exe\u2066\u200b".encode(), "abc gpj.exe"),
        (b"\xed\xa0\x80", "í\xa0".strip()),
        (b"kept\0more\0", "kept"),
        (b"\0\0\0", None),
        ("   ", None),
        ('"><img src=x onerror=alert(1)>', '"><img src=x onerror=alert(1)>'),
        ("=cmd()|x", "=cmd()|x"),
    ],
)
def test_text_is_made_harmless(tmp_path: Path, written_as: str | bytes, text: str | None) -> None:
    value = written_as if isinstance(written_as, bytes) else written_as.encode()
    assert of_tags(tmp_path, {Base.LensModel: value}).lens == text


def test_text_that_should_be_ascii_is_read_as_what_it_is(tmp_path: Path) -> None:
    for encoding in ("utf-8", "latin-1"):
        assert of_tags(tmp_path, above={Base.Make: "Zeiß".encode(encoding)}).camera == "Zeiß"


@pytest.mark.parametrize(
    ("tags", "field", "value"),
    [
        ({Base.ExposureTime: IFDRational(1, 3)}, "exposure", 0.333333),
        ({Base.ExposureTime: IFDRational(1, 0)}, "exposure", None),
        ({Base.ExposureTime: IFDRational(0, 1)}, "exposure", None),
        ({Base.ExposureTime: "fast"}, "exposure", None),
        ({Base.ShutterSpeedValue: IFDRational(8, 1)}, "exposure", 1 / 256),
        ({Base.ShutterSpeedValue: IFDRational(1, 0)}, "exposure", None),
        ({Base.FNumber: IFDRational(0, 0)}, "aperture", None),
        ({Base.ApertureValue: IFDRational(4, 1)}, "aperture", 4.0),
        ({Base.FocalLength: IFDRational(4294967295, 1)}, "focal_length", None),
        ({Base.ISOSpeedRatings: (800, 0)}, "iso", 800),
        ({Base.ISOSpeedRatings: 65535, Base.RecommendedExposureIndex: 102400}, "iso", 102400),
        ({Base.ISOSpeedRatings: 0}, "iso", None),
        ({Base.LensModel: 7}, "lens", None),
    ],
)
def test_numbers_are_numbers_or_absent(
    tmp_path: Path, tags: dict[int, Any], field: str, value: object
) -> None:
    found = getattr(of_tags(tmp_path, tags), field)
    assert found == (pytest.approx(value, rel=1e-5) if isinstance(value, float) else value)


def test_the_maker_of_a_dng_may_put_the_serial_elsewhere(tmp_path: Path) -> None:
    assert of_tags(tmp_path, above={50735: "S-7"}).serial == "S-7"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_exif_is_too_odd(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whole blocks with some bytes changed, or nothing but noise."""
    whole = bytearray(block()[6:])
    changes = st.lists(
        st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), min_size=1, max_size=20
    )
    for place, value in data.draw(changes):
        whole[place] = value
    odd = data.draw(st.one_of(st.just(bytes(whole)), st.binary(max_size=200)))
    path = written(tmp_path_factory.getbasetemp() / "odd.jpg", jpeg(b"Exif\0\0" + odd))
    found = read(path).to_json()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for value in found.values():
        if isinstance(value, str):
            assert value.isprintable() and 0 < len(value) <= 100
        elif isinstance(value, float):
            assert math.isfinite(value) and value > 0


def test_a_tag_may_claim_more_than_there_is(tmp_path: Path) -> None:
    """A TIFF of a hundred megabytes of nothing, whose maker's name has them all."""
    entry = (271).to_bytes(2, "little") + (2).to_bytes(2, "little")
    entry += (100 << 20).to_bytes(4, "little") + (38).to_bytes(4, "little")
    model = (272).to_bytes(2, "little") + (2).to_bytes(2, "little") + (4).to_bytes(4, "little")
    path = written(tmp_path / "a.tif", b"II*\0\x08\0\0\0\x02\0" + entry + model + b"abc\0")
    with path.open("r+b") as file:
        file.truncate((100 << 20) + 38)
    began = time.thread_time()
    assert read(path).serial is None
    assert time.thread_time() - began < 0.1


def test_the_look_is_imagehashs_own(photos: Path) -> None:
    import imagehash

    pixels = np.asarray(Image.open(photos / "rocket.jpg").convert("RGB"))
    look = look_of(pixels)
    assert look is not None and len(look) == 16
    assert imagehash.hex_to_hash(look) - imagehash.phash(Image.fromarray(pixels)) <= 2
    larger = np.asarray(Image.fromarray(pixels).resize((2560, 1708)))
    again = look_of(larger)
    assert again is not None and imagehash.hex_to_hash(again) - imagehash.hex_to_hash(look) <= 4


def test_without_imagehash_there_is_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "can_hash", lambda: False)
    assert look_of(pixels_of()) is None


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (40, 30), (257, 33)])
def test_the_smallest_photos_have_facts(size: tuple[int, int]) -> None:
    found = facts_of(Photo(named_source("nowhere.jpg"), pixels_of(size)))
    assert (found.width, found.height) == size
    assert found.look is not None


def test_facts_are_cheap(photos: Path, tmp_path: Path) -> None:
    """Of 12 megapixels, beside decoding: at most 15 ms of one core."""
    with Image.open(photos / "rocket.jpg") as image:
        large = image.convert("RGB").resize((4000, 3000))
    path = tmp_path / "a.jpg"
    large.save(path, quality=90, exif=block())
    photo = Photo(named_source(path), np.asarray(large))
    facts_of(photo)  # imports
    spent = []
    for _ in range(5):
        began = time.thread_time()
        assert facts_of(photo).camera == "Canon EOS R5"
        spent.append(time.thread_time() - began)
    assert min(spent) < 0.015, spent
