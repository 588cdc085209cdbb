"""What `spider audit` is asked for, beside what every photo command takes."""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

import typer

from spider_cli.commands.engine_options import OnEngine
from spider_cli.commands.engine_options import option as _option
from spider_cli.commands.options import Common

__all__ = ["Asked", "with_asked"]

_SHOWN, _OUTPUT = "What is shown", "Output"
_KEEPERS, _RATINGS, _STATE = "Keepers", "Ratings", "What is known"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)


def _bytes(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no size: 500M and 2G are")
    return int(float(match[1]) * 1000 ** " kmgt".index(match[2].lower() or " "))


@dataclass(frozen=True, kw_only=True)
class Asked(OnEngine):
    """The options of `spider audit`; the texts are the command line's help."""

    out: Annotated[
        str | None,
        _option(
            "--out",
            panel=_OUTPUT,
            metavar="DIR",
            help="Write PATH.overlay.png, PATH.heatmap.png and PATH.mask.png of each photo's worst "
            "region, in a tree like that of the photos.",
        ),
    ] = None
    report: Annotated[
        list[str] | None,
        _option(
            "--report",
            panel=_OUTPUT,
            metavar="FILE",
            help="Write a report when all is judged: .html (a page to look through and rate), "
            ".csv, .jsonl, .json, .parquet or .txt. May be repeated.",
        ),
    ] = None
    min_free: Annotated[
        int | None,
        _option(
            "--min-free",
            panel=_OUTPUT,
            parser=_bytes,
            metavar="SIZE",
            help="Stop, with all that was judged kept, when a disk that is written to has less "
            "room than this: 500M, 2G.",
        ),
    ] = None
    flag: Annotated[
        list[str] | None,
        _option(
            "--flag",
            panel=_SHOWN,
            metavar="FAMILY:SEVERITY,...",
            help="Flag photos with this distortion, this severe or worse: blur:moderate,noise. "
            "Without a severity any counts. May be repeated. The default is any:severe.",
        ),
    ] = None
    fail_under: Annotated[
        float | None,
        _option(
            "--fail-under",
            panel=_SHOWN,
            metavar="N",
            help="Exit with 1 if any photo scores below N (0-100); such are no keepers.",
        ),
    ] = None
    only_flagged: Annotated[
        bool,
        _option(
            "--only-flagged",
            panel=_SHOWN,
            help="Show flagged photos alone, on stdout and in reports; failures always are shown.",
        ),
    ] = False
    top: Annotated[
        int | None,
        _option(
            "--top",
            panel=_SHOWN,
            min=1,
            metavar="N",
            help="Show the N photos that score best, when all are judged; and keep no others.",
        ),
    ] = None
    sort: Annotated[
        str | None,
        _option(
            "--sort",
            panel=_SHOWN,
            metavar="ORDER",
            help="Show photos when all are judged, by path, score (best first), severity (worst "
            "first) or taken (earliest first); -score and so on the other way round.",
        ),
    ] = None
    best_of_burst: Annotated[
        bool,
        _option(
            "--best-of-burst",
            panel=_SHOWN,
            help="Of photos that are nearly alike, show and keep the best one alone.",
        ),
    ] = False
    listed: Annotated[
        Literal["flagged", "keepers"] | None,
        _option(
            "--list",
            panel=_SHOWN,
            help="Print paths alone: of the flagged photos, or of the keepers, which are judged, "
            "not flagged, not below --fail-under, and within --top and --best-of-burst.",
        ),
    ] = None
    print0: Annotated[
        bool,
        _option(
            "--print0",
            panel=_SHOWN,
            help="End each path of --list, or line of --format, with NUL, for xargs -0.",
        ),
    ] = False
    format: Annotated[
        str | None,
        _option(
            "--format",
            panel=_SHOWN,
            metavar="TEXT",
            help=r"Print a line of this form a photo, such as '{score:.1f}\t{photo}'; the fields "
            "are those of docs/auditing.md.",
        ),
    ] = None
    copy_to: Annotated[
        str | None,
        _option(
            "--copy-to",
            panel=_KEEPERS,
            metavar="DIR",
            help="Copy the keepers into DIR, RAW files and sidecars with them, in folders like "
            "their own. Nothing is moved, deleted or written over.",
        ),
    ] = None
    link_to: Annotated[
        str | None,
        _option(
            "--link-to",
            panel=_KEEPERS,
            metavar="DIR",
            help="Likewise, but symbolic links to the files.",
        ),
    ] = None
    xmp: Annotated[
        bool,
        _option(
            "--xmp",
            panel=_RATINGS,
            help="Write stars, a colour label, score and reasons into XMP sidecars beside the "
            "photos; ratings that a person gave stay (docs/ratings.md).",
        ),
    ] = False
    overwrite_ratings: Annotated[
        bool,
        _option(
            "--overwrite-ratings",
            panel=_RATINGS,
            help="Replace ratings and labels in sidecars, a person's too.",
        ),
    ] = False
    sidecars: Annotated[
        Literal["follow", "name.xmp", "name.ext.xmp"],
        _option(
            "--sidecars",
            panel=_RATINGS,
            show_default=True,
            help="What sidecars are called; follow: as those that are there.",
        ),
    ] = "follow"
    labels: Annotated[
        Literal["lightroom", "capture-one"],
        _option(
            "--labels",
            panel=_RATINGS,
            show_default=True,
            help="Whose way of writing colour labels.",
        ),
    ] = "lightroom"
    undo: Annotated[
        bool,
        _option(
            "--undo",
            panel=_RATINGS,
            help="Take back the ratings of the last run; with PATHS those there alone. Nothing is "
            "judged.",
        ),
    ] = False
    dry_run: Annotated[
        bool,
        _option(
            "--dry-run",
            panel=_RATINGS,
            help="Say what --xmp, --undo, --copy-to and --link-to would do, and do nothing of it.",
        ),
    ] = False
    state: Annotated[
        str | None,
        _option(
            "--state",
            panel=_STATE,
            metavar="FILE",
            help="Where what was judged is kept, so that the next run judges only what is new. The "
            "default is a file in spider's cache folder.",
        ),
    ] = None
    fresh: Annotated[
        bool,
        _option("--fresh", panel=_STATE, help="Judge every photo again."),
    ] = False
    status: Annotated[
        bool,
        _option(
            "--status",
            panel=_STATE,
            help="Say what is kept; with PATHS, how many of their photos would be judged. "
            "Nothing is judged.",
        ),
    ] = False
    watch: Annotated[
        bool,
        _option(
            "--watch",
            help="Go on as photos arrive in the folders, each once it has stopped growing; until "
            "Ctrl-C.",
        ),
    ] = False
    jobs: Annotated[
        int,
        _option(
            "--jobs",
            "-j",
            panel="Model",
            min=1,
            metavar="N",
            show_default=True,
            help="Threads that decode photos ahead of the model.",
        ),
    ] = 2


def with_asked(command: Callable[[Common, Asked], None]) -> Callable[..., None]:
    """Put the fields of `Asked` on a command line; for `photo_command` to go on with."""

    @functools.wraps(command)
    def widened(common: Common, **values: Any) -> None:
        command(common, Asked(**values))

    first, *_ = inspect.signature(command).parameters.values()
    # Those of an engine come last in the help, as they matter to few.
    rare = {field.name for field in fields(OnEngine)}
    own = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=field.type,
        )
        for field in sorted(fields(Asked), key=lambda field: field.name in rare)
    ]
    widened.__signature__ = inspect.Signature([first, *own])  # type: ignore[attr-defined]
    return widened
