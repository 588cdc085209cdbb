"""The bundled nano's figures on a small set, held: the small version of `make prove-smoke`."""

from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from spider_cli.auditor import Auditor
from trainer.evaluate import Figures, smoke


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    folder: Path = tmp_path_factory.mktemp("held-out")
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        Image.fromarray(getattr(data, name)()).save(folder / f"{name}.png")
    return smoke(Auditor(), [folder], size=48, seed=11, progress=lambda _: None)


def test_the_family_of_one_distortion_is_named(figures: Figures) -> None:
    assert figures.summary["referring_family_named"] >= 0.55


def test_the_score_falls_with_strength(figures: Figures) -> None:
    assert figures.summary["score_srcc"] >= 0.5


def test_the_mask_falls_on_the_region_asked_for(figures: Figures) -> None:
    summary = figures.summary
    assert summary["grounding_miou"] >= 0.25
    assert summary["true_point_miou"] > summary["random_point_miou"]
    assert summary["true_point_miou"] > summary["full_image_miou"]


def test_the_segmenter_obeys_its_point(figures: Figures) -> None:
    assert figures.summary["segmenter_obeys"] >= 0.75
