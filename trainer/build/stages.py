"""The stages of a build that look at photos, one photo a number: done by any process, in any order.

What comes of a number depends on the number alone, so it does not matter where it was done.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from spider_cli.errors import UsageError
from trainer.build.plan import PhotoPlan
from trainer.build.pool import spread
from trainer.build.realise import Workshop
from trainer.build.survey import Given, survey_photo
from trainer.regions import RegionFinder

__all__ = ["Hands", "Made", "Making", "Referring", "Stage", "Surveying", "processes"]

Made: TypeAlias = tuple[dict[str, Any], bytes]
"""A note, as JSON values, and bytes."""


class Stage(Protocol):
    """What is done to each number; it is sent to the processes that do it."""

    @property
    def at_once(self) -> int:
        """Numbers that a process far away gets at a time: few enough to lose little."""
        ...

    def do(self, number: int) -> Made:
        """Work on one.

        Raises:
            UsageError: what is given is wrong; it ends the build.
        """
        ...

    def dead(self, number: int) -> Made:
        """What becomes of one that ends whatever process works on it.

        Raises:
            UsageError: there is no going on without it.
        """
        ...


Hands: TypeAlias = Callable[[Stage, Sequence[int]], Iterator[tuple[int, Made]]]
"""Does a stage's numbers: what comes of each, as it is done."""


def processes(workers: int) -> Hands:
    """Hands of this machine; 1 works in this process."""

    def hands(stage: Stage, numbers: Sequence[int]) -> Iterator[tuple[int, Made]]:
        yield from spread(_do, stage, numbers, workers=min(workers, len(numbers) or 1))

    return hands


def _do(stage: Stage, number: int) -> Made:
    return stage.do(number)


@dataclass(frozen=True)
class Surveying:
    """Photos given: opened once, hashed; their masks checked."""

    given: Sequence[Given]
    finder: RegionFinder
    at_once: int = 4

    def do(self, number: int) -> Made:
        return survey_photo(self.given[number], self.finder), b""

    def dead(self, number: int) -> Made:
        return {"reason": f"{self.given[number].name}: {_DEADLY}", "code": "deadly"}, b""


@dataclass(frozen=True)
class Making:
    """Photos planned: made."""

    shop: Workshop
    plans: Mapping[int, PhotoPlan]
    at_once: int = 1

    def do(self, number: int) -> Made:
        return self.shop.make(self.plans[number])

    def dead(self, number: int) -> Made:
        return {"reason": _DEADLY}, b""


@dataclass(frozen=True)
class Referring:
    """Photos given that were used: as they are, at the data set's size."""

    shop: Workshop
    at_once: int = 4

    def do(self, number: int) -> Made:
        return {}, self.shop.reference(number)

    def dead(self, number: int) -> Made:
        raise UsageError(
            f"{self.shop.photos[number].name}: {_DEADLY}, although it was opened before",
            hint="run the same command again: it goes on where it stopped",
            code="deadly",
        )


_DEADLY = "it ended the process that worked on it, three times"
