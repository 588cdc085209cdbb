"""How readily a model says that nothing is wrong: what is added to the logit where descriptions of
clean photos part from others.

A false alarm costs a photographer more than a fault that was missed, and a model learns neither
price. Its own words stay; how sure it must be of a fault before it names one is set here, by the
share of photos with faults that it must still not call clean.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spider_cli.auditor import Auditor
from spider_cli.errors import UsageError
from spider_cli.lmm import Answer, Ask, LanguageModel, Look
from spider_cli.questions import describe_question
from spider_cli.reading import parse_distortions, says_nothing
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.cases import Case
from trainer.evaluate.reductions import mean
from trainer.evaluate.resampling import Resampler
from trainer.evaluate.values import Value

__all__ = [
    "DescribingFigures",
    "Told",
    "asked_as",
    "best_bias",
    "margins",
    "measure_describing",
    "opening_of",
]

Numbers = npt.NDArray[np.float64]

_STEPS = 8
"""Steps of an answer within which it must have parted."""
_KEPT = 64
"""Likeliest tokens of a step that are kept."""
_STRAY = 0.02
"""Of descriptions that name a fault, at most this share begins as those of clean photos do."""
_GRAIN = 0.01
"""Of the bias, in nats."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a model described a photo, and what is true of it."""

    cluster: str
    severities: frozenset[str]
    """Of the photo's faults; empty where it is clean."""
    ids: tuple[int, ...]
    """The answer's tokens."""
    clean: bool
    """It says that nothing is wrong."""
    steps: tuple[dict[int, float], ...]
    """Raw logits of the likeliest tokens, of the answer's first steps."""

    @property
    def faulty(self) -> bool:
        """It has a moderate or severe fault."""
        return bool({"moderate", "severe"} & self.severities)


@dataclass(frozen=True, slots=True)
class DescribingFigures:
    """The bias, and what it changes on the photos it was chosen on."""

    opening: str
    """How descriptions of clean photos begin."""
    ids: tuple[int, ...]
    """Its tokens."""
    questions: tuple[tuple[int, ...], ...]
    """Tokens of each wording that asks for a description, up to where the answer begins."""
    bias: float
    """Added to the logit of the opening's last token after each of them, nats."""
    recall: float
    """Share of photos with moderate or severe faults that must not be called clean."""
    clean: int
    faulty: int
    """How many photos are clean; how many have a moderate or severe fault."""
    clean_found: Value
    clean_found_before: Value
    """Share of the clean ones called so, with the bias and without."""
    faults_found: Value
    faults_found_before: Value
    """Share of the faulty ones not called clean."""

    @property
    def sequences(self) -> list[list[Any]]:
        """The bias in the form of generation_config.json."""
        return [[[*question, *self.ids], self.bias] for question in self.questions]

    def to_json(self) -> dict[str, Any]:
        return {
            "opening": self.opening,
            "questions": len(self.questions),
            "bias": self.bias,
            "recall": self.recall,
            "clean": self.clean,
            "faulty": self.faulty,
            "clean_found": self.clean_found.to_json(),
            "clean_found_before": self.clean_found_before.to_json(),
            "faults_found": self.faults_found.to_json(),
            "faults_found_before": self.faults_found_before.to_json(),
        }


def measure_describing(
    benchmark: Benchmark,
    cases: Sequence[Case],
    auditor: Auditor,
    recall: float,
    *,
    seed: int = 0,
    step: Callable[[], None] = lambda: None,
) -> DescribingFigures:
    """Have every photo described, and choose.

    Args:
        cases: of the task "describe", one a photo.
        recall: of photos with moderate or severe faults, 0-1.
        step: called after each photo.

    Raises:
        UsageError: there are no clean photos, or none with such faults; or the model never says
            that nothing is wrong, or says it in the same words as its opposite.
    """
    model = auditor.load()
    question = auditor.worded("describe", describe_question())
    about = {case.photo: case for case in cases}
    told: list[Told] = []
    look: Look | None = None
    for opened in benchmark.photos(set(about)):
        if opened.item is not None:
            [look] = model.look([opened.item.sample.pixels])
            [answer] = model.ask([Ask(look, question)])
            told.append(_told(about[opened.cases[0].photo], answer))
        step()
    if look is None:
        raise UsageError(f"{benchmark.name}: none of its photos can be opened", code="no_cases")
    opening = opening_of(told)
    wordings = {question, *(auditor.worded("describe", one) for one in _wordings(benchmark))}
    questions = tuple(sorted({asked_as(model, look, one) for one in wordings}))
    reached, otherwise = margins(told, opening)
    clean = np.array([not one.severities for one in told])
    faulty = np.array([one.faulty for one in told])
    for found, what in ((clean, "clean photo"), (faulty, "photo with a moderate or severe fault")):
        if not found.any():
            raise UsageError(
                f"{benchmark.name}, split {benchmark.split}, has no {what} to choose --recall by",
                code="no_cases",
            )
    bias = best_bias(reached, otherwise, clean, faulty, recall)
    resampler = Resampler([one.cluster for one in told], seed=seed)

    def share(found: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]) -> Value:
        sums = np.stack([found & among, among], axis=1).astype(np.float64)
        return Value(float(found[among].mean()), *resampler.interval(sums, mean))

    before, after = (otherwise | (reached + added > 0) for added in (0.0, bias))
    return DescribingFigures(
        opening=model.eyes.tokenizer.decode(list(opening)),
        ids=opening,
        questions=questions,
        bias=bias,
        recall=recall,
        clean=int(clean.sum()),
        faulty=int(faulty.sum()),
        clean_found=share(after, clean),
        clean_found_before=share(before, clean),
        faults_found=share(~after, faulty),
        faults_found_before=share(~before, faulty),
    )


