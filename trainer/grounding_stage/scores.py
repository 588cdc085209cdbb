"""The score's temperature: the one under which human opinions are likeliest.

Opinions are soft labels over the five level words: split between the two neighbours of the mean
opinion, so that the expectation of the levels is the opinion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spider_cli.auditor import Auditor
from spider_cli.lmm import Ask
from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION
from spider_cli.vocabulary import LEVEL_WEIGHTS, LEVELS
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.cases import Case
from trainer.evaluate.resampling import Resampler
from trainer.evaluate.values import Value
from trainer.metrics import plcc, srcc
from trainer.scores import soft_levels

__all__ = ["ScoreFigures", "best_score_temperature", "measure_scores"]

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoreFigures:
    """The score's temperature, and how scores agree with opinions then."""

    temperature: float
    photos: int
    srcc: Value
    plcc: Value
    """Raw."""
    nll: Value
    """Of the opinions' soft labels, nats, at the temperature."""
    nll_before: Value
    """The same at temperature 1."""

    def to_json(self) -> dict[str, Any]:
        return {
            "temperature": self.temperature,
            "srcc": self.srcc.to_json(),
            "plcc": self.plcc.to_json(),
            "nll": self.nll.to_json(),
            "nll_before": self.nll_before.to_json(),
        }


def measure_scores(
    benchmark: Benchmark,
    cases: Sequence[Case],
    auditor: Auditor,
    *,
    seed: int = 0,
    step: Callable[[], None] = lambda: None,
) -> ScoreFigures:
    """Ask every photo for its level word, and choose.

    Args:
        cases: of the task "score", with opinions.
        step: called after each photo.

    Raises:
        UsageError: the tokenizer cannot tell the level words apart.
    """
    model = auditor.load()
    reader = model.scorer(1.0, auditor.worded("score", SCORE_QUESTION))
    opinions = {case.photo: case for case in cases}
    rows: list[list[float]] = []
    known: list[Case] = []
    for opened in benchmark.photos(set(opinions)):
        if opened.item is not None:
            [look] = model.look([opened.item.sample.pixels])
            [logits] = model.next_logits([Ask(look, reader.question, prefix=SCORE_PREFIX)])
            rows.append([float(logits[i]) for i in reader.ids])
            known.append(opinions[opened.cases[0].photo])
        step()
    chi = np.array(rows)
    mos = np.array([case.mos for case in known], dtype=np.float64)
    soft = np.array([[soft_levels(one).get(level, 0.0) for level in LEVELS] for one in mos])
    tau = best_score_temperature(chi, soft)
    scores = _softmax(chi, tau) @ np.array(LEVEL_WEIGHTS)
    resampler = Resampler([case.cluster for case in known], seed=seed)

    def mean(values: Numbers) -> Value:
        sums = np.stack([values, np.ones_like(values)], axis=1)
        low, high = resampler.interval(sums, lambda one: one[..., 0] / one[..., 1])
        return Value(float(values.mean()), low, high)

    return ScoreFigures(
        temperature=tau,
        photos=len(known),
        srcc=Value(srcc(scores, mos), *resampler.correlation_interval(scores, mos, srcc)),
        plcc=Value(plcc(scores, mos), *resampler.correlation_interval(scores, mos, plcc)),
        nll=mean(_losses(chi, soft, tau)),
        nll_before=mean(_losses(chi, soft, 1.0)),
    )


def best_score_temperature(chi: Numbers, soft: Numbers) -> float:
    """The temperature, of 0.05 to 20 and to 1%, under which soft labels are likeliest.

    Args:
        chi: (photos, levels) logits.
        soft: (photos, levels), each row summing to 1.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda one: float(_losses(chi, soft, float(np.exp(one))).mean()),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
        options={"xatol": 0.005},
    )
    return float(f"{np.exp(found.x):.3g}")


def _softmax(chi: Numbers, tau: float) -> Numbers:
    weights = np.exp((chi - chi.max(axis=1, keepdims=True)) / tau)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _losses(chi: Numbers, soft: Numbers, tau: float) -> Numbers:
    return np.asarray(-(soft * np.log(_softmax(chi, tau) + 1e-9)).sum(axis=1))
