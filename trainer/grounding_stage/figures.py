"""What each rule reaches at its best temperature, how sure that is, and whether it beats the paper.

A temperature chosen on the questions it is then measured on flatters itself. So beside the figure
at the chosen temperature stands the held-out one: photos are dealt into parts by source, and each
part is measured at the temperature that is best on the other parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spider_cli.rules import PAPER
from trainer.evaluate.measures import GROUNDING
from trainer.evaluate.resampling import Comparison, Resampler
from trainer.evaluate.values import Value
from trainer.grounding_stage.trials import Trials, best_temperature

__all__ = ["RuleFigures", "folds", "held_out", "measure"]

Numbers = npt.NDArray[np.float64]
PARTS = 5


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """A rule's figures on the validation questions."""

    name: str
    temperature: float
    miou: Value
    """Mean over questions, at the temperature."""
    tasks: dict[str, Value]
    """Of each task that there are questions of."""
    held_out: Value
    """Each question at the temperature that is best on other photos."""
    against_paper: Comparison | None
    """Held out, this rule - the paper's; None of the paper's own."""
    tried: dict[float, float]
    """Temperature -> mIoU."""

    def to_json(self) -> dict[str, Any]:
        one = self.against_paper
        return {
            "temperature": self.temperature,
            "miou": self.miou.to_json(),
            "miou_held_out": self.held_out.to_json(),
            "tasks": {task: value.to_json() for task, value in self.tasks.items()},
            "against_paper": None
            if one is None
            else {
                "difference": _short(one.difference),
                "low": _short(one.low),
                "high": _short(one.high),
                "p": None if one.p is None else _short(one.p),
            },
            "tried": {f"{tau:g}": _short(value) for tau, value in self.tried.items()},
        }


def measure(trials: Trials, *, seed: int = 0) -> dict[str, RuleFigures]:
    """The figures of every rule that was tried, the paper's first.

    Args:
        seed: of the resampling and of the parts.
    """
    cases = [one.case for one in trials.questions]
    clusters = [case.cluster for case in cases]
    resampler = Resampler(clusters, seed=seed)
    parts = folds(clusters, PARTS, seed=seed)
    out = {name: held_out(tried, parts) for name, tried in trials.overlaps.items()}
    found: dict[str, RuleFigures] = {}
    for name in sorted(trials.overlaps, key=lambda one: one != PAPER.name):
        means = trials.means(name)
        tau = best_temperature(means)
        overlaps = trials.overlaps[name][tau]
        of_task = {
            task: np.array([case.task == task for case in cases], dtype=np.float64)
            for task in GROUNDING
        }
        found[name] = RuleFigures(
            name=name,
            temperature=tau,
            miou=_mean(resampler, overlaps),
            tasks={
                task: _mean(resampler, overlaps, one) for task, one in of_task.items() if one.any()
            },
            held_out=_mean(resampler, out[name]),
            against_paper=None
            if name == PAPER.name
            else resampler.compare(_sums(out[name]), _sums(out[PAPER.name]), _ratio),
            tried=means,
        )
    return found


def folds(clusters: Sequence[str], count: int, *, seed: int = 0) -> npt.NDArray[np.intp]:
    """The part of each question: clusters shuffled and dealt, so that none is in two parts."""
    names, place = np.unique(np.asarray(clusters, dtype=object), return_inverse=True)
    order = np.random.default_rng([seed, 3]).permutation(len(names))
    part = np.empty(len(names), np.intp)
    part[order] = np.arange(len(names)) % count
    return np.asarray(part[place])


def held_out(tried: Mapping[float, Numbers], parts: npt.NDArray[np.intp]) -> Numbers:
    """(questions,) overlaps, each at the temperature that is best on the other parts.

    Where there are no other parts, at the one that is best on all.
    """
    taus = sorted(tried)
    table = np.stack([tried[tau] for tau in taus])  # (temperatures, questions)
    found = np.empty(table.shape[1])
    for part in np.unique(parts):
        own = parts == part
        others = table[:, ~own] if (~own).any() else table
        best = best_temperature(dict(zip(taus, others.mean(axis=1).tolist(), strict=True)))
        found[own] = table[taus.index(best), own]
    return found


def _mean(resampler: Resampler, values: Numbers, among: Numbers | None = None) -> Value:
    sums = _sums(values, among)
    low, high = resampler.interval(sums, _ratio)
    return Value(float(_ratio(sums.sum(axis=0))), low, high)


def _sums(values: Numbers, among: Numbers | None = None) -> Numbers:
    weights = np.ones_like(values) if among is None else among
    return np.stack([values * weights, weights], axis=1)


def _ratio(sums: Numbers) -> Numbers:
    above, below = sums[..., 0], sums[..., 1]
    out = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=out, where=below != 0)
    return out


def _short(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
