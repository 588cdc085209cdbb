"""What `spider eval` does between its options and its output."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_cli import __version__
from spider_cli.auditor import Auditor
from spider_cli.devices import Wanted
from spider_cli.errors import UsageError
from trainer.chat_model import open_chat
from trainer.datasets.entries import Scale
from trainer.evaluate.asking import FileSystem, ModelSystem, System
from trainer.evaluate.baselines import Baselines
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.outcomes import Result
from trainer.evaluate.peers import Peers, peers_named
from trainer.evaluate.predictions import read_predictions
from trainer.evaluate.reliability import diagram
from trainer.evaluate.report import report
from trainer.evaluate.running import choose, run
from trainer.evaluate.saved import RELIABILITY, SHEET, Header, load, save
from trainer.evaluate.shared_segmenter import SharedSegmenter
from trainer.evaluate.sheet import contact_sheet
from trainer.evaluate.table import Grid, comparison_grids, grids
from trainer.evaluate.tally import Tally, compare, tally
from trainer.evaluate.targets import open_benchmark
from trainer.evaluate.values import SCHEMA, Difference
from trainer.evaluate.worst import pictures, worst_of
from trainer.judge import Judge

if TYPE_CHECKING:
    from spider_cli.engines.crew import Cluster
    from trainer.evaluate.cases import Case

__all__ = ["Against", "Measured", "Settings", "against", "measure", "reload"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to measure, and how."""

    target: str
    model: str = "nano"
    photos: Sequence[Path] = ()
    predictions: Path | None = None
    split: str | None = None
    tasks: Sequence[str] = ()
    """Of `cases.GRADED`; all when empty."""
    limit: int | None = None
    """Photos."""
    scale: Scale | None = None
    seed: int = 0
    baselines: bool = True
    peers: Sequence[str] = ()
    """Names of `peers.PEERS`, or all."""
    size: int | None = None
    """Of suites that make photos: how many."""
    judge: str | None = None
    wanted: Wanted = field(default_factory=Wanted)
    """How the model is to run."""
    batch_size: int = 32
    max_pixels: int | None = None
    """Of a photo that the model is shown; its family's default when None."""
    cluster: "Cluster | None" = None
    """Where the model is asked; None: in this process."""

    def __post_init__(self) -> None:
        if self.cluster is None:
            return
        for name, value in (("predictions", self.predictions), ("judge", self.judge)):
            if value is not None:
                raise UsageError(
                    f"--{name} does not go with --engine ray",
                    hint="an engine asks a local model: leave one of them out",
                )

    @property
    def auditor(self) -> dict[str, Any]:
        """The arguments of `Auditor`."""
        return {
            "model": self.model,
            "device": self.wanted.device,
            "dtype": self.wanted.dtype,
            "batch_size": self.batch_size,
            "max_pixels": self.max_pixels,
            "quantize": self.wanted.quantize,
            "device_map": self.wanted.device_map,
        }


@dataclass(frozen=True)
class Against:
    """Another result to compare with."""

    header: Header
    differences: list[Difference]


@dataclass(frozen=True)
class Measured:
    """What was measured, in every form it is handed out."""

    header: Header
    results: list[Result]
    tally: Tally
    benchmark: Benchmark | None = field(default=None, repr=False)
    """None for results that were saved."""
    against: Against | None = None

    def to_json(self) -> dict[str, Any]:
        """Form "spider-eval/1"."""
        head = self.header
        out: dict[str, Any] = {
            "schema": SCHEMA,
            "target": head.target,
            "split": head.split,
            "data": head.data,
            "system": head.system,
            "revision": head.revision,
            "max_pixels": head.max_pixels,
            "quantize": head.quantize,
            "segmenter": head.segmenter,
            "judge": head.judge,
            "seed": head.seed,
            "made_by": head.made_by,
            **self.tally.to_json(),
        }
        if self.against is not None:
            out["against"] = {
                "system": self.against.header.system,
                "revision": self.against.header.revision,
                "figures": [one.to_json() for one in self.against.differences],
            }
        return out

    def grids(self) -> list[Grid]:
        """Its tables."""
        found = grids(self.tally, self.header.system)
        if self.against is not None:
            this, that = _names(self.header, self.against.header)
            found += comparison_grids(self.against.differences, this, that)
        return found

    def save(self, out: Path, *, force: bool) -> None:
        """Write results, figures and report into a folder."""
        worst = worst_of(self.results)
        drawn = {} if self.benchmark is None else pictures(self.benchmark, worst)
        made = {RELIABILITY: diagram(self.results), SHEET: contact_sheet(worst, drawn)}
        pages = {name: png for name, png in made.items() if png is not None}
        text = report(self.header, self.tally, self.grids(), worst, {*drawn, *pages})
        save(out, self.header, self.results, self.to_json(), text, drawn, pages, force=force)


