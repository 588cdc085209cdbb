"""The door: every command's name and what it is for. A command's code is imported when it runs."""

import importlib
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
    "models": ("spider_cli.commands.models", "List, download, check and remove models."),
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
        return name, load(name) if name in COMMANDS else command, rest


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


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Without a command: the help, and exit code 2."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
        raise typer.Exit(2)
