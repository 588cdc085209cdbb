"""The run: photo after photo, each looked at once, asked, graded beside the baselines."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from spider_cli.errors import UsageError, did_you_mean
from spider_cli.photos import Photo, photo_from_array
from trainer.datasets.schema import Item
from trainer.evaluate.asking import Shown, System
from trainer.evaluate.baselines import Baselines
from trainer.evaluate.benchmark import Benchmark, Opened
from trainer.evaluate.cases import GRADED, Case
from trainer.evaluate.grading import Segment, grade, lost, target_mask
from trainer.evaluate.outcomes import Outcome, Prediction, Result
from trainer.evaluate.peers import Peers
from trainer.evaluate.shared_segmenter import SharedSegmenter
from trainer.judge import Judge
from trainer.rows import QA
from trainer.truth import BoolMask

__all__ = ["PHOTOS", "choose", "each_photo", "run", "tasks_named"]

PHOTOS, _PIXELS = 8, 24_000_000
"""Photos looked at together, and the pixels they may have together."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A photo, ready."""

    opened: Opened
    cases: tuple[Case, ...]
    photo: Photo | None
    masks: tuple[BoolMask, ...]


def tasks_named(words: Iterable[str]) -> tuple[str, ...]:
    """Tasks by their names or by the start of them: "ground" is all three.

    Raises:
        UsageError: there is no such task; the hint names the nearest.
    """
    found: list[str] = []
    for word in (part.strip() for words_ in words for part in words_.split(",")):
        plain = word.lower().replace("-", "_")
        fitting = [task for task in GRADED if task == plain]
        fitting = fitting or [task for task in GRADED if task.split("_")[0] == plain]
        if not fitting:
            hint = did_you_mean(plain, [*GRADED, "refer", "ground"])
            raise UsageError(
                f"unknown task {word!r}", hint=f"{hint}Tasks are {', '.join(GRADED)}; "
                "refer and ground are all of their kind.", code="unknown_task",
            )  # fmt: skip
        found += fitting
    return tuple(task for task in GRADED if task in found)


def choose(
    cases: Sequence[Case], *, tasks: Sequence[str] = (), limit: int | None = None
) -> list[Case]:
    """The cases of these tasks (all when empty), of the first `limit` photos that have any."""
    kept = [case for case in cases if not tasks or case.task in tasks]
    if limit is None:
        return kept
    first = set(list(dict.fromkeys(case.photo for case in kept))[:limit])
    return [case for case in kept if case.photo in first]


def run(
    benchmark: Benchmark,
    cases: Sequence[Case],
    system: System,
    *,
    segmenter: SharedSegmenter | None = None,
    baselines: Baselines | None = None,
    peers: Peers | None = None,
    judge: Judge | None = None,
    step: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Ask and grade.

    Args:
        cases: of the benchmark; those to ask.
        segmenter: for the baselines' points and for predictions that are a point alone.
        baselines: None leaves them out.
        peers: other packages, which judge the same photos; None: none do.
        judge: grades descriptions and the words of groundings.
        step: called after each photo.

    Returns:
        A result a case, in the benchmark's order.
    """
    found: dict[str, Result] = {}
    opened = benchmark.photos({case.photo for case in cases})
    for results in each_photo(
        opened,
        {case.id for case in cases},
        system,
        segmenter=segmenter,
        baselines=baselines,
        peers=peers,
        judge=judge,
    ):
        found |= {one.case.id: one for one in results}
        step()
    return [found[case.id] for case in cases]


def each_photo(
    opened: Iterable[Opened],
    wanted: Collection[str],
    system: System,
    *,
    segmenter: SharedSegmenter | None = None,
    baselines: Baselines | None = None,
    peers: Peers | None = None,
    judge: Judge | None = None,
) -> Iterator[list[Result]]:
    """The results of each photo, in order; several photos are looked at together.

    Args:
        wanted: ids of the cases to ask; the rest as for `run`.
    """
    for batch in _batches(opened, wanted):
        shown = [Shown(part.photo, part.cases) for part in batch if part.photo is not None]
        predictions = system.predict(shown) if shown else {}
        for part in batch:
            graded = _graded(part, predictions.get, segmenter, baselines, peers)
            yield [_judged(result, part.opened.item, judge) for result in graded]
        if segmenter is not None:
            segmenter.forget()


def _batches(opened: Iterable[Opened], wanted: Collection[str]) -> Iterator[list[_Part]]:
    batch: list[_Part] = []
    pixels = 0
    for one in opened:
        photo: Photo | None = None
        masks: tuple[BoolMask, ...] = ()
        if one.item is not None:
            photo = photo_from_array(one.item.sample.pixels, one.item.source)
            masks = tuple(region.mask for region in one.item.sample.regions)
        size = photo.width * photo.height if photo is not None else 0
        if batch and (len(batch) == PHOTOS or pixels + size > _PIXELS):
            yield batch
            batch, pixels = [], 0
        cases = tuple(case for case in one.cases if case.id in wanted)
        batch.append(_Part(one, cases, photo, masks))
        pixels += size
    if batch:
        yield batch


def _graded(
    part: _Part,
    predicted: Callable[[str], Prediction | None],
    segmenter: SharedSegmenter | None,
    baselines: Baselines | None,
    peers: Peers | None,
) -> Iterator[Result]:
    judged: dict[str, dict[str, Outcome]] = {}
    if peers is not None and part.photo is not None:
        judged = peers.judge(part.photo.pixels, part.cases)
    segment = None if segmenter is None or part.photo is None else _at(segmenter, part.photo)
    for case in part.cases:
        target = target_mask(case, part.masks) if case.grounding and part.photo else None
        if part.photo is None:
            outcome = lost(case, Outcome("failed", part.opened.reason), None)
        else:
            outcome = grade(case, predicted(case.id), target=target, segment=segment)
        beside = {}
        if baselines is not None:
            beside = baselines.outcomes(case, target=target, segment=segment)
        yield Result(case, outcome, beside | judged.get(case.id, {}))


def _at(segmenter: SharedSegmenter, photo: Photo) -> Segment:
    def segment(point: tuple[float, float]) -> BoolMask:
        return segmenter.segment(segmenter.embed(photo.pixels), point).mask

    return segment


def _judged(result: Result, item: Item | None, judge: Judge | None) -> Result:
    case, answer = result.case, result.outcome.answer
    if judge is None or item is None or not answer:
        return result
    if case.task in ("describe", "describe_region"):
        told = judge.grade_description(item, _row(item, case), answer)
    elif case.grounding:
        told = judge.grade_grounding_text(item, _row(item, case), answer)
    else:
        return result
    return result if told is None else result.judged(told)


def _row(item: Item, case: Case) -> QA:
    return item.rows[int(case.id.rpartition("-")[2])]
