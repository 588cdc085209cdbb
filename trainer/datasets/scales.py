"""Opinion scores of any scale -> 0-1, higher is better.

Which scale a number is on is hardly ever said beside it. It is taken from the collection that the
paths name, and never guessed from one value: 3.5 is fine on 1-5 and dreadful on 0-100.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from spider_cli.errors import UsageError
from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION
from spider_cli.vocabulary import LEVELS
from trainer.datasets.entries import Scale
from trainer.datasets.fields import Fields
from trainer.rows import QA

__all__ = [
    "COLLECTIONS",
    "collection_scale",
    "level_word",
    "on_scale",
    "parse_scale",
    "score_row",
    "std_on_scale",
]

_LIVE_PARTS = {"jp2k", "jpeg", "wn", "gblur", "fastfading"}
_SMALL_KONIQ = 5.0

COLLECTIONS: dict[str, Scale] = {
    # Called "dmos" in its own table, though 5 is the best.
    **dict.fromkeys(("kadid", "kadid10k"), Scale(1, 5, "KADID-10k")),
    **dict.fromkeys(("koniq", "koniq10k"), Scale(1, 5, "KonIQ-10k")),
    "spaq": Scale(0, 100, "SPAQ"),
    **dict.fromkeys(("tid2013", "tid2008"), Scale(0, 9, "TID")),
    # Differences from the untouched photo: 0 is the best.
    "csiq": Scale(1, 0, "CSIQ"),
    "live": Scale(100, 0, "LIVE", slack=0.15),
    "liveiqa": Scale(100, 0, "LIVE", slack=0.15),
    **dict.fromkeys(
        ("livec", "clive", "livechallenge", "liveitw", "livewild"),
        Scale(0, 100, "LIVE Challenge"),
    ),
    **dict.fromkeys(("flive", "livefb"), Scale(0, 100, "FLIVE")),
    **dict.fromkeys(("agi", "agiqa", "agiqa3k"), Scale(0, 5, "AGIQA-3K")),
    "bid": Scale(0, 5, "BID"),
    "ava": Scale(1, 10, "AVA"),
    "biq2021": Scale(0, 1, "BIQ2021"),
}
"""A collection's name in paths -> its scale, worst and best. KonIQ's other table goes to 100."""


def collection_scale(photo: str, file: Path, highest: Callable[[], float | None]) -> Scale | None:
    """The scale of the collection that a photo belongs to, by names in paths.

    The photo's own folders count first, then the file's name, then the folders that hold the file.

    Args:
        photo: the photo's path in the record.
        file: the file that the record stands in.
        highest: the largest score in the file; tells KonIQ's two scales apart.

    Returns:
        None where no collection is named, or two of unlike scales are.
    """
    folders = photo.split("/")
    places: list[Sequence[str]] = [folders[:-1], [file.stem]]
    places += [[name] for name in file.absolute().parent.parts[:-4:-1]]
    for place in places:
        found = {name: COLLECTIONS[name] for part in place for name in _named(part)}
        if "live" in found and not (_LIVE_PARTS & set(folders)):
            del found["live"]  # "live" is a word, too
        scales = {(one.worst, one.best): one for one in found.values()}
        if len(scales) == 1:
            scale = next(iter(scales.values()))
            if scale.why == "KonIQ-10k" and (highest() or 0.0) > _SMALL_KONIQ:
                return Scale(0, 100, "KonIQ-10k, z-scores")
            return scale
    return None


def _named(part: str) -> Iterable[str]:
    plain = part.lower()
    words = [word.removesuffix("dataset") for word in re.split(r"[^a-z0-9]+", plain)]
    joined = re.sub(r"[^a-z0-9]", "", plain).removesuffix("dataset")
    if joined in COLLECTIONS:
        return [joined]
    return [word for word in words if word in COLLECTIONS]


def on_scale(fields: Fields, field: str, score: float, scale: Scale | None) -> float:
    """A score as 0-1, higher is better.

    Raises:
        UsageError: the scale is not known, or the score lies outside it.
    """
    if scale is None:
        fields.fail(
            field,
            f"is {score:g}, on a scale that nothing names",
            hint="say it with --scale WORST:BEST, such as 1:5, 0:100, or 100:0 where 0 is best",
            code="unknown_scale",
        )
    value = (score - scale.worst) / (scale.best - scale.worst)
    if not -scale.slack - 1e-9 <= value <= 1 + scale.slack + 1e-9:
        fields.fail(
            field,
            f"is {score:g}, outside the scale {scale} ({scale.why})",
            hint="if the scale is another one, say it with --scale WORST:BEST",
            code="bad_score",
        )
    return min(max(value, 0.0), 1.0)


def std_on_scale(fields: Fields, field: str, std: float, scale: Scale) -> float:
    """A standard deviation as a share of the scale; an error where it is negative or longer."""
    value = std / abs(scale.best - scale.worst)
    if not 0 <= value <= 1:
        fields.fail(
            field, f"is {std:g}, no standard deviation on the scale {scale}", code="bad_score"
        )
    return value


def parse_scale(text: str) -> Scale:
    """`WORST:BEST`, such as "1:5" or "100:0".

    Raises:
        UsageError: it is no such thing.
    """
    match = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*:\s*(-?\d+(?:\.\d+)?)\s*", text)
    if match is None or float(match[1]) == float(match[2]):
        raise UsageError(
            f"--scale {text} is not WORST:BEST",
            hint="1:5 where 5 is best; 100:0 where 0 is best",
            code="bad_scale",
        )
    return replace(Scale(float(match[1]), float(match[2])), why="--scale")


def level_word(mos: float) -> str:
    """The quality level of a score of 0-1: five equal parts, each with its upper end."""
    return LEVELS[min(int((1 - mos) * len(LEVELS) + 1e-9), len(LEVELS) - 1)]


def score_row(mos: float, question: str = SCORE_QUESTION) -> QA:
    """The question for a photo's quality, answered by the level word that the score falls in."""
    return QA("score", question, f"{SCORE_PREFIX} {level_word(mos)}.", (), subtask="mos")
