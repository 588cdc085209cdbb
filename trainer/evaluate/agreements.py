"""Scores against opinions, of one result and of two."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trainer.evaluate.baselines import BASELINES
from trainer.evaluate.figures import AGREEMENTS, Agreement
from trainer.evaluate.outcomes import Outcome, Result
from trainer.evaluate.peers import TITLES
from trainer.evaluate.resampling import Correlation, Resampler
from trainer.evaluate.values import SYSTEM, Difference, Row, Value
from trainer.metrics import fit_logistic, logistic, plcc, plcc_fitted

__all__ = ["agreements", "compared_scores"]

_RESAMPLED_CALLS = 200
"""Of a resampled fit; more lead nowhere."""

Numbers = npt.NDArray[np.float64]


def agreements(results: Sequence[Result], seed: int, rounds: int) -> list[Row]:
    """The rows of the scores; none for fewer than two."""
    scored = [one for one in results if one.case.task == "score"]
    if len(scored) < 2:
        return []
    opinions = np.array([one.case.mos for one in scored], dtype=np.float64)
    sampler = Resampler([one.case.cluster for one in scored], seed=seed, rounds=rounds)
    systems: dict[str, Numbers] = {SYSTEM: _scores([one.outcome for one in scored])}
    for name in (*BASELINES, *TITLES):
        beside = [one.baselines[name] for one in scored if name in one.baselines]
        if len(beside) == len(scored):
            systems[name] = _scores(beside)
    rows = []
    for agreement in AGREEMENTS:
        values = {}
        for name, scores in systems.items():
            value = agreement.figure(scores, opinions)
            low = high = float("nan")
            if name == SYSTEM or name in TITLES:
                figure = _quick(agreement, scores, opinions)
                low, high = sampler.correlation_interval(scores, opinions, figure)
            if not math.isnan(value):
                values[name] = Value(value, low, high)
        if values:
            rows.append(Row(agreement.name, "scoring", agreement.title, len(scored), values))
    return rows


def compared_scores(
    pairs: Sequence[tuple[Result, Result]], seed: int, rounds: int
) -> list[Difference]:
    """The scores of two results on the same cases."""
    scored = [(one, two) for one, two in pairs if one.case.task == "score"]
    if len(scored) < 2:
        return []
    opinions = np.array([one.case.mos for one, _ in scored], dtype=np.float64)
    ours = _scores([one.outcome for one, _ in scored])
    theirs = _scores([two.outcome for _, two in scored])
    sampler = Resampler([one.case.cluster for one, _ in scored], seed=seed, rounds=rounds)
    return [
        Difference(
            agreement.name,
            "scoring",
            agreement.title,
            len(scored),
            sampler.compare_correlations(
                ours,
                theirs,
                opinions,
                (_quick(agreement, ours, opinions), _quick(agreement, theirs, opinions)),
            ),
        )
        for agreement in AGREEMENTS
    ]


def _scores(outcomes: Sequence[Outcome]) -> Numbers:
    """(cases,) scores; the median stands for those that there are none of: it knows nothing."""
    given = [one.score if one.ok and one.score is not None else np.nan for one in outcomes]
    scores = np.array(given, dtype=np.float64)
    known = scores[~np.isnan(scores)]
    scores[np.isnan(scores)] = np.median(known) if len(known) else 0.0
    return scores


def _quick(agreement: Agreement, scores: Numbers, opinions: Numbers) -> Correlation:
    """The same figure; its fit starts from that of all cases, which resampled ones are near, and is
    that one where a few steps from there lead nowhere (nearly straight lines have many fits)."""
    if agreement.figure is not plcc_fitted:
        return agreement.figure
    start = fit_logistic(scores, opinions)
    if start is None:
        return agreement.figure

    def figure(x: Numbers, y: Numbers) -> float:
        found = fit_logistic(x, y, start=start, calls=_RESAMPLED_CALLS)
        return plcc(logistic(x, *(start if found is None else found)), y)

    return figure
