"""spider models: what there is, what is here, and getting it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from spider_cli.commands.options import Debug, Offline
from spider_cli.errors import ExitCode, UsageError
from spider_cli.outputs import messages

if TYPE_CHECKING:
    from spider_cli.weights.catalogue import Reference

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="List, download, check and remove models.",
)

Name: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A short name of spider models list, OWNER/NAME of the hub, or a folder.",
        show_default=False,
    ),
]
Revision: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--revision", metavar="REV", help="A branch, tag or commit of the hub.", show_default=False
    ),
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", envvar="SPIDER_JSON", help="One JSON object on stdout.")
]
Quiet: TypeAlias = Annotated[
    bool, typer.Option("--quiet", "-q", envvar="SPIDER_QUIET", help="No progress on stderr.")
]


@app.command("list")
def list_models(as_json: Json = False, debug: Debug = False) -> None:
    """List models and segmenters: size, licence, tuned or base, here or not, fits or not and why.

    Uses no network and opens no weights. A * marks the default.
    """
    from spider_cli.commands.models_shown import table
    from spider_cli.weights.places import default_name
    from spider_cli.weights.status import all_known

    found, default = list(all_known()), default_name()
    if as_json:
        models = [status.to_json() for status in found]
        _object({"schema": "spider-models/1", "default": default, "models": models})
    else:
        for line in table(found, default):
            typer.echo(line)


@app.command()
def info(
    name: Name,
    revision: Revision = None,
    as_json: Json = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Tell what is known of a model; the hub is asked about one that is not here."""
    from spider_cli.commands.models_shown import facts
    from spider_cli.weights.hub import look_up
    from spider_cli.weights.status import status_of

    status = status_of(_resolved(name), revision)
    if status.state in ("absent", "partial"):
        try:
            status = status.as_of(look_up(_reference(name, revision)))
        except UsageError as error:
            if not status.size:  # nothing is known of it here
                raise
            messages.warning(error.message)
    if as_json:
        _object({"schema": "spider-model/1"} | status.to_json())
    else:
        for line in facts(status):
            typer.echo(line)


@app.command()
def download(
    name: Name,
    revision: Revision = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            metavar="DIR",
            help="Put the files into DIR instead of the cache of the hub's client.",
            show_default=False,
        ),
    ] = None,
    remote_code: Annotated[
        bool,
        typer.Option(
            "--remote-code",
            help="Fetch a model that brings Python of its own, with it. To train from it with "
            "model.remote_code=true; spider itself never runs it.",
        ),
    ] = False,
    quiet: Quiet = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Download a model, and print its folder.

    Only the files that spider reads, safetensors only, at one commit, which is recorded. What an
    ended download left is gone on with. At the end all is compared with the hub's checksums.
    """
    from spider_cli.commands.downloading import download as fetch
    from spider_cli.commands.downloading import size_text
    from spider_cli.weights.catalogue import BUNDLED
    from spider_cli.weights.hub import Report, look_up

    if name == BUNDLED:
        messages.plain("nano comes with spider: there is nothing to download")
        typer.echo(_local(name))
        return
    wanted = _reference(name, revision)
    if folder is not None:
        folder = folder.expanduser().absolute()
        _check_free(folder, wanted.repository)
    told = Report(told=lambda line: None if quiet else messages.plain(line))
    plan = look_up(wanted, folder=folder, remote_code=remote_code, report=told)
    missing = plan.missing
    place = fetch(plan, quiet=quiet)
    if not quiet:
        licence = f", licence {plan.record.licence}" if plan.record.licence else ""
        had = f"{size_text(missing)} came" if missing else "all of it was here"
        messages.plain(f"{wanted.repository} is whole: {had}, commit {plan.record.commit}{licence}")
        if plan.base:
            need = f"it is an adapter of {plan.base}, and needs that too"
            messages.plain(f"{need}: spider models download {plan.base}")
    typer.echo(place)


@app.command()
def verify(
    name: Name,
    revision: Revision = None,
    as_json: Json = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Compare a model's files with the sizes and SHA-256 sums that they should have.

    Those recorded at the download, else of the model's own manifest, else the hub's. Exits with 1
    if a file is wrong; a download then counts as here no more, until it is downloaded again.
    """
    from spider_cli.weights.verifying import verify_model

    found = verify_model(_resolved(name), revision)
    if as_json:
        _object({"schema": "spider-verify/1"} | found.to_json())
    else:
        for file, fault in found.faults.items():
            messages.error(f"{found.folder / file} {fault}")
        count = f"{found.files} files compared with {found.against}"
        state = f"{len(found.faults)} wrong" if found.faults else "whole"
        typer.echo(messages.printable(f"{name}: {state}; {count}"))
        if found.cure:
            messages.plain(found.cure)
    if found.faults:
        raise typer.Exit(ExitCode.GATE_FAILED)


