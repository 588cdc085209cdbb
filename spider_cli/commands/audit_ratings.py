"""Ratings as `spider audit` writes them, and takes them back."""

import contextlib
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from spider_cli.commands.audit_options import Asked
from spider_cli.commands.options import Common
from spider_cli.errors import ExitCode
from spider_cli.outputs import messages

if TYPE_CHECKING:
    from spider_cli.audit.rate import Rated, Rater

__all__ = ["rater_for", "say_rated", "undo"]


def rater_for(asked: Asked) -> "Rater":
    """What writes the ratings that the options and the files of settings ask for.

    Raises:
        UsageError: a setting means nothing, or the journal of ratings cannot be used.
    """
    from spider_cli.audit.merging import Policy, Program
    from spider_cli.audit.rate import Rater
    from spider_cli.audit.sidecar_names import Naming
    from spider_cli.config import ratings

    set_to = ratings()
    policy = Policy(
        thresholds=set_to.thresholds,
        labels=set_to.labels,
        program=Program(asked.labels),
        overwrite=asked.overwrite_ratings,
    )
    return Rater(policy, Naming(asked.sidecars), dry_run=asked.dry_run)


def say_rated(rated: "Rated", *, as_json: bool) -> None:
    """Print what would change in a shot's sidecars."""
    if as_json:
        typer.echo(json.dumps(rated.to_json(), ensure_ascii=True))
        return
    for one in rated.plan.sidecars:
        typer.echo(messages.printable(f"{one.path}: {one.words()}"))


def undo(common: Common, asked: Asked) -> None:
    """Take back the ratings of the last run, and say what became of each sidecar.

    Raises:
        UsageError: the journal cannot be used.
        Exit: 3 where a sidecar could not be read or written.
    """
    from spider_cli.audit.ratings import journal_file
    from spider_cli.audit.undo import Journal, Outcome

    within = [Path(path) for path in common.paths or ()]
    with contextlib.closing(Journal(journal_file())) as journal:
        taken = journal.undo(within, dry_run=asked.dry_run)
    if taken is None:
        messages.plain("there are no ratings to take back")
        return
    failed = 0
    for one in taken.sidecars:
        failed += one.outcome is Outcome.FAILED
        if common.json:
            typer.echo(json.dumps(one.to_json(), ensure_ascii=True))
        else:
            more = f" ({one.message})" if one.message else ""
            typer.echo(messages.printable(f"{one.path}: {one.outcome}{more}"))
    if taken.earlier and not common.quiet:
        # One that was interrupted and went on is two.
        when = datetime.fromtimestamp(taken.earlier_started)
        count = "1 sidecar" if taken.earlier == 1 else f"{taken.earlier:,} sidecars"
        messages.plain(
            f"an earlier run, of {when.day} {when:%B %Y, %H:%M}, wrote {count}: --undo once more "
            "takes these back"
        )
    if failed:
        raise typer.Exit(ExitCode.SOME_PHOTOS_FAILED)
