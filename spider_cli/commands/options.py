"""The options every photo command takes, and how flags and variables weigh against each other."""

import functools
import inspect
import os
from collections.abc import Callable, Collection
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, Literal, TypeAlias

import typer

from spider_cli.budget import parse_pixels
from spider_cli.outputs.messages import show_tracebacks

__all__ = [
    "Boxes",
    "Common",
    "Debug",
    "Device",
    "DeviceMap",
    "Dtype",
    "Json",
    "MaxPixels",
    "Offline",
    "Quantized",
    "given",
    "photo_command",
]

_OUTPUT, _MODEL = "Output", "Model"


def _debug(on: bool) -> bool:
    show_tracebacks(on)
    return on


def _pixels(text: str) -> int:
    try:
        return parse_pixels(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _offline(on: bool) -> bool:
    if on:  # before the hub's client is imported, which reads it then
        os.environ["HF_HUB_OFFLINE"] = "1"
    return on


Debug: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--debug",
        envvar="SPIDER_DEBUG",
        callback=_debug,
        is_eager=True,
        help="Show tracebacks and the warnings of libraries.",
    ),
]
Offline: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--offline",
        envvar="SPIDER_OFFLINE",
        callback=_offline,
        is_eager=True,
        help="Use no network: what is not on this machine is not there.",
        rich_help_panel=_MODEL,
    ),
]
Json: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--json",
        envvar="SPIDER_JSON",
        help="JSON lines on stdout; the default where it is no terminal.",
        rich_help_panel=_OUTPUT,
    ),
]
Boxes: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--box",
        envvar="SPIDER_BOX",
        metavar="x1,y1,x2,y2",
        help="Pixels of the upright photo, x2 and y2 excluded; fractions if any value has a "
        "decimal point and all are <= 1. May be repeated: one record each.",
        show_default=False,
    ),
]

