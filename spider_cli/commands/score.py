"""spider score: one number for each photo."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from spider_cli.commands.options import Common, photo_command
from spider_cli.commands.running import finish, run
from spider_cli.errors import UsageError
from spider_cli.outputs import messages

if TYPE_CHECKING:
    from spider_cli.auditor import Auditor
    from spider_cli.photos import Source
    from spider_cli.results import Record

app = typer.Typer(add_completion=False)

FailUnder = Annotated[
    float | None,
    typer.Option(
        "--fail-under",
        envvar="SPIDER_FAIL_UNDER",
        metavar="N",
        help="Exit with 1 if any photo scores below N (0-100).",
        show_default=False,
    ),
]


@app.command()
@photo_command
def score(common: Common, fail_under: FailUnder = None) -> None:
    """Give each photo a quality score, 0-100; higher is better."""
    if fail_under is not None and not 0 <= fail_under <= 100:  # not: nan is neither
        raise UsageError(f"--fail-under is a score from 0 to 100, not {fail_under:g}")
    below = total = unscored = 0

    def ask(auditor: "Auditor", photos: "Iterator[Source]") -> "Iterator[Record]":
        from spider_cli.results import Score, WordedScore

        nonlocal below, total, unscored
        for record in auditor.score(photos):
            unscored += isinstance(record.outcome, WordedScore)
            if isinstance(record.outcome, Score):
                total += 1
                below += fail_under is not None and record.outcome.score < fail_under
            yield record

    failed = run(common, "score", ask)
    if below:
        messages.plain(f"{below} of {total} scored below {fail_under:g}")
    if unscored and fail_under is not None:  # no number has passed
        messages.plain(f"{unscored} have no score")
    finish(failed, gate_failed=below > 0 or (unscored > 0 and fail_under is not None))
