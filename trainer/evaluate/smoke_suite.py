"""The smoke benchmark: seeded distortions of photos never trained on, asked through the Auditor.

Three parts. Referring: one region, one distortion, which family? Scoring: one distortion over the
whole photo at five levels, does the score fall with it? Grounding: two distorted regions, does the
mask fall on the one that was asked for?
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from spider_cli.auditor import Auditor
from spider_cli.boxes import BoxSpec
from spider_cli.errors import UsageError
from spider_cli.masks import decode_mask
from spider_cli.photos import Photo, photo_from_array
from spider_cli.questions import ground_question
from spider_cli.results import Failure, Grounding, Record, Referral, Score
from spider_cli.segmenter import Segmenter
from spider_cli.vocabulary import FAMILIES
from trainer.distortions import TYPES, distort
from trainer.evaluate.composed import composed, endless, prepared
from trainer.metrics import bootstrap_interval, iou, srcc
from trainer.regions import BoolMask
from trainer.sources import LabelledPhoto, read_collection
from trainer.truth import Region, Sample

__all__ = ["Figures", "smoke"]

LEVELS = (1, 2, 3, 4, 5)
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured, and every item it was measured on."""

    summary: dict[str, Any]
    items: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        return {"summary": self.summary, "items": self.items}


def smoke(
    auditor: Auditor, photos: Sequence[Path], *, size: int, seed: int, progress: Progress
) -> Figures:
    """Measure a model on `size` distorted photos made from the photos in `photos`.

    Raises:
        UsageError: no photos, or a size below 30.
    """
    sources = read_collection(photos)
    if not sources:
        raise UsageError(f"no photos in {', '.join(map(str, photos))}", code="no_photos")
    if size < 30:
        raise UsageError(f"--size must be at least 30, not {size}")
    cv2.setNumThreads(1)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(sources))
    pool = endless([sources[int(i)] for i in order])
    third = size // 3
    items: list[dict[str, Any]] = []
    progress("referring")
    items += _referring(auditor, pool, third, rng)
    progress("scoring")
    items += _scoring(auditor, pool, third, rng)
    progress("grounding")
    items += _grounding(auditor, pool, size - len(items), rng)
    return Figures(_summary(items) | {"photos": len(sources), "seed": seed}, items)


