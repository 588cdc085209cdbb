"""A prediction -> its outcome: read, and compared with the case's truth.

What says nothing that can be graded (neither a distortion nor that nothing is wrong; no place; no
letter) is "unparsed": wrong, and counted. Nothing is ever guessed in its stead.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from spider_cli.masks import decode_mask
from spider_cli.reading import merge_distortions, parse_distortions, says_nothing, says_whole
from spider_cli.text_to_point import find_emitted
from spider_cli.vocabulary import HORIZONTAL, VERTICAL
from trainer.evaluate.cases import Case, Target
from trainer.evaluate.outcomes import Outcome, Prediction
from trainer.evaluate.places import mentions
from trainer.metrics import overlap
from trainer.truth import BoolMask

__all__ = ["Segment", "grade", "mask_outcome", "target_mask"]

Segment: TypeAlias = Callable[[tuple[float, float]], BoolMask]
"""Point in pixels of the photo -> mask."""

_LETTER = re.compile(
    r"[\s(\[\"'*]*([A-Ha-h])(?=[).:,\]*\"']|\s*$|\n)"
    r"|.*\b(?:[Aa]nswer|[Oo]ption|[Cc]hoice)\b(?:\s+is)?[\s:(*\"']*([A-H])(?![A-Za-z'])(?!\s+[a-z])"
)
"""A letter that opens the answer (not the article of "A blurry photo"), or "the answer is B"."""
_FULL = 0.995
"""A mask of at least this share of the photo means all of it."""


def grade(
    case: Case,
    prediction: Prediction | None,
    *,
    target: BoolMask | None = None,
    segment: Segment | None = None,
) -> Outcome:
    """Grade one prediction.

    Args:
        prediction: None where there is none.
        target: of grounding cases, (height, width) bool, see `target_mask`.
        segment: makes masks of predictions that are a point alone.
    """
    if prediction is None:
        outcome = Outcome("missing", "no prediction")
    elif prediction.error is not None:
        outcome = Outcome("failed", prediction.error)
    elif case.grounding:
        assert target is not None, case
        return _grounding(case, prediction, target, segment)
    elif case.task == "score":
        return _score(prediction)
    elif case.task == "choice":
        return _choice(case, prediction)
    else:
        return _words(case, prediction)
    return lost(case, outcome, target)


def lost(case: Case, outcome: Outcome, target: BoolMask | None) -> Outcome:
    """An outcome without a gradable answer: of a grounding, no pixel is right."""
    if not case.grounding or target is None:
        return outcome
    return replace(outcome, overlap=(0, int(np.count_nonzero(target))))


def target_mask(case: Case, regions: tuple[BoolMask, ...]) -> BoolMask:
    """The mask a grounding case is after, (height, width) bool.

    Args:
        regions: the masks of the item's regions.
    """
    if case.target == "region":
        assert case.region is not None, case
        return regions[case.region]
    return np.full(case.size, case.target == "whole", bool)


# --- words ----------------------------------------------------------------------------------------


def _words(case: Case, prediction: Prediction) -> Outcome:
    answer = prediction.answer
    if prediction.distortions is not None:
        found, other = prediction.distortions, prediction.other or ()
    elif answer is not None:
        found, other = parse_distortions(answer)
    else:
        return Outcome("unparsed", "neither an answer nor distortions")
    found = merge_distortions(found)
    clean = not found and not other and (answer is None or says_nothing(answer))
    if not found and not other and not clean:
        return Outcome(
            "unparsed",
            "names no distortion, and does not say that nothing is wrong",
            answer=answer or "",
        )
    return Outcome(
        answer=answer or "",
        distortions=found,
        other=tuple(other),
        clean=clean,
        mentions=mentions(case.places, answer or "") if case.places else None,
        odds=prediction.odds,
    )


# --- masks ----------------------------------------------------------------------------------------


def _grounding(
    case: Case, prediction: Prediction, target: BoolMask, segment: Segment | None
) -> Outcome:
    answer = prediction.answer
    words = None if answer is None else _positions(answer)
    wordless = words is None or words == (None, None)

    def unparsed(reason: str) -> Outcome:
        return lost(case, Outcome("unparsed", reason, answer=answer or "", words=words), target)

    point = prediction.point
    if prediction.masked:
        if prediction.probed and wordless:
            return unparsed("no positional word; its point was read after a forced start")
        if prediction.whole and prediction.mask is None:
            mask = np.ones(case.size, bool)
        elif prediction.mask is None:
            mask, point = np.zeros(case.size, bool), None
        else:
            mask = decode_mask(prediction.mask)
    elif point is not None and segment is not None:
        mask = segment(point)
    elif answer is not None and says_whole(answer):
        mask = np.ones(case.size, bool)
    elif answer is not None and says_nothing(answer):
        mask = np.zeros(case.size, bool)
    elif answer is None or wordless:
        return unparsed("no mask, and no words that name a place")
    else:
        return unparsed("words that name a place, but no mask")
    outcome = mask_outcome(mask, target, point)
    said: Target = "whole" if prediction.whole else outcome.said
    return replace(
        outcome,
        answer=answer or "",
        words=words,
        mask=prediction.mask,
        said=said,
        axes=prediction.axes,
    )


def mask_outcome(
    mask: BoolMask, target: BoolMask, point: tuple[float, float] | None = None
) -> Outcome:
    """The outcome of a mask, (height, width) bool, and the point it was made from."""
    share = float(mask.mean())
    said: Target = "absent" if share == 0 else "whole" if share >= _FULL else "region"
    inside = None
    if point is not None:
        x = min(max(int(point[0]), 0), target.shape[1] - 1)
        y = min(max(int(point[1]), 0), target.shape[0] - 1)
        inside = bool(target[y, x])
    return Outcome(said=said, overlap=overlap(mask, target), point=point, inside=inside)


def _positions(answer: str) -> tuple[str | None, str | None]:
    """The first vertical and the first horizontal word of an answer."""
    found = [find_emitted([answer], words) for words in (VERTICAL, HORIZONTAL)]
    vertical, horizontal = (None if one is None else one.word for one in found)
    return vertical, horizontal


# --- numbers and letters --------------------------------------------------------------------------


def _score(prediction: Prediction) -> Outcome:
    if prediction.score is None:
        return Outcome("unparsed", "no score", answer=prediction.answer or "")
    return Outcome(score=prediction.score)


def _choice(case: Case, prediction: Prediction) -> Outcome:
    answer = prediction.answer or ""
    letter = prediction.choice
    if letter is None:
        plain = answer.strip().rstrip(".").lower()
        named = [i for i, option in enumerate(case.options) if option.lower().rstrip(".") == plain]
        if named:
            return Outcome(answer=answer, choice=named[0])
        match = _LETTER.match(answer)
        letter = (match[1] or match[2]).upper() if match else None
    index = None if letter is None else ord(letter) - ord("A")
    if index is None or index >= len(case.options):
        return Outcome("unparsed", "names no option", answer=answer)
    return Outcome(answer=answer, choice=index)
