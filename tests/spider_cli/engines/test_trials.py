"""Photos that end the process: tried together, then alone, twice, and never again."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from spider_cli.engines.trials import Trials

NAMES = [b"a", b"deadly", b"c"]

# What an engine's actor does, and a photo that it does not survive.
ACTOR = """
import os, sys
from spider_cli.engines.trials import Trials
names = [b"a", b"deadly", b"c"]
trials = Trials("run", "decode")
together, alone, never = trials.sorted(names)
for group in [*([at] for at in alone), together]:
    with trials.under_way([names[at] for at in group]):
        if any(names[at] == b"deadly" for at in group):
            os._exit(9)
print(sorted(never))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_marks_go_when_all_goes_well_or_an_error_is_told() -> None:
    trials = Trials("run", "decode")
    with trials.under_way(NAMES):
        assert trials.sorted(NAMES) == ([], [0, 1, 2], [])
    with pytest.raises(ValueError), trials.under_way(NAMES):
        raise ValueError
    assert trials.sorted(NAMES) == ([0, 1, 2], [], [])


def test_the_steps_of_a_run_and_other_runs_do_not_mind_each_other() -> None:
    with Trials("run", "decode").under_way(NAMES):
        for run, step in (("run", "judge"), ("other", "decode")):
            assert Trials(run, step).sorted(NAMES)[0] == [0, 1, 2]


def test_a_photo_that_ends_the_process_is_found_out(folder: Path) -> None:
    env = os.environ | {"TMPDIR": str(folder)}
    codes = []
    for _ in range(4):
        done = subprocess.run(
            [sys.executable, "-c", ACTOR], env=env, capture_output=True, text=True
        )
        codes.append(done.returncode)
    assert codes == [9, 9, 9, 0], done.stderr
    assert done.stdout == "[1]\n"


def test_the_folder_goes() -> None:
    trials = Trials("run", "decode")
    trials.end()
    assert not trials.folder.exists()
    with trials.under_way(NAMES):  # somebody else's end
        pass
