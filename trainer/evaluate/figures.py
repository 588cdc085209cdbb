"""Every figure of the table: which cases it is about, and how it comes from their sums.

docs/evaluation.md defines each in words.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from spider_cli.vocabulary import FAMILIES
from trainer.evaluate import measures
from trainer.evaluate.cases import Case
from trainer.evaluate.measures import GROUNDING
from trainer.evaluate.outcomes import Outcome
from trainer.evaluate.resampling import Correlation, Reduce
from trainer.metrics import f1, krcc, macro_f1, micro_f1, plcc, plcc_fitted, precision, recall, srcc

__all__ = ["AGREEMENTS", "FIGURES", "SECTIONS", "Agreement", "Figure", "Section"]

Section: TypeAlias = Literal["referring", "grounding", "description", "choice", "scoring"]
Numbers: TypeAlias = npt.NDArray[np.float64]
About: TypeAlias = Callable[[Case], bool]
Measure: TypeAlias = Callable[[Case, Outcome], Sequence[float] | None]

SECTIONS: dict[Section, str] = {
    "referring": "Referring",
    "grounding": "Grounding",
    "description": "Description",
    "scoring": "Scores against opinions",
    "choice": "Multiple choice",
}
"""Section -> its title, in the order of the table."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that follows from sums over cases."""

    name: str
    section: Section
    title: str
    about: About
    measure: Measure
    """What a case adds to the sums; see `measures`."""
    reduce: Reduce
    """Sums (..., width) -> the figure (...)."""
    width: int = 2
    top: float = 1
    """The best there can be."""
    partial: bool = False
    """It stands although some cases have no say; else a system without a say in one has none."""
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Agreement:
    """A correlation between scores and opinions; of section "scoring"."""

    name: str
    title: str
    figure: Correlation


# --- from sums to figures -------------------------------------------------------------------------


def _mean(sums: Numbers) -> Numbers:
    """(..., 2): sum and count."""
    above, below = sums[..., 0], sums[..., 1]
    out = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=out, where=below != 0)
    return out


def _mean_of_means(sums: Numbers) -> Numbers:
    """(..., 2k): k times sum and count; the unweighted mean of the means that there are."""
    each = np.stack([_mean(sums[..., i : i + 2]) for i in range(0, sums.shape[-1], 2)], axis=-1)
    known = ~np.isnan(each)
    return _mean(np.stack([np.where(known, each, 0).sum(-1), known.sum(-1)], axis=-1))


def _families(reduce: Callable[[npt.ArrayLike], Numbers]) -> Reduce:
    def reduced(sums: Numbers) -> Numbers:
        return reduce(sums.reshape(*sums.shape[:-1], len(FAMILIES), 3))

    return reduced


def _one_family(index: int, reduce: Callable[[npt.ArrayLike], Numbers]) -> Reduce:
    return lambda sums: reduce(sums[..., 3 * index : 3 * index + 3])


# --- which cases ----------------------------------------------------------------------------------


def _of(*tasks: str) -> About:
    return lambda case: case.task in tasks


def _subtask(task: str, name: str) -> About:
    return lambda case: case.task == task and case.subtask == name


def _target(name: str, *tasks: str) -> About:
    return lambda case: case.task in (tasks or GROUNDING) and case.target == name


def _clean(task: str) -> About:
    return lambda case: case.task == task and not (case.distortions or case.other)


def _placed(case: Case) -> bool:
    return bool(case.places)


# --- the list -------------------------------------------------------------------------------------


def _named(task: str, section: Section, title: str) -> Iterator[Figure]:
    """Families and severities that answers to a task name."""
    about, wide = _of(task), 3 * len(FAMILIES)
    for name, words, reduce in (("macro", "macro F1", macro_f1), ("micro", "micro F1", micro_f1)):
        yield Figure(
            f"{task}.f1_{name}",
            section,
            f"{title}: {words} of families",
            about,
            measures.family_counts,
            _families(reduce),
            wide,
        )
    words = f"{title}: severity, of families named rightly"
    yield Figure(f"{task}.severity", section, words, about, measures.severities, _mean)


