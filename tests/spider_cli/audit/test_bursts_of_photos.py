"""Bursts of real photos: how many are found, and how many are wrong; and the sharpest frame."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from spider_cli.audit.bursts import bursts
from spider_cli.results import Record
from spider_cli.shot_facts import Facts
from tests.spider_cli.audit.shooting import facts_in, frame, made_up, real_scenes, record_with

START = datetime(2026, 11, 28, 14, 3, 9)
FRAMES = 5
BLURRED = 2
"""The number of the frame of each burst that is out of focus."""


@pytest.fixture(scope="module")
def shots(photos: Path) -> list[list[Facts]]:
    """Of each frame of two dozen scenes what is known, but for its time."""
    rng = np.random.default_rng(3)
    scenes = [scene for _, scene in real_scenes(photos)]
    scenes += [made_up(seed, (480, 360)) for seed in range(11)]
    return [
        [facts_in(frame(scene, rng, blur=1.2 * (n == BLURRED))) for n in range(FRAMES)]
        for scene in scenes
    ]


def pairs(groups: Iterable[Sequence[int]]) -> set[tuple[int, int]]:
    return {pair for group in groups for pair in combinations(sorted(group), 2)}


def measured(records: Sequence[Record], truth: Iterable[Sequence[int]]) -> tuple[float, float]:
    """Precision and recall of pairs of shots that are said to be in one burst."""
    said, true = pairs(bursts(records)), pairs(truth)
    return len(said & true) / max(1, len(said)), len(said & true) / len(true)


def shoot(shots: list[list[Facts]], apart: float | None) -> list[Record]:
    """Scene after scene, a frame every quarter of a second.

    Args:
        apart: seconds from a scene's last frame to the next scene's first; None: no times at all.
    """
    records: list[Record] = []
    seconds = 0.0
    for scene in shots:
        for shot in scene:
            taken = None if apart is None else (START + timedelta(seconds=seconds)).isoformat()
            name = f"DSC{len(records):05}.JPG"
            records.append(record_with(name, replace(shot, taken=taken)))
            seconds += 0.25
        seconds += (apart or 0.0) - 0.25
    return records


def truth(shots: list[list[Facts]]) -> list[range]:
    return [range(FRAMES * n, FRAMES * (n + 1)) for n in range(len(shots))]


@pytest.mark.parametrize(
    ("apart", "precise", "complete"),
    [
        (30.0, 1.0, 0.95),
        (0.5, 0.98, 0.95),  # from one scene to the next without a pause
        (None, 0.98, 0.4),  # by names and looks alone: few are found, but hardly a wrong one
    ],
)
def test_bursts_of_photos_are_found(
    shots: list[list[Facts]], apart: float | None, precise: float, complete: float
) -> None:
    precision, recall = measured(shoot(shots, apart), truth(shots))
    print(f"{apart} s apart: precision {precision:.3f}, recall {recall:.3f}")
    assert precision >= precise and recall >= complete


def test_the_frame_out_of_focus_is_no_pick(shots: list[list[Facts]]) -> None:
    groups = bursts(shoot(shots, 30.0))
    picks = [group[0] % FRAMES for group in groups]
    print(f"{len(picks)} picks, {picks.count(BLURRED)} of them blurred")
    assert picks.count(BLURRED) == 0
    lasts = [group[-1] % FRAMES for group in groups if len(group) == FRAMES]
    assert lasts.count(BLURRED) >= 0.9 * len(lasts)


def test_a_pan_is_many_bursts() -> None:
    """Two hundred frames of a scene five frames wide, ten a second."""
    width, wide = 480, made_up(99, (2400, 360))
    step = (wide.width - width) / 199
    records = []
    for n in range(200):
        left = round(n * step)
        taken = (START + timedelta(seconds=n / 10)).isoformat()
        shot = wide.crop((left, 0, left + width, wide.height))
        records.append(record_with(f"{n:03}.jpg", replace(facts_in(shot), taken=taken)))
    groups = bursts(records)
    longest = max(max(group) - min(group) for group in groups)
    print(f"{len(groups)} bursts, the longest over {longest * step / width:.2f} of a frame")
    assert longest * step < 0.5 * width
    assert sum(map(len, groups)) >= 150
