"""Ratings in XMP sidecars: what a verdict would change beside a shot, and the change itself.

>>> folders, policy = Folders(), Policy()
>>> with Journal(journal_file()) as journal:
...     run = Run(journal)
...     planned = plan([Path("IMG_1.CR2"), Path("IMG_1.JPG")], verdict, policy, folders)
...     print(planned.words())  # all that --dry-run says
...     apply(planned, run)

The photo itself is never opened for writing.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_cli.audit.embedded import values_inside
from spider_cli.audit.merging import Decision, Field, Marks, Policy, Verdict, decide, marks
from spider_cli.audit.sidecar_files import read_sidecar
from spider_cli.audit.sidecar_names import Folders, Naming
from spider_cli.audit.undo import Run
from spider_cli.audit.xmp_document import BrokenXmpError, Document, open_document, read_values
from spider_cli.audit.xmp_edit import EditError, edited, new_sidecar
from spider_cli.audit.xmp_terms import Name, Value
from spider_cli.errors import PhotoError
from spider_cli.weights.places import cache_folder

__all__ = ["Plan", "SidecarPlan", "apply", "journal_file", "plan"]


@dataclass(frozen=True, slots=True)
class SidecarPlan:
    """What one sidecar would become."""

    path: Path
    """As it is called beside the photo."""
    file: Path
    """Where the file lies: absolute, and not a link."""
    before: bytes | None
    """What it holds; None if it is not there."""
    after: bytes
    rating: Field
    label: Field

    @property
    def changed(self) -> bool:
        return self.after != self.before

    def words(self) -> str:
        """One line without its name: ``new: rating 4, label Green``."""
        state = "new" if self.before is None else "changed" if self.changed else "unchanged"
        return f"{state}: {_words('rating', self.rating)}, {_words('label', self.label)}"

    def to_json(self) -> dict[str, Any]:
        return {
            "sidecar": str(self.path),
            "new": self.before is None,
            "changed": self.changed,
            "rating": self.rating.to_json(),
            "label": self.label.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What the sidecars of one shot would become; one, or two if both forms are there."""

    sidecars: tuple[SidecarPlan, ...]

    @property
    def changed(self) -> bool:
        return any(one.changed for one in self.sidecars)

    def words(self) -> str:
        """A line per sidecar, each with its name."""
        return "\n".join(f"{one.path}: {one.words()}" for one in self.sidecars)


def plan(
    photos: Sequence[Path],
    verdict: Verdict,
    policy: Policy,
    folders: Folders,
    *,
    naming: Naming = Naming.FOLLOW,
) -> Plan:
    """Work out what a verdict changes in the sidecars of a shot. Nothing is written.

    A person's rating or label stands, in whichever sidecar of the shot it is, or inside a photo,
    unless the policy overwrites.

    Args:
        photos: the files of one shot, all in one folder: one, or a RAW file and its JPEG.

    Raises:
        PhotoError: a sidecar is broken, hostile, too large or cannot be read, or the folder cannot.
    """
    named = folders.sidecars(photos, naming)
    targets = [_Read.sidecar(path) for path in named.targets]
    others: list[Mapping[Name, Value]] = [_Read.sidecar(path).values for path in named.others]
    others += [values_inside(photo) for photo in photos] if not policy.overwrite else []
    planned = []
    for target in targets:
        places = [*(one.values for one in targets if one is not target), *others]
        elsewhere = _either([marks(place, target.values) for place in places])
        decision = decide(target.values, verdict, policy, elsewhere=elsewhere)
        planned.append(_planned(target, decision))
    return Plan(tuple(planned))


def apply(planned: Plan, run: Run) -> None:
    """Write what a plan says, where it says anything new.

    Raises:
        PhotoError: a sidecar changed since the plan, or cannot be written. It is as it was; another
            one of the shot may be written already.
        UsageError: the run's journal takes no notes.
    """
    for one in planned.sidecars:
        if one.changed:
            run.write(one.file, before=one.before, after=one.after)


def journal_file() -> Path:
    """Where the journal of ratings lies, in spider's cache folder."""
    return cache_folder() / "ratings.sqlite"


@dataclass(frozen=True, slots=True)
class _Read:
    """A sidecar as it is."""

    path: Path
    data: bytes | None
    document: Document | None
    values: Mapping[Name, Value]

    @classmethod
    def sidecar(cls, path: Path) -> "_Read":
        data = read_sidecar(path)
        if data is None:
            return cls(path, None, None, {})
        try:
            document = open_document(data)
            return cls(path, data, document, read_values(document.xml))
        except BrokenXmpError as error:
            raise PhotoError(
                f"the sidecar {path} {error.reason}",
                hint="it is left as it is; mend it in the program that wrote it, or move it away",
                code=error.code,
            ) from error


def _either(found: Sequence[Marks]) -> Marks:
    return Marks(any(one.rated for one in found), any(one.labelled for one in found))


def _planned(target: _Read, decision: Decision) -> SidecarPlan:
    try:
        if target.document is None:
            after = new_sidecar(decision.wanted)
        else:
            after = edited(target.document, decision.wanted)
    except (EditError, BrokenXmpError) as error:
        raise PhotoError(
            f"the sidecar {target.path} cannot take a rating: {error}",
            hint="it is left as it is; please report this, with the sidecar",
            code="sidecar_unsuitable",
        ) from error
    file = Path(os.path.realpath(target.path))
    return SidecarPlan(target.path, file, target.data, after, decision.rating, decision.label)


def _words(name: str, field: Field) -> str:
    if field.kept is not None:
        shown = f" {field.before}" if field.before else ""
        return f"{name}{shown} kept ({field.kept})"
    if field.before == field.after:
        return f"{name} {field.after or 'none'}"
    change = f"{field.before} -> {field.after or 'none'}" if field.before else field.after
    return f"{name} {change}"
