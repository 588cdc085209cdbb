"""--report: what cannot be written is said first; and every form says the same."""

import csv
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow import parquet

from spider_cli.audit.entries import Entries, mark_bursts
from spider_cli.audit.entry import Preview
from spider_cli.audit.parquet import write_parquet
from spider_cli.audit.reports import REPORTS, planned_reports
from spider_cli.audit.spool import Spool
from spider_cli.errors import UsageError
from spider_cli.outputs.csv import columns_of
from spider_cli.results import Files
from tests.spider_cli.audit.records import audited, failure, summaries

RECORDS = [
    audited("=1+1.jpg", 81.25, "severe noise", "mild blur", taken="2026-11-28T10:00:00"),
    failure("broken.jpg"),
    audited("b.jpg", None, raw="b.nef", files=Files("o/b.overlay.png", "o/b.h.png", "o/b.m.png")),
]


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("spider_cli.audit.bursts.bursts", lambda records: [[2, 0]])
    with Spool() as spool:
        for record in RECORDS:
            spool.add(record)
        shots = summaries(RECORDS)
        mark_bursts(shots, spool)
        state = SimpleNamespace(preview=lambda path: Preview(os.fsencode(path), None))
        yield Entries(shots, spool, state)  # type: ignore[arg-type]


def test_entries_can_be_read_again_and_again(entries: Entries) -> None:
    for _ in range(2):
        found = list(entries)
        assert [one.record.photo for one in found] == ["=1+1.jpg", "broken.jpg", "b.jpg"]
        assert [one.burst for one in found] == [1, None, 1]
        assert [one.pick for one in found] == [False, False, True]
        assert [one.flagged for one in found] == [("any:severe",), (), ()]
        assert found[2].preview() == Preview(b"b.jpg", None)
    assert len(entries) == 3


def write(entries: Entries, target: Path) -> Path:
    [report] = planned_reports([os.fspath(target)], overwrite=False)
    report.write(entries, title="shoot")
    return target


def test_json_lines(tmp_path: Path, entries: Entries, valid_record: Any) -> None:
    lines = write(entries, tmp_path / "r.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        valid_record(record) for record in entries.records()
    ]
    assert json.loads(lines[2])["pick"] is True


def test_csv(tmp_path: Path, entries: Entries) -> None:
    with write(entries, tmp_path / "r.CSV").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == list(columns_of("audit"))
    assert rows[0]["photo"] == "'=1+1.jpg"
    assert rows[0]["distortions"] == "severe noise; mild blur"
    assert (rows[0]["score"], rows[0]["burst"], rows[0]["pick"]) == ("81.25", "1", "false")
    assert (rows[0]["camera"], rows[0]["iso"], rows[0]["region_area"]) == (
        *("Canon EOS R5", "200", "0.25"),
    )
    assert (rows[1]["error_code"], rows[1]["score"]) == ("truncated", "")
    assert (rows[2]["raw"], rows[2]["score"], rows[2]["score_answer"]) == (
        *("b.nef", "", "It is fair."),
    )
    assert rows[2]["region_overlay_file"] == "o/b.overlay.png"


def test_parquet(tmp_path: Path, entries: Entries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spider_cli.audit.parquet._ROWS", 2)
    rows = parquet.read_table(write(entries, tmp_path / "r.parquet")).to_pylist()
    assert [row["photo"] for row in rows] == ["=1+1.jpg", "broken.jpg", "b.jpg"]
    assert rows[0]["distortions"][0] == {"family": "noise", "severity": "severe"}
    assert (rows[0]["score"], rows[0]["flagged"], rows[0]["pick"]) == (81.25, [], False)
    assert rows[0]["region_mask_counts"] == "0abc"
    assert rows[0]["region_box"] == [0, 0, 9, 9]
    assert (rows[1]["error_code"], rows[1]["score"], rows[1]["distortions"]) == (
        *("truncated", None, None),
    )
    assert (rows[2]["raw"], rows[2]["score"], rows[2]["worded"]) == ("b.nef", None, "no numbers")
    # Nothing of a record is left out, whatever it is called there.
    assert not {"levels", "facts", "region", "error"} & set(rows[0])
    known = {*rows[0], "scale", "higher_is_better", "levels", "facts", "region", "error"}
    assert {name for record in entries.records() for name in record.to_json()} <= known


def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    write_parquet(tmp_path / "r.parquet", [], overwrite=False)
    table = parquet.read_table(tmp_path / "r.parquet")
    assert table.num_rows == 0
    assert {"photo", "score", "distortions", "look"} <= set(table.column_names)


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        (["r.htm"], "the extension says the format", "did you mean '.html'?"),
        (["r"], "the extension says the format", "use one of .html, .csv"),
        (["r.csv", "x/../r.csv"], "is named twice", ""),
        (["no/r.csv"], "No such file or directory", ""),
        (["there.csv"], "exists", "--force"),
        (["folder.csv"], "is a folder", ""),
    ],
)
def test_what_cannot_be_written_is_said_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], message: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x").mkdir()
    Path("folder.csv").mkdir()
    Path("there.csv").write_text("mine")
    with pytest.raises(UsageError, match=message) as caught:
        planned_reports(names, overwrite=False)
    assert hint in caught.value.hint
    assert Path("there.csv").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"x", "folder.csv", "there.csv"}


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [("r.html", "jinja2", "report"), ("r.parquet", "pyarrow", "parquet")],
)
def test_a_package_that_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, extra: str
) -> None:
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda wanted: None if wanted == module else object()
    )
    with pytest.raises(UsageError, match=f"needs {module}, which is not installed") as caught:
        planned_reports([os.fspath(tmp_path / name)], overwrite=False)
    assert caught.value.hint == f"pip install 'spider-iqa[{extra}]'"


def test_one_that_appears_meanwhile_is_not_written_over(tmp_path: Path, entries: Entries) -> None:
    targets = [tmp_path / f"r{kind}" for kind in REPORTS if kind != ".html"]
    reports = planned_reports([os.fspath(target) for target in targets], overwrite=False)
    for report in reports:
        report.target.write_text("mine")
        with pytest.raises(UsageError, match="exists"):
            report.write(entries, title="shoot")
        assert report.target.read_text() == "mine"
