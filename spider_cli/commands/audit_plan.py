"""What `spider audit` is to do, checked before anything heavy is imported."""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from spider_cli.commands.audit_options import Asked
from spider_cli.commands.options import Common, given
from spider_cli.errors import UsageError

if TYPE_CHECKING:
    from spider_cli.audit.choosing import Choice
    from spider_cli.audit.copying import Copier
    from spider_cli.audit.flags import Flag
    from spider_cli.audit.reports import Report
    from spider_cli.audit.templates_of_lines import Template
    from spider_cli.sources import Source

__all__ = ["AuditPlan", "Listed", "marked", "planned"]

Listed: TypeAlias = Literal["flagged", "keepers"]

_MARK = ".spider-audit"
"""In a folder of pictures: audits made them, and may make them again."""
_PICTURES = (".overlay.png", ".heatmap.png", ".mask.png")


@dataclass(frozen=True, kw_only=True)
class AuditPlan:
    """The options of `spider audit`, checked."""

    flags: "tuple[Flag, ...]"
    choice: "Choice"
    listed: Listed | None
    template: "Template | None"
    reports: "list[Report]"
    pictures: Path | None
    copier: "Copier | None"

    @property
    def at_the_end(self) -> bool:
        """Is stdout written when all is judged?"""
        return self.choice.at_the_end or (self.template is not None and self.template.at_the_end)

    @property
    def shows_pictures(self) -> bool:
        return any(report.shows_pictures for report in self.reports)

    def written_to(self, state: Path) -> list[Path]:
        """The folders whose disks fill up."""
        own = [state.parent, *(report.target.parent for report in self.reports)]
        own += [self.pictures] if self.pictures is not None else []
        return [*own, *([self.copier.folder] if self.copier is not None else [])]

    def outside(self, sources: "Iterable[Source]", paths: Sequence[str]) -> "Iterator[Source]":
        """The sources but for what audits wrote themselves: pictures, and copies of keepers.

        Args:
            paths: as they were named; a file that is named is meant, and so is all in a folder of
                copies that is.
        """
        folders = [self.copier.folder] if self.copier is not None else []
        for report in self.reports:
            if report.shows_pictures:
                from spider_cli.audit.report.placing import pictures_folder

                folders.append(pictures_folder(report.target))
        named = {_absolute(Path(path)) for path in paths}
        own = [_absolute(folder) for folder in folders]
        own = [one for one in own if not any(_inside(path, one) for path in named)]
        marks = _Marks(self.pictures)
        for source in sources:
            path = _absolute(source.path)
            drawn = path.endswith(_PICTURES) and path not in named and marks.above(path)
            if not drawn and not any(_inside(path, one) for one in own):
                yield source


class _Marks:
    """Which folders audits put pictures into, this one's included."""

    def __init__(self, pictures: Path | None) -> None:
        self._known: dict[str, bool] = {} if pictures is None else {_absolute(pictures): True}

    def above(self, path: str) -> bool:
        """Is a file in such a folder, at any depth?"""
        folder = os.path.dirname(path)  # noqa: PTH120
        if folder not in self._known:
            mark = os.path.join(folder, _MARK)  # noqa: PTH118
            at_top = folder == path
            self._known[folder] = os.path.lexists(mark) or (not at_top and self.above(folder))
        return self._known[folder]


def planned(common: Common, asked: Asked) -> AuditPlan:
    """Check the options.

    Raises:
        UsageError: one means nothing, some do not go together, or something cannot be written.
    """
    forms = given(common.context, ("listed", "format", "json", "csv"))
    _together(common, asked, forms)
    from spider_cli.audit.choosing import Choice, sort_key
    from spider_cli.audit.flags import ANY_SEVERE, parse_flags
    from spider_cli.audit.reports import planned_reports
    from spider_cli.audit.templates_of_lines import parse_template

    under = asked.fail_under
    if under is not None and not 0 <= under <= 100:  # not: nan is neither
        raise UsageError(f"--fail-under is a score from 0 to 100, not {under:g}")
    if asked.best_of_burst:
        _needs_hashes()
    choice = Choice(
        order=None if asked.sort is None else sort_key(asked.sort),
        top=asked.top,
        only_flagged=asked.only_flagged,
        best_of_burst=asked.best_of_burst,
        fail_under=under,
    )
    flags = parse_flags(asked.flag) if asked.flag else ANY_SEVERE
    template = None
    if asked.format is not None and "format" in forms:
        template = parse_template(asked.format)
    reports = planned_reports(asked.report or (), overwrite=common.force)
    for flag, file in (("--output", common.output), ("--state", asked.state)):
        for report in reports:
            if file and _absolute(Path(file)) == _absolute(report.target):
                raise UsageError(f"{flag} and --report both name {file}")
    copier = _copier(common, asked)
    pictures = None if asked.out is None else _pictures(asked.out, overwrite=common.force)
    return AuditPlan(
        flags=flags,
        choice=choice,
        listed=asked.listed if "listed" in forms else None,
        template=template,
        reports=reports,
        pictures=pictures,
        copier=copier,
    )


