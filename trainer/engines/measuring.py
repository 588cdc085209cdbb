"""A measurement on a cluster: each process has the model, and asks about some of the photos."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spider_cli.engines.crew import Cluster, Crew
from spider_cli.engines.numbered import Done
from trainer.evaluate.asking import ModelSystem
from trainer.evaluate.baselines import Baselines
from trainer.evaluate.benchmark import Opened
from trainer.evaluate.cases import Case
from trainer.evaluate.outcomes import Result
from trainer.evaluate.peers import Peers, peers_named
from trainer.evaluate.running import PHOTOS, each_photo

if TYPE_CHECKING:
    from spider_cli.auditor import Auditor
    from trainer.evaluate.shared_segmenter import SharedSegmenter

__all__ = ["Measuring", "run_on_cluster"]


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """The photos of a benchmark that are to be asked about (`numbered.Work`); a number is a photo.

    Args:
        opened: the benchmark's `photos`.
        cases: those to ask.
        auditor: arguments of `Auditor`.
        revision: of the model's weights here.
        seed: of the baselines.
        baselines: measure them beside it.
        peers: names of other packages to judge the same photos.
    """

    opened: Callable[[Collection[str]], Iterator[Opened]] = field(repr=False)
    cases: tuple[Case, ...]
    auditor: dict[str, Any]
    revision: str
    seed: int
    baselines: bool = True
    peers: tuple[str, ...] = ()

    @property
    def photos(self) -> list[str]:
        """Their ids."""
        return list(dict.fromkeys(case.photo for case in self.cases))

    def at_once(self, count: int, workers: int) -> int:
        """As many as a run in one process looks at together: then not a last digit differs."""
        return PHOTOS

    def begin(self) -> "_Measurer":
        """Load the model, in the process that asks it.

        Raises:
            UsageError: the machine has other weights than that of the command.
        """
        import torch

        from spider_cli.auditor import Auditor
        from spider_cli.engines.machine import processors, same_weights
        from trainer.evaluate.shared_segmenter import SharedSegmenter

        torch.set_num_threads(processors())
        auditor = Auditor(**self.auditor)
        same_weights(auditor, self.revision)
        auditor.load()
        pointed = any(case.grounding for case in self.cases)
        return _Measurer(
            self, auditor, SharedSegmenter(auditor.load_segmenter()) if pointed else None
        )


class _Measurer:
    """See `numbered.Worker`."""

    def __init__(
        self, work: Measuring, auditor: "Auditor", segmenter: "SharedSegmenter | None"
    ) -> None:
        self._opened = work.opened
        self._segmenter = segmenter
        self._system = ModelSystem(auditor, segmenter)
        self._baselines = Baselines(work.cases, work.seed) if work.baselines else None
        self._peers = Peers(peers_named(work.peers)) if work.peers else None
        self._photos = work.photos
        self._numbers = {photo: number for number, photo in enumerate(self._photos)}
        self._cases: dict[str, list[Case]] = {}
        for case in work.cases:
            self._cases.setdefault(case.photo, []).append(case)
        self._wanted = {case.id for case in work.cases}

    def do(self, numbers: Sequence[int]) -> Iterator[Done]:
        opened = self._opened({self._photos[number] for number in numbers})
        yield from self._graded(opened)

    def dead(self, number: int) -> Done:
        cases = tuple(self._cases[self._photos[number]])
        reason = f"{cases[0].source}: it ended the process that looked at it, three times"
        [done] = self._graded(iter([Opened(cases, None, reason)]))
        return done

    def _graded(self, opened: Iterator[Opened]) -> Iterator[Done]:
        for results in each_photo(
            opened,
            self._wanted,
            self._system,
            segmenter=self._segmenter,
            baselines=self._baselines,
            peers=self._peers,
        ):
            number = self._numbers[results[0].case.photo]
            yield number, [one.to_json() for one in results], b""


def run_on_cluster(
    cluster: Cluster,
    work: Measuring,
    *,
    reads: Sequence[str] = (),
    step: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Ask and grade on a cluster, as `trainer.evaluate.running.run` does in this process.

    Args:
        reads: folders and files that every machine must have.
        step: called after each photo.

    Returns:
        A result a case, in the order of the cases.

    Raises:
        UsageError: the cluster cannot be joined, or gave up; or a machine has other weights.
    """
    found: dict[str, Result] = {}
    with Crew(cluster, device=work.auditor["device"], folders=reads) as crew:
        for _, said, _ in crew.do(work, len(work.photos)):
            results = map(Result.from_json, said)
            found |= {one.case.id: one for one in results}
            step()
    return [found[case.id] for case in work.cases]
