"""What one case adds to the sums that figures come from.

Each takes a case and a system's outcome. None means that the system has no say in the figure: it
gives no points, or no words, or nobody judged it. Outcomes that are not ok count as wrong.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np

from spider_cli.vocabulary import FAMILIES, SEVERITIES
from trainer.evaluate.bins import bin_sums
from trainer.evaluate.cases import Case
from trainer.evaluate.outcomes import Outcome
from trainer.metrics import giou_term

__all__ = [
    "AXES",
    "GROUNDING",
    "SEVERITY_WORDS",
    "Pairs",
    "areas",
    "binned",
    "called_clean",
    "chosen",
    "covered",
    "exact",
    "false_alarm",
    "family_counts",
    "giou_share",
    "grave",
    "grave_named",
    "inside",
    "iou_by_task",
    "iou_share",
    "is_exact",
    "judged",
    "named",
    "noticed",
    "placed_right",
    "placed_words",
    "said_target",
    "severities",
    "severity_odds",
]

GROUNDING = ("ground_dao", "ground_hyd", "ground_sid")
Pairs: TypeAlias = Callable[[Case, Outcome], list[tuple[float, float]]]
"""What a case has of probabilities and of what was true, both 0-1."""


def family_counts(case: Case, outcome: Outcome) -> Sequence[float]:
    """True positives, false positives and false negatives of each family: 3 x 12."""
    true = {one.family for one in case.distortions}
    said = {one.family for one in outcome.distortions} if outcome.ok else set()
    out: list[float] = []
    for family in FAMILIES:
        there, named = family in true, family in said
        out += [there and named, named and not there, there and not named]
    return out


def is_exact(case: Case, outcome: Outcome) -> bool:
    """All families right, none extra.

    Faults of no family count only where no family is true: then they must be the true ones, so that
    "lens flare" is wrong of a clean region.
    """
    if not outcome.ok:
        return False
    true = {one.family for one in case.distortions}
    if {one.family for one in outcome.distortions} != true:
        return False
    return bool(true) or set(outcome.other) == set(case.other)


def exact(case: Case, outcome: Outcome) -> Sequence[float]:
    """`is_exact`, and 1."""
    return is_exact(case, outcome), 1


def named(case: Case, outcome: Outcome) -> Sequence[float]:
    """True families that are named, and true families, whatever else is named."""
    true = {one.family for one in case.distortions}
    return _found(true, outcome), len(true)


def grave(case: Case) -> set[str]:
    """Families of its moderate and severe distortions."""
    return {one.family for one in case.distortions if one.severity != SEVERITIES[0]}


def grave_named(case: Case, outcome: Outcome) -> Sequence[float]:
    """`named`, of moderate and severe distortions."""
    families = grave(case)
    return _found(families, outcome), len(families)


def _found(families: set[str], outcome: Outcome) -> int:
    return len(families & {one.family for one in outcome.distortions}) if outcome.ok else 0


def severities(case: Case, outcome: Outcome) -> Sequence[float]:
    """Right severities, and families named rightly."""
    said = {one.family: one.severity for one in outcome.distortions} if outcome.ok else {}
    named = [one for one in case.distortions if one.family in said]
    return sum(said[one.family] == one.severity for one in named), len(named)


def iou_share(case: Case, outcome: Outcome) -> Sequence[float] | None:
    """Intersection over union, and 1. For regions: a target that is not empty."""
    if outcome.overlap is None:
        return None if outcome.ok else (0, 1)
    intersection, union = outcome.overlap
    return (intersection / union if union and outcome.ok else 0), 1


def iou_by_task(case: Case, outcome: Outcome) -> Sequence[float] | None:
    """`iou_share` in the place of its task, for the mean of the three."""
    one = iou_share(case, outcome)
    if one is None:
        return None
    out = [0.0] * (2 * len(GROUNDING))
    place = 2 * GROUNDING.index(case.task)
    out[place : place + 2] = one
    return out


def giou_share(case: Case, outcome: Outcome) -> Sequence[float] | None:
    """The term of gIoU, and 1."""
    if not outcome.ok:  # a region that is not there is not found by words nobody can read
        return 0, 1
    return None if outcome.overlap is None else (giou_term(*outcome.overlap), 1)


def areas(case: Case, outcome: Outcome) -> Sequence[float] | None:
    """Pixels in both masks, pixels in either."""
    return (0, 0) if outcome.overlap is None and not outcome.ok else outcome.overlap


def inside(case: Case, outcome: Outcome) -> Sequence[float] | None:
    """The point lies in the target, and 1."""
    if outcome.ok and outcome.said == "region" and outcome.point is None:
        return None  # a system of masks without points
    return bool(outcome.ok and outcome.inside), 1


def placed_words(case: Case, outcome: Outcome) -> Sequence[float] | None:
    """Both positional words are the target's, and 1; also where no mask came with them."""
    if outcome.words is None:
        return None if outcome.ok else (0, 1)
    return outcome.words == case.words, 1


