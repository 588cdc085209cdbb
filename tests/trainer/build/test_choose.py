"""Questions are chosen so that every sub-task gets its share."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from trainer.build.choose import RowChooser, subtask_shares
from trainer.build.config import BuildConfig


def candidate(task: str, subtask: str, region: int = 0, answer: str = "") -> dict[str, Any]:
    return {"task": task, "subtask": subtask, "region": region, "answer": answer}


def test_scarce_questions_come_first_and_common_ones_wait() -> None:
    rng = np.random.default_rng(0)
    shares = {("a", "x"): 0.5, ("a", "y"): 0.3, ("b", "z"): 0.2}
    chooser = RowChooser(shares, 4, np.random.default_rng(1))
    counts: Counter[tuple[str, str]] = Counter()
    for _ in range(400):
        rows = [candidate("a", "x", i) for i in range(4)]
        rows += [candidate("a", "y", i) for i in range(3)] if rng.random() < 0.8 else []
        rows += [candidate("b", "z", i) for i in range(3)] if rng.random() < 0.6 else []
        rows += [candidate("c", "w")]
        chosen = chooser.choose(rows)
        assert chosen == sorted(set(chosen))
        counts.update((rows[i]["task"], rows[i]["subtask"]) for i in chosen)
    total = sum(counts.values())
    assert total == pytest.approx(1600, rel=0.02)
    for kind, share in shares.items():
        assert counts[kind] / total == pytest.approx(share, rel=0.03)
    assert ("c", "w") not in counts


def test_every_photo_is_asked_something() -> None:
    chooser = RowChooser({("a", "x"): 1.0}, 0.1, np.random.default_rng(1))
    assert all(len(chooser.choose([candidate("a", "x")])) == 1 for _ in range(20))
    assert chooser.choose([]) == []


def test_different_regions_are_asked_about_first() -> None:
    chooser = RowChooser({("a", "x"): 1.0}, 2, np.random.default_rng(1))
    rows = [candidate("a", "x", 0, "one"), candidate("a", "x", 0, "one"), candidate("a", "x", 1)]
    assert {rows[i]["region"] for i in chooser.choose(rows)} == {0, 1}


def test_shares_of_subtasks_sum_to_one() -> None:
    config = BuildConfig()
    for labels in (False, True):
        shares = subtask_shares(config, labels=labels)
        assert sum(shares.values()) == pytest.approx(1)
        assert (("describe_region", "label") in shares) == labels
    assert shares["describe", "clean"] == pytest.approx(0.125 * 0.1)
