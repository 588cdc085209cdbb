"""The door: every command's name and what it is for. A command's code is imported when it runs."""

import importlib
import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from spider_cli import __version__
from spider_cli.errors import UsageError

__all__ = ["COMMANDS", "app", "load"]

COMMANDS: dict[str, tuple[str, str]] = {
    "describe": ("spider_cli.commands.describe", "Say in words what is wrong with each photo."),
    "score": ("spider_cli.commands.score", "Give each photo a quality score, 0-100."),
    "refer": ("spider_cli.commands.refer", "Name the distortions inside a box."),
    "ground": ("spider_cli.commands.ground", "Find where the quality suffers; draw heatmaps."),
    "audit": ("spider_cli.commands.audit", "Judge whole shoots: reports, ratings, keepers."),
    "models": ("spider_cli.commands.models", "List, download, check and remove models."),
    "config": ("spider_cli.commands.config", "Show where settings come from; write an example."),
    "doctor": ("spider_cli.commands.doctor", "Check what is installed, and say what is amiss."),
    "train": ("trainer.commands.train", "Train a model (needs the train extra)."),
    "data": ("trainer.commands.data", "Build and check data sets (needs the train extra)."),
    "eval": ("trainer.commands.eval", "Measure a model (needs the train extra)."),
}
"""Name -> the module with its Typer `app`, and its line in the list of commands."""


def load(name: str) -> Any:
    """Import a command's module and build the command.

    Raises:
        UsageError: it lives in the trainer, whose needs are not installed.
    """
    module = COMMANDS[name][0]
    try:
        command = get_command(importlib.import_module(module).app)
    except ModuleNotFoundError as error:
        if not module.startswith("trainer."):
            raise
        raise UsageError(
            f"spider {name} needs the training extra: there is no module {error.name}",
            hint="pip install 'spider-iqa[train]'; if that is done, run spider doctor",
            code="missing_extra",
        ) from error
    command.name = name
    # Completion is set up for `spider` as a whole; typer offers it to every app it builds.
    command.params = [p for p in command.params if not str(p.name).endswith("_completion")]
    return command


class Door(TyperGroup):
    """Lists commands by name alone, and loads the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            command = load(name)
            if not ctx.resilient_parsing:  # that is completion
                from spider_cli.config.applying import apply

                apply(ctx, name, rest)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            _blame(ctx, error)
            raise


def _blame(context: Any, error: Exception) -> None:
    """Note on a complaint about an option the place in a file that gave its value."""
    typers = getattr(error, "format_message", None)
    if typers is None and not isinstance(error, UsageError):
        return
    from spider_cli.config.applying import blame

    place = blame(context, typers() if typers is not None else str(error))
    if place:
        error.add_note(place)


app = typer.Typer(
    cls=Door,
    help="What is wrong with a photo, where, and how badly.",
    epilog="Exit codes: 0 fine, 1 a gate failed, 2 bad usage, 3 some photo failed.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _unloaded() -> None:
    """Stands in the list for a command not imported yet."""


for _name, (_, _summary) in COMMANDS.items():
    app.command(_name, help=_summary)(_unloaded)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"spider {__version__}")
        raise typer.Exit


def _no_config(asked: bool) -> bool:
    if asked:  # the files are read elsewhere
        os.environ["SPIDER_NO_CONFIG"] = "1"
    else:
        os.environ.pop("SPIDER_NO_CONFIG", None)
    return asked


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
    no_config: Annotated[
        bool,
        typer.Option(
            "--no-config",
            envvar="SPIDER_NO_CONFIG",
            callback=_no_config,
            help="Read no spider.toml, neither the project's nor yours.",
        ),
    ] = False,
) -> None:
    """Without a command: the help, and exit code 2."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
        raise typer.Exit(2)
