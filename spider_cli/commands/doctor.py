"""spider doctor: what is installed, what would run where, and what is amiss."""

import json
import warnings
from typing import TYPE_CHECKING, Annotated

import typer

from spider_cli.commands.options import Debug
from spider_cli.errors import ExitCode
from spider_cli.outputs.messages import printable

if TYPE_CHECKING:
    from spider_cli.commands.checks import Finding

app = typer.Typer(add_completion=False)

_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}

Json = Annotated[
    bool, typer.Option("--json", envvar="SPIDER_JSON", help="One JSON object on stdout.")
]


@app.command()
def doctor(as_json: Json = False, debug: Debug = False) -> None:
    """Check the installation: versions, device, cache, bundled model, name clashes.

    Exits with 1 if there is a problem. Nothing is changed, and no network is used.
    """
    from spider_cli.commands.checks import findings

    if not debug:
        warnings.simplefilter("ignore")
    found = []
    for finding in findings():
        found.append(finding)
        if not as_json:
            _show(finding)
    sound = all(finding.status != "problem" for finding in found)
    if as_json:
        said = {"schema": "spider-doctor/1", "ok": sound, "checks": [f.to_json() for f in found]}
        typer.echo(json.dumps(said, indent=2))
    if not sound:
        raise typer.Exit(ExitCode.GATE_FAILED)


def _show(finding: "Finding") -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    mark = (f"{finding.status:<8}", _STYLES[finding.status])
    line = Text.assemble(mark, (finding.name, "bold"), f": {printable(finding.detail)}")
    console.print(line, soft_wrap=True)
    if finding.status != "ok" and finding.hint:
        console.print(Text(f"{'':<8}{printable(finding.hint)}"), soft_wrap=True)
