"""A build's stages on a cluster: the same function of a number, done there."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from spider_cli.engines.crew import Cluster, Crew
from spider_cli.engines.numbered import Done
from trainer.build.run import LIBRARIES
from trainer.build.stages import Hands, Made, Stage

__all__ = ["Building", "building_crew", "on_cluster"]


_IN_HAND = 4
"""Handfuls of photos for each process, where there are few photos."""


@dataclass(frozen=True)
class Building:
    """Some numbers of a stage, as work (`numbered.Work`) and as whoever does it."""

    stage: Stage
    numbers: Sequence[int]

    def at_once(self, count: int, workers: int) -> int:
        """As few as leave something for each where there is little."""
        return max(1, min(self.stage.at_once, count // (_IN_HAND * workers)))

    def begin(self) -> "Building":
        return self

    def do(self, places: Sequence[int]) -> Iterator[Done]:
        for place in places:
            yield place, *self.stage.do(self.numbers[place])

    def dead(self, place: int) -> Done:
        return place, *self.stage.dead(self.numbers[place])


def building_crew(cluster: Cluster, reads: Iterable[Path]) -> Crew:
    """A crew whose machines have what a build's bytes depend on.

    Args:
        reads: folders and files that every machine must have.

    Raises:
        UsageError: Ray is not installed.
    """
    return Crew(
        cluster,
        folders=tuple(str(one) for one in reads),
        packages={name: version(name) for name in LIBRARIES},
    )


def on_cluster(crew: Crew) -> Hands:
    """Hands of a cluster."""

    def hands(stage: Stage, numbers: Sequence[int]) -> Iterator[tuple[int, Made]]:
        for place, note, data in crew.do(Building(stage, numbers), len(numbers)):
            yield numbers[place], (note, data)

    return hands
