"""The log: appended to, cut by kills, undone by resumes."""

import json
from pathlib import Path

import pytest

from spider_cli.errors import UsageError
from trainer.tuning.log import LOG, RunLog, read_log


def steps(run: Path) -> list[tuple[int, float]]:
    return [(row["step"], row["loss"]) for row in read_log(run) if row["event"] == "step"]


def test_what_a_resume_undid_is_left_out(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    for step in (1, 2, 3):
        log.add("step", step, loss=1.0)
    log.add("resume", 2)
    log.add("step", 3, loss=0.5)
    assert steps(tmp_path) == [(1, 1.0), (2, 1.0), (3, 0.5)]
    assert len((tmp_path / LOG).read_text(encoding="utf-8").splitlines()) == 5  # nothing is lost


def test_what_was_never_saved_is_left_out(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    for loss in (1.0, 0.5):
        log.add("start", 0)
        log.add("step", 1, loss=loss)
    assert steps(tmp_path) == [(1, 0.5)]


def test_a_line_that_a_kill_cut_is_skipped(tmp_path: Path) -> None:
    RunLog(tmp_path).add("step", 1, loss=1.0)
    with (tmp_path / LOG).open("a", encoding="utf-8") as file:
        file.write('{"event": "step", "st')
    assert steps(tmp_path) == [(1, 1.0)]
    log = RunLog(tmp_path)
    log.add("resume", 1)
    log.add("step", 2, loss=2.0)
    assert steps(tmp_path) == [(1, 1.0), (2, 2.0)]


def test_any_other_damage_is_named(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.add("step", 1, loss=1.0)
    with (tmp_path / LOG).open("a", encoding="utf-8") as file:
        file.write("hello\n")
    log.add("step", 2, loss=1.0)
    with pytest.raises(UsageError, match="line 2 is no event"):
        read_log(tmp_path)


def test_lines_are_json_whatever_the_numbers(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.add("step", 1, loss=float("nan"), lr={"vision": float("inf")})
    [line] = (tmp_path / LOG).read_text(encoding="utf-8").splitlines()
    row = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert row["loss"] is None and row["lr"] == {"vision": None}


def test_other_processes_write_nothing(tmp_path: Path) -> None:
    RunLog(tmp_path / "run", writes=False).add("step", 1)
    assert not (tmp_path / "run").exists()
