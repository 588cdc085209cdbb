"""The cases that went most wrong, and how they are drawn."""

import io
import re
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image
from scipy import stats

from spider_cli.masks import decode_mask
from spider_cli.results import Box
from trainer.datasets.schema import Item
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.cases import GRADED
from trainer.evaluate.measures import is_exact
from trainer.evaluate.outcomes import Result
from trainer.opencv import resized
from trainer.truth import BoolMask, Pixels

__all__ = ["badness", "draw", "picture_name", "pictures", "worst_of"]

_SIDE = 360
"""Long side of a picture, pixels."""
TRUTH, ANSWER, ASKED = (0, 200, 255), (255, 130, 0), (255, 235, 0)
"""Colours of outlines: cyan what is true, orange what was answered, yellow the box asked about."""


def worst_of(results: Sequence[Result], count: int = 20) -> list[Result]:
    """The most wrong cases, the tasks in turn; of equally wrong ones, those of photos not shown."""
    places = _misplaced(results)
    queues: list[list[tuple[float, Result]]] = []
    for task in GRADED:
        own = [(places.get(one.case.id, badness(one)), one) for one in results
               if one.case.task == task]  # fmt: skip
        own.sort(key=lambda pair: -pair[0])  # of equals the first stays first
        queues.append([pair for pair in own if pair[0] > 0])
    chosen: list[Result] = []
    shown: set[str] = set()
    while any(queues) and len(chosen) < count:
        for queue in filter(None, queues):
            if len(chosen) == count:
                break
            alike = [i for i, (how, _) in enumerate(queue) if how == queue[0][0]]
            fresh = [i for i in alike if queue[i][1].case.photo not in shown]
            _, one = queue.pop((fresh or alike)[0])
            chosen.append(one)
            shown.add(one.case.photo)
    return chosen


def badness(result: Result) -> float:
    """How wrong an answer is: 0 right, 1 nothing of it right. Scores are judged among others."""
    case, outcome = result.case, result.outcome
    if not outcome.ok:
        return 1.0
    if case.target == "region":
        intersection, union = outcome.overlap or (0, 1)
        return 1 - intersection / max(union, 1)
    if case.grounding:
        return float(outcome.said != case.target)
    if case.task == "choice":
        return float(outcome.choice != case.correct)
    if case.task == "score":
        return 0.0
    true = {one.family: one.severity for one in case.distortions}
    said = {one.family: one.severity for one in outcome.distortions}
    if not true or not said:
        return float(not is_exact(case, outcome))
    both = true.keys() & said.keys()
    misnamed = 1 - len(both) / len(true.keys() | said.keys())
    wrong = sum(true[family] != said[family] for family in both) / len(true)
    return min(1.0, misnamed + 0.2 * wrong)


def _misplaced(results: Sequence[Result]) -> dict[str, float]:
    """Case id -> how far a score's rank is from the opinion's, 0-1."""
    scored = [one for one in results if one.case.task == "score" and one.outcome.score is not None]
    if len(scored) < 3:
        return {}
    said = stats.rankdata([one.outcome.score for one in scored])
    true = stats.rankdata([one.case.mos for one in scored])
    far = np.abs(said - true) / len(scored)
    return {one.case.id: float(how) for one, how in zip(scored, far, strict=True)}


def pictures(benchmark: Benchmark, chosen: Sequence[Result]) -> dict[str, bytes]:
    """Picture's name -> PNG, for those of the cases whose photo can be opened."""
    wanted: dict[str, list[tuple[int, Result]]] = {}
    for number, one in enumerate(chosen, 1):
        wanted.setdefault(one.case.photo, []).append((number, one))
    found: dict[str, bytes] = {}
    for opened in benchmark.photos(wanted):
        photo = opened.cases[0].photo if opened.cases else ""
        for number, one in wanted.get(photo, []):
            if opened.item is not None:
                found[picture_name(number, one)] = _png(draw(opened.item, one))
    return found


def picture_name(number: int, result: Result) -> str:
    """A file name of plain letters, whatever the case's id is."""
    plain = re.sub(r"[^A-Za-z0-9-]+", "_", result.case.id)[:60]
    return f"{number:02d}-{plain}.png"


def draw(item: Item, result: Result) -> Pixels:
    """The photo, shrunk, with what is true, what was answered and the box asked about outlined; of
    the frames of `camera`, where a shrunk one tells nothing, the middle at 100%."""
    case, outcome = result.case, result.outcome
    pixels = item.sample.pixels
    height, width = pixels.shape[:2]
    if case.subtask in ("fine", "soft"):
        tall, wide = min(height, _SIDE * 3 // 4), min(width, _SIDE)
        top, left = (height - tall) // 2, (width - wide) // 2
        return np.ascontiguousarray(pixels[top : top + tall, left : left + wide])
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = resized(pixels, size, cv2.INTER_AREA).copy()
    regions = [region.mask for region in item.sample.regions]
    if case.target == "region" and case.region is not None:
        regions = [regions[case.region]]
    elif case.task in ("score", "choice") or case.grounding:
        regions = []
    for mask in regions:
        _outline(canvas, mask, TRUTH)
    if case.target == "whole":
        _frame(canvas, (0, 0, width, height), scale, TRUTH)
    if case.box is not None:
        _frame(canvas, case.box, scale, ASKED)
    if outcome.mask is not None:
        _outline(canvas, decode_mask(outcome.mask), ANSWER)
    if outcome.point is not None:
        x, y = (round(value * scale) for value in outcome.point)
        for colour, thick in (((0, 0, 0), 4), (ANSWER, 2)):
            cv2.drawMarker(canvas, (x, y), colour, cv2.MARKER_CROSS, 14, thick)
    return canvas


def _outline(canvas: Pixels, mask: BoolMask, colour: tuple[int, int, int]) -> None:
    height, width = canvas.shape[:2]
    small = resized(mask.astype(np.uint8), (width, height), cv2.INTER_NEAREST)
    # A rim of nothing, so that a mask at the photo's edge is closed there.
    rims, _ = cv2.findContours(np.pad(small, 1), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for shade, thick in (((0, 0, 0), 4), (colour, 2)):
        cv2.drawContours(canvas, rims, -1, shade, thick, offset=(-1, -1))


def _frame(canvas: Pixels, box: Box, scale: float, colour: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = (round(value * scale) for value in box)
    for shade, thick in (((0, 0, 0), 4), (colour, 2)):
        cv2.rectangle(canvas, (x1, y1), (max(x1, x2 - 1), max(y1, y2 - 1)), shade, thick)


def _png(pixels: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", optimize=True)
    return out.getvalue()
