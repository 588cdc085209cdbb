"""Stage 2: no weight changes. Choose the temperatures that the model folder keeps.

Text-to-point's by the mask overlap on validation photos (paper, eq. 2), the score's by the
likelihood of human opinions as soft labels over the level words.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from spider_cli.auditor import Auditor
from spider_cli.grounding import Grounder
from spider_cli.lmm import Ask
from spider_cli.photos import photo_from_array
from spider_cli.questions import (
    SCORE_PREFIX,
    SCORE_QUESTION,
    ground_question,
    says_nothing,
    says_whole,
)
from spider_cli.scoring import LevelReader
from spider_cli.text_to_point import closed_set, point_from
from spider_cli.vocabulary import LEVEL_WEIGHTS, LEVELS
from trainer.evaluate import composed_pairs
from trainer.metrics import iou, srcc
from trainer.nano import Data, package, read_data
from trainer.new_nano import save_json
from trainer.scores import soft_levels
from trainer.sources import LabelledPhoto, Opinion, load_pixels

__all__ = ["choose_temperatures"]

log = logging.getLogger(__name__)

TEMPERATURES = (0.3, 0.4, 0.5, 0.7, 1.0, 1.4, 2.0)


def choose_temperatures(
    run: Path, photos: Path, recipe: dict[str, Any], *, size: int = 100
) -> dict[str, Any]:
    """Measure a run's packaged model on its validation photos; write ``settings.json``, repackage.

    Returns:
        The settings, with the figures they were chosen by.
    """
    data: Data = read_data(photos, recipe)
    auditor = Auditor(str(run / "nano"))
    settings = {
        "scoring": _scoring(auditor, data.opinion_validation[:size]),
        "grounding": _grounding(auditor, data.validation, size, int(recipe["seed"])),
    }
    save_json(run / "settings.json", settings)
    package(run, recipe, data)
    return settings


def _grounding(
    auditor: Auditor, photos: list[LabelledPhoto], size: int, seed: int
) -> dict[str, Any]:
    model = auditor.load()
    segmenter = auditor.load_segmenter()
    grounder = Grounder(model, lambda: segmenter, 1.0)
    question = ground_question(extreme="most")
    overlaps: dict[float, list[float]] = {tau: [] for tau in TEMPERATURES}
    for sample, target in composed_pairs(photos, size, seed):
        look = model.look([sample.pixels])[0]
        answer = model.ask([Ask(look, question)])[0]
        photo = photo_from_array(sample.pixels)
        # What `spider ground` makes of answers without a place, whatever the temperature.
        if says_whole(answer.text) or says_nothing(answer.text):
            fixed = float(target.mask.mean()) if says_whole(answer.text) else 0.0
            for values in overlaps.values():
                values.append(fixed)
            continue
        reading = grounder.read(look, question, answer)
        embedding = segmenter.embed(photo.pixels)
        for tau in TEMPERATURES:
            axes = [
                closed_set(list(np.log(np.maximum(p, 1e-12))), tau)
                for p in (reading.horizontal, reading.vertical)
            ]
            point = point_from(list(axes[0]), list(axes[1]), photo.width, photo.height)
            overlaps[tau].append(iou(segmenter.segment(embedding, point).mask, target.mask))
    means = {tau: float(np.mean(values)) for tau, values in overlaps.items() if values}
    best = max(means, key=lambda tau: means[tau]) if means else 1.0
    log.info("grounding: %s", means)
    return {
        "rule": "paper",
        "temperature": best,
        "validation_miou": {f"{tau:g}": round(value, 4) for tau, value in means.items()},
        "validation_photos": len(next(iter(overlaps.values()))),
    }


def _scoring(auditor: Auditor, opinions: list[Opinion]) -> dict[str, Any]:
    model = auditor.load()
    reader = LevelReader(model, 1.0)
    rows = []
    for opinion in opinions:
        look = model.look([load_pixels(opinion.path)])[0]
        logits = model.next_logits([Ask(look, SCORE_QUESTION, prefix=SCORE_PREFIX)])[0]
        rows.append([float(logits[i]) for i in reader.ids])
    best, least, agreement = 1.0, float("inf"), 0.0
    for tau in (0.6, 0.8, 1.0, 1.25, 1.5, 2.0):
        told = [closed_set(row, tau) for row in rows]
        loss = 0.0
        for probabilities, opinion in zip(told, opinions, strict=True):
            soft = soft_levels(opinion.mos)
            loss -= sum(
                share * float(np.log(probabilities[LEVELS.index(word)] + 1e-9))
                for word, share in soft.items()
            )
        if loss < least:
            best, least = tau, loss
            scores = [float(np.dot(p, LEVEL_WEIGHTS)) for p in told]
            agreement = srcc(scores, [o.mos for o in opinions])
    log.info("scoring: temperature %g, srcc %.3f on %d photos", best, agreement, len(opinions))
    return {
        "temperature": best,
        "validation_srcc": round(agreement, 4),
        "validation_photos": len(opinions),
    }
