"""`spider data verify`: is everything in a data set as it says?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spider_cli.commands.progress import Progress
from spider_cli.errors import ExitCode
from spider_cli.outputs import messages

if TYPE_CHECKING:
    from trainer.verify import Finding, Verdict

__all__ = ["verify"]


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The data set's folder.")],
    workers: Annotated[int, typer.Option(help="Processes; 0: one per core.", min=0)] = 0,
    limit: Annotated[
        int, typer.Option(help="Show this many findings, count the others; 0: all.", min=0)
    ] = 100,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print findings and counts as JSON.")
    ] = False,
) -> None:
    """Check every mask, box, word and order again, from the pixels and the record.

    One line for each thing that is wrong: file, photo, question, field, what was found and what
    was expected. Exit code 1 when there is any.
    """
    from trainer.commands.data.build import cores
    from trainer.verify import verify_data

    shown: list[Finding] = []
    total = 0
    bar = Progress(None, shown=True, label="photos")

    def emit(finding: "Finding") -> None:
        nonlocal total
        total += 1
        if limit and total > limit:
            return
        if as_json:
            shown.append(finding)
        else:
            bar.clear()
            print(messages.printable(str(finding)), flush=True)

    def progress(done: int, of: int) -> None:
        bar.total, bar.done = of, done - 1
        bar.step()

    try:
        verdict = verify_data(folder, workers=workers or cores(), emit=emit, progress=progress)
    finally:
        bar.clear()
    for note in verdict.notes:
        messages.plain(note)
    if as_json:
        print(json.dumps(_report(folder, verdict, shown), ensure_ascii=False, indent=1))
    else:
        _print(folder, verdict, total, limit)
    if total:
        raise typer.Exit(ExitCode.GATE_FAILED)


def _report(folder: Path, verdict: "Verdict", shown: "list[Finding]") -> dict[str, Any]:
    return {
        "schema": "spider-verify/1",
        "folder": str(folder),
        "ok": not verdict.wrong,
        "photos": verdict.photos,
        "references": verdict.references,
        "questions": verdict.questions,
        "wrong": verdict.wrong,
        "counts": verdict.counts,
        "notes": list(verdict.notes),
        "findings": [finding.to_json() for finding in shown],
    }


def _print(folder: Path, verdict: "Verdict", total: int, limit: int) -> None:
    if limit and total > limit:
        print(f"... and {total - limit:,} more (--limit 0 shows all)")
    checked = (
        f"{verdict.photos:,} photos, {verdict.references:,} references, "
        f"{verdict.questions:,} questions"
    )
    if not total:
        print(f"{messages.printable(str(folder))}: {checked}: all as it should be")
        return
    counts = sorted(verdict.counts.items(), key=lambda item: (-item[1], item[0]))
    print(f"{messages.printable(str(folder))}: {checked}: {total:,} wrong")
    print("  " + ", ".join(f"{count:,} {code}" for code, count in counts))
