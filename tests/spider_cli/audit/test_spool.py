"""Records kept on disk until the run's end."""

import os
from pathlib import Path
from typing import Any

import pytest

from spider_cli.audit.spool import Spool
from spider_cli.errors import UsageError
from tests.spider_cli.audit.records import audited, failure


def test_records_come_back_by_number_and_in_order() -> None:
    kept = [audited("a.jpg", 12.5, "mild blur"), failure("b\n.jpg"), audited("\u00e9.jpg", None)]
    with Spool() as spool:
        assert [spool.add(record) for record in kept] == [0, 1, 2]
        assert spool[1] == kept[1]
        assert spool.add(kept[0]) == 3
        assert list(spool) == [*kept, kept[0]]
        assert len(spool) == 4
        for number in (-1, 4):
            with pytest.raises(IndexError):
                spool[number]


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", os.fspath(tmp_path))
    with Spool() as spool:
        spool.add(audited())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", os.fspath(tmp_path / "none"))
    with pytest.raises(UsageError, match="cannot keep records in") as caught:
        Spool()
    assert caught.value.code == "no_room"


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    with Spool() as spool:
        spool.add(audited("a.jpg"))
        with monkeypatch.context() as patch:
            patch.setattr(spool, "_file", Full(spool._file))
            with pytest.raises(UsageError, match="No space left"):
                spool.add(audited("b.jpg"))
        assert spool.add(audited("c.jpg")) == 1
        assert [record.photo for record in spool] == ["a.jpg", "c.jpg"]


class Full:
    """A file on a disk without room."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
