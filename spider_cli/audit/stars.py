"""From a score to stars and a colour: the thresholds, as values that a config can name."""

import math
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TypeAlias

from spider_cli.audit.xmp_terms import Colour
from spider_cli.errors import UsageError

__all__ = ["Labels", "Stars", "Thresholds"]

Stars: TypeAlias = int
"""xmp:Rating: -1 rejected, 0 unrated, 1-5 stars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The lowest score, 0-100, of each number of stars; below `unrated` a photo is rejected.

    A photo gets the most stars whose threshold its score reaches. Equal thresholds leave the
    smaller number out: by default no photo that was scored ends as unrated (0 stars), because that
    is what programs show for one that nobody looked at. `unrated=0` rejects nothing.

    Raises:
        UsageError: a threshold is not within 0-100, or they do not rise.
    """

    unrated: float = 15.0
    """0 stars, which programs show as not rated. Lower scores are rejected, -1."""
    one: float = 15.0
    """1 star."""
    two: float = 30.0
    """2 stars."""
    three: float = 45.0
    """3 stars."""
    four: float = 60.0
    """4 stars."""
    five: float = 75.0
    """5 stars."""

    def __post_init__(self) -> None:
        known = [(field.name, getattr(self, field.name)) for field in fields(self)]
        for name, value in known:
            if not (math.isfinite(value) and 0 <= value <= 100):
                raise UsageError(
                    f"the threshold {name!r} is {value:g}",
                    hint="scores go from 0 to 100",
                    code="bad_threshold",
                )
        for (lower, low), (upper, high) in pairwise(known):
            if low > high:
                raise UsageError(
                    f"the threshold {upper!r} ({high:g}) is lower than {lower!r} ({low:g})",
                    hint="thresholds must not fall from 'unrated' to 'five'",
                    code="bad_threshold",
                )

    def stars(self, score: float) -> Stars:
        """The xmp:Rating of a score, -1 to 5.

        Raises:
            ValueError: the score is not within 0-100.
        """
        if not 0 <= score <= 100:  # so is NaN
            raise ValueError(f"a score of {score} is not within 0-100")
        reached = (self.unrated, self.one, self.two, self.three, self.four, self.five)
        return sum(score >= lowest for lowest in reached) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The colour of each number of stars; None for none.

    Blue and purple stay free by default: many photographers have a use for them.
    """

    rejected: Colour | None = Colour.RED
    unrated: Colour | None = None
    one: Colour | None = Colour.YELLOW
    two: Colour | None = Colour.YELLOW
    three: Colour | None = Colour.YELLOW
    four: Colour | None = Colour.GREEN
    five: Colour | None = Colour.GREEN

    def colour(self, stars: Stars) -> Colour | None:
        """The colour for an xmp:Rating of -1 to 5."""
        known = (
            self.rejected, self.unrated, self.one, self.two, self.three, self.four, self.five,
        )  # fmt: skip
        return known[stars + 1]