Device: TypeAlias = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    typer.Option(
        "--device",
        envvar="SPIDER_DEVICE",
        help="Where the model runs.",
        rich_help_panel=_MODEL,
    ),
]
Dtype: TypeAlias = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"],
    typer.Option(
        "--dtype",
        envvar="SPIDER_DTYPE",
        help="The model's numbers.",
        rich_help_panel=_MODEL,
    ),
]
Quantized: TypeAlias = Annotated[
    Literal["int8", "int4"] | None,
    typer.Option(
        "--quantize",
        envvar="SPIDER_QUANTIZE",
        help="Keep the layers of a large language model in 8 or 4 bits a weight: less memory, "
        "answers move a little. Not for nano, segmenters and servers.",
        show_default=False,
        rich_help_panel=_MODEL,
    ),
]
DeviceMap: TypeAlias = Annotated[
    Literal["auto", "balanced", "balanced_low_0", "sequential"] | None,
    typer.Option(
        "--device-map",
        envvar="SPIDER_DEVICE_MAP",
        help="Spread the model over all CUDA GPUs, in one of accelerate's ways. A model too "
        "large for one GPU is spread anyway.",
        show_default=False,
        rich_help_panel=_MODEL,
    ),
]
MaxPixels: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        envvar="SPIDER_MAX_PIXELS",
        parser=_pixels,
        metavar="N",
        help="The most pixels (width times height) of a photo that the model is shown, such as "
        "1500000 or 1.5M. The default is the model family's (docs/models.md).",
        show_default=False,
        rich_help_panel=_MODEL,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Common:
    """What every photo command is told; the texts are the command line's help."""

    context: typer.Context
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATHS...",
            help="Photos, folders, globs, or - for a list of paths on stdin.",
            show_default=False,
        ),
    ] = None
    recursive: Annotated[
        bool,
        typer.Option(
            "--recursive/--no-recursive",
            envvar="SPIDER_RECURSIVE",
            help="Look into the folders of a folder.",
        ),
    ] = True
    null: Annotated[
        bool,
        typer.Option(
            "--null",
            "-0",
            envvar="SPIDER_NULL",
            help="The list on stdin ends its paths with NUL, as find -print0 does.",
        ),
    ] = False
    json: Json = False
    csv: Annotated[
        bool,
        typer.Option("--csv", envvar="SPIDER_CSV", help="CSV on stdout.", rich_help_panel=_OUTPUT),
    ] = False
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            envvar="SPIDER_OUTPUT",
            metavar="FILE",
            help="Write the records to FILE: .jsonl, .json (an array), .csv or .txt. Nothing goes "
            "to stdout then, unless --json or --csv asks for it.",
            show_default=False,
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            envvar="SPIDER_FORCE",
            help="Write over files that exist.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            envvar="SPIDER_QUIET",
            help="No progress and no warnings on stderr; errors stay.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            envvar="SPIDER_MODEL",
            metavar="NAME|DIR|openai:URL#NAME",
            help="The model: a name of spider models list, OWNER/NAME of the hub, a folder, or "
            "openai: and the address of an OpenAI-compatible server. "
            "The default is nano, which comes with spider, or what spider models default chose.",
            rich_help_panel=_MODEL,
        ),
    ] = "default"
    offline: Offline = False
    device: Device = "auto"
    dtype: Dtype = "auto"
    quantize: Quantized = None
    device_map: DeviceMap = None
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch-size",
            envvar="SPIDER_BATCH_SIZE",
            min=1,
            help="Questions answered together; of a server, requests under way at a time.",
            rich_help_panel=_MODEL,
        ),
    ] = 8
    max_pixels: MaxPixels = None
    max_decode_pixels: Annotated[
        int,
        typer.Option(
            "--max-decode-pixels",
            envvar="SPIDER_MAX_DECODE_PIXELS",
            min=1,
            help="Larger photos (width times height) are not opened: an error record each.",
            rich_help_panel=_MODEL,
        ),
    ] = 200_000_000
    allow_upload: Annotated[
        bool,
        typer.Option(
            "--allow-upload",
            envvar="SPIDER_ALLOW_UPLOAD",
            help="Photos may leave this machine, for the server that --model names.",
            rich_help_panel=_MODEL,
        ),
    ] = False
    tuned: Annotated[
        bool,
        typer.Option(
            "--tuned",
            envvar="SPIDER_TUNED",
            help="The server's model was tuned by spider train: ask it without instructions.",
            rich_help_panel=_MODEL,
        ),
    ] = False
    debug: Debug = False


def photo_command(command: Callable[..., None]) -> Callable[..., None]:
    """Put the fields of `Common` before the command's own options on its command line.

    `command` takes a `Common` as its first argument; typer reads the widened signature.
    """
    own = list(inspect.signature(command).parameters.values())[1:]
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=field.type,
        )
        for field in fields(Common)
    ]

    @functools.wraps(command)
    def widened(**values: Any) -> None:
        common = Common(**{field.name: values.pop(field.name) for field in fields(Common)})
        command(common, **values)

    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    signature = inspect.Signature([shared[0], shared[1], *parameters, *shared[2:]])
    widened.__signature__ = signature  # type: ignore[attr-defined]
    widened.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    del widened.__wrapped__
    return widened


def given(context: typer.Context, rivals: Collection[str]) -> set[str]:
    """Which of these options the user gave, by the names of their parameters.

    Flags beat variables, and those the files of settings, a project's the user's: where one rival
    is a flag on the command line, those that only come from elsewhere count as not given.
    """
    sources = {name: context.get_parameter_source(name) for name in rivals}
    for wanted in ("COMMANDLINE", "ENVIRONMENT"):
        found = {name for name, source in sources.items() if source and source.name == wanted}
        if found:
            return found
    configured = {n for n, source in sources.items() if source and source.name == "DEFAULT_MAP"}
    if not configured:
        return set()
    from spider_cli.config.applying import strongest

    return strongest(context, configured)
