"""The smoke benchmark from end to end, on a model that knows nothing."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spider_cli.auditor import Auditor
from spider_cli.errors import UsageError
from spider_cli.questions import ground_question
from spider_cli.vocabulary import FAMILIES
from trainer.evaluate.smoke_suite import Figures, _ask_for, smoke
from trainer.sources import LabelledPhoto
from trainer.truth import Applied, Region, Sample


@pytest.fixture(scope="module")
def measured(auditor: Auditor, shots: list[LabelledPhoto]) -> tuple[Figures, list[str]]:
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 6)
        folder = shots[0].path.parents[1]
        figures = smoke(auditor, [folder], size=30, seed=5, progress=said.append)
    return figures, said


def test_the_summary_is_complete(measured: tuple[Figures, list[str]]) -> None:
    summary = measured[0].summary
    assert summary["items"] == 30
    assert summary["photos"] == 3
    assert summary["seed"] == 5
    shares = [
        "referring_family_named",
        "referring_family_exact",
        "referring_severity",
        "grounding_miou",
        "grounding_point_inside",
        "grounding_probed",
        "random_point_miou",
        "centre_point_miou",
        "true_point_miou",
        "full_image_miou",
        "segmenter_obeys",
    ]
    for name in shares:
        assert 0 <= summary[name] <= 1, name
    low, high = summary["grounding_miou_interval"]
    assert low <= summary["grounding_miou"] <= high
    per_family = summary["score_srcc_per_family"]
    assert list(per_family) == list(FAMILIES[:2])  # ten items: two photos at five levels
    assert summary["score_srcc"] == pytest.approx(sum(per_family.values()) / 2)
    assert -1 <= summary["score_srcc"] <= 1
    json.dumps(measured[0].to_json(), allow_nan=False)


def test_every_item_is_told(measured: tuple[Figures, list[str]]) -> None:
    figures, said = measured
    assert said == ["referring", "scoring", "grounding"]
    parts = [item["part"] for item in figures.items]
    assert parts == ["referring"] * 10 + ["scoring"] * 10 + ["grounding"] * 10
    for item in figures.items:
        assert item["photo"] in ("0.png", "1.png", "2.png")
    scoring = figures.items[10:20]
    assert [item["level"] for item in scoring] == [1, 2, 3, 4, 5] * 2
    for one in scoring[:5]:
        assert (one["photo"], one["kind"]) == (scoring[0]["photo"], scoring[0]["kind"])
    for item in figures.items[20:]:
        assert 0 <= item["iou"] <= 1
        assert item["obeys"] in (0, 1, 2)
        assert 0 < item["iou_full_image"] < 0.9


@pytest.mark.parametrize("size", [30])
def test_the_same_seed_measures_the_same(
    auditor: Auditor,
    shots: list[LabelledPhoto],
    measured: tuple[Figures, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    size: int,
) -> None:
    monkeypatch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 6)
    folder = shots[0].path.parents[1]
    again = smoke(auditor, [folder], size=size, seed=5, progress=lambda _: None)
    assert again.items == measured[0].items
    assert again.summary == measured[0].summary


def test_too_few_and_none(auditor: Auditor, shots: list[LabelledPhoto], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 30"):
        smoke(auditor, [shots[0].path.parent], size=29, seed=0, progress=print)
    with pytest.raises(UsageError, match="no photos"):
        smoke(auditor, [tmp_path], size=30, seed=0, progress=print)


def test_photos_without_room_end_the_search(auditor: Auditor, tmp_path: Path) -> None:
    """A flat photo cannot be visibly blurred: an error at last, not a loop without end."""
    Image.fromarray(np.full((24, 24, 3), 128, np.uint8)).save(tmp_path / "flat.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainer.evaluate.composed._PATIENCE", 3)
        patch.setattr("trainer.evaluate.composed.compose", lambda pixels, *_, **__: Sample(pixels))
        with pytest.raises(UsageError, match="room"):
            smoke(auditor, [tmp_path], size=30, seed=0, progress=lambda _: None)


# --- questions with one right answer ------------------------------------------------------------


def region(*applied: tuple[str, float]) -> Region:
    return Region(
        np.ones((4, 4), bool),
        (0, 0, 4, 4),
        (1.0, 1.0),
        tuple(Applied(family, family, level, "mild") for family, level in applied),
    )


def sample(*regions: Region) -> Sample:
    return Sample(np.zeros((4, 4, 3), np.uint8), regions)


def test_the_most_degraded_has_the_most_levels() -> None:
    weak, strong = region(("blur", 3.0)), region(("noise", 2.0), ("blur", 2.0))
    rng = np.random.default_rng(0)
    asked = _ask_for(sample(weak, strong), rng, one_family=False)
    assert asked == (ground_question(extreme="most"), strong, weak)
    close = region(("noise", 3.5))
    assert _ask_for(sample(weak, close), rng, one_family=False) is None


def test_the_most_of_a_family() -> None:
    one, other = region(("noise", 2.0), ("blur", 4.0)), region(("noise", 4.5))
    seen = {}
    for seed in range(20):
        asked = _ask_for(sample(one, other), np.random.default_rng(seed), one_family=True)
        assert asked is not None
        seen[asked[0]] = (asked[1], asked[2])
    assert seen == {
        ground_question(extreme="most", family="noise"): (other, one),
        ground_question(extreme="most", family="blur"): (one, other),
    }
    alike = region(("noise", 4.2))
    assert _ask_for(sample(other, alike), np.random.default_rng(0), one_family=True) is None


def test_an_empty_part_is_not_a_number() -> None:
    from trainer.evaluate.smoke_suite import _mean

    assert math.isnan(_mean([], "iou"))