def _referring(
    auditor: Auditor, pool: Iterator[LabelledPhoto], count: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    items = []
    for _ in range(count):
        name, sample = composed(pool, 1, rng, two_share=0)
        region = sample.regions[0]
        x1, y1, x2, y2 = map(float, region.box)
        box = BoxSpec(x1, y1, x2, y2, fractional=False)
        result = _result(next(iter(auditor.refer([photo_from_array(sample.pixels)], [box]))))
        assert isinstance(result, Referral)
        truth = region.distortions[0]
        named = {d.family: d.severity for d in result.distortions}
        items.append(
            {
                "part": "referring",
                "photo": name,
                "family": truth.family,
                "kind": truth.kind,
                "level": round(truth.level, 2),
                "answer": result.answer,
                "named": truth.family in named,
                "exact": set(named) == {truth.family},
                "severity": named.get(truth.family) == truth.severity,
            }
        )
    return items


def _scoring(
    auditor: Auditor, pool: Iterator[LabelledPhoto], count: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Whole photos: families in turn, each photo at all five levels of one concrete type."""
    items: list[dict[str, Any]] = []
    turn = 0
    while len(items) < count:
        family = FAMILIES[turn % len(FAMILIES)]
        turn += 1
        photo = next(pool)
        pixels, _ = prepared(photo, 1, rng)
        kind = TYPES[family][int(rng.integers(len(TYPES[family])))]
        seed = int(rng.integers(2**31))
        shown = [distort(pixels, kind, level, np.random.default_rng(seed)) for level in LEVELS]
        records = auditor.score([photo_from_array(one) for one in shown])
        for level, record in zip(LEVELS, records, strict=True):
            result = _result(record)
            assert isinstance(result, Score)
            items.append(
                {
                    "part": "scoring",
                    "photo": photo.path.name,
                    "family": family,
                    "kind": kind,
                    "level": level,
                    "score": result.score,
                }
            )
    return items


def _grounding(
    auditor: Auditor, pool: Iterator[LabelledPhoto], count: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while len(items) < count:
        name, sample = composed(pool, 2, rng, two_share=0.45)
        asked = _ask_for(sample, rng, one_family=len(items) % 2 == 1)
        if asked is None:
            continue
        question, target, other = asked
        photo = photo_from_array(sample.pixels)
        result = _result(next(iter(auditor.ground([photo], question))))
        assert isinstance(result, Grounding)
        empty = np.zeros(target.mask.shape, bool)
        mask = empty if result.mask is None else decode_mask(result.mask)
        items.append(
            {
                "part": "grounding",
                "photo": name,
                "question": question,
                "answer": result.answer,
                "point": result.point,
                "probed": result.probed,
                "hit": result.point is not None and _inside(target.mask, result.point),
                "iou": iou(mask, target.mask),
                **_baselines(auditor.load_segmenter(), photo, target, other, rng),
            }
        )
    return items


def _ask_for(
    sample: Sample, rng: np.random.Generator, *, one_family: bool
) -> tuple[str, Region, Region] | None:
    """A question with one right answer among two regions: the most degraded, or the one with the
    most of a family."""
    first, second = sample.regions
    if not one_family:
        if abs(first.total - second.total) < 0.7:
            return None
        target, other = (first, second) if first.total > second.total else (second, first)
        return ground_question(extreme="most"), target, other
    families = sorted({a.family for region in sample.regions for a in region.distortions})
    family = families[int(rng.integers(len(families)))]
    levels = [
        max((a.level for a in region.distortions if a.family == family), default=0.0)
        for region in sample.regions
    ]
    if abs(levels[0] - levels[1]) < 0.7:
        return None
    target, other = (first, second) if levels[0] > levels[1] else (second, first)
    return ground_question(extreme="most", family=family), target, other


def _baselines(
    segmenter: Segmenter, photo: Photo, target: Region, other: Region, rng: np.random.Generator
) -> dict[str, Any]:
    """The same segmenter at other points, the full image, and whether it obeys its point."""
    embedding = segmenter.embed(photo.pixels)
    height, width = photo.height, photo.width

    def at(point: tuple[float, float]) -> BoolMask:
        return segmenter.segment(embedding, point).mask

    own, others = at(target.point), at(other.point)
    return {
        "iou_random_point": iou(
            at((float(rng.uniform(0, width)), float(rng.uniform(0, height)))), target.mask
        ),
        "iou_centre_point": iou(at((width / 2, height / 2)), target.mask),
        "iou_true_point": iou(own, target.mask),
        "iou_full_image": float(target.mask.mean()),
        "obeys": (iou(own, target.mask) > iou(own, other.mask))
        + (iou(others, other.mask) > iou(others, target.mask)),
    }


def _inside(mask: BoolMask, point: tuple[float, float]) -> bool:
    x, y = min(int(point[0]), mask.shape[1] - 1), min(int(point[1]), mask.shape[0] - 1)
    return bool(mask[y, x])


def _result(record: Record) -> Any:
    if isinstance(record.outcome, Failure):
        raise RuntimeError(f"{record.photo}: {record.outcome.message}")
    return record.outcome


def _summary(items: list[dict[str, Any]]) -> dict[str, Any]:
    refer = [item for item in items if item["part"] == "referring"]
    ground = [item for item in items if item["part"] == "grounding"]
    score = [item for item in items if item["part"] == "scoring"]
    per_family = {}
    for family in FAMILIES:
        own = [item for item in score if item["family"] == family]
        if own:
            per_family[family] = srcc([i["level"] for i in own], [100 - i["score"] for i in own])
    correlations = list(per_family.values())
    return {
        "items": len(items),
        "referring_family_named": _mean(refer, "named"),
        "referring_family_exact": _mean(refer, "exact"),
        "referring_severity": _mean(refer, "severity"),
        "score_srcc": sum(correlations) / len(correlations) if correlations else None,
        "score_srcc_per_family": per_family,
        "grounding_miou": _mean(ground, "iou"),
        "grounding_miou_interval": bootstrap_interval([i["iou"] for i in ground]),
        "grounding_point_inside": _mean(ground, "hit"),
        "grounding_probed": _mean(ground, "probed"),
        "random_point_miou": _mean(ground, "iou_random_point"),
        "centre_point_miou": _mean(ground, "iou_centre_point"),
        "true_point_miou": _mean(ground, "iou_true_point"),
        "full_image_miou": _mean(ground, "iou_full_image"),
        "segmenter_obeys": _mean(ground, "obeys") / 2 if ground else None,
    }


def _mean(items: list[dict[str, Any]], key: str) -> float:
    return sum(float(item[key]) for item in items) / len(items) if items else float("nan")