def asked_as(model: LanguageModel, look: Look, question: str) -> tuple[int, ...]:
    """The last tokens of a prompt: those of the question, and what comes before the answer."""
    ask = Ask(look, question)
    if model.eyes.shares:
        ids, _ = model.eyes.row(ask)
    else:
        ids = model.eyes.inputs([ask])["input_ids"][0].tolist()
    own = model.encode(question)[1:]  # how the first is written depends on what is before it
    for start in range(len(ids) - len(own), -1, -1):
        if ids[start : start + len(own)] == own:
            return tuple(ids[start:])
    raise UsageError(
        f"the tokens of {question!r} are not to be found in the prompt of {model.folder}",
        hint="run it without --recall",
        code="model_unfit",
    )


def _wordings(benchmark: Benchmark) -> set[str]:
    """What asks for descriptions of whole photos, and for nothing else."""
    asking = {case.question for case in benchmark.cases if case.task == "describe"}
    return asking - {case.question for case in benchmark.cases if case.task != "describe"}


def opening_of(told: Sequence[Told]) -> tuple[int, ...]:
    """The shortest start of the commonest answer that says "clean" which hardly any other has.

    Raises:
        UsageError: there is none.
    """
    said = Counter(one.ids for one in told if one.clean)
    others = [one.ids for one in told if not one.clean]
    if said:
        [(commonest, _)] = said.most_common(1)
        for end in range(1, min(_STEPS, len(commonest)) + 1):
            strays = sum(ids[:end] == commonest[:end] for ids in others)
            if strays <= _STRAY * len(others):
                return commonest[:end]
    why = "in the words that others begin with, too" if said else "at all"
    raise UsageError(
        f"the model does not say that nothing is wrong {why}: its descriptions cannot be weighed",
        hint="run it without --recall",
        code="model_unfit",
    )


def margins(
    told: Sequence[Told], opening: tuple[int, ...]
) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """How much likelier than the next best the opening's last token is, for each photo (nats,
    without any bias; -inf where the answer parts earlier), and which photos are called clean in
    other words."""
    at = len(opening) - 1
    reached = np.full(len(told), -np.inf)
    for row, one in enumerate(told):
        if one.ids[:at] == opening[:at] and at < len(one.steps):
            step = one.steps[at]
            best = max(value for token, value in step.items() if token != opening[at])
            reached[row] = step.get(opening[at], -np.inf) - best
    otherwise = np.array([one.clean and one.ids[: at + 1] != opening for one in told])
    return reached, otherwise


def best_bias(
    reached: Numbers,
    otherwise: npt.NDArray[np.bool_],
    clean: npt.NDArray[np.bool_],
    faulty: npt.NDArray[np.bool_],
    recall: float,
) -> float:
    """The largest bias that leaves `recall` of the faulty photos not called clean, in steps of
    0.01; no larger than calls every clean photo so that can be.

    Args:
        reached, otherwise: (photos,) of `margins`.
        clean, faulty: (photos,) which ones are.
        recall: 0-1. Where it is out of reach, no faulty photo is called clean by the bias.
    """
    may = int(faulty.sum()) - math.ceil(recall * int(faulty.sum()) - 1e-9)
    free = max(0, may - int((faulty & otherwise).sum()))
    against = np.sort(reached[faulty & ~otherwise])[::-1]
    first = against[free] if free < len(against) else -np.inf  # must stay as it is
    mine = reached[clean & ~otherwise & np.isfinite(reached)]
    enough = _GRAIN - float(mine.min()) if len(mine) else 0.0
    return round(math.floor(min(-float(first), enough) / _GRAIN) * _GRAIN, 2)


def _told(case: Case, answer: Answer) -> Told:
    steps = []
    for logits in answer.logits[:_STEPS]:
        kept = np.argsort(logits)[::-1][:_KEPT]
        steps.append({int(token): float(logits[token]) for token in kept})
    found, other = parse_distortions(answer.text)
    return Told(
        cluster=case.cluster,
        severities=frozenset(one.severity for one in case.distortions),
        ids=answer.token_ids,
        clean=not found and not other and says_nothing(answer.text),
        steps=tuple(steps),
    )
