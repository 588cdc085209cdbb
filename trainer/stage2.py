"""Stage 2: no weight changes. Choose how positional words become a mask, and at which temperatures.

A straight line: check what can be checked, ask every question once, try rules and temperatures on
what was said, measure, write. docs/stage2.md says what every figure is.
"""

import contextlib
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from spider_cli.auditor import Auditor
from spider_cli.devices import Wanted
from spider_cli.errors import UsageError
from spider_cli.grounding_file import BESIDE
from spider_cli.placing import place
from spider_cli.rules import PAPER, Rule, rule_named
from spider_cli.segmenter import Segmenter, load_segmenter
from spider_cli.weights import BUNDLED, bundled_segmenter, find_segmenter
from spider_cli.weights.revision import revision_of
from trainer.evaluate.benchmark import Benchmark, of_data_set
from trainer.evaluate.cases import Case
from trainer.evaluate.running import choose
from trainer.evaluate.table import Grid
from trainer.evaluate.targets import open_benchmark
from trainer.grounding_stage.asking import Store, ask_all
from trainer.grounding_stage.describing import measure_describing
from trainer.grounding_stage.figures import measure
from trainer.grounding_stage.measured import Measured
from trainer.grounding_stage.report import words_grid
from trainer.grounding_stage.scores import measure_scores
from trainer.grounding_stage.settings_files import check_target
from trainer.grounding_stage.trials import GRID, Trials, refined
from trainer.grounding_stage.words import ClosedSet, check_words, load_tokenizer

__all__ = ["ALTERNATIVES", "Settings", "Stage2"]

ALTERNATIVES: tuple[str, ...] = (
    "thirds",
    "centre",
    "points-3",
    "negative-mirrored",
    "negative-least",
    "mask-agreement",
    "mask-first",
    "mask-asked",
)
"""Rules that `--all` measures beside the paper's."""

Phase = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""What is counted and how many of it -> a context that gives a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What stage 2 is asked for."""

    model: str
    data: Path
    split: str = "validation"
    limit: int | None = None
    """Photos; None: all."""
    segmenter: str | None = None
    """ "nano" or a folder; None: the model's own, else the bundled one."""
    rules: tuple[str, ...] = ()
    """Names of rules to measure beside the paper's."""
    choose: str = PAPER.name
    """Name of the rule to write, or "best"."""
    scores: str | None = None
    """Data with opinion scores; None: those of `data`, where it has any."""
    recall: float | None = None
    """Share of photos with moderate or severe faults, 0-1, that descriptions must not call clean:
    how readily they say "clean" is chosen by it. None: it stays as it is."""
    out: Path | None = None
    device: str = "auto"
    batch_size: int = 8
    max_pixels: int | None = None
    """Of a photo that the model is shown; its family's default when None."""
    seed: int = 0


