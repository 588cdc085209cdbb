"""`spider data`: build, check, look at and convert data sets."""

import typer

from trainer.commands.data import build, convert, preview, verify

app = typer.Typer(no_args_is_help=True, help="Build and check data sets.")
app.command("build")(build.build)
app.command("verify")(verify.verify)
app.command("preview")(preview.preview)
app.command("convert")(convert.convert)
