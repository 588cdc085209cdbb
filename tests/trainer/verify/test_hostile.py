"""Whatever strangers put into a row, it is said, and nothing raises."""

import copy
import functools
import math
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainer.datasets.schema import decode_png
from trainer.verify.findings import Record, Reporter, shown
from trainer.verify.paths import unsafe
from trainer.verify.photo import Rules, check_photo, check_reference

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-3, 200),
    st.floats(),
    st.text(max_size=12),
    st.binary(max_size=20),
    st.sampled_from(["blur", "describe", "clean", "regions", "vertical", "most", "../x", "{"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def rows(pristine: Path) -> list[dict[str, Any]]:
    """All photos of the data set."""
    return [
        row
        for name in ("train", "test")
        for row in pq.read_table(pristine / "data" / f"{name}-00000.parquet").to_pylist()
    ]


@pytest.fixture(scope="module")
def untouched(pristine: Path) -> dict[str, tuple[str, Any]]:
    table = pq.read_table(pristine / "references" / "references-00000.parquet")
    return {
        row["id"]: (row["source"], decode_png(row["image"]["bytes"])) for row in table.to_pylist()
    }


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there is something to change."""
    inside: Any = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    return [path, *(found for key, one in inside for found in paths(one, (*path, key)))]


def changed(row: dict[str, Any], data: st.DataObject) -> Any:
    """The row with one to three of its parts replaced, taken out, swapped or doubled."""
    row = copy.deepcopy(row)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths(row)))
        if not path:
            continue
        *outer, last = path
        holder = functools.reduce(lambda one, key: one[key], outer, row)
        how = data.draw(st.sampled_from(["replace", "drop", "double", "other"]))
        if how == "replace":
            holder[last] = data.draw(VALUES)
        elif how == "drop":
            del holder[last]
        elif how == "double" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
        else:
            other = data.draw(st.sampled_from(paths(row)))
            if other[: len(path)] != path and path[: len(other)] != other:
                holder[last] = copy.deepcopy(functools.reduce(lambda one, k: one[k], other, row))
    return row


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_no_row_makes_it_raise(
    data: st.DataObject, rows: list[dict[str, Any]], untouched: dict[str, tuple[str, Any]]
) -> None:
    row = changed(data.draw(st.sampled_from(rows)), data)
    report = Reporter([], "data/train-00000.parquet")
    facts = check_photo(
        row, report, 1, Rules(references=True), untouched.get, searching=lambda: False
    )
    assert isinstance(facts.id, str)
    for finding in report.found:
        assert finding.message
        assert str(finding).startswith("data/train-00000.parquet")


@given(value=VALUES)
def test_anything_for_a_row(value: Any) -> None:
    report = Reporter([], "data/train-00000.parquet")
    check_photo(value, report, 7, Rules(references=True), {}.get)
    assert report.found
    check_reference(value, report, 7)


@given(value=VALUES)
def test_records_give_what_they_promise_or_report(value: Any) -> None:
    for name, kinds in (
        ("text", str),
        ("integer", int),
        ("flag", bool),
        ("number", float),
        ("texts", tuple),
        ("records", list),
    ):
        report = Reporter([], "f")
        found = getattr(Record({"x": value}, report), name)("x")
        assert (found is None) == bool([f for f in report.found if f.field == "x"])
        assert found is None or isinstance(found, kinds)
        if name == "number" and found is not None:
            assert math.isfinite(found)
    assert len(shown(value)) <= 160


@pytest.mark.parametrize(
    "path", ["", "/a", "\\a", "C:/a", "../a", "a/../../b", "a\\..\\b", "a\0b", ".."]
)
def test_unsafe_paths(path: str) -> None:
    assert unsafe(path)


@pytest.mark.parametrize("path", ["a.png", "a/b.png", "a..b/c..png", "ä/ö.png", "...x/y"])
def test_safe_paths(path: str) -> None:
    assert not unsafe(path)
