"""Grounding: the answer's words -> a prompt -> the segmenter's mask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spider_cli.asking_back import (
    beforehand,
    best,
    candidates,
    faults_said,
    questions_back,
)
from spider_cli.evidence import Asked, Evidence, Fault, Speaker, evidence_of, evidences_of
from spider_cli.lmm import Answer, Ask, Look
from spider_cli.masks import box_of_mask, encode_mask
from spider_cli.photos import Photo
from spider_cli.prompts import Point, cell_shares, expected_point
from spider_cli.reading import says_nothing, says_whole
from spider_cli.results import Grounding
from spider_cli.rules import PAPER, Rule
from spider_cli.segmenter import Segment, Segmenter
from spider_cli.text_to_point import closed_set
from spider_cli.zero_shot import Task

__all__ = ["Grounder", "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer's words say about the place."""

    horizontal: npt.NDArray[np.float64]
    """P of the rule's horizontal words; of the paper's P(left), P(right)."""
    vertical: npt.NDArray[np.float64]
    """P of the vertical words; of the paper's P(top), P(bottom)."""
    probed: bool
    """An axis was not read in the answer: it was asked for."""

    @classmethod
    def of(cls, evidence: Evidence, temperature: float) -> "Reading":
        """Equations 2 and 3."""
        return cls(
            closed_set(evidence.horizontal, temperature),
            closed_set(evidence.vertical, temperature),
            evidence.probed,
        )


class Grounder:
    """Turns answers to grounding questions into points and masks.

    Args:
        model: the language model whose logits are read.
        segmenter: gives the segmenter when the first mask is needed.
        temperature: of eq. 2, from the model folder.
        rule: from the model folder; the paper's when not given.
        worded: a question as the model is asked it, for a rule that asks.
        batch_size: of such questions, put to the model together.
    """

    def __init__(
        self,
        model: Speaker,
        segmenter: Callable[[], Segmenter],
        temperature: float,
        rule: Rule = PAPER,
        worded: Callable[[Task, str], str] = lambda task, question: question,
        batch_size: int = 8,
    ) -> None:
        self.model = model
        self.segmenter = segmenter
        self.temperature = temperature
        self.rule = rule
        self.worded = worded
        self.batch_size = batch_size

    def gathered(self, asked: Sequence[Asked]) -> list[Asked]:
        """The same, with what their words say of the place: what an answer does not say is asked
        for, together with the others'."""
        placed = {id(one): one for one in asked if _says_place(one.answer.text.strip())}
        size = max(1, len(placed))
        read = evidences_of(self.model, list(placed.values()), self.rule, batch_size=size)
        found = dict(zip(placed, read, strict=True))
        return [replace(one, evidence=found.get(id(one))) for one in asked]

    def ground(
        self,
        photo: Photo,
        look: Look,
        question: str,
        answer: Answer,
        *,
        evidence: Evidence | Fault | None = None,
        with_pixels: bool = False,
    ) -> Grounding:
        """The region that one answer names.

        Args:
            evidence: of `gathered`.

        Raises:
            Unreadable: a server has not told how likely the answer's words are.
        """
        text = answer.text.strip()
        pixels = photo.pixels if with_pixels else None
        height, width = photo.height, photo.width
        if says_whole(text):
            full = np.ones((height, width), bool)
            return Grounding(
                question=question,
                answer=text,
                point=None,
                probed=False,
                box=(0, 0, width, height),
                area=1.0,
                mask=encode_mask(full),
                whole=True,
                probability=np.ones((height, width), np.float32) if with_pixels else None,
                pixels=pixels,
            )
        if says_nothing(text):
            return Grounding(
                question=question,
                answer=text,
                point=None,
                probed=False,
                box=None,
                area=0.0,
                mask=None,
                whole=False,
                pixels=pixels,
            )
        reading = self.read(look, question, answer, evidence)
        if self.rule.mask == "asked":
            segment, point = self._asked_back(photo, look, text, reading)
        else:
            segment = self.segment(photo, reading)
            point = expected_point(list(reading.horizontal), list(reading.vertical), width, height)
        mask, probability = segment.mask, segment.probability if with_pixels else None
        del segment  # a large photo's probability is larger than the photo
        return Grounding(
            question=question,
            answer=text,
            point=point,
            probed=reading.probed,
            box=box_of_mask(mask),
            area=np.count_nonzero(mask) / mask.size,
            mask=encode_mask(mask),
            whole=False,
            probability=probability,
            pixels=pixels,
        )

    def segment(self, photo: Photo, reading: Reading) -> Segment:
        """The mask of what was read, by the rule."""
        segmenter = self.segmenter()
        vertical, horizontal = list(reading.vertical), list(reading.horizontal)
        prompt = self.rule.prompt(vertical, horizontal, photo.width, photo.height)
        embedding = segmenter.embed(photo.pixels)
        if self.rule.plain:
            return segmenter.segment(embedding, prompt.points[0])
        proposals = segmenter.propose(embedding, prompt.points, prompt.labels)
        qualities = [one.quality for one in proposals]
        shares = [cell_shares(one.mask, len(vertical), len(horizontal)) for one in proposals]
        return proposals[self.rule.choose(qualities, shares, vertical, horizontal)]

    def _asked_back(
        self, photo: Photo, look: Look, said: str, reading: Reading
    ) -> tuple[Segment, Point]:
        """The mask of the region that shows what was said, and the point that gave it."""
        segmenter = self.segmenter()
        found = candidates(segmenter, segmenter.embed(photo.pixels))
        weights = beforehand(found, list(reading.horizontal), list(reading.vertical))
        faults = faults_said(said)

        def ask(due: list[int]) -> Sequence[float]:
            if not faults:
                return [0.0] * len(due)
            few = [found[number] for number in due]
            asks = [
                Ask(look, self.worded("refer_short", question))
                for question in questions_back(few, photo.width, photo.height)
            ]
            return self.model.likelihoods(asks, faults, self.batch_size)

        chosen = found[best(weights, ask)]
        return chosen.whole(), chosen.point

    def read(
        self, look: Look, question: str, answer: Answer, evidence: Evidence | Fault | None = None
    ) -> Reading:
        """Closed-set probabilities of both axes (eq. 2 and 3); see `evidence.evidence_of`."""
        if isinstance(evidence, Exception):
            raise evidence
        if evidence is None:
            [evidence] = evidence_of(self.model, [Asked(look, question, answer)], self.rule)
        return Reading.of(evidence, self.temperature)


def _says_place(text: str) -> bool:
    return not says_whole(text) and not says_nothing(text)
