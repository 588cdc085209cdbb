"""CSV: stable columns, nothing lost, nothing a spreadsheet would run."""

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.outputs.csv import COLUMNS, Csv, _flat, columns_of, neutral
from spider_cli.results import Description, Record


def rows(*records: Record) -> list[dict[str, str]]:
    stream = io.StringIO()
    writer = Csv(stream, records[0].command)
    for record in records:
        writer.write(record)
    writer.close()
    return list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))


def test_columns_do_not_depend_on_the_records(records: dict[str, Record]) -> None:
    for record in records.values():
        [row] = rows(record)
        assert tuple(row) == columns_of(record.command)


def test_no_column_twice() -> None:
    for command in COLUMNS:
        assert len(set(columns_of(command))) == len(columns_of(command))


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        ("describe", {"distortions": "severe blur; mild noise", "other": "", "box_x1": ""}),
        ("boxed", {"other": "flare", "box_x1": "1", "box_y2": "4"}),
        ("score", {"score": "72.5", "level": "good", "good": "0.6", "scale_max": "100"}),
        ("score", {"higher_is_better": "true", "error_code": "", "seconds": "0.5"}),
        ("score", {"max_pixels": ""}),
        ("score", {"looked_at": "0,0,640,480 at 320x240"}),
        ("refer", {"box_x2": "30", "distortions": "severe blur"}),
        ("region", {"point_y": "150.5", "probed": "true", "mask_height": "480"}),
        ("region", {"overlay_file": "h/a.jpg.overlay.png", "mask_file": "h/a.jpg.mask.png"}),
        ("whole", {"whole": "true", "point_x": "", "area": "1.0", "overlay_file": ""}),
        ("nothing", {"box_x1": "", "mask_counts": "", "area": "0.0", "whole": "false"}),
        ("failed", {"error_code": "truncated", "error_hint": "copy it again", "score": ""}),
        ("failed", {"photo_b64": "c3ViL2EuanBn", "read_as": ""}),
        ("raw", {"read_as": "embedded preview 640 x 480"}),
        ("score", {"untuned": "", "quantize": ""}),
        ("quantized", {"untuned": "true", "quantize": "int4"}),
    ],
)
def test_cells(records: dict[str, Record], kind: str, cells: dict[str, str]) -> None:
    [row] = rows(records[kind])
    assert {name: row[name] for name in cells} == cells


def test_several_rows_under_one_header(records: dict[str, Record]) -> None:
    assert len(rows(records["region"], records["whole"], records["nothing"])) == 3


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "'"])
def test_formulas_are_neutralised(records: dict[str, Record], start: str) -> None:
    name = f"{start}cmd|' /C calc'!A0"
    answer = Description("?", f"{start}1+1", (), (f"{start}x",))
    [row] = rows(replace(records["describe"], photo=name, outcome=answer))
    assert row["photo"] == f"'{name}"
    assert row["answer"] == f"'{start}1+1"
    assert row["other"] == f"'{start}x"


@given(st.text())
def test_dropping_one_quote_gives_the_text_back(text: str) -> None:
    safe = neutral(text)
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert safe.removeprefix("'") == text


def test_commas_quotes_and_line_breaks_survive(records: dict[str, Record]) -> None:
    name: Any = 'a, "b"\nc.jpg'
    [row] = rows(replace(records["score"], photo=name))
    assert row["photo"] == name


def test_every_field_has_a_column(records: dict[str, Record]) -> None:
    for record in records.values():
        assert set(_flat(record.to_json())) <= set(columns_of(record.command))
