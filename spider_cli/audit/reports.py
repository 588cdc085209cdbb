"""The files of ``--report``: extensions say what they are; each appears whole or not at all."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spider_cli.audit.entries import Entries
from spider_cli.errors import UsageError, did_you_mean
from spider_cli.outputs.files import writable

__all__ = ["REPORTS", "Report", "planned_reports"]


@dataclass(frozen=True, slots=True)
class Report:
    """One file to be."""

    text: str
    """As it was typed."""
    overwrite: bool

    @property
    def target(self) -> Path:
        return Path(self.text)

    @property
    def kind(self) -> str:
        """Its extension, in lower case, with the dot."""
        return self.target.suffix.lower()

    @property
    def shows_pictures(self) -> bool:
        return self.kind in _PAGES

    def write(self, entries: Entries, *, title: str) -> None:
        """Write it.

        Raises:
            UsageError: it cannot be written, or exists by now.
        """
        try:
            REPORTS[self.kind][1](self, entries, title)
        except FileExistsError as error:
            raise _exists(self.text) from error
        except OSError as error:
            raise _unwritable(self.text, error) from error


def planned_reports(texts: Sequence[str], *, overwrite: bool) -> list[Report]:
    """The reports that were asked for, each of which can be written as things are.

    Raises:
        UsageError: an extension says nothing, a package is not installed, a file exists, a folder
            takes no files, two reports have one name.
    """
    reports: dict[str, Report] = {}
    for text in texts:
        report = Report(text, overwrite)
        if report.kind not in REPORTS:
            close = did_you_mean(report.kind, REPORTS) if report.kind else ""
            raise UsageError(
                f"--report {text}: the extension says the format, and this one says none",
                hint=f"{close}use one of {', '.join(REPORTS)}",
                code="unknown_format",
            )
        key = os.path.abspath(report.target)  # noqa: PTH100 - links as they are
        if key in reports:
            raise UsageError(f"--report {text} is named twice")
        reports[key] = report
        REPORTS[report.kind][0]()
        if os.path.isdir(report.target):  # noqa: PTH112 - of long names too
            raise UsageError(f"--report {text} is a folder", code="unwritable")
        if os.path.lexists(report.target) and not overwrite:
            raise _exists(text)
        if report.shows_pictures and not overwrite:
            _check_pictures(report)
        try:
            if not os.path.isdir(report.target.parent):  # noqa: PTH112
                raise FileNotFoundError(2, os.strerror(2))
            writable(report.target.parent)
        except OSError as error:
            raise _unwritable(text, error) from error
    return list(reports.values())


def _check_pictures(report: Report) -> None:
    from spider_cli.audit.report.placing import pictures_folder

    folder = pictures_folder(report.target)
    if os.path.lexists(folder):
        raise UsageError(
            f"{folder} exists, where the pictures of --report {report.text} may have to go",
            hint="--force puts them there, and leaves what is not an older report's",
            code="exists",
        )


def _nothing_needed() -> None:
    """Nothing but spider itself."""


def _needs_jinja() -> None:
    from importlib.util import find_spec

    if find_spec("jinja2") is None:
        raise UsageError(
            "a .html report needs jinja2, which is not installed",
            hint="pip install 'spider-iqa[report]'",
            code="missing_extra",
        )


def _needs_pyarrow() -> None:
    from spider_cli.audit.parquet import check_parquet

    check_parquet()


def _records(report: Report, entries: Entries, title: str) -> None:
    from spider_cli.outputs.writers import to_file

    with to_file("audit", report.text, overwrite=report.overwrite, flag="--report") as writer:
        for record in entries.records():
            writer.write(record)


def _page(report: Report, entries: Entries, title: str) -> None:
    from spider_cli.audit.report.page import write_html
    from spider_cli.config import ratings

    set_to = ratings()
    write_html(
        report.target,
        entries,
        title=title,
        overwrite=report.overwrite,
        thresholds=set_to.thresholds,
        labels=set_to.labels,
    )


def _table(report: Report, entries: Entries, title: str) -> None:
    from spider_cli.audit.parquet import write_parquet

    write_parquet(report.target, entries.records(), overwrite=report.overwrite)


def _exists(text: str) -> UsageError:
    return UsageError(f"--report {text} exists", hint="--force writes over it", code="exists")


def _unwritable(text: str, error: OSError) -> UsageError:
    return UsageError(
        f"cannot write --report {text}: {error.strerror or error}",
        hint="what was judged is kept: the next run writes it without judging again",
        code="unwritable",
    )


_Check = Callable[[], None]
_Write = Callable[[Report, Entries, str], None]

REPORTS: dict[str, tuple[_Check, _Write]] = {
    ".html": (_needs_jinja, _page),
    ".csv": (_nothing_needed, _records),
    ".jsonl": (_nothing_needed, _records),
    ".json": (_nothing_needed, _records),
    ".txt": (_nothing_needed, _records),
    ".parquet": (_needs_pyarrow, _table),
}
"""Extension -> what checks that it can be written, and what writes it."""

_PAGES = frozenset((".html",))
