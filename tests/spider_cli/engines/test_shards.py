"""Shards of records: whole or not there, and what a folder tells of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from spider_cli.engines.dealing import digest
from spider_cli.engines.shards import Form, Shards
from spider_cli.engines.stores import LocalStore
from spider_cli.errors import PhotoError, UsageError
from spider_cli.results_json import record_from_json
from tests.spider_cli.audit.records import audited, failure

SETTINGS = '{"model": "nano"}'


@pytest.fixture(params=["jsonl", "parquet"])
def form(request: pytest.FixtureRequest) -> Form:
    return request.param


def shards(folder: Path | str, form: Form = "jsonl", revision: str = "1f2e") -> Shards:
    return Shards(str(folder), form, revision, SETTINGS)


def rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    from pyarrow.parquet import read_table

    return list(read_table(path).to_pylist())


def test_records_come_back_and_their_photos_are_known(tmp_path: Path, form: Form) -> None:
    records = [audited("s3://b/a.jpg", 12.5, "severe blur"), failure("s3://b/b.jpg")]
    own = shards(tmp_path / "out", form)
    path = Path(own.commit(records))
    assert path.parent == tmp_path / "out"
    assert [row["photo"] for row in rows(path)] == ["s3://b/a.jpg", "s3://b/b.jpg"]
    if form == "jsonl":
        assert list(map(record_from_json, rows(path))) == records
    committed = own.committed()
    assert (committed.shards, committed.photos) == (1, 2)
    assert digest(b"s3://b/a.jpg") in committed.done
    assert digest(b"s3://b/c.jpg") not in committed.done


def test_a_shard_that_is_made_twice_is_there_once(tmp_path: Path, form: Form) -> None:
    records = [audited("a.jpg"), audited("b.jpg")]
    assert shards(tmp_path, form).commit(records) == shards(tmp_path, form).commit(records[::-1])
    assert shards(tmp_path, form).committed().photos == 2


def test_a_manifest_without_its_shard_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that dies between the two."""
    put = LocalStore.put

    def dies(self: LocalStore, url: str, data: bytes) -> None:
        if "part-" in url:
            raise PhotoError("gone")
        put(self, url, data)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "put", dies)
        with pytest.raises(PhotoError):
            shards(tmp_path).commit([audited("a.jpg")])
    assert shards(tmp_path).committed().photos == 0
    shards(tmp_path).commit([audited("a.jpg")])
    assert shards(tmp_path).committed().photos == 1


def test_an_empty_or_absent_folder(tmp_path: Path) -> None:
    assert shards(tmp_path / "none").committed().shards == 0
    (tmp_path / "notes.txt").write_text("mine")
    assert shards(tmp_path).committed().shards == 0


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"revision": "ffff"}, "other_run"),
        ({"form": "parquet"}, "other_form"),
    ],
)
def test_shards_that_do_not_go_together(tmp_path: Path, other: Any, code: str) -> None:
    shards(tmp_path).commit([audited("a.jpg")])
    with pytest.raises(UsageError) as caught:
        shards(tmp_path, **other).committed()
    assert caught.value.code == code
    assert "\n" not in caught.value.message


def test_a_shard_that_was_cut_is_told(tmp_path: Path) -> None:
    path = Path(shards(tmp_path).commit([audited("a.jpg"), audited("b.jpg")]))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UsageError, match="is not as it was written"):
        shards(tmp_path).committed()


def test_nothing_is_left_of_a_shard_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PhotoError) as caught:
        shards(tmp_path).commit([audited("a.jpg")])
    assert caught.value.code == "no_room"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_store_of_fsspec() -> None:
    own = shards("memory://records/out")
    assert own.committed().shards == 0
    own.commit([audited("a.jpg")])
    assert own.committed().photos == 1
