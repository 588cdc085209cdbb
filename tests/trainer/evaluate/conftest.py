"""Small photos with known truth, by hand: two regions, all over, clean; some with an opinion."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spider_cli.auditor import Auditor
from spider_cli.results import Distortion
from tests.random_nano import save_nano
from trainer.datasets.schema import Item
from trainer.evaluate.benchmark import Benchmark, of_data_set
from trainer.regions import box_of, interior_point
from trainer.rows import QA
from trainer.truth import Applied, Region, Sample

BLUR, NOISE = Applied("blur", "blur_gaussian", 4.5, "severe"), Applied("noise", "", 1.5, "mild")
GRAIN = Applied("noise", "noise_poisson", 5.0, "severe")
DARK = Applied("darken", "darken_gamma_rgb", 3.0, "moderate")


def region(x1: int, y1: int, x2: int, y2: int, *applied: Applied) -> Region:
    mask = np.zeros((96, 128), bool)
    mask[y1:y2, x1:x2] = True
    return Region(mask, box_of(mask), interior_point(mask), applied)


def truth(*applied: Applied) -> tuple[Distortion, ...]:
    return tuple(one.distortion for one in applied)


def pixels(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)


def hand_made() -> list[Item]:
    one, two = region(8, 8, 48, 40, BLUR, NOISE), region(80, 56, 120, 88, GRAIN)
    where = "The region on the top left"
    rows = (
        QA("describe", "Describe the quality of this image.",
           f"{where} shows severe blur and mild noise. The region on the bottom right has severe "
           "noise. The rest of the image is clean.", truth(BLUR, GRAIN), subtask="regions"),
        QA("describe_region", "Describe the quality of the region on the top left.",
           "This region shows severe blur, which smears fine detail, and mild noise.",
           truth(BLUR, NOISE), 0, subtask="place"),
        QA("refer_short", "Which distortions does the region [0.062, 0.083, 0.375, 0.417] show? "
           "Answer briefly.", "severe blur, mild noise", truth(BLUR, NOISE), 0, one.box,
           subtask="two"),
        QA("refer_long", "Which distortions does the region [0.625, 0.583, 0.938, 0.917] show, and "
           "what do they do to it?", "This region shows severe noise, which adds grain.",
           truth(GRAIN), 1, two.box, subtask="one"),
        QA("ground_hyd", "Which region is degraded the most?",
           f"{where} shows the most severe degradation: severe blur and mild noise.",
           truth(BLUR, NOISE), 0, one.box, one.point, subtask="most"),
        QA("ground_sid", "Which region shows the most noise?",
           "The region on the bottom right shows severe noise.", truth(GRAIN), 1, two.box,
           two.point, subtask="most"),
        QA("ground_dao", "Which region was distorted by blur first and then by noise?",
           f"{where} shows severe blur, then mild noise.", truth(BLUR, NOISE), 0, one.box,
           one.point, subtask="both"),
        QA("ground_sid", "Which region shows the most pixelation?", "No region shows pixelation.",
           (), subtask="most"),
        QA("refer_short", "Which distortions does the region [0.500, 0.000, 1.000, 0.400] show? "
           "Answer briefly.", "no visible distortion", (), None, (64, 0, 128, 38),
           subtask="clean"),
    )  # fmt: skip
    whole = (
        QA("describe", "Describe the quality of this image.",
           "The whole image shows moderate darkening.", truth(DARK), subtask="whole"),
        QA("ground_hyd", "Which region is degraded the most?",
           "The whole image shows moderate darkening.", truth(DARK), subtask="most"),
        QA("choice", "Is it too dark?", "A", (), subtask="letters", options=("Yes", "No"),
           correct=0),
        QA("chat", "Hello?", "Hello.", (), subtask="free"),
    )  # fmt: skip
    clean = (
        QA("describe", "Describe the quality of this image.",
           "The image shows no visible distortion.", (), subtask="clean"),
    )  # fmt: skip
    return [
        Item("000000", "a/one.png", "g0", "regions", Sample(pixels(0), (one, two)), rows),
        Item("000001", "a/two.png", "g1", "whole", Sample(pixels(1), (), (DARK,)), whole, mos=0.2),
        Item("000002", "b/three.png", "g2", "clean", Sample(pixels(2)), clean, mos=0.9),
        Item("000003", "b/four.png", "g3", "unknown", Sample(pixels(3)), (), mos=0.6),
    ]


@pytest.fixture(scope="session")
def items() -> list[Item]:
    return hand_made()


@pytest.fixture(scope="session")
def benchmark(data_folder: Path) -> Benchmark:
    return of_data_set(data_folder)


@pytest.fixture(scope="session")
def random_nano(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model that knows nothing."""
    from trainer.new_nano import new_segmenter

    folder: Path = tmp_path_factory.mktemp("models") / "random-nano"
    save_nano(
        folder,
        model=copy.deepcopy(tiny.model),
        tokenizer=tiny.processor.tokenizer,
        segmenter=new_segmenter(width=32, side=128),
        scoring={"temperature": 1.0},
        grounding={"rule": "paper", "temperature": 1.0},
    )
    return folder


@pytest.fixture(scope="session")
def auditor(random_nano: Path) -> Auditor:
    return Auditor(str(random_nano), device="cpu")
