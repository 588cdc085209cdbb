"""Small data sets of ours, written in a moment: plain photos, whose rows and scores are made up."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION
from spider_cli.results import Distortion
from trainer.datasets.schema import Item, to_row
from trainer.datasets.store import write_data
from trainer.rows import QA, Span
from trainer.truth import Applied, Region, Sample

SEVERE_NOISE = (Distortion("noise", "severe"),)
ANSWER = "The region on the top left shows severe noise."
"""Its words stand at 18-21 and 22-26."""


def photo(number: int, height: int = 60, width: int = 80) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def region(height: int = 60, width: int = 80) -> Region:
    mask = np.zeros((height, width), bool)
    mask[10:20, 8:24] = True
    noise = Applied("noise", "noise_gaussian", 4.5, "severe")
    return Region(mask, (8, 10, 24, 20), (16.0, 15.0), (noise,), label="the sky")


def grounding() -> QA:
    """What a grounding row of `region` is."""
    spans = (Span(18, 21, "vertical", 15 / 60), Span(22, 26, "horizontal", 16 / 80))
    return QA(
        "ground_hyd",
        "Which region is degraded the most?",
        ANSWER,
        SEVERE_NOISE,
        region=0,
        box=(8, 10, 24, 20),
        point=(16.0, 15.0),
        spans=spans,
        subtask="most",
    )


def referring() -> QA:
    question = "Which distortions does the region [0.100, 0.167, 0.300, 0.333] show?"
    return QA(
        "refer_short", question, "Severe noise.", SEVERE_NOISE, 0, (8, 10, 24, 20), subtask="one"
    )


def scored(level: str = "good") -> QA:
    return QA("score", SCORE_QUESTION, f"{SCORE_PREFIX} {level}.", (), subtask="mos")


def item(number: int, rows: Sequence[QA], *, mos: float | None = None) -> Item:
    sample = Sample(photo(number), (region(),))
    return Item(
        f"{number:06d}",
        f"{number}.png",
        f"{number}.png",
        "regions",
        sample,
        tuple(rows),
        mos=mos,
        mos_std=None if mos is None else 0.15,
    )


def write(folder: Path, items: Sequence[Item], **splits: Sequence[Item]) -> Path:
    """A data set whose split "train" is `items`."""
    rows = {name: [to_row(one) for one in own] for name, own in splits.items()}
    write_data(
        folder,
        {"train": [to_row(one) for one in items], **rows},
        finish=lambda: ({"seed": 0}, "# Card\n"),
    )
    return folder


def write_json(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path