def measure(
    settings: Settings,
    *,
    say: Callable[[str], None],
    start: Callable[[int], Callable[[], None]] = lambda total: lambda: None,
) -> Measured:
    """Ask a model (or read predictions), grade, and add up.

    Args:
        say: told of what a user should know.
        start: called with the number of photos to come; what it returns, after each of them.

    Raises:
        UsageError: the target, the predictions or the model are not as they should be, or no case
            is left to ask.
    """
    peers = peers_named(settings.peers)
    benchmark = open_benchmark(
        settings.target,
        photos=settings.photos,
        split=settings.split,
        scale=settings.scale,
        seed=settings.seed,
        size=settings.size,
    )
    for note in benchmark.notes:
        say(f"{benchmark.name}: {note}")
    cases = choose(benchmark.cases, tasks=settings.tasks, limit=settings.limit)
    if not cases:
        asked = f" of {', '.join(settings.tasks)}" if settings.tasks else ""
        raise UsageError(
            f"{settings.target} has no case{asked} that can be graded", code="no_cases"
        )
    auditor = Auditor(**settings.auditor)
    auditor.told = lambda loaded: None if loaded.bundled else say(str(loaded))
    pointed = any(case.grounding for case in cases)
    here = settings.cluster is None
    segmenter = SharedSegmenter(auditor.load_segmenter()) if pointed and here else None
    system: System
    if settings.predictions is not None:
        predictions = read_predictions(settings.predictions, benchmark.cases, cases)
        system, name, revision = FileSystem(predictions), settings.predictions.stem, ""
    else:
        for notice in auditor.notices:
            say(notice)
        system, name, revision = ModelSystem(auditor, segmenter), auditor.model, auditor.revision
    judge = None if settings.judge is None else Judge(open_chat(settings.judge))
    loads = settings.predictions is None
    header = Header(
        target=benchmark.name,
        split=benchmark.split,
        data=benchmark.digest,
        system=name,
        revision=revision,
        seed=settings.seed,
        segmenter=f"{auditor.model}@{auditor.revision}" if pointed else "",
        judge="" if judge is None else judge.name,
        max_pixels=auditor.max_pixels if loads else None,
        quantize=auditor.quantize if loads else None,
        made_by=f"spider {__version__}",
    )
    step = start(len({case.photo for case in cases}))
    if settings.cluster is not None:
        results = _on_cluster(settings, settings.cluster, benchmark, cases, auditor, step)
    else:
        results = run(
            benchmark,
            cases,
            system,
            segmenter=segmenter,
            baselines=Baselines(cases, settings.seed) if settings.baselines else None,
            peers=Peers(peers) if peers else None,
            judge=judge,
            step=step,
        )
    if judge is not None and (judge.unparsed or judge.failed):
        say(f"{judge.name} gave no grade for {judge.unparsed + judge.failed} answers; left out")
    return Measured(header, results, tally(results, seed=settings.seed), benchmark)


def _on_cluster(
    settings: Settings,
    cluster: "Cluster",
    benchmark: Benchmark,
    cases: "Sequence[Case]",
    auditor: Auditor,
    step: Callable[[], None],
) -> list[Result]:
    from trainer.engines.measuring import Measuring, run_on_cluster

    folder = auditor.folder  # raises where there is none, before a cluster is joined
    named = [settings.target] if Path(settings.target).exists() else []
    work = Measuring(
        opened=benchmark.photos,
        cases=tuple(cases),
        auditor=settings.auditor | {"model": auditor.model},
        revision=folder.revision(),
        seed=settings.seed,
        baselines=settings.baselines,
        peers=tuple(settings.peers),
    )
    return run_on_cluster(cluster, work, reads=[*named, *map(str, settings.photos)], step=step)


def reload(path: Path, *, tasks: Sequence[str] = (), limit: int | None = None) -> Measured:
    """Figures of results that were saved, all or some of them.

    Raises:
        UsageError: they are not as they were written.
    """
    header, results = load(path)
    kept = {case.id for case in choose([one.case for one in results], tasks=tasks, limit=limit)}
    results = [one for one in results if one.case.id in kept]
    return Measured(header, results, tally(results, seed=header.seed))


def against(measured: Measured, path: Path) -> Measured:
    """The same, compared with saved results on the cases both have.

    Raises:
        UsageError: there are none in common, or they do not ask the same.
    """
    header, results = load(path)
    try:
        found = compare(measured.results, results, seed=measured.header.seed)
    except ValueError as error:
        raise UsageError(
            f"{path} was measured on other data: case {error} is not the same in both",
            hint="compare results of one data set and one seed",
            code="other_data",
        ) from error
    if not found:
        raise UsageError(f"{path} has no case in common with these", code="other_data")
    return Measured(
        measured.header,
        measured.results,
        measured.tally,
        measured.benchmark,
        Against(header, found),
    )


def _names(this: Header, that: Header) -> tuple[str, str]:
    """What to call the two; their revisions tell them apart where their names do not."""
    if this.system != that.system:
        return this.system, that.system
    if this.revision != that.revision:
        return f"{this.system}@{this.revision[:7]}", f"{that.system}@{that.revision[:7]}"
    return "this", "that"
