"""What is known of a model without loading it: how large, whose, tuned or not, here or not."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from spider_cli.weights import BUNDLED, bundled_segmenter, find_model, hub_reference
from spider_cli.weights.adapter import CONFIG as ADAPTER_CONFIG
from spider_cli.weights.cached import cached, snapshot_of
from spider_cli.weights.card import is_tuned
from spider_cli.weights.catalogue import CATALOGUE, Entry, Kind, Reference, entry_of, folder_of
from spider_cli.weights.machine import Fit, fit, this_machine
from spider_cli.weights.records import read_record, recorded
from spider_cli.weights.selection import read_json

if TYPE_CHECKING:
    from spider_cli.weights.hub import DownloadPlan

__all__ = ["State", "Status", "all_known", "status_of", "status_on_hub"]

State: TypeAlias = Literal["bundled", "cached", "partial", "absent", "folder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One model as this machine sees it."""

    name: str
    kind: Kind
    state: State
    tuned: bool
    size: int
    """Bytes: of its files where they are here, else about those of its weights."""
    parameters: int
    licence: str = ""
    repository: str = ""
    revision: str | None = None
    commit: str = ""
    folder: Path | None = None
    note: str = ""
    machine_fit: Fit = field(default=Fit(True, ""))

    def as_of(self, plan: "DownloadPlan") -> "Status":
        """With what the hub says of one that is not here."""
        record = plan.record
        parameters = self.parameters if entry_of(self.name) else _parameters(record.size)
        return replace(
            self,
            tuned=plan.tuned,
            size=record.size,
            parameters=parameters,
            licence=record.licence or self.licence,
            revision=record.revision,
            commit=record.commit,
            machine_fit=fit(parameters, this_machine()),
        )

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "kind": self.kind,
            "state": self.state,
            "tuned": self.tuned,
            "size": self.size,
            "parameters": self.parameters,
            "licence": self.licence or None,
            "repository": self.repository or None,
            "revision": self.revision,
            "commit": self.commit or None,
            "folder": str(self.folder) if self.folder else None,
            "fits": self.machine_fit.fits,
            "why": self.machine_fit.why,
            "note": self.note or None,
        }


def all_known() -> Iterator[Status]:
    """Every short name, and whatever else spider downloaded."""
    for entry in CATALOGUE:
        yield _of_entry(entry)
    known = {entry.repository for entry in CATALOGUE}
    for repository in recorded():
        if repository not in known and snapshot_of(repository) is not None:
            yield status_of(repository)


def status_of(name: str, revision: str | None = None, kind: Kind | None = None) -> Status:
    """The status of a short name, a folder, or a repository of the hub.

    Raises:
        UsageError: the name is none of these.
    """
    entry = entry_of(name, kind)
    if entry is not None and revision is None:
        return _of_entry(entry)
    path = folder_of(name)
    if path is not None and revision is None:
        return _of_folder(name, path)
    return status_on_hub(hub_reference(name, revision))


def _of_entry(entry: Entry) -> Status:
    if entry.name != BUNDLED:
        return status_on_hub(Reference(entry.name, entry.repository, entry.revision))
    folder = bundled_segmenter() if entry.kind == "segmenter" else bundled_segmenter().parent
    inner = () if entry.kind == "segmenter" else ("segmenter",)
    return Status(
        name=entry.name,
        kind=entry.kind,
        state="bundled",
        tuned=True,
        size=_size(folder, without=inner),
        parameters=entry.parameters,
        licence=entry.licence,
        folder=folder,
        machine_fit=fit(entry.parameters, this_machine()),
    )


def status_on_hub(wanted: Reference) -> Status:
    """The status of a model of the hub, whatever folders of its name there are."""
    entry, revision = entry_of(wanted.name), wanted.revision
    folder = cached(wanted.repository, revision)
    begun = folder or snapshot_of(wanted.repository, revision)
    record = read_record(begun) if begun is not None else None
    size = record.size if record else _size(folder) if folder else entry.size if entry else 0
    parameters = entry.parameters if entry else _parameters(size)
    state: State = "cached" if folder else "partial" if begun else "absent"
    return Status(
        name=wanted.name,
        kind=entry.kind if entry else _kind(begun) if begun else "model",
        state=state,
        tuned=is_tuned(folder) if folder else bool(entry and entry.tuned),
        size=size,
        parameters=parameters,
        licence=(record.licence if record else "") or (entry.licence if entry else ""),
        repository=wanted.repository,
        revision=revision or (record.revision if record else None),
        commit=begun.name if begun else "",
        folder=folder,
        note=entry.note if entry else "",
        machine_fit=fit(parameters, this_machine()),
    )


def _of_folder(name: str, folder: Path) -> Status:
    found = find_model(name)
    size = _size(folder)
    weights = size + (_size(found.base) if found.base != found.path else 0)
    record = read_record(folder)
    adapter = (folder / ADAPTER_CONFIG).is_file() and found.base != found.path
    return Status(
        name=name,
        kind=_kind(found.base),
        state="folder",
        tuned=is_tuned(folder),
        size=size,
        parameters=_parameters(weights),
        licence=record.licence if record else "",
        repository=record.repository if record else "",
        revision=record.revision if record else None,
        commit=record.commit if record else "",
        folder=folder,
        note=f"an adapter of {found.base}" if adapter else "",
        machine_fit=fit(_parameters(weights), this_machine()),
    )


def _kind(folder: Path) -> Kind:
    kind = str(read_json(folder / "config.json").get("model_type"))
    return "segmenter" if "sam" in kind else "model"


def _parameters(size: int) -> int:
    """About how many, of files that hold them in half precision."""
    return size // 2


def _size(folder: Path, without: tuple[str, ...] = ()) -> int:
    """Bytes of a folder's files, links followed."""
    return sum(
        file.stat().st_size
        for file in folder.rglob("*")
        if file.is_file() and file.relative_to(folder).parts[0] not in (".cache", *without)
    )
