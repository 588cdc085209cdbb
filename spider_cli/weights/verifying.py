"""Is a model on this machine what it should be, to the byte?"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spider_cli.errors import UsageError
from spider_cli.weights import BUNDLED, find_model, hub_reference
from spider_cli.weights.cached import INDEX, find_cached, how_to_get, snapshot_of
from spider_cli.weights.catalogue import Reference, folder_of
from spider_cli.weights.checking import MANIFEST, amiss, broken_safetensors, manifest_of
from spider_cli.weights.records import Record, read_record, write_record

__all__ = ["Verified", "verify_model"]


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of a comparison."""

    folder: Path
    files: int
    """So many were compared."""
    against: str
    faults: dict[str, str]
    """File -> what is wrong with it."""
    cure: str = ""

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "folder": str(self.folder),
            "whole": not self.faults,
            "files": self.files,
            "against": self.against,
            "faults": self.faults,
        }


def verify_model(name: str, revision: str | None = None) -> Verified:
    """Compare all files of a model with their sizes and checksums.

    A download that turns out wrong is noted as such: it no longer counts as a model.

    Raises:
        UsageError: the model is not here, or there is nothing to compare it with.
    """
    path = find_model(BUNDLED).path if name == BUNDLED else folder_of(name)
    if path is not None and revision is None:
        return _verify_folder(path)
    wanted = hub_reference(name, revision)
    folder = snapshot_of(wanted.repository, wanted.revision)
    if folder is None:
        folder = find_cached(wanted)  # says that it is not here
    record = read_record(folder)
    if record is None:
        record, against = _hub_record(wanted, folder), "the hub's checksums"
    else:
        against = f"what the hub said of commit {record.commit[:12]} at the download"
    return _against_record(record, against, how_to_get(wanted))


def _verify_folder(folder: Path) -> Verified:
    record = read_record(folder)
    if record is not None:
        cure = f"mend it: spider models download {record.repository} --revision {record.commit}"
        return _against_record(
            record,
            f"what the hub said of commit {record.commit[:12]} at the download",
            f"{cure} --dir {folder}",
        )
    try:
        files = manifest_of(folder)
    except ValueError as error:
        return Verified(folder, 0, MANIFEST, {MANIFEST: str(error).removeprefix(f"{MANIFEST} ")})
    if files is not None:
        cure = "get the folder again from where it came"
        faults = amiss(folder, files)
        return Verified(folder, len(files), MANIFEST, faults, cure if faults else "")
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise UsageError(
            f"{folder} holds no safetensors, and no {MANIFEST} to compare with",
            hint="name a model that spider models list shows, or a folder of a model",
            code="model_missing",
        )
    faults = broken_safetensors(folder)
    told = "their own headers: there is no manifest, so only lengths can be compared"
    return Verified(folder, len(weights), told, faults, "get them again" if faults else "")


def _against_record(record: Record, against: str, cure: str) -> Verified:
    faults = amiss(record.folder, record.files)
    if bool(faults) == record.whole:  # as it is noted no more
        write_record(replace(record, whole=not faults))
    return Verified(record.folder, len(record.files), against, faults, cure if faults else "")


def _hub_record(wanted: Reference, folder: Path) -> Record:
    """Of what another program fetched: what the hub says of it. Such a program may have left out
    files that it does not read, a licence or a card; only those that are here count, and weights.

    Raises:
        UsageError: the hub cannot be asked.
    """
    from spider_cli.weights.hub import look_up

    try:
        exact = Reference(wanted.name, wanted.repository, folder.name)
        record = look_up(exact, remote_code=True).record
    except UsageError as error:
        raise UsageError(
            f"{error.message}; and another program fetched {wanted}, so spider has no checksums",
            hint=error.hint,
            code=error.code,
        ) from error
    files = {
        file: facts
        for file, facts in record.files.items()
        if file in ("config.json", INDEX)
        or file.endswith(".safetensors")
        or (folder / file).is_symlink()
        or (folder / file).exists()
    }
    return replace(record, revision=wanted.revision or "main", files=files)
