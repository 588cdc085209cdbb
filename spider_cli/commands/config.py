"""spider config: which files hold settings, what each value is and where it comes from."""

import json
from pathlib import Path
from typing import Annotated, BinaryIO, TypeAlias

import typer

from spider_cli.commands.options import Debug
from spider_cli.errors import ExitCode, UsageError, did_you_mean
from spider_cli.outputs import messages

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Show where settings come from; write an example.",
)

Json: TypeAlias = Annotated[
    bool, typer.Option("--json", envvar="SPIDER_JSON", help="One JSON object on stdout.")
]


@app.command()
def show(
    commands: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]...",
            help="Only these commands, or ratings.",
            show_default=False,
        ),
    ] = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only what is not the default.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Print every value and where it comes from: variable, project's file, user's file or default.

    Flags come before all of them. Each line is TOML: it can stand in a spider.toml as it is.
    """
    from spider_cli.config.files import files
    from spider_cli.config.known import leaves, names
    from spider_cli.config.settings import RATINGS, check, ignored
    from spider_cli.config.shown import rating_rows, rows

    known = [*names(), RATINGS]
    for name in commands or ():
        if name not in known:
            hint = f"{did_you_mean(name, known)}known: {', '.join(known)}"
            raise UsageError(f"there is no command {name}", hint=hint)
    found = files()
    for file in found:
        check(file)
    wanted = commands or known
    shown = [row for name in wanted if name != RATINGS for row in rows(found, name)]
    if RATINGS in wanted:
        shown += rating_rows(found)
    shown = [row for row in shown if not changed or row.source != "default"]
    passed_over = [
        one
        for name in wanted
        if name != RATINGS
        for command in leaves(name)
        for one in ignored(found, command)
    ]
    if as_json:
        said = {
            "schema": "spider-config/1",
            "files": [{"kind": file.layer, "path": str(file.path)} for file in found],
            "values": [row.to_json() for row in shown],
            "ignored": [
                {"place": place, "table": table, "why": why}
                for place, table, why in dict.fromkeys(
                    (o.place, o.table, o.why) for o in passed_over
                )
            ],
        }
        typer.echo(json.dumps(said, indent=2))
        return
    for file in found:
        typer.echo(messages.printable(f"# {file.layer}: {file.path}"))
    if not found:
        typer.echo("# no spider.toml is read")
    for row in shown:
        typer.echo(messages.printable(row.line()))
    for line in dict.fromkeys(map(str, passed_over)):
        messages.warning(line)


@app.command()
def path(
    project: Annotated[
        bool, typer.Option("--project", help="The project's file; exit code 1 if there is none.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Print where your own file is, whether there is one or not."""
    from spider_cli.config.files import project_file, user_file

    if not project:
        typer.echo(user_file())
        return
    found = project_file()
    if found is None:
        messages.plain("no spider.toml in this folder or above")
        raise typer.Exit(ExitCode.GATE_FAILED)
    typer.echo(found)


@app.command()
def init(
    project: Annotated[
        bool, typer.Option("--project", help="Write spider.toml into this folder, not your own.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    debug: Debug = False,
) -> None:
    """Write a file with every setting, explained and commented out, and print where it is."""
    from spider_cli.config.files import NAME, user_file
    from spider_cli.config.starter import example
    from spider_cli.outputs.files import write_together

    target = Path.cwd() / NAME if project else user_file()
    data = example("project" if project else "user").encode("utf-8")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_together({target: lambda stream: _fill(stream, data)}, overwrite=force)
    except FileExistsError as error:
        raise UsageError(
            f"{target} is there already", hint="--force replaces it", code="exists"
        ) from error
    except OSError as error:
        raise UsageError(
            f"cannot write {target}: {error.strerror or error}", code="unwritable"
        ) from error
    typer.echo(target)


def _fill(stream: BinaryIO, data: bytes) -> None:
    stream.write(data)
