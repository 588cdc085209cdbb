"""spider audit: a shoot looked at in one go, and what is done about its photos."""

import typer

from spider_cli.commands.audit_options import Asked, with_asked
from spider_cli.commands.options import Common, photo_command
from spider_cli.commands.running import finish
from spider_cli.errors import UsageError

app = typer.Typer(add_completion=False)


@app.command()
@photo_command
@with_asked
def audit(common: Common, asked: Asked) -> None:
    """Score, describe and ground whole shoots, and sort them: reports, ratings, keepers.

    What was judged is kept, so that the next run judges only what is new. Nothing of yours is
    moved, deleted or written over.
    """
    from spider_cli.commands.audit_engine import check_engine, run_on_engine

    check_engine(common, asked)
    if asked.engine != "local":
        failed, gate_failed = run_on_engine(common, asked)
        finish(failed, gate_failed=gate_failed)
        return
    _alone(asked)
    if asked.undo:
        from spider_cli.commands.audit_ratings import undo

        undo(common, asked)
        return
    from spider_cli.commands.audit_plan import planned

    plan = planned(common, asked)
    from spider_cli.commands.audit_run import run_audit, say_status

    if asked.status:
        say_status(common, asked, plan)
        return

    failed, gate_failed = run_audit(common, asked, plan)
    finish(failed, gate_failed=gate_failed)


def _alone(asked: Asked) -> None:
    """Do those that judge nothing stand alone?"""
    others = {
        "--xmp": asked.xmp,
        "--watch": asked.watch,
        "--report": asked.report,
        "--copy-to": asked.copy_to,
        "--link-to": asked.link_to,
    }
    modes = {"--undo": asked.undo, "--status": asked.status}
    for mode, on in modes.items():
        for flag, given in {**others, **{k: v for k, v in modes.items() if k != mode}}.items():
            if on and given:
                raise UsageError(f"{mode} and {flag} exclude each other")
