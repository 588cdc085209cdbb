"""`spider eval`: measure a model, or anyone's predictions."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spider_cli.commands.engine_options import (
    Engine,
    RayAddress,
    Workers,
    check_engine_options,
    engine_option,
)
from spider_cli.commands.options import Device, DeviceMap, Dtype, MaxPixels, Offline, Quantized

if TYPE_CHECKING:
    from spider_cli.engines.crew import Cluster
    from trainer.evaluate.measuring import Measured, Settings

app = typer.Typer(no_args_is_help=True, help="Measure models.")

_KINDS = {"smoke": "smoke takes", "results": "saved results take", "release": "release takes"}
_WHAT, _OUTPUT, _MODEL = "What is measured", "Output", "Model"


@app.command(no_args_is_help=True)
def evaluate(
    context: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="A data set's folder; a list in an outside format (opinion scores, multiple "
            "choice, marked regions); smoke, opinion or camera, with --photos; saved results; or "
            "release.",
            show_default=False,
        ),
    ],
    results: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RESULTS]...",
            help="release: folders of saved results, called photos, opinion, outside, camera and "
            "speed.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of photos, for a suite or a list (repeatable for suites).",
            exists=True,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Of the data: test, or the only one there is, when not given.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            help="Only these tasks (repeatable, or with commas): refer_short, ground, score, ...",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Only so many photos.", min=1, rich_help_panel=_WHAT)
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="WORST:BEST",
            help="Scale of a list's opinion scores, such as 1:5; 100:0 where 0 is best.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="smoke: how many distorted photos, 300 when not given; camera: how many frames, "
            "120 when not given.",
            min=1,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            help="Of what is drawn: photos of smoke and camera, random baselines, intervals.",
            min=0,
            rich_help_panel=_WHAT,
        ),
    ] = 7,
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON lines of any system's answers, each with the row's id, instead of asking "
            "the model. The baselines' masks still come from the model's segmenter.",
            exists=True,
            dir_okay=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A chat model that grades free text, 0-10 for descriptions and 0-5 for the words "
            "of groundings: an OpenAI-compatible endpoint (URL#MODEL), or a model folder.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Measure the baselines beside it.", rich_help_panel=_WHAT)
    ] = True,
    peers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Other packages to judge the same photos, where scores or descriptions are asked "
            "for: laplacian, piqe, image-quality-ai, cleanvision, or all (repeatable, or with "
            "commas). They come with the benchmark extra.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    criteria: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="release: floors and bars, a TOML file like trainer/evaluate/release.toml.",
            exists=True,
            dir_okay=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="RESULTS",
            help="Saved results to compare with, case by case: differences with intervals and "
            "p-values.",
            exists=True,
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for results.jsonl, figures.json, report.md, reliability diagrams and "
            "pictures of the worst cases. smoke: a file, its figures and every item as JSON. "
            "release: a folder for release.md and release.json.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite --out.", rich_help_panel=_OUTPUT)
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as JSON.", rich_help_panel=_OUTPUT)
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="No progress on stderr.", rich_help_panel=_OUTPUT),
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            envvar="SPIDER_MODEL",
            help="Model name or folder.",
            rich_help_panel=_MODEL,
        ),
    ] = "nano",
    offline: Offline = False,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quantize: Quantized = None,
    device_map: DeviceMap = None,
    batch_size: Annotated[
        int,
        typer.Option(
            envvar="SPIDER_BATCH_SIZE",
            help="Questions answered together.",
            min=1,
            rich_help_panel=_MODEL,
        ),
    ] = 32,
    max_pixels: MaxPixels = None,
    engine: Annotated[
        Engine,
        engine_option(
            "Where the model is asked: in this process, or on a Ray cluster (docs/scale.md). "
            "Results and figures are the same."
        ),
    ] = "local",
    ray_address: RayAddress = None,
    workers: Workers = None,
) -> None:
    """Measure a model on TARGET: every task's figures, with intervals, beside the baselines.

    Exit code 3 when photos failed; their cases count as wrong.
    """
    # Before transformers is imported: stderr is for spider's own lines.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from spider_cli.commands.startup import show_torchao
    from spider_cli.devices import Wanted
    from spider_cli.errors import ExitCode, UsageError
    from trainer.commands.release import run_release
    from trainer.commands.smoke import run_smoke
    from trainer.datasets.scales import parse_scale
    from trainer.evaluate.measuring import Settings, reload
    from trainer.evaluate.measuring import against as compared
    from trainer.evaluate.running import tasks_named
    from trainer.evaluate.saved import check_out, load
    from trainer.evaluate.table import counts_line, write
    from trainer.evaluate.targets import SUITES, kind_of

    kind = kind_of(target)
    check_engine_options(context, engine, ["ray_address", "workers"])
    if engine != "local" and kind in _KINDS:
        raise UsageError(
            f"{target if kind in SUITES else 'what was saved'} does not go with --engine {engine}",
            hint="data sets, lists, opinion and camera do",
        )
    if quantize is not None:
        show_torchao(quietly=True)
    wanted = Wanted(device, dtype, quantize, device_map)
    asked = {
        "--predictions": predictions,
        "--against": against,
        "--judge": judge,
        "--split": split,
        "--tasks": tasks,
        "--limit": limit,
        "--scale": scale,
        "--size": size,
        "--peers": peers,
        "--photos": photos or None,
        "--criteria": criteria,
        "RESULTS": results or None,
    }
    given = [name for name, value in asked.items() if value is not None]
    allowed = {
        "smoke": {"--size", "--photos"},
        "results": {"--against", "--tasks", "--limit"},
        "release": {"--criteria", "RESULTS"},
        "camera": set(asked) - {"--split", "--scale", "--criteria", "RESULTS"},
    }.get(kind, set(asked) - {"--size", "--criteria", "RESULTS"})
    if refused := [name for name in given if name not in allowed]:
        raise UsageError(f"{_KINDS.get(kind, 'this target takes')} no {refused[0]}")
    if kind == "smoke":
        run_smoke(
            photos or [],
            model,
            size or 300,
            seed,
            out,
            wanted,
            max_pixels=max_pixels,
            as_json=as_json,
            force=force,
        )
        return
    if kind == "release":
        run_release(results or [], criteria, out, as_json=as_json, force=force)
        return
    if out is not None:
        check_out(out, force=force)
    if against is not None:
        load(against)  # what is wrong with it is said now, not when all is measured
    chosen = tasks_named(tasks or ())
    if kind == "results":
        measured = reload(Path(target), tasks=chosen, limit=limit)
    else:
        settings = Settings(
            target=target,
            model=model,
            photos=photos or (),
            predictions=predictions,
            split=split,
            tasks=chosen,
            limit=limit,
            scale=None if scale is None else parse_scale(scale),
            seed=seed,
            baselines=baselines,
            peers=peers or (),
            size=size,
            judge=judge,
            wanted=wanted,
            batch_size=batch_size,
            max_pixels=max_pixels,
            cluster=_cluster(engine, ray_address, workers),
        )
        measured = _measured(settings, quiet=quiet)
    if against is not None:
        measured = compared(measured, against)
    if out is not None:
        measured.save(out, force=force)
    if as_json:
        print(json.dumps(measured.to_json(), ensure_ascii=False, indent=1, allow_nan=False))
    else:
        write(measured.grids(), sys.stdout)
    if not quiet:
        _say(counts_line(measured.tally))
    for reason, count in measured.tally.reasons.most_common(3):
        _say(f"failed, {count} cases: {reason}")
    if measured.tally.count("failed"):
        raise typer.Exit(ExitCode.SOME_PHOTOS_FAILED)


def _cluster(engine: Engine, address: str | None, workers: int | None) -> "Cluster | None":
    if engine == "local":
        return None
    from spider_cli.engines.crew import Cluster
    from spider_cli.engines.ray_engine import check_ray

    check_ray()
    return Cluster(address, workers)


def _measured(settings: "Settings", *, quiet: bool) -> "Measured":
    from spider_cli.commands.downloading import or_download
    from spider_cli.commands.progress import Progress
    from trainer.evaluate.measuring import measure

    with Progress(None, shown=not quiet) as progress:

        def say(text: str) -> None:
            progress.clear()
            _say(text)

        def start(total: int) -> Any:
            progress.total = total
            return progress.step

        return or_download(lambda: measure(settings, say=say, start=start), quiet=quiet)


def _say(text: str) -> None:
    from spider_cli.outputs import messages

    messages.plain(text)
