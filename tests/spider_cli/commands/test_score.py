"""spider score, the real program: records, forms, files, exit codes."""

import csv
import io
import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

from spider_cli.outputs.csv import columns_of

VALID = jsonschema.Draft202012Validator(
    json.loads(files("spider_cli").joinpath("schema/records.schema.json").read_text("utf-8"))
)


@pytest.fixture(scope="module")
def from_list(spider: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One run over a list on stdin: good, missing, good with an odd name, empty; piped."""
    folder = tmp_path_factory.mktemp("listed")
    Image.new("RGB", (80, 60), (90, 120, 30)).save(folder / "a.jpg")
    odd = folder / "=1 \u00e9\n.jpg"
    odd.write_bytes((folder / "a.jpg").read_bytes())
    raw = os.fsencode(folder) + b"/\xff.jpg"
    Path(os.fsdecode(raw)).write_bytes((folder / "a.jpg").read_bytes())
    (folder / "empty.jpg").touch()
    names = [b"a.jpg", b"missing.jpg", os.fsencode(odd.name), b"\xff.jpg", b"empty.jpg"]
    listed = b"\0".join(os.fsencode(folder) + b"/" + name for name in names)
    table = folder / "table.csv"
    args = ("score", "-", "-0", "--json", "--output", table, "--fail-under", "0")
    return folder, spider(*args, input=listed), table.read_text(encoding="utf-8")


def test_one_valid_record_a_photo_in_order(from_list: Any) -> None:
    folder, run, _ = from_list
    records = run.records
    for record in records:
        VALID.validate(record)
    assert [record["photo"] for record in records] == [
        f"{folder}/a.jpg",
        f"{folder}/missing.jpg",
        f"{folder}/=1 \u00e9\n.jpg",
        rf"{folder}/\xff.jpg",
        f"{folder}/empty.jpg",
    ]
    assert ["photo_b64" in record for record in records] == [False, False, False, True, False]
    first = records[0]
    weights = {"excellent": 100, "good": 75, "fair": 50, "poor": 25, "bad": 0}
    assert sum(first["levels"].values()) == pytest.approx(1)
    expected = sum(weights[level] * p for level, p in first["levels"].items())
    assert first["score"] == pytest.approx(expected)
    assert first["level"] == max(first["levels"], key=first["levels"].__getitem__)


def test_failed_photos_have_a_record_and_a_line(from_list: Any) -> None:
    _, run, _ = from_list
    assert run.code == 3
    codes = [record["error"]["code"] for record in run.records if "error" in record]
    assert codes == ["not_found", "empty_file"]
    assert len(run.errors) == 2
    assert "missing.jpg" in run.errors[0]
    assert "empty.jpg" in run.errors[1]


def test_nothing_but_spiders_own_lines_on_stderr(from_list: Any) -> None:
    _, run, _ = from_list
    for line in run.err.splitlines():
        assert line.startswith("spider: "), line
        assert "Traceback" not in line
        assert "\r" not in line  # no progress in a log


def test_the_csv_beside_it_says_the_same(from_list: Any) -> None:
    _, run, text = from_list
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == columns_of("score")
    assert [row["photo"] for row in rows] == [record["photo"] for record in run.records]
    assert float(rows[0]["score"]) == run.records[0]["score"]
    assert rows[1]["error_code"] == "not_found"


def test_a_photo_beyond_the_limit_is_a_record_of_its_own(inside: Any, tmp_path: Path) -> None:
    for name, side in (("small", 40), ("large", 50)):
        Image.new("RGB", (side, side), (90, 120, 30)).save(tmp_path / f"{name}.png")
    run = inside("score", tmp_path, "--json", "--max-decode-pixels", "1600")
    large, small = (json.loads(line) for line in run.out.splitlines())
    assert run.code == 3
    assert large["error"]["code"] == "too_large"
    assert "1,600" in large["error"]["message"]
    assert "error" not in small


def test_a_budget(inside: Any, tmp_path: Path) -> None:
    Image.new("RGB", (400, 300), (90, 120, 30)).save(tmp_path / "a.png")
    run = inside("score", tmp_path, "--json", "--max-pixels", "30k")
    [record] = run.records
    assert record["max_pixels"] == 30_000
    assert record["looked_at"] == [{"box": [0, 0, 400, 300], "size": [200, 150]}]


def test_the_gate(inside: Any, photo: Path) -> None:
    run = inside("score", photo, "--fail-under", "100", "--quiet", "--csv")
    assert run.code == 1
    assert "1 of 1 scored below 100" in run.err
    assert len(run.out.splitlines()) == 2


def test_a_failed_photo_wins_over_the_gate(inside: Any, photo: Path) -> None:
    run = inside("score", photo, "nowhere.jpg", "--fail-under", "100")
    assert run.code == 3


def test_output_file_alone(inside: Any, photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "scores.json"
    target.write_text("old", encoding="utf-8")
    run = inside("score", photo, "--output", target, "--force")
    assert (run.code, run.out) == (0, "")
    [record] = json.loads(target.read_text(encoding="utf-8"))
    VALID.validate(record)
    assert [path.name for path in tmp_path.iterdir()] == ["scores.json"]
