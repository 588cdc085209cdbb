"""The file that makes a stopped build go on."""

from pathlib import Path

import pytest

from spider_cli.errors import UsageError
from trainer.build.staging import STAGING, Staging


def test_results_are_there_after_closing(tmp_path: Path) -> None:
    with Staging(tmp_path, "print") as staging:
        staging.put("photos", 3, {"photo": 1}, b"abc")
        staging.put("photos", 1, {"reason": "Grün"})
    with Staging(tmp_path, "print") as staging:
        assert staging.done("photos") == {1, 3}
        assert list(staging.notes("photos")) == [(1, {"reason": "Grün"}), (3, {"photo": 1})]
        assert staging.data("photos", 3) == b"abc"
        assert staging.note("photos", 3) == {"photo": 1}
        assert staging.data("photos", 2) is None
        assert staging.note("survey", 2) is None


def test_another_build_is_refused_and_force_begins_anew(tmp_path: Path) -> None:
    with Staging(tmp_path, "one") as staging:
        staging.put("photos", 0, {})
    with pytest.raises(UsageError) as raised:
        Staging(tmp_path, "two")
    assert raised.value.code == "other_build"
    with Staging(tmp_path, "two", fresh=True) as staging:
        assert staging.done("photos") == set()


def test_two_builds_at_once_are_refused(tmp_path: Path) -> None:
    with Staging(tmp_path, "one") as staging:
        staging.put("photos", 0, {})
        with pytest.raises(UsageError, match="another build is at work") as raised:
            Staging(tmp_path, "one")
    assert raised.value.code == "busy"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / STAGING).write_bytes(b"not a database at all" * 100)
    with pytest.raises(UsageError, match=r"building\.sqlite is damaged"):
        Staging(tmp_path, "one")


def test_removing_leaves_nothing(tmp_path: Path) -> None:
    with Staging(tmp_path, "one") as staging:
        staging.put("photos", 0, {})
    staging.remove()
    assert list(tmp_path.iterdir()) == []
