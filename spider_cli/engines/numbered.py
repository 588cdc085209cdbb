"""Work that comes as numbers: what an engine hands out, and what becomes of a number that ends the
process that works on it.

The work itself is anybody's: building a data set, measuring a model.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from spider_cli.engines.trials import Trials

__all__ = ["Done", "Gang", "Work", "Worker", "worked"]

Done: TypeAlias = tuple[int, Any, bytes]
"""A number, what came of it as a JSON value, and bytes."""


class Worker(Protocol):
    """Does the work, in a process of its own, one call after the other."""

    def do(self, numbers: Sequence[int]) -> Iterable[Done]:
        """Work on some numbers, side by side or in turn; each is done once, in any order."""
        ...

    def dead(self, number: int) -> Done:
        """What becomes of a number that ended the process three times."""
        ...


class Work(Protocol):
    """What is to be done; it is sent to the machines of a cluster."""

    def at_once(self, count: int, workers: int) -> int:
        """How many of `count` numbers each of so many workers is to get at a time."""
        ...

    def begin(self) -> Worker:
        """Load what is needed, in the process that needs it."""
        ...


@dataclass(frozen=True)
class Gang:
    """What every process that works is told, besides its work."""

    run: str
    """What tells this run from others."""
    version: str
    """Of spider, where the run was started."""
    base: str
    """The folder from which relative paths start."""
    folders: tuple[str, ...] = ()
    """Folders and files that every machine must have."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Package -> release that every machine must have."""


def worked(worker: Worker, numbers: Sequence[int], trials: "Trials") -> Iterator[Done]:
    """Do the numbers; one that has ended the process thrice is told, and left alone.

    Args:
        trials: what to do about numbers that end the process.
    """
    names = [str(number).encode() for number in numbers]
    together, alone, never = trials.sorted(names)
    for at in never:
        yield worker.dead(numbers[at])
    for group in [*([at] for at in alone), *([together] if together else [])]:
        with trials.under_way([names[at] for at in group]):
            yield from worker.do([numbers[at] for at in group])
