"""Numbered work: all of it is done, and a number that ends the process is told instead."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from spider_cli.engines.numbered import Done, worked
from spider_cli.engines.trials import Trials


class Doubling:
    """A worker; it fails for a number."""

    def __init__(self, failing: int = -1) -> None:
        self.failing = failing
        self.calls: list[list[int]] = []

    def do(self, numbers: Sequence[int]) -> Iterator[Done]:
        self.calls.append(list(numbers))
        for number in numbers:
            if number == self.failing:
                raise ValueError(number)
            yield number, 2 * number, b""

    def dead(self, number: int) -> Done:
        return number, None, b""


@pytest.fixture
def trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trials:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Trials("run", "work")


def test_numbers_are_done_together(trials: Trials) -> None:
    worker = Doubling()
    assert list(worked(worker, range(3, 6), trials)) == [(3, 6, b""), (4, 8, b""), (5, 10, b"")]
    assert worker.calls == [[3, 4, 5]]


def test_an_error_comes_through_and_is_no_death(trials: Trials) -> None:
    with pytest.raises(ValueError, match="1"):
        list(worked(Doubling(failing=1), [0, 1], trials))
    worker = Doubling()
    assert len(list(worked(worker, [0, 1], trials))) == 2
    assert worker.calls == [[0, 1]]


# A number that no process survives, in one that is started again, as actors are.
DEADLY = """
import os
from spider_cli.engines.numbered import worked
from spider_cli.engines.trials import Trials
class Worker:
    def do(self, numbers):
        for number in numbers:
            if number == 1:
                os._exit(9)
            yield number, "done", b""
    def dead(self, number):
        return number, "dead", b""
print(sorted(worked(Worker(), range(3), Trials("run", "work"))))
"""


def test_a_number_that_ends_the_process(tmp_path: Path) -> None:
    env = os.environ | {"TMPDIR": str(tmp_path)}
    codes = []
    for _ in range(4):
        done = subprocess.run(
            [sys.executable, "-c", DEADLY], env=env, capture_output=True, text=True
        )
        codes.append(done.returncode)
    assert codes == [9, 9, 9, 0], done.stderr
    assert done.stdout == f"{[(0, 'done', b''), (1, 'dead', b''), (2, 'done', b'')]}\n"