def _needs_hashes() -> None:
    from importlib.util import find_spec

    if find_spec("imagehash") is None:
        raise UsageError(
            "--best-of-burst needs imagehash, which is not installed",
            hint="pip install 'spider-iqa[bursts]'",
            code="missing_extra",
        )


def _together(common: Common, asked: Asked, forms: Collection[str]) -> None:
    """Do the options go together?"""
    flags = {
        "--list": "listed" in forms and asked.listed is not None,
        "--format": "format" in forms and asked.format is not None,
        "--json": "json" in forms and common.json,
        "--csv": "csv" in forms and common.csv,
    }
    on = [flag for flag, there in flags.items() if there]
    _exclude(on)
    if asked.print0 and not {"--list", "--format"} & set(on):
        raise UsageError("--print0 ends what --list and --format print; neither is given")
    if asked.dry_run and not (asked.xmp or asked.copy_to or asked.link_to):
        raise UsageError(
            "--dry-run has nothing to show", hint="it goes with --xmp, --undo, --copy-to, --link-to"
        )
    if asked.dry_run and on and on != ["--json"]:
        raise UsageError(f"--dry-run and {on[0]} exclude each other")
    if asked.overwrite_ratings and not asked.xmp:
        raise UsageError("--overwrite-ratings goes with --xmp")


def _exclude(flags: Sequence[str]) -> None:
    if len(flags) > 1:
        raise UsageError(f"{flags[0]} and {flags[1]} exclude each other")


def _copier(common: Common, asked: Asked) -> "Copier | None":
    from spider_cli.audit.copying import Copier

    told = {"copy_to": asked.copy_to, "link_to": asked.link_to}
    chosen = [
        (name, text)
        for name, text in told.items()
        if text is not None and name in given(common.context, told)
    ]
    _exclude([f"--{name.replace('_', '-')}" for name, _ in chosen])
    for name, text in chosen:
        return Copier(_folder(f"--{name.replace('_', '-')}", text), link=name == "link_to")
    return None


def marked(folder: Path) -> Path:
    """A folder for pictures, made, and marked as one whose pictures audits may make again.

    A run that was killed leaves pictures of photos that it did not finish; the next one must be
    free to replace them, and nothing else.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARK).touch()
    except OSError as error:
        raise _unwritable("--out", str(folder), error) from error
    return folder


def _pictures(text: str, *, overwrite: bool) -> Path:
    folder = _folder("--out", text)
    if not overwrite and not os.path.lexists(folder / _MARK) and _has_pictures(folder):
        raise UsageError(
            f"--out {text} has pictures that no audit made",
            hint="--force writes over them; or name another folder",
            code="exists",
        )
    return folder


def _has_pictures(folder: Path) -> bool:
    return any(name.endswith(_PICTURES) for _, _, names in os.walk(folder) for name in names)


def _folder(flag: str, text: str) -> Path:
    from spider_cli.outputs.files import writable

    if not text.strip():
        raise UsageError(f"{flag} is empty", code="unwritable")
    folder = Path(text)
    try:
        writable(folder)
    except OSError as error:
        raise _unwritable(flag, text, error) from error
    return folder


def _unwritable(flag: str, text: str, error: OSError) -> UsageError:
    return UsageError(
        f"cannot write into {flag} {text}: {error.strerror or error}", code="unwritable"
    )


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - links as they are


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