def _referring() -> Iterator[Figure]:
    parts = {"one": "one distortion", "two": "two distortions", "clean": "clean"}
    for task, style in (("refer_short", "short"), ("refer_long", "long")):

        def accuracy(name: str, words: str, about: About, task: str = task) -> Figure:
            return Figure(f"{task}.{name}", "referring", words, about, measures.exact, _mean)

        yield accuracy("accuracy", f"{style}: accuracy", _of(task))
        for part, words in parts.items():
            about = _subtask(task, part)
            yield accuracy(f"accuracy_{part}", f"{style}, {words}: accuracy", about)
        yield from _named(task, "referring", style)
    both, wide = _of("refer_short", "refer_long"), 3 * len(FAMILIES)
    for index, family in enumerate(FAMILIES):
        for name, reduce in (("precision", precision), ("recall", recall), ("f1", f1)):
            yield Figure(
                f"refer.{name}.{family.replace(' ', '_')}",
                "referring",
                f"{family}: {name}",
                both,
                measures.family_counts,
                _one_family(index, reduce),
                wide,
            )


def _grounding() -> Iterator[Figure]:
    def share(name: str, words: str, about: About, measure: Measure) -> Figure:
        return Figure(f"ground.{name}", "grounding", words, about, measure, _mean)

    names = dict(zip(GROUNDING, ("DAO-G", "HyD-G", "SiD-G"), strict=True))
    for task, words in names.items():
        about = _target("region", task)
        title = f"{words}: mIoU"
        yield Figure(f"{task}.miou", "grounding", title, about, measures.iou_share, _mean)
    regions, everything = _target("region"), _of(*GROUNDING)
    yield Figure(
        "ground.miou",
        "grounding",
        "mIoU, mean of the three",
        regions,
        measures.iou_by_task,
        _mean_of_means,
        2 * len(GROUNDING),
    )
    yield share("miou_rows", "mIoU, mean over questions", regions, measures.iou_share)
    yield share("giou", "gIoU, all targets", everything, measures.giou_share)
    yield share("ciou", "cIoU, all targets", everything, measures.areas)
    yield share("inside", "point inside the region", regions, measures.inside)
    yield share("words", "both positional words right", regions, measures.placed_words)
    yield share("whole", "whole photo: said so", _target("whole"), measures.said_target)
    yield share("absent", "no such region: said so", _target("absent"), measures.said_target)
    yield _judge("ground.judge", "grounding", "words: judge, 0-5", everything, 5)


def _judge(name: str, section: Section, words: str, about: About, top: float) -> Figure:
    return Figure(name, section, words, about, measures.judged, _mean, top=top, partial=True)


def _description() -> Iterator[Figure]:
    for task, name in (("describe", "photo"), ("describe_region", "region")):

        def share(
            end: str, words: str, about: About, measure: Measure, task: str = task, *,
            good: bool = True,
        ) -> Figure:  # fmt: skip
            full = f"{task}.{end}"
            return Figure(full, "description", words, about, measure, _mean, higher_is_better=good)

        yield from _named(task, "description", name)
        if task == "describe":
            words = "photo: mentions in the right place"
            yield share("position", words, _placed, measures.placed_right)
            words = "photo: faults mentioned in their place"
            yield share("coverage", words, _placed, measures.covered)
        clean = _clean(task)
        yield share("clean", f"{name}: clean and called so", clean, measures.called_clean)
        words = f"{name}: clean, but faults named"
        yield share("false_alarm", words, clean, measures.false_alarm, good=False)
        yield _judge(f"{task}.judge", "description", f"{name}: judge, 0-10", _of(task), 10)


FIGURES: tuple[Figure, ...] = (
    *_referring(),
    *_grounding(),
    *_description(),
    Figure("choice.accuracy", "choice", "accuracy", _of("choice"), measures.chosen, _mean),
)
"""All figures but the agreements, in the order of the table."""

AGREEMENTS: tuple[Agreement, ...] = (
    Agreement("score.srcc", "SRCC", srcc),
    Agreement("score.krcc", "KRCC", krcc),
    Agreement("score.plcc", "PLCC, raw", plcc),
    Agreement("score.plcc_fitted", "PLCC, after the 4-parameter fit", plcc_fitted),
)
