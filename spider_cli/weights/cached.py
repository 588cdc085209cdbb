"""Models in the hub's cache on this machine: found without a network, whole or not at all."""

import json
from pathlib import Path

from spider_cli.errors import UsageError
from spider_cli.weights.catalogue import Reference
from spider_cli.weights.records import pinned, read_record

__all__ = [
    "ADAPTER_CONFIG",
    "ADAPTER_WEIGHTS",
    "INDEX",
    "WHOLE",
    "NotDownloadedError",
    "cached",
    "find_cached",
    "how_to_get",
    "snapshot_of",
    "storage_of",
]

WHOLE = "model.safetensors"
"""A model's weights in one file."""
INDEX = "model.safetensors.index.json"
"""Names the files of weights that come in several."""
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


class NotDownloadedError(UsageError):
    """A model of the hub is not on this machine, or not all of it.

    Args:
        wanted: what to download.
        folder: where to, if not the hub's cache.
    """

    def __init__(
        self,
        message: str,
        *,
        wanted: Reference,
        hint: str = "",
        code: str = "not_downloaded",
        folder: Path | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.wanted = wanted
        self.folder = folder


def find_cached(wanted: Reference) -> Path:
    """The folder of a model of the hub.

    Raises:
        NotDownloadedError: it is not on this machine; the hint is the command that fetches it.
    """
    found = cached(wanted.repository, wanted.revision)
    if found is not None:
        return found
    begun = snapshot_of(wanted.repository, wanted.revision)
    short = "" if wanted.name == wanted.repository else f"{wanted.name} ({wanted})"
    what = short or str(wanted)
    state = "is not on this machine" if begun is None else "is on this machine only in part"
    raise NotDownloadedError(f"{what} {state}", wanted=wanted, hint=how_to_get(wanted))


def how_to_get(wanted: Reference) -> str:
    """The command that fetches it, and how much that is where it is known."""
    from spider_cli.weights.catalogue import entry_of

    entry = entry_of(wanted.name)
    told = f" (about {entry.size / 1e9:.1f} GB, {entry.licence})" if entry else ""
    revision = wanted.revision if entry is None or wanted.revision != entry.revision else None
    at = f" --revision {revision}" if revision else ""
    return f"download it: spider models download {wanted.name}{at}{told}"


def cached(repository: str, revision: str | None = None) -> Path | None:
    """A repository's snapshot, if it is here with all its weights.

    Args:
        revision: a branch, a tag or a commit; None: what was downloaded last, else the main one.
    """
    snapshot = snapshot_of(repository, revision)
    if snapshot is None:
        return None
    record = read_record(snapshot)
    if record is not None:
        return snapshot if record.whole and not record.absent() else None
    return snapshot if _looks_whole(snapshot) else None


def snapshot_of(repository: str, revision: str | None = None) -> Path | None:
    """A repository's folder in the hub's cache, whole or not; None where there is none."""
    storage = storage_of(repository)
    snapshots = storage / "snapshots"
    if revision is None:
        names = [pinned(repository), _reference(storage, "main")]
    else:
        names = [revision if "/" not in revision else None, _reference(storage, revision)]
    for name in names:
        if name and name.strip(".") and (snapshots / name).is_dir():
            return snapshots / name
    if revision is None and snapshots.is_dir():
        only = [folder for folder in snapshots.iterdir() if folder.is_dir()]
        if len(only) == 1:
            return only[0]
    return None


def storage_of(repository: str) -> Path:
    """Where the hub's cache keeps a repository: refs, snapshots and blobs lie in it."""
    from huggingface_hub import constants

    name = f"models--{repository.replace('/', '--')}"
    return Path(constants.HF_HUB_CACHE).expanduser().absolute() / name


def _reference(storage: Path, name: str) -> str | None:
    if ".." in Path(name).parts or Path(name).is_absolute():
        return None
    try:
        return (storage / "refs" / name).read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _looks_whole(folder: Path) -> bool:
    """Of what another program fetched: a configuration, and every file of weights it needs."""
    if not (folder / "config.json").is_file():
        return all((folder / name).is_file() for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS))
    index = folder / INDEX
    if not index.is_file():
        return (folder / WHOLE).is_file()
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False
    return bool(names) and all((folder / str(name)).is_file() for name in names)
