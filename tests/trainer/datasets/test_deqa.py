"""DeQA: soft labels, test lists, mos.json with split.json."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spider_cli.errors import UsageError
from trainer.datasets.entries import Entry
from trainer.datasets.readers import detect, read

Entries = Callable[..., list[Entry]]

GOOD = {
    "id": "1.jpg->3",
    "image": "KONIQ/images/1.jpg",
    "gt_score": 3.0,
    "gt_score_norm": 3.0,
    "std": 0.5,
    "std_norm": 0.8,
    "level_probs": [0.1, 0.2, 0.4, 0.2, 0.1],
}


def test_train_list(entries: Entries) -> None:
    (one,) = entries("deqa/train_koniq.json")
    assert one.mos == pytest.approx((4.4 - 1) / 4)
    assert one.mos_std == pytest.approx(0.656 / 4)
    assert one.level_probs == (0.42, 0.56, 0.02, 0.0, 0.0)
    assert one.split == "train"
    assert [(row.task, row.question, row.answer) for row in one.rows] == [
        ("score", "Rate the quality of this image.", "The quality of the image is excellent.")
    ]
    assert one.notes == ("soft labels (level_probs)",)


def test_test_list(entries: Entries) -> None:
    (one,) = entries("deqa/test_koniq.json")
    assert (one.mos, one.mos_std) == (pytest.approx(0.3125), pytest.approx(0.1875))
    assert (one.level_probs, one.split) == ((), "test")
    assert [row.task for row in one.rows] == ["score"]


def test_scores_and_splits_in_two_files(entries: Entries, files: Path) -> None:
    folder = files / "deqa/KONIQ/metas"
    assert detect(folder / "mos.json") == detect(folder) == "deqa"
    found = entries("deqa/KONIQ/metas")
    assert found == entries("deqa/KONIQ/metas/mos.json")
    assert [(e.photo, e.split, e.where.row) for e in found] == [
        ("1.jpg", "train", 1),
        ("images/2.jpg", "test", 2),
        ("3.jpg", "", 3),
    ]
    # KonIQ by the name of the folder, on 1-5 as no score is above 5.
    assert [e.mos for e in found] == pytest.approx([0.7075, 0.25, 0.775])
    assert [e.mos_std for e in found] == pytest.approx([0.125, 0.1875, 0.0625])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"gt_score_norm": None}, "gt_score_norm: is null"),
        ({"gt_score_norm": 5.5}, "gt_score_norm: is 5.5, outside the scale 1:5"),
        ({"gt_score_norm": float("nan")}, "gt_score_norm: is nan"),
        ({"std_norm": -1}, "std_norm: is -1, no standard deviation"),
        ({"std_norm": 40}, "std_norm: is 40, no standard deviation"),
        ({"level_probs": [0.5, 0.5]}, "level_probs: has 2 probabilities, not 5"),
        ({"level_probs": [2, -1, 0, 0, 0]}, "level_probs[0]: is 2, no probability"),
        ({"level_probs": [0.1, 0.1, 0.1, 0.1, 0.1]}, "level_probs: sum to 0.5, not to 1"),
        ({"level_probs": [0.1, "x", 0.4, 0.2, 0.1]}, "level_probs[1]: is text, not a number"),
        ({"level_probs": [0, 0, 0, 0.1, 0.9]}, "level_probs: mean level 1.10 where"),
    ],
)
def test_refusals(wrong: Any, change: dict[str, Any], field: str) -> None:
    error = wrong([GOOD, GOOD | {"id": "2", "image": "KONIQ/images/2.jpg"} | change])
    assert f"bad.json, row 2, {field}" in error.message


def test_refusals_of_tables(wrong: Any, tmp_path: Path) -> None:
    error = wrong({"1.jpg": {"mos": 3}}, name="mos.json")
    assert "mos.json, row 1, 1.jpg.mos: is 3, on a scale that nothing names" in error.message
    error = wrong({"a.jpg": {"mos": 3}, "b.jpg": {"std": 3}}, name="koniq/mos.json")
    assert "row 2, b.jpg.mos: is missing" in error.message
    error = wrong({"a.jpg": {"mos": 3}, "../b.jpg": {"mos": 3}}, name="koniq/mos.json")
    assert "row 2, photo: '../b.jpg' climbs out" in error.message
    (tmp_path / "koniq/split.json").write_text('{"train": ["a.jpg"], "test": ["a.jpg"]}', "utf-8")
    file = tmp_path / "koniq/mos.json"
    file.write_text('{"a.jpg": {"mos": 3}}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"split\.json, row 1, test\[0\]: a\.jpg is in train too"):
        list(read(file))
