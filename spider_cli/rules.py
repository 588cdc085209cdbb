"""Grounding rules: which words are read, which prompt they make, which of the masks is taken.

A rule is a value: grounding.json holds one, `spider ground` obeys it, `spider train stage2`
measures many. docs/stage2.md has the formulas.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from spider_cli.errors import UsageError, did_you_mean
from spider_cli.prompts import (
    Point,
    agreement,
    drawn_points,
    expected_point,
    least_likely_point,
    mirrored_point,
)
from spider_cli.text_to_point import AXES

__all__ = [
    "MASKS",
    "NEGATIVES",
    "PAPER",
    "WORDS",
    "Mask",
    "Negative",
    "Prompt",
    "Rule",
    "rule_named",
]

Negative: TypeAlias = Literal["none", "mirrored", "least"]
Mask: TypeAlias = Literal["iou", "agreement", "first", "asked"]
NEGATIVES: tuple[Negative, ...] = get_args(Negative)
MASKS: tuple[Mask, ...] = get_args(Mask)

WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "halves": (AXES["vertical"], AXES["horizontal"]),
    "thirds": (("top", "middle", "bottom"), ("left", "middle", "right")),
    "centre": (("top", "centre", "bottom"), ("left", "centre", "right")),
    "center": (("top", "center", "bottom"), ("left", "center", "right")),
}
"""Name -> words of the vertical axis from the top, of the horizontal axis from the left."""

_MOST_POINTS, _MOST_WORDS = 16, 9
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a segmenter is asked with."""

    points: tuple[Point, ...]
    """``(x, y)`` in pixels of the photo."""
    labels: tuple[int, ...]
    """1 for a point of the region, 0 for one outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How words become a mask. As it is without arguments: the paper's rule.

    Raises:
        ValueError: a value that is none; the message names the field.
    """

    vertical: tuple[str, ...] = AXES["vertical"]
    """Closed set of the vertical axis, from the top down, lower case."""
    horizontal: tuple[str, ...] = AXES["horizontal"]
    """Closed set of the horizontal axis, from left to right."""
    points: int = 1
    """1: the expected place (eq. 4). More: so many points drawn from the joint distribution."""
    negative: Negative = "none"
    """A point outside: at the expected place mirrored through the photo's centre, or in the middle
    of the least likely part of the photo."""
    mask: Mask = "iou"
    """Of the segmenter's proposals: the one of the best predicted IoU; the one that lies best where
    the answer says; the first. "asked": of the regions at points all over the photo the one that
    may be meant (`asking_back`); the words' own point is not asked with."""
    seed: int = 0
    """Of drawn points."""

    def __post_init__(self) -> None:
        for name in ("vertical", "horizontal"):
            words: Any = getattr(self, name)
            if (
                not isinstance(words, tuple)
                or not 2 <= len(set(words)) == len(words) <= _MOST_WORDS
                or not all(isinstance(one, str) and _WORD.fullmatch(one) for one in words)
                or any(one != one.lower() for one in words)
            ):
                raise ValueError(
                    f"{name} must be 2 to {_MOST_WORDS} different words in lower case, "
                    f"not {words!r}"
                )
        for name, most in (("points", _MOST_POINTS), ("seed", 2**32 - 1)):
            value: Any = getattr(self, name)
            least = 1 if name == "points" else 0
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise ValueError(f"{name} must be a whole number of {least} to {most}: {value!r}")
        for name, known in (("negative", NEGATIVES), ("mask", MASKS)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}"
                )

        if self.mask == "asked" and (self.points > 1 or self.negative != "none"):
            raise ValueError('mask "asked" has points of its own: no others, and no negative one')

    @property
    def name(self) -> str:
        """ "paper", or what differs from it: "thirds+negative-least"."""
        parts = []
        if (self.vertical, self.horizontal) != WORDS["halves"]:
            named = [one for one, words in WORDS.items() if words == self.words]
            parts.append(named[0] if named else "-".join((*self.vertical, *self.horizontal)))
        if self.points > 1:
            parts.append(f"points-{self.points}")
        if self.negative != "none":
            parts.append(f"negative-{self.negative}")
        if self.mask != "iou":
            parts.append(f"mask-{self.mask}")
        return "+".join(parts) or "paper"

    @property
    def words(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Vertical and horizontal closed set."""
        return self.vertical, self.horizontal

    @property
    def plain(self) -> bool:
        """One point, and the mask of the best predicted IoU: `Segmenter.segment` does it."""
        return self.points == 1 and self.negative == "none" and self.mask == "iou"

    def prompt(
        self, vertical: Sequence[float], horizontal: Sequence[float], width: int, height: int
    ) -> Prompt:
        """The segmenter's prompt.

        Args:
            vertical, horizontal: the words' probabilities.
            width, height: of the photo in pixels.
        """
        expected = expected_point(horizontal, vertical, width, height)
        points = [expected]
        if self.points > 1:
            points = drawn_points(
                horizontal, vertical, width, height, count=self.points, seed=self.seed
            )
        labels = [1] * len(points)
        if self.negative == "mirrored":
            points.append(mirrored_point(expected, width, height))
        elif self.negative == "least":
            points.append(least_likely_point(horizontal, vertical, width, height))
        labels += [0] * (len(points) - len(labels))
        return Prompt(tuple(points), tuple(labels))

    def choose(
        self,
        qualities: Sequence[float],
        shares: Sequence[npt.NDArray[np.float64]],
        vertical: Sequence[float],
        horizontal: Sequence[float],
    ) -> int:
        """Index of the proposal to take, of those for `prompt`.

        Args:
            qualities: each proposal's predicted IoU.
            shares: each proposal's `prompts.cell_shares`, of as many parts as there are words; read
                only where the rule goes by agreement.
            vertical, horizontal: the words' probabilities.

        Raises:
            ValueError: the rule asks back (`asking_back.best`).
        """
        if self.mask == "asked":
            raise ValueError("a rule that asks back does not choose among proposals")
        if self.mask == "first":
            return 0
        if self.mask == "agreement":
            scores = [agreement(one, horizontal, vertical) for one in shares]
            # Equal ones (nothing anywhere, say) by predicted IoU.
            return max(range(len(scores)), key=lambda i: (scores[i], qualities[i]))
        return int(np.argmax(qualities))

    def to_json(self) -> dict[str, Any]:
        value = asdict(self)
        return {"name": self.name} | {
            key: list(one) if isinstance(one, tuple) else one for key, one in value.items()
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Rule":
        """The inverse of `to_json`; the name follows from the rest.

        Raises:
            ValueError: an unknown field, or a value that is none.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(value) - known - {"name"}):
            raise ValueError(f"unknown field {unknown[0]!r}")
        told: dict[str, Any] = {
            key: tuple(one) if isinstance(one, list) else one for key, one in value.items()
        }
        told.pop("name", None)
        return cls(**told)


