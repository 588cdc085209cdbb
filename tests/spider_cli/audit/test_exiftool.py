"""Debian's exiftool as a witness: what spider wrote is read, what was there is still read."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from spider_cli.audit.merging import Policy, Program, Verdict
from spider_cli.audit.xmp_terms import RATING
from tests.spider_cli.audit.shoot import GOOD, POOR, Shoot, exiftool, sample, values

OURS = ("XMP-spider:", "XMP-xmp:Rating", "XMP-xmp:Label")
FILE = ("SourceFile", "System:", "File:", "ExifTool:")


@pytest.fixture
def read(tool: Callable[[str], str]) -> Callable[[Path], dict[str, Any]]:
    """Everything exiftool finds in a sidecar, by group and name."""

    def read(path: Path) -> dict[str, Any]:
        found: dict[str, Any] = exiftool(tool("exiftool"), path)
        assert "ExifTool:Error" not in found
        assert str(found.get("ExifTool:Warning", "[minor]")).startswith("[minor]")
        return {key: value for key, value in found.items() if not key.startswith(FILE)}

    return read


@pytest.fixture
def valid(tool: Callable[[str], str]) -> Callable[[Path], bool]:
    def valid(path: Path) -> bool:
        found: dict[str, Any] = exiftool(tool("exiftool"), "-validate", "-warning", path)
        return bool(found["ExifTool:Validate"] == "OK")

    return valid


def write(program: str, what: str, path: Path) -> None:
    """Let exiftool change a file."""
    command = [program, "-q", "-overwrite_original", what, str(path)]
    subprocess.run(command, check=True, timeout=60)


def others(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if not key.startswith(OURS)}


def test_a_new_sidecar(shoot: Shoot, read: Any, valid: Any) -> None:
    shoot.rate(shoot.photos("a.CR2"))
    assert read(shoot.folder / "a.xmp") == {
        "XMP-x:XMPToolkit": "spider",
        "XMP-xmp:Rating": 5,
        "XMP-xmp:Label": "Green",
        "XMP-spider:Score": 81.5,
        "XMP-spider:Reasons": ["mild noise in the sky", "tilted"],
        "XMP-spider:Model": "nano",
        "XMP-spider:Revision": "0123abc",
        "XMP-spider:WroteRating": 5,
        "XMP-spider:WroteLabel": "Green",
    }
    assert valid(shoot.folder / "a.xmp")


@pytest.mark.parametrize("program", ["darktable", "lightroom", "digikam"])
def test_what_a_program_wrote_is_still_there(shoot: Shoot, read: Any, program: str) -> None:
    photos = shoot.photos("a.CR2")
    path = shoot.put("a.xmp", sample(program))
    before = read(path)
    for verdict in (GOOD, POOR):
        shoot.rate(photos, verdict)
    after = read(path)
    assert (after["XMP-xmp:Rating"], after["XMP-xmp:Label"]) == (1, "Yellow")
    assert after["XMP-spider:Score"] == 20
    agreed = {
        "darktable": {"XMP-darktable:Colorlabels": [1]},
        "lightroom": {},
        "digikam": {
            "XMP-digiKam:ColorLabel": 3,
            "XMP-microsoft:RatingPercent": 1,
            "XMP-acdsee:Rating": 1,
        },
    }[program]
    assert {key: after.get(key) for key in agreed} == agreed
    changed = {key for key in others(after) if others(after)[key] != before.get(key)}
    assert changed == set(agreed)
    assert set(others(before)) <= set(after)


def test_darktables_history_stack_is_untouched(shoot: Shoot, read: Any) -> None:
    photos = shoot.photos("a.CR2")
    path = shoot.put("a.CR2.xmp", sample("darktable"))
    before, text = read(path), sample("darktable")
    stack = text[text.index(b"<darktable:masks_history>") : text.index(b"  </rdf:Description>")]
    shoot.rate(photos)
    after = read(path)
    history = [key for key in before if "istory" in key]
    assert len(before["XMP-darktable:History"]) == 5
    assert before["XMP-darktable:History"][3]["Operation"] == "exposure"
    assert {key: after[key] for key in history} == {key: before[key] for key in history}
    assert stack.rstrip() in path.read_bytes()


def test_what_darktable_itself_wrote(shoot: Shoot, read: Any) -> None:
    photos = shoot.photos("a.CR2")
    path = shoot.put("a.CR2.xmp", sample("darktable_export"))
    before = read(path)
    shoot.rate(photos, policy=Policy(overwrite=True))
    after = read(path)
    assert (before["XMP-xmp:Rating"], after["XMP-xmp:Rating"]) == (1, 5)
    assert after.pop("XMP-darktable:Colorlabels") == [2]
    assert others(after) == others(before)
    assert len(before["XMP-darktable:History"]) == 4


def test_lightrooms_settings_are_untouched(shoot: Shoot, read: Any) -> None:
    photos = shoot.photos("a.CR2")
    path = shoot.put("a.xmp", sample("lightroom"))
    before = read(path)
    shoot.rate(photos, policy=Policy(overwrite=True))
    settings = [key for key in before if key.startswith("XMP-crs:")]
    assert len(settings) > 12
    after = read(path)
    assert {key: after[key] for key in settings} == {key: before[key] for key in settings}


def test_capture_ones_colours(shoot: Shoot, read: Any) -> None:
    photos = shoot.photos("a.CR2")
    path = shoot.put("a.xmp", sample("capture_one"))
    policy = Policy(program=Program.CAPTURE_ONE, overwrite=True)
    shoot.rate(photos, policy=policy)
    after = read(path)
    assert (after["XMP-xmp:Label"], after["XMP-photoshop:Urgency"]) == ("Green", 2)
    assert after["XMP-xmp:Rating"] == 5
    assert after["XMP-dc:Subject"] == ["wedding"]


@pytest.mark.parametrize(("score", "rating"), [(0, -1), (100, 5)])
def test_every_end_of_the_scale(shoot: Shoot, read: Any, score: float, rating: int) -> None:
    shoot.rate(shoot.photos("a.CR2"), Verdict(score=score, model="nano", revision="r"))
    assert read(shoot.folder / "a.xmp")["XMP-xmp:Rating"] == rating


def test_text_of_every_kind(shoot: Shoot, read: Any) -> None:
    reasons = ("a \"b\" <c> & 'd'", "Überbelichtung", "雪 \U0001f600", "x" * 5000)
    verdict = Verdict(score=50, reasons=reasons, model="m&m", revision="<r>")
    shoot.rate(shoot.photos("a.CR2"), verdict)
    found = read(shoot.folder / "a.xmp")
    assert found["XMP-spider:Reasons"] == list(reasons)
    assert found["XMP-spider:Model"] == "m&m"


def test_a_rating_that_exiftool_writes_is_a_persons(
    shoot: Shoot, tool: Callable[[str], str]
) -> None:
    photos = shoot.photos("a.CR2")
    shoot.rate(photos)
    write(tool("exiftool"), "-XMP-xmp:Rating=2", shoot.folder / "a.xmp")
    shoot.rate(photos, POOR)
    assert values(shoot.contents()["a.xmp"])[RATING] == "2"


def test_what_exiftool_rewrote_is_still_spiders(shoot: Shoot, tool: Callable[[str], str]) -> None:
    photos = shoot.photos("a.CR2")
    shoot.rate(photos)
    path = shoot.folder / "a.xmp"
    write(tool("exiftool"), "-XMP-dc:Title=New", path)
    shoot.rate(photos, POOR)
    assert values(path.read_bytes())[RATING] == "1"
    assert exiftool(tool("exiftool"), path)["XMP-dc:Title"] == "New"


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
def test_a_rating_that_exiftool_puts_inside_a_photo_stands(
    shoot: Shoot, tool: Callable[[str], str], name: str
) -> None:
    photo = shoot.folder / name
    Image.new("RGB", (8, 8)).save(photo)
    write(tool("exiftool"), "-XMP-xmp:Rating=4", photo)
    planned = shoot.rate([photo])
    assert "rating kept (a person's stands elsewhere), label Green" in planned.words()
    assert RATING not in values((shoot.folder / "a.xmp").read_bytes())
