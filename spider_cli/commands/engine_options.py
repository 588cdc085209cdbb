"""What commands are asked about where they run."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import typer

from spider_cli.errors import UsageError

__all__ = [
    "Engine",
    "OnEngine",
    "RayAddress",
    "check_engine_options",
    "engine_option",
    "option",
    "typed",
]

Engine: TypeAlias = Literal["local", "ray"]

_ENGINE = "Engine"


def option(*flags: str, panel: str | None = None, **more: Any) -> Any:
    """An option with its variable, ``SPIDER_`` and the first flag's name."""
    variable = f"SPIDER_{flags[0].strip('-').upper().replace('-', '_')}"
    more = {"show_default": False} | more
    return typer.Option(*flags, envvar=variable, rich_help_panel=panel, **more)


def engine_option(text: str) -> Any:
    """``--engine``, with what it says in the help."""
    return option("--engine", panel=_ENGINE, show_default=True, help=text)


RayAddress: TypeAlias = Annotated[
    str | None,
    option(
        "--ray-address",
        panel=_ENGINE,
        metavar="ADDRESS",
        help="Join the Ray cluster there: HOST:PORT, or auto. Without it one starts on this "
        "machine, for this run.",
    ),
]


Workers: TypeAlias = Annotated[
    int | None,
    option(
        "--workers",
        panel=_ENGINE,
        min=1,
        metavar="N",
        help="Processes with a model. The default is one a GPU; without GPUs, one a processor.",
    ),
]


def typed(context: typer.Context, name: str) -> bool:
    """Was the option given on the command line itself?"""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def check_engine_options(context: typer.Context, engine: Engine, names: Iterable[str]) -> None:
    """Do options that only an engine takes come with one?

    Args:
        names: of their parameters.

    Raises:
        UsageError: one comes without.
    """
    for name in names:
        if engine == "local" and typed(context, name):
            raise UsageError(f"--{name.replace('_', '-')} goes with --engine ray")


@dataclass(frozen=True, kw_only=True)
class OnEngine:
    """The options of an engine; the texts are the command line's help."""

    engine: Annotated[
        Engine,
        engine_option(
            "Where photos are judged: in this process, or on a Ray cluster (docs/scale.md). "
            "PATHS may be addresses (s3://, gs://, hf://), .txt, .csv and .parquet manifests and "
            ".tar shards then, and --output is the folder or address for shards of records."
        ),
    ] = "local"
    ray_address: RayAddress = None
    workers: Workers = None
    decoders: Annotated[
        int | None,
        option(
            "--decoders",
            panel=_ENGINE,
            min=1,
            metavar="N",
            help="Processes that read and decode photos. The default fits the workers.",
        ),
    ] = None
    shards: Annotated[
        Literal["jsonl", "parquet"],
        option("--shards", panel=_ENGINE, show_default=True, help="The form of the shards."),
    ] = "jsonl"
    shard_size: Annotated[
        int,
        option(
            "--shard-size",
            panel=_ENGINE,
            min=1,
            metavar="N",
            show_default=True,
            help="Photos of a shard; so much work at most is done again after a stop, a worker.",
        ),
    ] = 1000
    column: Annotated[
        str | None,
        option(
            "--column",
            panel=_ENGINE,
            metavar="NAME",
            help="The column of a manifest that has the paths, or the photos themselves.",
        ),
    ] = None
    out_share: Annotated[
        float,
        option(
            "--out-share",
            panel=_ENGINE,
            min=0.0,
            max=1.0,
            metavar="SHARE",
            show_default=True,
            help="The share of photos that --out gets pictures of.",
        ),
    ] = 1.0
