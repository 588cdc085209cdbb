"""Models as people read of them: a table, or the facts of one."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from spider_cli.commands.downloading import size_text
from spider_cli.outputs.messages import printable

if TYPE_CHECKING:
    from spider_cli.weights.status import Status

__all__ = ["facts", "table"]

_BASE = "a base model: nothing taught it spider's tasks; spider train stage1 can"
_LEGEND = (
    "base: nothing taught it spider's tasks; it answers from what its makers taught it, until\n"
    "someone tunes it (spider train stage1). tuned: taught them."
)
_STATES = {
    "bundled": "with spider",
    "cached": "here",
    "partial": "in part",
    "absent": "not here",
    "folder": "folder",
}


def table(found: Iterable["Status"], default: str) -> Iterator[str]:
    """Lines of a list: models, then segmenters."""
    known = list(found)
    for kind in ("model", "segmenter"):
        head = (f"  {kind}s", "size", "licence", "", "", "fits this machine")
        rows = [head, *(_row(one, default) for one in known if one.kind == kind)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(head) - 1)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            yield printable("  ".join([*cells, row[-1]]).rstrip())
        yield ""
    yield from _LEGEND.splitlines()


def facts(status: "Status") -> Iterator[str]:
    """Lines about one model."""
    fits = "fits" if status.machine_fit.fits else "does not fit"
    about = "" if status.folder else "about "
    told = {
        "name": status.name,
        "kind": status.kind,
        "state": _STATES[status.state],
        "repository": status.repository,
        "revision": status.revision,
        "commit": status.commit,
        "folder": status.folder,
        "size": f"{about}{size_text(status.size)}" if status.size else "",
        "licence": status.licence or "not named",
        "training": "" if status.kind == "segmenter" else "tuned" if status.tuned else _BASE,
        "machine": f"{fits}: {status.machine_fit.why}" if status.size else "",
        "note": status.note,
    }
    for name, value in told.items():
        if value:
            yield f"{name + ':':<12}{printable(str(value))}"


def _row(status: "Status", default: str) -> tuple[str, ...]:
    mark = "*" if status.name == default and status.kind == "model" else " "
    fits = "yes" if status.machine_fit.fits else "no"
    return (
        f"{mark} {status.name}",
        size_text(status.size) if status.size else "?",
        status.licence or "?",
        "tuned" if status.tuned else "base" if status.kind == "model" else "",
        _STATES[status.state],
        f"{fits}: {status.machine_fit.why}" if status.size else "",
    )
