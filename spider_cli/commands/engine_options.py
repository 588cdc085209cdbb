"""What `spider audit` is asked about where it runs."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

__all__ = ["OnEngine", "option"]

_ENGINE = "Engine"


def option(*flags: str, panel: str | None = None, **more: Any) -> Any:
    """An option with its variable, ``SPIDER_`` and the first flag's name."""
    variable = f"SPIDER_{flags[0].strip('-').upper().replace('-', '_')}"
    more = {"show_default": False} | more
    return typer.Option(*flags, envvar=variable, rich_help_panel=panel, **more)


@dataclass(frozen=True, kw_only=True)
class OnEngine:
    """The options of an engine; the texts are the command line's help."""

    engine: Annotated[
        Literal["local", "ray"],
        option(
            "--engine",
            panel=_ENGINE,
            show_default=True,
            help="Where photos are judged: in this process, or on a Ray cluster (docs/scale.md). "
            "PATHS may be addresses (s3://, gs://, hf://), .txt, .csv and .parquet manifests and "
            ".tar shards then, and --output is the folder or address for shards of records.",
        ),
    ] = "local"
    ray_address: Annotated[
        str | None,
        option(
            "--ray-address",
            panel=_ENGINE,
            metavar="ADDRESS",
            help="Join the Ray cluster there: HOST:PORT, or auto. Without it one starts on this "
            "machine, for this run.",
        ),
    ] = None
    workers: Annotated[
        int | None,
        option(
            "--workers",
            panel=_ENGINE,
            min=1,
            metavar="N",
            help="Processes with a model. The default is one a GPU; without GPUs, one a processor.",
        ),
    ] = None
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
