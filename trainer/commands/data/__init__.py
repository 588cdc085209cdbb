"""`spider data`: build, check, look at and convert data sets."""

import typer

from trainer.commands.data.build import build
from trainer.commands.data.convert import convert
from trainer.commands.data.preview import preview
from trainer.commands.data.verify import verify

app = typer.Typer(no_args_is_help=True, help="Build and check data sets.")
for _command in (build, verify, preview, convert):
    app.command()(_command)
