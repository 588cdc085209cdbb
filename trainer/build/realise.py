"""One planned photo, made: regions found, distorted, asked about. Runs in the workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from spider_cli.errors import PhotoError
from trainer.annotate import Canvas
from trainer.answers import questions_and_answers
from trainer.build.config import BuildConfig
from trainer.build.plan import PhotoPlan, Planned
from trainer.build.survey import Given, load_reference
from trainer.datasets.rowbytes import pack_row
from trainer.datasets.schema import Item, Scene, encode_png, to_row
from trainer.distortions import other_of
from trainer.regions import Found, RegionFinder
from trainer.rows import QA
from trainer.truth import Applied, Pixels, Sample

__all__ = ["Workshop", "candidate_rows"]

_KIND_TRIES = 6
_DRAWS = 2
"""Times that questions are drawn for a photo: more to choose from."""


@dataclass(frozen=True)
class Workshop:
    """What a worker needs to make any photo of a build.

    Args:
        config: the build's.
        photos: the photos given.
        groups: each one's group of look-alikes, by name.
        finder: where regions come from.
    """

    config: BuildConfig
    photos: tuple[Given, ...]
    groups: tuple[str, ...]
    finder: RegionFinder

    def make(self, plan: PhotoPlan) -> tuple[dict[str, Any], bytes]:
        """Make one photo.

        Returns:
            A note ("photo": which one was used; or "reason": why none would do), and the packed
            Parquet row with all the questions that may be asked of it.
        """
        cv2.setNumThreads(1)
        reasons: dict[str, None] = {}
        for attempt, number in enumerate(plan.photos):
            rng = np.random.default_rng([self.config.seed, plan.index, attempt, 23])
            try:
                reference = _reference(self.photos[number], self.config.side)
            except PhotoError as error:
                reasons[error.message] = None
                continue
            canvas = Canvas(reference, int(rng.integers(2**62)))
            missing = self._fill(canvas, plan, self.photos[number], rng)
            if missing:
                reasons[missing] = None
                continue
            sample = canvas.sample()
            item = Item(
                id=f"{plan.index:06d}",
                source=self.photos[number].name,
                group=self.groups[number],
                scene=_scene(plan.scene),
                sample=sample,
                rows=candidate_rows(sample, [self.config.seed, plan.index]),
                reference=reference_id(number),
                seed=canvas.seed,
            )
            return {"photo": number}, pack_row(to_row(item))
        tried = len(set(plan.photos))
        return {"reason": f"none of {tried} photos would do: {'; '.join(reasons)}"}, b""

    def reference(self, number: int) -> bytes:
        """The PNG of a photo given, untouched, at the data set's size."""
        return encode_png(load_reference(self.photos[number], self.config.side))

    def _fill(self, canvas: Canvas, plan: PhotoPlan, photo: Given, rng: np.random.Generator) -> str:
        """Do what the plan says; what could not be done, "" when all was."""
        if plan.scene == "clean":
            return ""
        if plan.scene == "whole":
            (slot,) = plan.slots
            done = any(canvas.distort_whole(applied) for applied in _kinds_in_turn(slot))
            return "" if done else f"{_names(slot)} cannot be seen"
        found = self.finder.find(photo.labelled(), canvas.reference, rng, len(plan.slots))
        if len(found) < len(plan.slots):
            return f"no room for {len(plan.slots)} regions"
        for slot, feather in zip(plan.slots, plan.feathers, strict=True):
            place = _first_fit(canvas, slot, feather, found)
            if place is None:
                return f"{_names(slot)} cannot be seen in a region"
            found = [one for one in found if one is not place]
        return ""


def reference_id(number: int) -> str:
    """Id of an untouched photo in the set's references."""
    return f"r{number:06d}"


def candidate_rows(sample: Sample, seed: Sequence[int]) -> tuple[QA, ...]:
    """All the questions a sample may be asked, in several wordings; the build chooses."""
    rng = np.random.default_rng([*seed, 37])
    rows = [qa for _ in range(_DRAWS) for qa in questions_and_answers(sample, rng)]
    # The same question drawn twice is asked once.
    return tuple({(qa.question, qa.answer): qa for qa in reversed(rows)}.values())[::-1]


def _first_fit(
    canvas: Canvas, slot: Sequence[Planned], feather: float, found: Sequence[Found]
) -> Found | None:
    """Distort the first region in which the slot's distortions can be seen; which one it was."""
    for place in found:
        for applied in _kinds_in_turn(slot):
            if canvas.distort_region(place.mask, applied, feather, place.label):
                return place
    return None


def _kinds_in_turn(slot: Sequence[Planned]) -> list[tuple[Applied, ...]]:
    """The slot's distortions with their first concrete types, then with others."""
    tries = min(_KIND_TRIES, max(len(one.kinds) for one in slot))
    return [
        tuple(_applied(one, one.kinds[turn % len(one.kinds)]) for one in slot)
        for turn in range(tries)
    ]


def _applied(planned: Planned, kind: str) -> Applied:
    other = "" if planned.family else other_of(kind)
    return Applied(planned.family, kind, planned.level, planned.severity, other)


def _names(slot: Sequence[Planned]) -> str:
    return " and ".join(f"{one.severity} {one.family or one.kinds[0]}" for one in slot)


def _scene(name: str) -> Scene:
    return "clean" if name == "clean" else "whole" if name == "whole" else "regions"


@lru_cache(maxsize=16)
def _reference(photo: Given, side: int) -> Pixels:
    pixels = load_reference(photo, side)
    pixels.setflags(write=False)
    return pixels
