"""spider refer: the distortions inside a box."""

from typing import Annotated

import typer

from spider_cli.boxes import BoxSpec
from spider_cli.commands.options import Boxes, Common, photo_command
from spider_cli.commands.running import finish, run
from spider_cli.errors import UsageError

app = typer.Typer(add_completion=False)

Long = Annotated[
    bool,
    typer.Option("--long", envvar="SPIDER_LONG", help="Say what each distortion does, too."),
]


@app.command()
@photo_command
def refer(common: Common, box: Boxes = None, long: Long = False) -> None:
    """Name the distortions inside each --box, and how severe they are."""
    if not box:
        raise UsageError("refer needs at least one --box", hint="--box x1,y1,x2,y2")
    boxes = [BoxSpec.parse(text) for text in box]
    failed = run(
        common,
        "refer",
        lambda auditor, photos: auditor.refer(photos, boxes, long=long),
        records_each=len(boxes),
    )
    finish(failed)
