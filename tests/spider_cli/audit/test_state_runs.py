"""Runs that are killed, and runs side by side: real processes with a cheap judge."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from spider_cli.audit.state import State
from tests.spider_cli.audit.fake_audit import IN_HAND
from tests.spider_cli.audit.judged import SETTINGS, found, judged, shot

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sixty shots, ten of them pairs."""
    made = tmp_path / "shoot"
    made.mkdir()
    for number in range(60):
        (made / f"{number}.jpg").write_bytes(b"photo %d" % number)
    for number in range(0, 60, 6):
        (made / f"{number}.dng").write_bytes(b"raw %d" % number)
    return made


def started(folder: Path, log: str, pace: float = 0.0, *more: str) -> "subprocess.Popen[str]":
    base = folder.parent
    program = [sys.executable, "-m", "tests.spider_cli.audit.fake_audit"]
    arguments = [base / "state.sqlite", folder, base / log, pace, *more]
    return subprocess.Popen(
        [*program, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def ended(run: "subprocess.Popen[str]") -> str:
    out, _ = run.communicate(timeout=120)
    assert run.returncode == 0
    return out


def log(folder: Path, name: str) -> list[str]:
    path = folder.parent / name
    return path.read_text().splitlines() if path.exists() else []


def shots_of(folder: Path) -> int:
    return len(found(*folder.iterdir()))


def assert_all_known(folder: Path) -> None:
    """Every shot's record is kept, and is the one a clean run makes."""
    with State(folder.parent / "state.sqlite", SETTINGS, "1f2e") as state:
        for one in found(*sorted(folder.iterdir())):
            assert state.known(one) == judged(one)
        assert state._database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_killed_again_and_again(folder: Path) -> None:
    dice = random.Random(7)
    kills, before = 0, 0
    while kills < 5:
        run = started(folder, "log", 0.004)
        until = before + dice.randrange(1, 12)
        while len(log(folder, "log")) < until and run.poll() is None:
            time.sleep(0.002)
        run.kill()
        kills += run.wait() == -signal.SIGKILL
        run.communicate()
        before = len(log(folder, "log"))
        if run.returncode == 0:
            break
    assert kills >= 3
    ended(started(folder, "log"))
    assert_all_known(folder)
    times = Counter(line for line in log(folder, "log") if line.startswith("judged"))
    # A batch may have been kept by half, and the line of its last one not be written.
    assert sum(times.values()) <= shots_of(folder) + kills * IN_HAND
    ended(started(folder, "last"))
    assert {line.split()[0] for line in log(folder, "last")} == {"known"}
    assert len(log(folder, "last")) == shots_of(folder)


def test_after_a_kill_the_order_is_the_same(folder: Path) -> None:
    """What the killed run had in hand is not waited for."""
    run = started(folder, "log", 0.02)
    while len(log(folder, "log")) < 9:
        time.sleep(0.002)
    run.kill()
    run.communicate()
    begun = time.monotonic()
    ended(started(folder, "last"))
    assert time.monotonic() - begun < 60
    order = [int(line.split()[1].split(".")[0]) for line in log(folder, "last")]
    by_state = {kind: [n for n, line in zip(order, log(folder, "last"), strict=True)
                       if line.startswith(kind)] for kind in ("known", "judged")}  # fmt: skip
    assert by_state["known"] == sorted(by_state["known"])
    assert by_state["judged"] == sorted(by_state["judged"])
    assert sorted(order) == list(range(60))


def side_by_side(folder: Path) -> "tuple[subprocess.Popen[str], subprocess.Popen[str]]":
    """Two runs that begin at the same moment."""
    gate = folder.parent / "gate"
    both = tuple(started(folder, name, 0.02, str(gate)) for name in ("one", "two"))
    while not all((folder.parent / name).exists() for name in ("one", "two")):
        time.sleep(0.002)
    gate.touch()
    return both[0], both[1]


def test_two_runs_at_once_share_the_work(folder: Path) -> None:
    one, two = side_by_side(folder)
    ended(one)
    ended(two)
    assert_all_known(folder)
    both = [log(folder, "one"), log(folder, "two")]
    for lines in both:  # each has told of every shot, once
        assert Counter(line.split()[1] for line in lines) == {f"{n}.jpg": 1 for n in range(60)}
    work = Counter(line for lines in both for line in lines if line.startswith("judged"))
    assert set(work.values()) == {1}
    assert all(any(line.startswith("judged") for line in lines) for lines in both)


def test_one_of_two_is_killed(folder: Path) -> None:
    one, two = side_by_side(folder)
    while len(log(folder, "one")) < 8:
        time.sleep(0.002)
    one.kill()
    one.communicate()
    ended(two)
    assert Counter(line.split()[1] for line in log(folder, "two")) == {
        f"{n}.jpg": 1 for n in range(60)
    }
    assert_all_known(folder)


def test_made_by_several_at_once(folder: Path) -> None:
    for run in [started(folder, f"run {number}") for number in range(4)]:
        ended(run)
    assert_all_known(folder)


KILLED_WHILE_MADE = """
import os, signal, sys
from pathlib import Path
from spider_cli.audit import state_file
name, when = sys.argv[2:]
def dying(*arguments):
    if when == "after":
        before(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
before = getattr(state_file, name)
setattr(state_file, name, dying)
state_file.open_file(Path(sys.argv[1]), patience=1)
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["_to_wal", "_prepare", "_check"])
def test_killed_while_the_file_is_made(tmp_path: Path, step: str, when: str) -> None:
    file, photo = tmp_path / "state.sqlite", tmp_path / "a.jpg"
    run = subprocess.run([sys.executable, "-c", KILLED_WHILE_MADE, file, step, when], check=False)
    assert run.returncode == -signal.SIGKILL
    photo.write_bytes(b"photo")
    with State(file, SETTINGS, "1f2e") as state:
        assert state.known(shot(photo)) is None
        assert state.keep(shot(photo), judged(shot(photo)))


def test_a_full_disk_ends_no_run(folder: Path) -> None:
    ended(started(folder, "none", 0.0))
    for number in range(60, 100):
        (folder / f"{number}.jpg").write_bytes(b"photo %d" % number)
    gate = str(folder)
    assert "40 not kept" in ended(started(folder, "full", 0.0, gate, "4096"))
    lines = Counter(line.split()[0] for line in log(folder, "full"))
    assert lines == {"known": 60, "judged": 40}
    ended(started(folder, "later"))
    assert Counter(line.split()[0] for line in log(folder, "later")) == lines
    assert_all_known(folder)
    with sqlite3.connect(folder.parent / "state.sqlite") as database:
        assert database.execute("SELECT count(*) FROM judgements").fetchone() == (100,)
    database.close()