@app.command()
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Remove a model of the hub from this machine: all revisions, and what downloads left.

    The cache is shared: other programs that use the model lose it too.
    """
    from spider_cli.commands.downloading import confirmed, size_text
    from spider_cli.weights.removing import Removal

    if "@" in name:
        raise UsageError(
            f"{name}: all revisions of a model are removed together",
            hint=f"spider models remove {name.partition('@')[0]}",
        )
    removal = Removal(_reference(name, None))
    if not removal.there:
        raise UsageError(
            f"{name} is not on this machine", hint="see spider models list", code="not_downloaded"
        )
    what = f"{removal.storage}, {size_text(removal.size)}"
    if not yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError(
                f"{what}, would be removed, and nobody can be asked",
                hint="say so with --yes",
                code="not_confirmed",
            )
        if not confirmed(f"Remove {what}?"):
            return
    removal.run()
    if not quiet:
        messages.plain(f"removed {what}")


@app.command()
def path(name: Name, revision: Revision = None, debug: Debug = False) -> None:
    """Print the folder of a model that is here, for other programs."""
    typer.echo(_local(_resolved(name), revision))


@app.command()
def default(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="What --model is where it is not given.",
            show_default=False,
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Choose the model that is used where --model is not given. Without NAME: print it."""
    from spider_cli.weights import DEFAULT, NotDownloadedError, find_model
    from spider_cli.weights.catalogue import folder_of
    from spider_cli.weights.places import default_name, set_default

    if name is None:
        typer.echo(default_name())
        return
    if name == DEFAULT:
        raise UsageError("the default cannot be the default", hint="spider models default nano")
    try:
        find_model(name)
    except NotDownloadedError as error:
        messages.warning(f"{error.message}; {error.hint}")
    folder = folder_of(name)
    set_default(name if folder is None else str(folder.absolute()))
    typer.echo(default_name())


def _object(value: dict[str, object]) -> None:
    typer.echo(json.dumps(value, indent=2))


def _resolved(name: str) -> str:
    from spider_cli.weights.places import DEFAULT, default_name

    return default_name() if name == DEFAULT else name


def _reference(name: str, revision: str | None) -> "Reference":
    """What a name means on the hub.

    Raises:
        UsageError: nothing.
    """
    from spider_cli.weights import hub_reference

    return hub_reference(_resolved(name), revision)


def _local(name: str, revision: str | None = None) -> Path:
    """Where a model or segmenter is on this machine.

    Raises:
        UsageError: nowhere.
    """
    from spider_cli.weights import find_model, find_segmenter
    from spider_cli.weights.catalogue import entry_of

    if revision is not None:
        wanted = _reference(name, revision)
        name = f"{wanted.name}@{wanted.revision}"
    entry = entry_of(name.partition("@")[0])
    if entry is not None and entry.kind == "segmenter":
        return find_segmenter(name)
    return find_model(name).path


def _check_free(folder: Path, repository: str) -> None:
    """Nothing of the user's is written over.

    Raises:
        UsageError: the folder holds something else.
    """
    from spider_cli.weights.records import read_record

    record = read_record(folder) if folder.is_dir() else None
    ours = record is not None and record.repository == repository
    if folder.exists() and not ours and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} is there, and not from a download of {repository}",
            hint="name a new or an empty folder",
            code="exists",
        )
