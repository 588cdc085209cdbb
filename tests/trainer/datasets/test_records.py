"""Records out of files: arrays, lines, objects in a row, tables; and where they are broken."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spider_cli.errors import UsageError
from trainer.datasets import records
from trainer.datasets.records import csv_rows, json_values, text_lines

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def values(file: Path) -> list[Any]:
    return [value for _, value in json_values(file)]


def write(folder: Path, text: str, name: str = "a.json") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("chunk", [1, 2, 7, 1 << 18])
@given(
    st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=3), max_size=5), st.integers(0, 4)
)
@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_every_layout_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, items: list[Any], indent: int
) -> None:
    monkeypatch.setattr(records, "_CHUNK", chunk)
    assert values(write(tmp_path, json.dumps(items, indent=indent or None))) == items
    if items:
        assert values(write(tmp_path, "".join(map(json.dumps, items)))) == items
        assert values(write(tmp_path, "\r\n".join(map(json.dumps, items)) + "\n")) == items


@pytest.mark.parametrize("chunk", [1, 3, 1 << 18])
def test_rows_are_numbered_and_bytes_in_front_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(records, "_CHUNK", chunk)
    file = write(tmp_path, '\ufeff [ {"a": 12345} ,\n {"a": 2}\n] \n')
    assert [(where.row, value) for where, value in json_values(file)] == [
        (1, {"a": 12345}),
        (2, {"a": 2}),
    ]
    assert str(next(iter(json_values(file)))[0]) == f"{file}, row 1"


@pytest.mark.parametrize("chunk", [1, 5, 1 << 18])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ('[{"a": 1},\n {"b": }]', "row 2: not JSON: Expecting value (line 2, column 8)"),
        ('[{"a": 1}\n  {"b": 2}]', "a comma or ] was expected (line 2, column 3)"),
        ('[{"a": 1},', "not JSON: Expecting value (line 1, column 11)"),
        ('[{"a": 1}', "a comma or ] was expected (line 1, column 10)"),
        ('[{"a": 1}] [', "nothing may follow the array (line 1, column 12)"),
        ('{"a": 1}\nnonsense', "row 2: not JSON: Expecting value (line 2, column 1)"),
        ('[{"a": "open}]', "Unterminated string"),
        ("[" * 100_000, "nested too deeply"),
        ('[{"a": ' + "9" * 5000 + "}]", "Exceeds the limit"),
    ],
)
def test_what_is_no_json_is_said_with_line_and_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, text: str, said: str
) -> None:
    monkeypatch.setattr(records, "_CHUNK", chunk)
    file = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        values(file)
    assert str(file) in caught.value.message
    assert said in caught.value.message
    assert caught.value.code == "bad_json"


def test_what_is_no_text_or_no_file_is_said(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b'[{"a": "\xff\xfe"}]')
    with pytest.raises(UsageError, match="not UTF-8"):
        values(file)
    with pytest.raises(UsageError, match=r"gone\.json cannot be read: No such file"):
        values(tmp_path / "gone.json")
    with pytest.raises(UsageError, match="not UTF-8"):
        list(text_lines(file))


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_tables(tmp_path: Path, between: str) -> None:
    rows = ["\ufeffImage name", "MOS "], ['"a, b.jpg"', "3.5"], ["c.jpg", ""]
    file = write(tmp_path, "\n".join(between.join(row) for row in rows) + "\n\n", "a.csv")
    header, found = csv_rows(file)
    assert header == ("image_name", "mos")
    assert [(where.row, row) for where, row in found] == [
        (1, {"image_name": "a, b.jpg", "mos": "3.5"}),
        (2, {"image_name": "c.jpg", "mos": None}),
    ]


def test_crooked_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.csv, row 2: has 1 values where the header has 2"):
        list(csv_rows(write(tmp_path, "name,mos\na.jpg,1\nb.jpg\n", "a.csv"))[1])
    with pytest.raises(UsageError, match="two columns are called 'mos'"):
        csv_rows(write(tmp_path, "name,mos,MOS\na.jpg,1,2\n", "a.csv"))
    with pytest.raises(UsageError, match="is empty"):
        csv_rows(write(tmp_path, "\n \n", "a.csv"))
    long = '"' + "x" * 200_000
    with pytest.raises(UsageError, match="not a table: field larger than field limit"):
        list(csv_rows(write(tmp_path, f"name,mos\n{long},1\n", "a.csv"))[1])
