"""spider describe: the quality of photos, or of a region of them, in words."""

from typing import Annotated

import typer

from spider_cli.boxes import BoxSpec
from spider_cli.commands.options import Boxes, Common, given, photo_command
from spider_cli.commands.running import finish, run
from spider_cli.errors import UsageError

app = typer.Typer(add_completion=False)

Region = Annotated[
    str | None,
    typer.Option(
        "--region",
        envvar="SPIDER_REGION",
        metavar="TEXT",
        help="Describe this region alone: a position for nano (top left, bottom, centre ...), "
        "any thing in the photo for models that know names.",
        show_default=False,
    ),
]


@app.command()
@photo_command
def describe(common: Common, box: Boxes = None, region: Region = None) -> None:
    """Say in words what is wrong with each photo, where, and how badly.

    With --box or --region: with that part of the photo alone.
    """
    asked = given(common.context, ("box", "region"))
    if len(asked) > 1:
        raise UsageError("--box and --region exclude each other")
    boxes = [BoxSpec.parse(text) for text in box or ()] if "box" in asked else []
    place = region if "region" in asked else None
    if place is not None and not place.strip():
        raise UsageError("--region is empty")
    failed = run(
        common,
        "describe",
        lambda auditor, photos: auditor.describe(photos, boxes=boxes, region=place),
        records_each=max(1, len(boxes)),
    )
    finish(failed)
