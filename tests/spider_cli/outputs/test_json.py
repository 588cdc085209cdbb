"""JSON lines, the JSON array, and the schema they keep."""

import io
import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from spider_cli.outputs.jsonl import JsonArray, JsonLines
from spider_cli.results import Record
from spider_cli.vocabulary import FAMILIES, LEVELS, SEVERITIES

SCHEMA = json.loads(
    files("spider_cli").joinpath("schema/records.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


class Watched(io.StringIO):
    """Remembers what was there at each flush."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed: list[str] = []

    def flush(self) -> None:
        self.flushed.append(self.getvalue())


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_knows_the_vocabulary() -> None:
    distortion = SCHEMA["$defs"]["distortions"]["items"]["properties"]
    assert tuple(distortion["family"]["enum"]) == FAMILIES
    assert tuple(distortion["severity"]["enum"]) == SEVERITIES
    assert tuple(SCHEMA["$defs"]["scored"]["properties"]["level"]["enum"]) == LEVELS


def test_every_kind_of_record_is_valid(records: dict[str, Record]) -> None:
    for record in records.values():
        VALIDATOR.validate(record.to_json())


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("score", {"score": 101}),
        ("score", {"answer": "good"}),  # another command's field
        ("score", {"error": {"code": "x", "message": "m", "hint": ""}}),  # both at once
        ("score", {"score": None}),  # and no word why
        ("score", {"worded": "a reason"}),
        ("quantized", {"quantize": "fp8"}),
        ("worded score", {"score": 50.0}),
        ("worded region", {"area": 0}),
        ("nothing", {"worded": "a reason"}),
        ("describe", {"distortions": [{"family": "blurry", "severity": "mild"}]}),
        ("describe", {"surprise": 1}),
        ("region", {"point": None}),
        ("whole", {"area": 0.5}),
        ("nothing", {"whole": True}),
        ("failed", {"error": {"code": "x", "message": "m"}}),
    ],
)
def test_the_schema_refuses(records: dict[str, Record], kind: str, change: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(records[kind].to_json() | change)


def test_lines_are_flushed_one_by_one(records: dict[str, Record]) -> None:
    stream = Watched()
    writer = JsonLines(stream)
    for index, record in enumerate(records.values(), start=1):
        writer.write(record)
        lines = stream.flushed[-1].splitlines()
        assert len(lines) == index
        assert json.loads(lines[-1]) == record.to_json()
    writer.close()
    assert stream.getvalue().endswith("}\n")


def test_array(records: dict[str, Record]) -> None:
    stream = Watched()
    writer = JsonArray(stream)
    for record in records.values():
        writer.write(record)
    writer.close()
    assert json.loads(stream.getvalue()) == [record.to_json() for record in records.values()]


def test_empty_array() -> None:
    stream = io.StringIO()
    JsonArray(stream).close()
    assert json.loads(stream.getvalue()) == []
