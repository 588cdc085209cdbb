"""Figures of `spider eval` on the weights of the moment, shared out over the processes."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spider_cli.auditor import Auditor
from spider_cli.errors import UsageError, did_you_mean
from spider_cli.grounding_file import Plan
from trainer.evaluate.asking import ModelSystem
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.cases import Case
from trainer.evaluate.figures import AGREEMENTS, FIGURES
from trainer.evaluate.outcomes import Result
from trainer.evaluate.running import choose, run
from trainer.evaluate.shared_segmenter import SharedSegmenter
from trainer.evaluate.tally import tally
from trainer.evaluate.targets import open_benchmark
from trainer.evaluate.values import SYSTEM
from trainer.tuning.base import NANO

if TYPE_CHECKING:
    from spider_cli.lmm import LanguageModel
    from trainer.tuning.base import Base

__all__ = [
    "LOSS",
    "Examination",
    "Measured",
    "Sample",
    "check_figure",
    "current",
    "eval_split",
    "from_text",
    "to_text",
]

LOSS = "loss"
"""Name of the loss among the figures."""
_BATCH = 8
"""Questions answered together: short of memory for many, since the optimizer's state stays."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A question with the answer of the moment."""

    question: str
    answer: str
    reference: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What an evaluation found."""

    figures: dict[str, float]
    cases: int
    failed: int
    samples: tuple[Sample, ...]


class _Current(Auditor):
    """An auditor of a model that is in memory, not in a folder; its segmenter is the bundled one.

    A model in training has no temperatures yet: they are 1.
    """

    def __init__(self, model: "LanguageModel") -> None:
        super().__init__("nano", batch_size=_BATCH)
        self._language_model = model
        self.plan = Plan()  # not nano's own rule

    def temperature(self, task: Literal["grounding", "scoring"]) -> float:
        return 1.0


class Examination:
    """A benchmark, opened once and asked many times.

    Args:
        target: a data set or a list, as `spider eval` takes it.
        limit: photos; 0 for all.

    Raises:
        UsageError: it cannot be opened, or nothing in it can be graded.
    """

    def __init__(self, target: str, limit: int) -> None:
        self.benchmark: Benchmark = open_benchmark(target)
        self.cases: list[Case] = choose(self.benchmark.cases, limit=limit or None)
        if not self.cases:
            raise UsageError(f"{target} has no case that can be graded", code="no_cases")
        self._segmenter: SharedSegmenter | None = None

    @property
    def names(self) -> list[str]:
        """Figures that these cases can give."""
        found = [one.name for one in FIGURES if any(one.about(case) for case in self.cases)]
        scored = sum(case.task == "score" for case in self.cases) > 1
        return [LOSS, *found, *((one.name for one in AGREEMENTS) if scored else ())]

    def ask(self, model: "LanguageModel", *, share: int = 0, of: int = 1) -> list[Result]:
        """Ask every `of`-th photo's cases, from number `share` on."""
        photos = list(dict.fromkeys(case.photo for case in self.cases))
        mine = set(photos[share::of])
        cases = [case for case in self.cases if case.photo in mine]
        if not cases:
            return []
        auditor = _Current(model)
        if self._segmenter is None and any(case.grounding for case in self.cases):
            self._segmenter = SharedSegmenter(auditor.load_segmenter())
        system = ModelSystem(auditor, self._segmenter)
        return run(self.benchmark, cases, system, segmenter=self._segmenter)

    def ordered(self, results: Sequence[Result]) -> list[Result]:
        """Results of several processes in the order of the cases."""
        found = {one.case.id: one for one in results}
        return [found[case.id] for case in self.cases if case.id in found]

    def sum_up(self, results: Sequence[Result], *, samples: int = 3) -> Measured:
        """Figures of all processes' results, and the first answers of different tasks."""
        found = tally(results, rounds=1)
        figures = {
            row.name: row.values[SYSTEM].value
            for row in found.rows
            if SYSTEM in row.values and math.isfinite(row.values[SYSTEM].value)
        }
        first: dict[str, Sample] = {}
        for one in results:
            if one.case.question and one.case.task not in first:
                said = one.outcome.answer or one.outcome.reason
                first[one.case.task] = Sample(one.case.question, said, one.case.reference)
        shown = tuple(first.values())[:samples]
        return Measured(figures, found.cases, found.count("failed"), shown)


def current(
    model: Any, processor: Any, base: "Base", max_pixels: int | None = None
) -> "LanguageModel":
    """The model of the moment, as the commands ask one.

    Args:
        max_pixels: of the recipe.
    """
    from spider_cli.lmm import Eyes, LanguageModel

    eyes: Eyes
    if base.kind == NANO:
        from spider_cli.nano.eyes import NanoEyes

        eyes = NanoEyes(model, processor)
    else:
        from spider_cli.chat import ChatEyes

        eyes = ChatEyes(model, processor, max_pixels=max_pixels)
    return LanguageModel(model=model, eyes=eyes, folder=base.folder, revision="")


def check_figure(name: str | None, examination: Examination) -> tuple[str, bool]:
    """The figure that names the best checkpoint, and whether more of it is better.

    Raises:
        UsageError: the evaluation has no such figure.
    """
    wanted = name or LOSS
    if wanted not in examination.names:
        hint = did_you_mean(wanted, examination.names)
        first = [one for one in examination.names if one.count(".") < 2]
        raise UsageError(
            f"run.best_by: the evaluation gives no figure {wanted!r}",
            hint=f"{hint}It gives {', '.join(first)}, and more by family",
            code="no_figure",
        )
    better = {one.name: one.higher_is_better for one in FIGURES}
    return wanted, wanted != LOSS and better.get(wanted, True)


def to_text(results: Sequence[Result]) -> str:
    """Results as JSON, to send to other processes."""
    return json.dumps([one.to_json() for one in results])


def from_text(text: str) -> list[Result]:
    """The inverse."""
    value: list[dict[str, Any]] = json.loads(text)
    return [Result.from_json(one) for one in value]


def eval_split(target: str) -> tuple[str, str] | None:
    """Folder and split whose rows give the loss; None where the target is no data set of ours."""
    from trainer.datasets.store import CONFIG, open_data

    folder = Path(target).expanduser()
    if not (folder / CONFIG).is_file():
        return None
    splits = open_data(folder).splits
    return target, next((one for one in ("test", "validation") if one in splits), splits[0])
