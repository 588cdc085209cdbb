"""`spider data build`: photos to a four-task data set."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spider_cli.commands.engine_options import (
    Engine,
    RayAddress,
    check_engine_options,
    engine_option,
)
from spider_cli.commands.progress import Progress
from spider_cli.errors import ExitCode
from spider_cli.outputs import messages

if TYPE_CHECKING:
    from trainer.build.config import BuildConfig
    from trainer.build.run import Built
    from trainer.build.stages import Hands

__all__ = ["build"]


def build(
    context: typer.Context,
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTOS...", help="Folders of pristine photos.")
    ],
    out: Annotated[
        Path, typer.Option(help="The data set's folder; a stopped build goes on there.")
    ],
    size: Annotated[
        int | None, typer.Option(help="Distorted photos to make (clean ones come on top).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same bytes.")] = None,
    side: Annotated[
        int | None, typer.Option(help="Shrink photos to this long side, in pixels.")
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(help="Only these, by comma: global, local, refer, ground, or one of them."),
    ] = None,
    regions: Annotated[
        str | None,
        typer.Option(help="Regions: auto, given, segmenter, superpixels or blobs."),
    ] = None,
    segmenter: Annotated[
        str | None, typer.Option(help="Find regions with this segmenter: nano, or a model folder.")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="COCO JSON with the photos' masks.", exists=True)
    ] = None,
    edges: Annotated[str | None, typer.Option(help="hard, soft or mixed.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML with any setting; options here come first.")
    ] = None,
    labeller: Annotated[
        str | None, typer.Option(help="Model or endpoint URL that names regions.")
    ] = None,
    rewriter: Annotated[
        str | None, typer.Option(help="Model or endpoint URL that rewords the answers.")
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Processes; 0: one per core, of this machine or the cluster.", min=0)
    ] = 0,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace another data set, or drop another unfinished build."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
    engine: Annotated[
        Engine,
        engine_option(
            "Where photos are made: in processes of this machine, or on a Ray cluster "
            "(docs/scale.md). The bytes are the same."
        ),
    ] = "local",
    ray_address: RayAddress = None,
) -> None:
    """Photos -> regions -> distortions -> questions and answers, as Parquet shards.

    Stopped at any moment, the same command goes on. The same photos, settings and seed give the
    same bytes.
    """
    from spider_cli.commands.downloading import or_download
    from trainer.build.plan import seldom_alone
    from trainer.build.run import build_data
    from trainer.regions import choose_finder

    check_engine_options(context, engine, ["ray_address"])
    wanted = _config(
        config,
        tasks,
        size=size,
        seed=seed,
        side=side,
        edges=edges,
        region_source=regions,
    )
    finder, name = or_download(
        lambda: choose_finder(wanted.region_source, segmenter=segmenter, masks=masks)
    )
    names: dict[str, Any] = {}
    if labeller is not None:
        from trainer.labeller import open_labeller

        place = labeller
        opened = or_download(lambda: open_labeller(place))
        names |= {"labeller": opened, "labeller_name": opened.name}
    if rewriter is not None:
        from trainer.rewrite import open_rewriter

        where = rewriter
        names["rewriter"] = or_download(lambda: open_rewriter(where))
    if few := seldom_alone(wanted):
        messages.warning(
            f"hardly ever alone in a region: {', '.join(few)}; lower `two`, or raise their share "
            "in [families], or models learn to name them in pairs"
        )
    with contextlib.ExitStack() as stack:
        hands = _hands(stack, engine, ray_address, workers, [*photos, *_files(masks, segmenter)])
        bar = stack.enter_context(_Bar())
        built = build_data(
            photos,
            out,
            wanted,
            finder=finder,
            finder_name=name,
            hands=hands,
            force=force,
            progress=bar.show,
            **names,
        )
    _print(built, as_json=as_json)
    if built.rejected:
        messages.warning(f"{built.rejected} left out: {built.folder / 'rejects.jsonl'} says why")
    if built.unusable:
        raise typer.Exit(ExitCode.SOME_PHOTOS_FAILED)


def _hands(
    stack: contextlib.ExitStack,
    engine: Engine,
    ray_address: str | None,
    workers: int,
    reads: list[Path],
) -> "Hands":
    """Who makes the photos."""
    if engine == "local":
        from trainer.build.stages import processes

        return processes(workers or cores())
    from spider_cli.engines.crew import Cluster
    from trainer.engines.building import building_crew, on_cluster

    cluster = Cluster(ray_address, workers or None)
    return on_cluster(stack.enter_context(building_crew(cluster, reads)))


def _files(masks: Path | None, segmenter: str | None) -> list[Path]:
    """What photos are made with, where it lies on a disk."""
    named = [] if segmenter is None else [Path(segmenter)]
    return [one for one in (masks, *named) if one is not None and one.exists()]


def cores() -> int:
    """Processor cores this process may use."""
    import os

    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _config(path: Path | None, tasks: str | None, **options: Any) -> "BuildConfig":
    """The settings: options before the file before the defaults."""
    from trainer.build.config import BuildConfig, read_config, tasks_named

    values = read_config(path) if path is not None else {}
    values |= {name: value for name, value in options.items() if value is not None}
    wanted = BuildConfig(**values)
    return wanted.with_tasks(tasks_named(tasks.split(","))) if tasks else wanted


class _Bar:
    """The progress line, begun anew for every stage."""

    def __init__(self) -> None:
        self._stage = ""
        self._line: Progress | None = None

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.clear()

    def show(self, stage: str, done: int, total: int) -> None:
        """One task more of a stage is done."""
        if stage != self._stage or self._line is None:
            if self._line is not None:
                self._line.clear()
            self._stage = stage
            self._line = Progress(total, shown=True, label=stage, done=done - 1)
        self._line.step()


def _print(built: "Built", *, as_json: bool) -> None:
    if as_json:
        import json

        print(
            json.dumps(
                {
                    "schema": "spider-build/1",
                    "folder": str(built.folder),
                    "photos": built.photos,
                    "questions": built.questions,
                    "shares": built.shares,
                    "rejected": built.rejected,
                    "unusable": built.unusable,
                    "made": built.made,
                }
            )
        )
        return
    if not built.made:
        messages.plain(f"{built.folder} holds this data set already; nothing to do")
    counts = ", ".join(f"{count:,} {split}" for split, count in built.photos.items())
    print(f"{sum(built.photos.values()):,} photos ({counts}), {built.questions:,} questions")
    for line in built.shares:
        print(
            f"{line['what']:<9}{line['name']:<24}{line['count']:>8,}"
            f"{line['reached']:>8.1%} of {line['asked']:.1%} asked"
        )