def said_target(case: Case, outcome: Outcome) -> Sequence[float]:
    """It says the whole photo, or nowhere, where that is right; and 1."""
    return outcome.ok and outcome.said == case.target, 1


def placed_right(case: Case, outcome: Outcome) -> Sequence[float]:
    """Mentions in the right place, and placed mentions of true families."""
    if not outcome.ok or outcome.mentions is None:
        return 0, 0
    return outcome.mentions[1], outcome.mentions[0]


def covered(case: Case, outcome: Outcome) -> Sequence[float]:
    """True families mentioned in their place, and all of them."""
    there = sum(len(place.families) for place in case.places)
    return (outcome.mentions[3] if outcome.ok and outcome.mentions else 0), there


def called_clean(case: Case, outcome: Outcome) -> Sequence[float]:
    """It says that nothing is wrong, and 1."""
    return outcome.ok and outcome.clean, 1


def noticed(case: Case, outcome: Outcome) -> Sequence[float]:
    """It says that something is wrong, whatever that is, and 1. For cases with a fault."""
    return bool(outcome.ok and not outcome.clean), 1


def false_alarm(case: Case, outcome: Outcome) -> Sequence[float]:
    """It names a fault, and 1. For cases where there is none."""
    return bool(outcome.ok and (outcome.distortions or outcome.other)), 1


def judged(case: Case, outcome: Outcome) -> Sequence[float] | None:
    """The judge's grade, and 1; 0 where there is no answer to judge."""
    if outcome.judged is not None:
        return outcome.judged, 1
    return None if outcome.answer or outcome.ok else (0, 1)


def chosen(case: Case, outcome: Outcome) -> Sequence[float]:
    """The right option, and 1."""
    return outcome.ok and outcome.choice == case.correct, 1


# --- probabilities and what was true --------------------------------------------------------------


def binned(pairs: list[tuple[float, float]]) -> Sequence[float] | None:
    """Counts, probabilities and truths by tenths: `bins.bin_sums` in one row; None of nothing."""
    if not pairs:
        return None
    table = np.array(pairs)
    return [float(value) for value in bin_sums(table[:, 0], table[:, 1]).sum(axis=0)]


def severity_odds(
    case: Case, outcome: Outcome, word: str | None = None
) -> list[tuple[float, float]]:
    """Of families named rightly: the probability of a severity word, and if it is right.

    Args:
        word: said or not; None: the one that was said.
    """
    true = {one.family: one.severity for one in case.distortions}
    return [
        (one.probabilities[SEVERITIES.index(asked)], float(true[one.family] == asked))
        for one in outcome.odds
        if outcome.ok and one.family in true
        for asked in [word or one.said]
    ]


def _axis(index: int, truth: str, case: Case, outcome: Outcome) -> list[tuple[float, float]]:
    """Where the target is a region: P(right) or P(bottom), and the place or the side it is on."""
    if outcome.axes is None or case.point is None or case.words is None:
        return []
    second = ("bottom", "right")[1 - index] == case.words[1 - index]
    return [(outcome.axes[index], case.point[index] if truth == "place" else float(second))]


SEVERITY_WORDS: dict[str, Pairs] = {word: partial(severity_odds, word=word) for word in SEVERITIES}
"""Severity word -> its probabilities and truths."""
AXES: dict[tuple[str, str], Pairs] = {
    (name, truth): partial(_axis, index, truth)
    for index, name in enumerate(("right", "bottom"))
    for truth in ("place", "side")
}
"""Second word of an axis, and the truth it is held against -> its probabilities and truths.

place: where a point inside the region lies, as a share of the photo, which is what equation 4 takes
the probability for. side: 1 where the middle of the region's box is on the word's side."""
