"""Grounding: the answer's words -> a point -> the segmenter's mask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spider_cli.lmm import Answer, Ask, LanguageModel, Look
from spider_cli.masks import box_of_mask, encode_mask
from spider_cli.photos import Photo
from spider_cli.questions import PROBE_PREFIX, says_nothing, says_whole
from spider_cli.results import Grounding
from spider_cli.segmenter import Segment, Segmenter
from spider_cli.text_to_point import (
    AXES,
    axis_evidence,
    closed_set,
    find_emitted,
    point_from,
    surface_like,
)

__all__ = ["Grounder", "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer's words say about the place."""

    horizontal: npt.NDArray[np.float64]
    """P(left), P(right)."""
    vertical: npt.NDArray[np.float64]
    """P(top), P(bottom)."""
    probed: bool
    """A word was not in the answer and had to be asked for."""


class Grounder:
    """Turns answers to grounding questions into points and masks.

    Args:
        model: the language model whose logits are read.
        segmenter: gives the segmenter when the first mask is needed.
        temperature: of eq. 2, from the model folder.
    """

    def __init__(
        self, model: LanguageModel, segmenter: Callable[[], Segmenter], temperature: float
    ) -> None:
        self.model = model
        self.segmenter = segmenter
        self.temperature = temperature

    def ground(
        self, photo: Photo, look: Look, question: str, answer: Answer, *, with_pixels: bool = False
    ) -> Grounding:
        """The region that one answer names."""
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
        reading = self.read(look, question, answer)
        point = point_from(list(reading.horizontal), list(reading.vertical), width, height)
        segment = self.segment(photo, point)
        return Grounding(
            question=question,
            answer=text,
            point=point,
            probed=reading.probed,
            box=box_of_mask(segment.mask),
            area=float(segment.mask.mean()),
            mask=encode_mask(segment.mask),
            whole=False,
            probability=segment.probability if with_pixels else None,
            pixels=pixels,
        )

    def segment(self, photo: Photo, point: tuple[float, float]) -> Segment:
        """The mask at a point of a photo."""
        segmenter = self.segmenter()
        return segmenter.segment(segmenter.embed(photo.pixels), point)

    def read(self, look: Look, question: str, answer: Answer) -> Reading:
        """Closed-set probabilities of both axes (eq. 2 and 3), from the answer where it has the
        words, else from a probe: the start of a spatial phrase is forced and the words' lower-case
        forms with a leading space are read."""
        found: dict[str, npt.NDArray[np.float64]] = {}
        said: dict[str, str] = {}
        probed = False
        for axis, words in AXES.items():
            emitted = find_emitted(answer.pieces, words)
            if emitted is None:
                continue
            said[axis] = emitted.word
            before = "".join(answer.pieces)[: emitted.start]
            ids = answer.token_ids[: emitted.step]
            forms = [
                self.model.encode_after(surface_like(word, emitted), before, ids) for word in words
            ]
            ask = Ask(look, question)

            def follow(
                step: int, form: Sequence[int], ask: Ask = ask, ids: tuple[int, ...] = ids
            ) -> float:
                return self.model.log_probability(ask, ids[:step], form)

            chi = axis_evidence(forms, emitted.step, answer.logits, follow)
            found[axis] = closed_set(chi, self.temperature)
        prefix = PROBE_PREFIX
        for axis, words in AXES.items():
            if axis not in found:
                probed = True
                found[axis] = self._probe(look, question, prefix, words)
            # The horizontal word follows the vertical one, as in "the top left".
            word = said.get(axis) or words[int(found[axis].argmax())]
            prefix = f"{prefix} {word}"
        return Reading(found["horizontal"], found["vertical"], probed)

    def _probe(
        self, look: Look, question: str, prefix: str, words: tuple[str, str]
    ) -> npt.NDArray[np.float64]:
        ask = Ask(look, question, prefix=prefix)
        before = self.model.encode(prefix)
        forms = [self.model.encode_after(f" {word}", prefix, before) for word in words]
        logits = self.model.next_logits([ask])

        def follow(_: int, form: Sequence[int]) -> float:
            return self.model.log_probability(ask, (), form)

        return closed_set(axis_evidence(forms, 0, logits, follow), self.temperature)
