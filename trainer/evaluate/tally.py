"""Results -> figures: each system's value with its interval, what could not be graded, families.

The JSON form is "spider-eval/1" (docs/evaluation.md).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spider_cli.vocabulary import FAMILIES
from trainer.evaluate.agreements import agreements, compared_scores
from trainer.evaluate.baselines import BASELINES
from trainer.evaluate.cases import GRADED, Case
from trainer.evaluate.figures import FIGURES, Figure
from trainer.evaluate.outcomes import Outcome, Result, Status
from trainer.evaluate.peers import TITLES
from trainer.evaluate.resampling import Resampler
from trainer.evaluate.values import SYSTEM, Difference, Row, Value

__all__ = ["Tally", "compare", "families_of", "tally"]

ROUNDS = 1000
"""Of the bootstrap."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tally:
    """All figures of one set of results."""

    rows: list[Row]
    statuses: dict[str, Counter[Status]]
    """Task -> how many cases ended how."""
    photos: int
    clusters: int
    reasons: Counter[str] = field(default_factory=Counter)
    """Why cases failed."""

    @property
    def cases(self) -> int:
        """All of them."""
        return sum(sum(counts.values()) for counts in self.statuses.values())

    def count(self, status: Status) -> int:
        """Cases that ended so."""
        return sum(counts[status] for counts in self.statuses.values())

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        kinds: tuple[Status, ...] = ("ok", "unparsed", "missing", "failed")
        return {
            "photos": self.photos,
            "clusters": self.clusters,
            "cases": self.cases,
            **{kind: self.count(kind) for kind in kinds[1:]},
            "tasks": {
                task: {"cases": sum(counts.values()), **{kind: counts[kind] for kind in kinds}}
                for task, counts in self.statuses.items()
            },
            "figures": [row.to_json() for row in self.rows],
            "failures": dict(self.reasons.most_common(20)),
        }


def tally(results: Sequence[Result], *, seed: int = 0, rounds: int = ROUNDS) -> Tally:
    """All figures that these results have cases for.

    Args:
        seed: of the intervals.
        rounds: of the bootstrap.
    """
    rows: list[Row] = []
    if results:
        sampler = Resampler([one.case.cluster for one in results], seed=seed, rounds=rounds)
        rows = [row for figure in FIGURES if (row := _row(figure, results, sampler)) is not None]
        rows += agreements(results, seed, rounds)
    statuses: dict[str, Counter[Status]] = {}
    for task in GRADED:
        counts = Counter(one.outcome.status for one in results if one.case.task == task)
        if counts:
            statuses[task] = counts
    return Tally(
        rows,
        statuses,
        len({one.case.photo for one in results}),
        len({one.case.cluster for one in results}),
        Counter(one.outcome.reason for one in results if one.outcome.status == "failed"),
    )


def compare(
    this: Sequence[Result], that: Sequence[Result], *, seed: int = 0, rounds: int = ROUNDS
) -> list[Difference]:
    """Every figure of two results on the cases both have, with interval and p-value.

    Raises:
        ValueError: a case is not the same in both; says which.
    """
    others = {one.case.id: one for one in that}
    pairs = [(one, others[one.case.id]) for one in this if one.case.id in others]
    for one, two in pairs:
        if one.case != two.case:
            raise ValueError(one.case.id)
    if not pairs:
        return []
    sampler = Resampler([one.case.cluster for one, _ in pairs], seed=seed, rounds=rounds)
    found: list[Difference] = []
    for figure in FIGURES:
        ours = _sums(figure, [(one.case, one.outcome) for one, _ in pairs])
        theirs = _sums(figure, [(two.case, two.outcome) for _, two in pairs])
        if ours is None or theirs is None:
            continue
        both = ours[1] & theirs[1]
        if not both.any():
            continue
        kept = both[:, None]
        comparison = sampler.compare(ours[0] * kept, theirs[0] * kept, figure.reduce)
        if math.isnan(comparison.this) or math.isnan(comparison.that):
            continue
        found.append(
            Difference(figure.name, figure.section, figure.title, int(both.sum()), comparison)
        )
    return found + compared_scores(pairs, seed, rounds)


# --- figures from sums ----------------------------------------------------------------------------


def _sums(
    figure: Figure, pairs: Sequence[tuple[Case, Outcome | None]]
) -> tuple[Numbers, npt.NDArray[np.bool_]] | None:
    """(cases, k) sums, zero where the figure is not about the case, and (cases,) where it is.

    None where the system has no say in the figure.
    """
    sums = np.zeros((len(pairs), figure.width))
    counted = np.zeros(len(pairs), bool)
    said = False
    for index, (case, outcome) in enumerate(pairs):
        if not figure.about(case):
            continue
        measured = None if outcome is None else figure.measure(case, outcome)
        if measured is None:
            if not figure.partial:
                return None
            continue
        said = said or (outcome is not None and (outcome.ok or not figure.partial))
        sums[index] = measured
        counted[index] = True
    return (sums, counted) if said else None


def _row(figure: Figure, results: Sequence[Result], sampler: Resampler) -> Row | None:
    values: dict[str, Value] = {}
    about = 0
    for name in (SYSTEM, *BASELINES, *(TITLES if figure.flags else ())):
        if figure.name == "ground.inside" and name == "full_image":
            continue  # it has no point
        if name == SYSTEM:
            found = _sums(figure, [(one.case, one.outcome) for one in results])
        else:
            found = _sums(figure, [(one.case, one.baselines.get(name)) for one in results])
        if found is None:
            continue
        value = float(figure.reduce(found[0].sum(axis=0)))
        if math.isnan(value):
            continue
        about = max(about, int(found[1].sum()))
        values[name] = Value(value, *sampler.interval(found[0], figure.reduce))
    if not values:
        return None
    return Row(
        figure.name,
        figure.section,
        figure.title,
        about,
        values,
        figure.top,
        figure.higher_is_better,
    )


def families_of(tally_: Tally) -> dict[str, dict[str, float]]:
    """Family -> precision, recall and F1 of the system, over both styles of referring."""
    values = {row.name: row.values.get(SYSTEM) for row in tally_.rows}
    found: dict[str, dict[str, float]] = {}
    for family in FAMILIES:
        for name in ("precision", "recall", "f1"):
            value = values.get(f"refer.{name}.{family.replace(' ', '_')}")
            if value is not None:
                found.setdefault(family, {})[name] = value.value
    return found