PAPER = Rule()


def rule_named(name: str) -> Rule:
    """The rule of a name: "paper", "thirds", "points-5", "negative-least", "mask-agreement", or
    several of these joined by "+".

    Raises:
        UsageError: there is none; the hint names the nearest.
    """
    told: dict[str, Any] = {}
    for part in name.strip().lower().split("+"):
        made = _part(part.strip())
        if twice := sorted(set(made) & set(told)):
            raise UsageError(f"rule {name!r} says twice what its {twice[0]} are", code="bad_rule")
        told |= made
    try:
        return Rule(**told)
    except ValueError as error:
        raise UsageError(f"rule {name!r}: {error}", code="bad_rule") from error


def _part(part: str) -> dict[str, Any]:
    if part == "paper":
        return {}
    if part in WORDS:
        vertical, horizontal = WORDS[part]
        return {"vertical": vertical, "horizontal": horizontal}
    kind, _, value = part.partition("-")
    if kind == "points" and value.isdecimal():
        return {"points": int(value)}
    if kind == "negative" and value in NEGATIVES:
        return {"negative": value}
    if kind == "mask" and value in MASKS:
        return {"mask": value}
    known = ["paper", *WORDS, "points-3", *(f"negative-{one}" for one in NEGATIVES[1:])]
    known += [f"mask-{one}" for one in MASKS]
    raise UsageError(
        f"unknown rule {part!r}",
        hint=f"{did_you_mean(part, known)}Rules are {', '.join(known)}, or several joined by +",
        code="bad_rule",
    )
