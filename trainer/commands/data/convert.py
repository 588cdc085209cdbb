"""`spider data convert`: outside data into ours."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spider_cli.commands.progress import Progress
from spider_cli.errors import ExitCode
from spider_cli.outputs import messages

if TYPE_CHECKING:
    from trainer.datasets.convert import Converted

__all__ = ["convert"]

_SHOWN = 5
"""Rejects that are told one by one."""


def convert(
    source: Annotated[
        Path, typer.Argument(help="A file of outside data, or a folder of such files.")
    ],
    out: Annotated[Path, typer.Option(help="The new data set's folder.")],
    format_: Annotated[
        str | None,
        typer.Option("--format", help="Its format, if it cannot be told (docs/formats.md)."),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder that the records' photo paths start from.")
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            help="Scale of opinion scores, worst to best: 1:5, or 100:0 where 0 is best.",
            metavar="WORST:BEST",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same splits.")] = 0,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave wrong records out instead of stopping.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a finished data set.")] = False,
) -> None:
    """Turn outside data into a data set of spider's: Q-Align, DeQA, DQ-495K, MOS lists, ...

    What is kept, what is not and why is said at the end.
    """
    from trainer.datasets.convert import convert as run
    from trainer.datasets.scales import parse_scale

    line = _Line()
    try:
        done = run(
            source,
            out,
            format=format_,
            images=images,
            scale=parse_scale(scale) if scale is not None else None,
            seed=seed,
            force=force,
            skip_bad=skip_bad,
            progress=line.show,
        )
    finally:
        line.clear()
    _say(done)
    if done.rejects:
        raise typer.Exit(ExitCode.SOME_PHOTOS_FAILED)


class _Line:
    """The progress line, begun anew for every stage."""

    def __init__(self) -> None:
        self._stage = ""
        self._line: Progress | None = None

    def show(self, stage: str, done: int, total: int) -> None:
        """One photo more of a stage is done."""
        if self._line is None or stage != self._stage:
            self.clear()
            self._stage, self._line = stage, Progress(total, shown=True, label=stage)
            self._line.done = done - 1
        self._line.step()

    def clear(self) -> None:
        """Take the line away."""
        if self._line is not None:
            self._line.clear()


def _say(done: "Converted") -> None:
    """The summary, on stderr."""
    for reject in done.rejects[:_SHOWN]:
        messages.warning(str(reject["reason"]))
    if len(done.rejects) > _SHOWN:
        messages.warning(
            f"{len(done.rejects) - _SHOWN:,} more: see {done.folder / 'rejects.jsonl'}"
        )
    splits = ", ".join(f"{count:,} {split}" for split, count in done.photos.items())
    total = sum(done.photos.values())
    messages.plain(
        f"{done.format}: {done.entries:,} entries -> {total:,} photos ({splits}), "
        f"{done.questions:,} questions in {done.folder}"
    )
    for what, count in done.left_out.most_common():
        messages.plain(f"left out, {count:,} entries: {what}")
    for what, count in done.notes.most_common():
        words = "" if what.startswith(("boxes are", "groups")) else "not kept: "
        messages.plain(f"{words}{what} ({count:,})")
    if done.rejects:
        messages.plain(f"could not be used: {len(done.rejects):,}")
