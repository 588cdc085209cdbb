"""An audit of a big shoot, in small; `make prove-audit` does it at full size."""

import json
import os
import shutil
from pathlib import Path

from tests.audit_demo import Plan, demonstrate, make_shoot

SMALL = Plan(
    count=14,  # more than are judged ahead of what is told
    kills=1,  # more of them, and quicker: tests/spider_cli/audit/test_state_runs.py
    window=4,
    jpeg=(96, 64),
    small=(80, 56),
    raw=(64, 48),
    heic=(96, 64),
    bases=3,
    timed=0,
    pause=0,
    options=("--batch-size", "1", "--jobs", "1"),
)
FLAT = 0.05
"""Growth of memory from the first photos to the last."""


def test_a_killed_audit_ends_as_one_that_was_not(photos: Path, tmp_path: Path) -> None:
    """PROVE_COUNT: photos, at full size; PROVE_OUT: where they and the figures go."""
    count, out = os.environ.get("PROVE_COUNT"), os.environ.get("PROVE_OUT")
    plan = Plan(count=int(count), window=int(count) // 5) if count else SMALL
    work = Path(out).resolve() / "work" if out else tmp_path / "work"
    work.mkdir(parents=True)
    try:
        found = demonstrate(sorted(photos.glob("*.jpg")), work, plan, print)
    finally:
        shutil.rmtree(work)
    if out:
        text = json.dumps(found, indent=1) + "\n"
        (Path(out) / "audit.json").write_text(text, encoding="utf-8")
    assert len(found["kills"]) == plan.kills
    assert all(0 < told < plan.count for told in found["kills"])
    assert found["audit_seconds_per_photo"] > 0
    assert found["cleanvision_seconds_per_photo"] > 0
    # The small one ends before all that is loaded once has been.
    assert abs(found["growth"]) < (FLAT if count else 0.5)


def test_no_two_files_of_the_shoot_are_one_photo(photos: Path, tmp_path: Path) -> None:
    plan = Plan(count=40, jpeg=(96, 64), small=(80, 56), raw=(64, 48), heic=(96, 64), bases=3)
    made = make_shoot(sorted(photos.glob("*.jpg")), tmp_path / "shoot", plan)
    assert len(made) == 40
    whole = [path.read_bytes() for n, path in enumerate(made) if n % 20]  # the others are broken
    assert len(set(whole)) == len(whole) == 38
    again = make_shoot(sorted(photos.glob("*.jpg")), tmp_path / "again", plan)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in made]
