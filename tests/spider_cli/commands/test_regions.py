"""spider describe and spider refer, the real program."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema

VALID = jsonschema.Draft202012Validator(
    json.loads(files("spider_cli").joinpath("schema/records.schema.json").read_text("utf-8"))
)


def test_describe(inside: Any, album: Path) -> None:
    """A folder: one record a photo, named by the folder as given joined with the path inside."""
    run = inside("describe", "album", cwd=album.parent)
    assert run.code == 3
    records = run.records
    for record in records:
        VALID.validate(record)
        assert "box" not in record
    names = ["album/a.jpg", "album/broken.jpg", "album/sub/b.png"]
    assert [record["photo"] for record in records] == names
    assert records[1]["error"]["code"] == "truncated"


def test_describe_boxes(inside: Any, photo: Path) -> None:
    """One record a box; one partly outside is clipped and said, one wholly outside fails."""
    boxes = ("10,10,50,40", "100,50,900,900", "0.5,0.0,1.0,1.0", "500,500,600,600")
    run = inside("describe", photo, *(word for box in boxes for word in ("--box", box)))
    assert run.code == 3
    for record in run.records:
        VALID.validate(record)
    assert [record.get("box") for record in run.records] == [
        [10, 10, 50, 40],
        [100, 50, 160, 120],
        [80, 0, 160, 120],
        None,
    ]
    assert run.records[3]["error"]["code"] == "box_outside"
    assert "500,500,600,600" in run.errors[0]
    clipped = [line for line in run.err.splitlines() if "clipped" in line]
    assert len(clipped) == 1
    assert clipped[0].startswith("spider: warning: ")
    assert "100,50,160,120" in clipped[0]


def test_describe_a_place(inside: Any, photo: Path) -> None:
    run = inside("describe", photo, "--region", "top left", "--quiet")
    assert (run.code, run.err) == (0, "")
    [record] = run.records
    VALID.validate(record)
    assert record["box"] == [0, 0, 80, 60]


def test_refer(inside: Any, photo: Path) -> None:
    run = inside("refer", photo, "--box", "0,0,80,60", "--box", "80,60,160,120", "--long")
    assert run.code == 0
    for record in run.records:
        VALID.validate(record)
    assert [record["box"] for record in run.records] == [[0, 0, 80, 60], [80, 60, 160, 120]]
    assert [record["command"] for record in run.records] == ["refer", "refer"]
