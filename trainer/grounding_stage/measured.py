"""What a run of stage 2 found: the report, and the files that say it."""

import datetime
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spider_cli import __version__
from spider_cli.grounding_file import GROUNDING, VERSION
from spider_cli.lmm import GENERATION
from spider_cli.rules import PAPER, Rule
from spider_cli.weights.revision import revision_of
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.resampling import Resampler
from trainer.evaluate.table import Grid
from trainer.grounding_stage.asking import Question
from trainer.grounding_stage.calibration import Calibration, best_likelihood, calibrate
from trainer.grounding_stage.describing import DescribingFigures
from trainer.grounding_stage.figures import RuleFigures
from trainer.grounding_stage.report import (
    calibration_grids,
    describing_grid,
    rule_grids,
    score_grid,
    words_grid,
)
from trainer.grounding_stage.scores import ScoreFigures
from trainer.grounding_stage.settings_files import write_settings
from trainer.grounding_stage.trials import Trials

if TYPE_CHECKING:
    from trainer.stage2 import Stage2

__all__ = ["DESCRIBING", "SCORING", "Measured"]

SCORING = "scoring.json"
DESCRIBING = "describing.json"


@dataclass(frozen=True)
class Measured:
    """What a run found."""

    run: "Stage2"
    trials: Trials
    figures: dict[str, RuleFigures]
    rule: Rule
    """The chosen one."""
    scores: ScoreFigures | None
    describing: DescribingFigures | None = None

    @property
    def temperature(self) -> float:
        """Of the chosen rule."""
        return self.figures[self.rule.name].temperature

    @property
    def answers(self) -> Counter[str]:
        """How many answers said a place, the whole image, nothing; and how many were probed."""
        found = Counter({"place": 0, "whole": 0, "nothing": 0, "probed": 0})
        for one in self.trials.questions:
            found[one.said] += 1
            found["probed"] += any(e.probed for w, e in one.evidence.items() if w == PAPER.words)
        return found

    @cached_property
    def likeliest(self) -> float | None:
        """The temperature under which the regions' places are likeliest; None without places."""
        placed = self._placed
        if not placed:
            return None
        return best_likelihood(
            [_pair(placed, axis, "place") for axis in ("horizontal", "vertical")]
        )

    @cached_property
    def calibration(self) -> list[Calibration]:
        """Of both axes: at temperature 1, at the paper rule's best, at the likeliest."""
        placed = self._placed
        if not placed:
            return []
        resampler = Resampler([one.case.cluster for one in placed], seed=self.run.settings.seed)
        taus = dict.fromkeys((1.0, self.figures[PAPER.name].temperature, self.likeliest or 1.0))
        return [
            calibrate(axis, truth, *_pair(placed, axis, truth), tau, resampler)
            for truth in ("place", "side")
            for axis in ("horizontal", "vertical")
            for tau in taus
        ]

    @property
    def grids(self) -> list[Grid]:
        """The report."""
        found = [words_grid(self.run.words)]
        found += rule_grids(list(self.figures.values()), self.rule.name)
        found += calibration_grids(self.calibration)
        found += [score_grid(self.scores)] if self.scores else []
        return [*found, describing_grid(self.describing)] if self.describing else found

    def grounding(self) -> dict[str, Any]:
        """What grounding.json holds."""
        run, questions = self.run, self.trials.questions
        return {
            "version": VERSION,
            "rule": self.rule.to_json(),
            "temperature": self.temperature,
            "chosen_by": f"--choose {run.settings.choose}",
            "segmenter": {
                "name": run.segmenter_name,
                "revision": revision_of(run.segmenter_folder),
            },
            "data": {
                **_names(run.benchmark),
                "photos": len(self.trials.shots),
                "questions": len(questions),
                "groups": len({one.case.cluster for one in questions}),
            },
            "answers": dict(self.answers),
            "rules": {
                name: {"rule": self.trials.rules[name].to_json(), **one.to_json()}
                for name, one in self.figures.items()
            },
            "calibration": {
                "likeliest_temperature": self.likeliest,
                "axes": [one.to_json() for one in self.calibration],
            },
            "words": [one.to_json() for one in run.words],
            **_made(),
        }

    def scoring(self) -> dict[str, Any] | None:
        """What scoring.json holds; None where nothing was measured."""
        if self.scores is None or self.run.opinions is None:
            return None
        benchmark, _ = self.run.opinions
        return {
            **self.scores.to_json(),
            "validation_srcc": round(self.scores.srcc.value, 4),
            "validation_photos": self.scores.photos,
            "data": _names(benchmark),
            **_made(),
        }

    def describing_settings(self) -> dict[str, Any] | None:
        """What describing.json holds; None where nothing was measured."""
        if self.describing is None:
            return None
        return {
            **self.describing.to_json(),
            "data": _names(self.run.benchmark),
            **_made(),
        }

    def generation(self) -> dict[str, Any] | None:
        """What generation_config.json holds: as it was, and the bias; None where there is none."""
        if self.describing is None:
            return None
        file = self.run.auditor.folder.path / GENERATION
        if file.is_file():
            settings = json.loads(file.read_text(encoding="utf-8"))
        else:  # an adapter's are its base's
            settings = self.run.auditor.load().model.generation_config.to_diff_dict()
        ours = self.describing.sequences
        known = [ids for ids, _ in ours]
        kept = [one for one in settings.get("sequence_bias") or () if one[0] not in known]
        return {**settings, "sequence_bias": [*kept, *ours]}

    def write(self) -> list[Path]:
        """Write the settings into the model's folder, or the copy of it.

        Raises:
            UsageError: it cannot be written.
        """
        files = {GROUNDING: self.grounding()}
        scoring = self.scoring()
        if scoring is not None:
            files[SCORING] = scoring
        describing, generation = self.describing_settings(), self.generation()
        if describing is not None and generation is not None:
            files |= {DESCRIBING: describing, GENERATION: generation}
        return write_settings(self.run.auditor.folder, self.run.target, files)

    @cached_property
    def _placed(self) -> list[Question]:
        return [one for one in self.trials.questions if one.said == "place"]


def _pair(questions: Sequence[Question], axis: str, truth: str) -> tuple[Any, Any]:
    """(n, 2) chi of an axis and (n,) truth."""
    index = 0 if axis == "horizontal" else 1
    chi = np.array([getattr(one.evidence[PAPER.words], axis) for one in questions])
    true = np.array([one.centre[index] for one in questions])
    return chi, true if truth == "place" else (true >= 0.5).astype(np.float64)


def _names(benchmark: Benchmark) -> dict[str, str]:
    """Which data."""
    return {"name": benchmark.name, "split": benchmark.split, "sha256": benchmark.digest}


def _made() -> dict[str, str]:
    today = datetime.datetime.now(datetime.UTC).date()
    return {"made_by": f"spider {__version__}", "date": today.isoformat()}
