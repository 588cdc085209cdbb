"""`spider data preview`: a data set on one page."""

from pathlib import Path
from typing import Annotated

import typer

from spider_cli.outputs import messages

__all__ = ["preview"]


def preview(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The data set's folder.")],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("preview.html"),
    split: Annotated[str | None, typer.Option(help="Show this split alone.")] = None,
    count: Annotated[int, typer.Option(help="Photos to show.", min=1)] = 48,
    seed: Annotated[int, typer.Option(help="Which photos are drawn.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite --out.")] = False,
) -> None:
    """Show photos with masks, questions and answers on one HTML page.

    The page holds everything it needs, and works without a network.
    """
    from spider_cli.errors import UsageError
    from trainer.datasets.store import full_disk, write_atomic
    from trainer.preview import preview_data

    if out.exists() and not force:
        raise UsageError(f"{out} exists", hint="give --force to overwrite it", code="exists")
    if out.is_dir() or not out.parent.is_dir():
        what = "is a folder" if out.is_dir() else f"cannot be written: no folder {out.parent}"
        raise UsageError(f"{out} {what}", hint="give a file's name as --out", code="bad_out")
    html, shown = preview_data(folder, split=split, count=count, seed=seed)
    with full_disk(out.parent):
        try:
            write_atomic(out, html.encode())
        except PermissionError as error:
            raise UsageError(
                f"{out} cannot be written: {error.strerror}", code="bad_out"
            ) from error
    messages.plain(f"{shown} photos on {out} ({len(html) / 1e6:.1f} MB)")
