"""Every figure of the table: which cases it is about, and how it comes from their sums.

docs/evaluation.md defines each in words.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from spider_cli.vocabulary import FAMILIES
from trainer.evaluate import measures
from trainer.evaluate.bins import BINS, error_of
from trainer.evaluate.cases import Case
from trainer.evaluate.measures import GROUNDING
from trainer.evaluate.outcomes import Outcome
from trainer.evaluate.reductions import families, mean, mean_of_means, one_family
from trainer.evaluate.resampling import Correlation, Reduce
from trainer.metrics import f1, krcc, macro_f1, micro_f1, plcc, plcc_fitted, precision, recall, srcc

__all__ = ["AGREEMENTS", "FIGURES", "SECTIONS", "Agreement", "Figure", "Section"]

Section: TypeAlias = Literal["referring", "grounding", "description", "choice", "scoring"]
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
    flags: bool = False
    """Systems that only flag photos have it too, see `peers`."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A correlation between scores and opinions; of section "scoring"."""

    name: str
    title: str
    figure: Correlation


# --- which cases ----------------------------------------------------------------------------------


def _of(*tasks: str) -> About:
    return lambda case: case.task in tasks


def _subtask(task: str, *names: str) -> About:
    return lambda case: case.task == task and case.subtask in names


def _target(name: str, *tasks: str) -> About:
    return lambda case: case.task in (tasks or GROUNDING) and case.target == name


def _clean(task: str) -> About:
    return lambda case: case.task == task and not (case.distortions or case.other)


def _several(task: str) -> About:
    """Regions of photos in which another is distorted too."""
    return lambda case: case.task == task and case.target == "region" and (case.regions or 0) > 1


def _grave(case: Case) -> bool:
    return case.task == "describe" and bool(measures.grave(case))


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
            families(reduce),
            wide,
        )
    words = f"{title}: severity, of families named rightly"
    yield Figure(f"{task}.severity", section, words, about, measures.severities, mean)


def _referring() -> Iterator[Figure]:
    parts = {"one": "one distortion", "two": "two distortions", "clean": "clean"}
    for task, style in (("refer_short", "short"), ("refer_long", "long")):

        def accuracy(name: str, words: str, about: About, task: str = task) -> Figure:
            return Figure(f"{task}.{name}", "referring", words, about, measures.exact, mean)

        yield accuracy("accuracy", f"{style}: accuracy", _of(task))
        for part, words in parts.items():
            about = _subtask(task, part)
            yield accuracy(f"accuracy_{part}", f"{style}, {words}: accuracy", about)
        words = f"{style}, one or two distortions: accuracy"
        yield accuracy("accuracy_faulty", words, _subtask(task, "one", "two"))
        words, about = f"{style}, one distortion: its family named", _subtask(task, "one")
        yield Figure(f"{task}.named_one", "referring", words, about, measures.named, mean)
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
                one_family(index, reduce),
                wide,
            )


def _grounding() -> Iterator[Figure]:
    def share(name: str, words: str, about: About, measure: Measure) -> Figure:
        return Figure(f"ground.{name}", "grounding", words, about, measure, mean)

    names = dict(zip(GROUNDING, ("DAO-G", "HyD-G", "SiD-G"), strict=True))
    for task, words in names.items():
        about = _target("region", task)
        title = f"{words}: mIoU"
        yield Figure(f"{task}.miou", "grounding", title, about, measures.iou_share, mean)
    for task, words in names.items():
        title = f"{words}: mIoU, photos with several regions"
        yield Figure(
            f"{task}.miou_several", "grounding", title, _several(task), measures.iou_share, mean
        )
    regions, everything = _target("region"), _of(*GROUNDING)
    yield Figure(
        "ground.miou",
        "grounding",
        "mIoU, mean of the three",
        regions,
        measures.iou_by_task,
        mean_of_means,
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
    return Figure(name, section, words, about, measures.judged, mean, top=top, partial=True)


def _description() -> Iterator[Figure]:
    for task, name in (("describe", "photo"), ("describe_region", "region")):

        def share(
            end: str, words: str, about: About, measure: Measure, task: str = task, *,
            good: bool = True, flags: bool = False,
        ) -> Figure:  # fmt: skip
            return Figure(f"{task}.{end}", "description", words, about, measure, mean,
                          higher_is_better=good, flags=flags and task == "describe")  # fmt: skip

        yield from _named(task, "description", name)
        if task == "describe":
            words = "photo: mentions in the right place"
            yield share("position", words, _placed, measures.placed_right)
            words = "photo: faults mentioned in their place"
            yield share("coverage", words, _placed, measures.covered)
        clean = _clean(task)
        words = f"{name}: clean and called so"
        yield share("clean", words, clean, measures.called_clean, flags=True)
        words = f"{name}: clean, but faults named"
        yield share("false_alarm", words, clean, measures.false_alarm, good=False, flags=True)
        if task == "describe":
            words = "photo: moderate and severe faults named"
            yield share("recall_grave", words, _grave, measures.grave_named)
            words = "photo: moderate or severe faults, not called clean"
            yield share("noticed", words, _grave, measures.noticed, flags=True)
            words, soft = "photo: soft at 100% but clean, called so", _subtask(task, "soft")
            yield share("soft", words, soft, measures.called_clean, flags=True)
            words, fine = "photo: fault visible at 100% only, named", _subtask(task, "fine")
            yield share("fine", words, fine, measures.named)
            words = "photo: fault visible at 100% only, not called clean"
            yield share("fine_noticed", words, fine, measures.noticed, flags=True)
        yield _judge(f"{task}.judge", "description", f"{name}: judge, 0-10", _of(task), 10)


def _words() -> Iterator[Figure]:
    """Over all tasks whose answers are words."""
    about = _of("refer_short", "refer_long", "describe", "describe_region")
    words = "all answers in words: severity, of families named rightly"
    yield Figure("words.severity", "description", words, about, measures.severities, mean)
    words = "all answers in words: calibration error of the severity said"
    yield _calibration("words.severity_ece", "description", words, about, measures.severity_odds)


def _axes() -> Iterator[Figure]:
    for axis, name in (("right", "P(right)"), ("bottom", "P(bottom)")):
        for truth in ("place", "side"):
            yield _calibration(
                f"ground.ece_{axis}_{truth}",
                "grounding",
                f"{name} as a {truth}: calibration error",
                _target("region"),
                measures.AXES[axis, truth],
            )


def _calibration(
    name: str, section: Section, words: str, about: About, pairs: measures.Pairs
) -> Figure:
    """Of what `pairs` gives of a case: probabilities, and whether it was so."""

    def measure(case: Case, outcome: Outcome) -> Sequence[float] | None:
        return measures.binned(pairs(case, outcome))

    return Figure(name, section, words, about, measure, error_of, 3 * BINS, partial=True,
                  higher_is_better=False)  # fmt: skip


FIGURES: tuple[Figure, ...] = (
    *_referring(),
    *_grounding(),
    *_axes(),
    *_description(),
    *_words(),
    Figure("choice.accuracy", "choice", "accuracy", _of("choice"), measures.chosen, mean),
)
"""All figures but the agreements, in the order of the table."""

AGREEMENTS: tuple[Agreement, ...] = (
    Agreement("score.srcc", "SRCC", srcc),
    Agreement("score.krcc", "KRCC", krcc),
    Agreement("score.plcc", "PLCC, raw", plcc),
    Agreement("score.plcc_fitted", "PLCC, after the 4-parameter fit", plcc_fitted),
)
