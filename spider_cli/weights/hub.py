"""Models on the hub: what a download would bring, looked up before a byte of it comes."""

import re
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_cli.weights.cached import ADAPTER_CONFIG, INDEX, storage_of
from spider_cli.weights.card import TAG, licence_in
from spider_cli.weights.catalogue import Reference
from spider_cli.weights.failures import explained_hub, patiently
from spider_cli.weights.partials import partial_bytes
from spider_cli.weights.records import FileFacts, Record
from spider_cli.weights.selection import check_kind, needed_files, read_json

__all__ = ["SILENT", "DownloadPlan", "Report", "bytes_here", "look_up"]

_CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """What will be downloaded."""

    wanted: Reference
    record: Record
    base: str = ""
    """Of an adapter, the model that it changes."""
    tuned: bool = False
    """Was it taught spider's questions? Its card says so, or it is nano's kind."""

    @property
    def missing(self) -> int:
        """Bytes that are still to come."""
        return self.record.size - bytes_here(self.record)


@dataclass(frozen=True, slots=True)
class Report:
    """Who is told how a download goes."""

    told: Callable[[str], None] = lambda _: None
    """Is given lines for people."""
    checked: Callable[[int], None] = lambda _: None
    """Is given the number of bytes compared, again and again."""


SILENT = Report()


def look_up(
    wanted: Reference,
    *,
    folder: Path | None = None,
    weights: bool = True,
    remote_code: bool = False,
    report: Report = SILENT,
) -> DownloadPlan:
    """Ask the hub for a model, and see whether spider can take it. Nothing is kept.

    Args:
        folder: where it shall go, instead of the hub's cache.
        weights: False: settings and tokenizer alone.
        remote_code: take it even if it brings Python of its own, and that too.

    Raises:
        UsageError: it is not there, not for this user, or nothing that spider opens.
    """
    with explained_hub(wanted):
        from huggingface_hub import HfApi

        api = HfApi(library_name="spider-iqa")
        # The client itself is patient with everything but this.
        info = patiently(
            lambda: api.model_info(wanted.repository, revision=wanted.revision), report.told
        )
        commit = str(info.sha)
        facts = _listing(api, wanted.repository, commit)
        asked = {"config.json", ADAPTER_CONFIG, *([INDEX] if weights else [])} & set(facts)
        settings = _read(wanted.repository, commit, asked)
    check_kind(wanted.repository, settings, remote_code=remote_code)
    names = needed_files(
        wanted.repository, facts, settings.get(INDEX), weights=weights, code=remote_code
    )
    target = folder if folder is not None else storage_of(wanted.repository) / "snapshots" / commit
    record = Record(
        repository=wanted.repository,
        revision=wanted.revision or "main",
        commit=commit,
        folder=target,
        files={name: facts[name] for name in names},
        licence=_licence(info),
    )
    base = settings.get(ADAPTER_CONFIG, {}).get("base_model_name_or_path")
    nano = settings.get("config.json", {}).get("model_type") == "spider_nano"
    return DownloadPlan(
        wanted,
        record,
        base=str(base) if base and "config.json" not in facts else "",
        tuned=nano or TAG in (info.tags or ()),
    )


def bytes_here(record: Record) -> int:
    """Bytes of a download that have come, unfinished files too."""
    there = set(record.files) - set(record.absent())
    return sum(
        facts.size if name in there else partial_bytes(record, name)
        for name, facts in record.files.items()
    )


def _listing(api: Any, repository: str, commit: str) -> dict[str, FileFacts]:
    """All files of a repository at a commit.

    Raises:
        ValueError: the list is not what a hub says. Names and checksums become paths here.
    """
    found = {
        str(one.path): FileFacts(int(one.size), one.lfs.sha256 if one.lfs else None, one.blob_id)
        for one in api.list_repo_tree(repository, recursive=True, revision=commit)
        if hasattr(one, "blob_id")  # a folder has none
    }
    for name, facts in found.items():
        sums = [one for one in (facts.sha256, facts.git) if one is not None]
        odd = name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name)
        if odd or not sums or not all(_CHECKSUM.fullmatch(one) for one in sums):
            raise ValueError(f"the hub's list of files is damaged at {name!r}")
    return found


def _read(repository: str, commit: str, names: Collection[str]) -> dict[str, dict[str, Any]]:
    """Small JSON files, by way of a folder that is gone afterwards."""
    from huggingface_hub import hf_hub_download

    with tempfile.TemporaryDirectory(prefix="spider-") as folder:
        return {
            name: read_json(
                Path(hf_hub_download(repository, name, revision=commit, cache_dir=folder))
            )
            for name in names
        }


def _licence(info: Any) -> str:
    """The licence that the model's card names; "" where it names none."""
    named = licence_in(info.card_data.to_dict()) if info.card_data else ""
    if named:
        return named
    tags = [tag.removeprefix("license:") for tag in info.tags or () if tag.startswith("license:")]
    return str(tags[0]) if tags else ""