class Stage2:
    """A run, once all that can be checked beforehand is right.

    Args:
        settings: what is asked for.
        dry: nothing will be written.

    Raises:
        UsageError: no such model, segmenter, data or rule; a tokenizer without the positional
            words; nothing to measure; a place that cannot be written.
    """

    def __init__(self, settings: Settings, *, dry: bool = False) -> None:
        self.settings = settings
        self.rules = _rules(settings)
        self.auditor = Auditor(
            settings.model,
            device=settings.device,
            batch_size=settings.batch_size,
            max_pixels=settings.max_pixels,
        )
        model = self.auditor.folder
        self.target = model.path if dry else check_target(model, settings.out)
        self.words: list[ClosedSet] = check_words(
            load_tokenizer(model.base), self.rules, model.path
        )
        self.segmenter_name, self.segmenter_folder = self._segmenter()
        self.benchmark: Benchmark = of_data_set(settings.data, settings.split)
        about = [case for case in self.benchmark.cases if case.target == "region"]
        self.cases: list[Case] = choose(about, limit=settings.limit)
        if not self.cases:
            raise UsageError(
                f"{settings.data}, split {settings.split}, asks about no region",
                hint="a data set with grounding questions is needed: spider data build",
                code="no_cases",
            )
        self.opinions = self._opinions()
        self.described = self._described()

    @property
    def photos(self) -> int:
        """How many photos the grounding questions are about."""
        return len({case.photo for case in self.cases})

    @property
    def grids(self) -> list[Grid]:
        """What will be done, as tables."""
        model = self.auditor.folder.path
        rows = [
            ["model", str(model)],
            ["segmenter", f"{self.segmenter_name}, revision {revision_of(self.segmenter_folder)}"],
            ["data", f"{self.benchmark.name}, split {self.benchmark.split}"],
            ["photos", f"{self.photos:,}"],
            ["questions about regions", f"{len(self.cases):,}"],
            ["rules", ", ".join(rule.name for rule in self.rules)],
            ["temperatures each", f"{len(GRID)}, then 4 or 5 around the best"],
            ["opinion scores", f"{len(self.opinions[1]):,}" if self.opinions else "none"],
            ["descriptions", f"{len(self.described):,}" if self.described else "none"],
        ]
        return [words_grid(self.words), Grid("Stage 2", ["", "what"], rows)]

    def run(self, phase: Phase) -> Measured:
        """Ask, try, measure.

        Args:
            phase: shows how far it is.
        """
        loaded = self.auditor.load().model
        describing = None
        if self.settings.recall is not None:
            with phase("describing", len(self.described)) as step:
                describing = measure_describing(
                    self.benchmark, self.described, self.auditor, self.settings.recall,
                    seed=self.settings.seed, step=step,
                )  # fmt: skip
        kind = Wanted(loaded.device.type, str(loaded.dtype).removeprefix("torch."))
        placed = place(self.segmenter_folder, kind, self.segmenter_name, alone=True)
        segmenter: Segmenter = load_segmenter(
            self.segmenter_folder, device=placed.device, dtype=placed.dtype
        )
        with contextlib.ExitStack() as stack:
            passing = stack.enter_context(tempfile.TemporaryDirectory(prefix="spider-stage2-"))
            store = Store(Path(passing))
            with phase("asking", self.photos) as step:
                shots = ask_all(
                    self.benchmark, self.cases, self.auditor, segmenter, self.rules, store,
                    step=step,
                )  # fmt: skip
            trials = Trials(shots, self.rules, segmenter, store)
            with phase("trying", len(shots)) as step:
                trials.run(dict.fromkeys(trials.rules, GRID), step=step)
            with phase("refining", len(shots)) as step:
                around = {name: refined(trials.means(name)) for name in trials.rules}
                trials.run(around, step=step)
        figures = measure(trials, seed=self.settings.seed)
        chosen = self.settings.choose
        if chosen == "best":
            # The paper's where another is not above it.
            chosen = max(figures, key=lambda one: (figures[one].miou.value, one == PAPER.name))
        scores = None
        if self.opinions is not None:
            benchmark, cases = self.opinions
            with phase("scores", len(cases)) as step:
                scores = measure_scores(
                    benchmark, cases, self.auditor, seed=self.settings.seed, step=step
                )
        return Measured(self, trials, figures, rule_named(chosen), scores, describing)

    def _segmenter(self) -> tuple[str, Path]:
        told, model = self.settings.segmenter, self.auditor.folder
        if told == BUNDLED:
            return BUNDLED, bundled_segmenter()
        folder = model.segmenter() if told is None else find_segmenter(told)
        if told is not None and not Path(told).expanduser().is_dir():
            return told, folder  # a name of the hub's
        for name, known in ((BESIDE, model.path / BESIDE), (BUNDLED, bundled_segmenter())):
            if folder.resolve() == known.resolve():
                return name, folder
        return str(folder.resolve()), folder

    def _opinions(self) -> tuple[Benchmark, list[Case]] | None:
        settings, benchmark = self.settings, self.benchmark
        if settings.scores is not None:
            benchmark = _scored(settings.scores, settings.split)
        about = [case for case in benchmark.cases if case.task == "score"]
        cases = choose(about, limit=settings.limit)
        if len(cases) > 1:
            return benchmark, cases
        if settings.scores is not None:
            raise UsageError(
                f"{settings.scores} has no opinion scores to measure with", code="no_cases"
            )
        return None

    def _described(self) -> list[Case]:
        """A description each of the photos that are asked for one; none where none is wanted."""
        if self.settings.recall is None:
            return []
        about = {case.photo: case for case in self.benchmark.cases if case.task == "describe"}
        cases = choose(list(about.values()), limit=self.settings.limit)
        if not cases:
            raise UsageError(
                f"{self.settings.data}, split {self.settings.split}, has no descriptions to choose "
                "--recall by",
                code="no_cases",
            )
        return cases


def _rules(settings: Settings) -> list[Rule]:
    """The paper's rule, the alternatives, and the one to be chosen."""
    names = [PAPER.name, *settings.rules]
    if settings.choose != "best":
        names.append(settings.choose)
    return list({rule.name: rule for rule in map(rule_named, names)}.values())


def _scored(target: str, split: str) -> Benchmark:
    """Data with opinion scores: its split of that name, or all of data that has no splits."""
    try:
        return open_benchmark(target, split=split)
    except UsageError:
        whole = open_benchmark(target)
        if whole.split:  # temperatures are not to be chosen on what is measured later
            raise
        return whole
