"""Models fetched from the hub, and compared with it before they count as here.

The hub's own client downloads, into its own cache: parallel, with retries, through mirrors
(HF_ENDPOINT), with HF_TOKEN. What spider adds: only the files that a model needs, at one commit;
room on the disk; and every byte compared with the hub's checksums.
"""

import contextlib
import shutil
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from spider_cli.errors import UsageError
from spider_cli.weights.checking import amiss, with_digest
from spider_cli.weights.failures import explained_hub, passing
from spider_cli.weights.hub import SILENT, DownloadPlan, Report
from spider_cli.weights.partials import complete_partials, sweep_partials
from spider_cli.weights.places import write_text
from spider_cli.weights.records import Record, in_hub_cache, pin, read_record, write_record

__all__ = ["fetch"]

_ROOM = 64_000_000
"""Bytes to be left free on the disk."""


def fetch(plan: DownloadPlan, *, weights: bool = True, report: Report = SILENT) -> Path:
    """Download what a plan names; at the end all of it is here, as the hub has it.

    Args:
        weights: False where the plan is of settings alone: nothing is recorded of it.

    Returns:
        The model's folder.

    Raises:
        UsageError: it cannot be had. What has come is kept, and does not count as a model.
    """
    record = plan.record
    known = read_record(record.folder)
    if known is not None and known.whole and not known.absent() and _covers(known, record):
        _note(replace(known, revision=record.revision))
        return record.folder
    _check_room(plan)
    if weights:
        write_record(record)
    with explained_hub(plan.wanted, record.folder):
        _download(plan, report)
        wrong = amiss(record.folder, record.files, report.checked)
        if wrong:  # of an earlier download, or damaged on the way: once more
            report.told(f"{_told(wrong)}; fetching it again")
            _discard(record, wrong)
            _download(plan, report)
            wrong = amiss(record.folder, record.files)
    if wrong:
        _discard(record, wrong)
        raise UsageError(
            f"the hub sent wrong bytes twice: {_told(wrong)}",
            hint="nothing wrong was kept. Run the same command again; if it stays so, another "
            "mirror (HF_ENDPOINT) or a proxy on the way may be the reason",
            code="wrong_bytes",
        )
    with contextlib.suppress(OSError):
        sweep_partials(record)
    if weights:
        _note(replace(record, whole=True, files=with_digest(record.folder, record.files)))
    return record.folder


def _note(record: Record) -> None:
    """Record a whole download, and let a branch's name lead to it for other programs too."""
    write_record(record)
    if not in_hub_cache(record.folder):
        return
    pin(record)
    if record.revision != record.commit:
        refs = record.folder.parent.parent / "refs" / record.revision
        with contextlib.suppress(UsageError):  # a convenience
            write_text(refs, record.commit)


def _covers(known: Record, wanted: Record) -> bool:
    return known.commit == wanted.commit and set(wanted.files) <= set(known.files)


def _check_room(plan: DownloadPlan) -> None:
    """Is there room for what is to come?

    Raises:
        UsageError: no.
    """
    place = plan.record.folder.absolute()
    while not place.exists():
        place = place.parent
    free, missing = shutil.disk_usage(place).free, plan.missing
    if missing and missing + _ROOM > free:
        raise UsageError(
            f"no space for {plan.wanted}: {missing / 1e9:.2f} GB are to come, and {place} has "
            f"{free / 1e9:.2f} GB free",
            hint="make room there, or set HF_HOME to a larger disk, or use --dir",
            code="no_space",
        )


def _download(plan: DownloadPlan, report: Report) -> None:
    """Bring all files; once more where a file broke off, which the client does not do."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        _download_once(plan)
    except LocalEntryNotFoundError:  # after many attempts of the client
        raise
    except Exception as error:
        why = passing(error)
        if why is None:
            raise
        report.told(f"{why}; going on")
        _download_once(plan)


def _download_once(plan: DownloadPlan) -> None:
    import glob

    from huggingface_hub import snapshot_download

    record = plan.record
    with _quiet():
        complete_partials(record)
        snapshot_download(
            record.repository,
            revision=record.commit,
            allow_patterns=[glob.escape(name) for name in record.files],
            local_dir=None if in_hub_cache(record.folder) else record.folder,
            library_name="spider-iqa",
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the client's own bars and warnings: spider says what there is to say."""
    import logging
    import warnings

    from huggingface_hub import constants
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )
    from huggingface_hub.utils.logging import get_verbosity, set_verbosity

    shown = not are_progress_bars_disabled()
    verbosity = get_verbosity()
    disable_progress_bars()
    if not getattr(constants, "HF_DEBUG", False):
        set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        set_verbosity(verbosity)
        if shown and constants.HF_HUB_DISABLE_PROGRESS_BARS is None:
            enable_progress_bars()


def _discard(record: Record, names: Collection[str]) -> None:
    """Remove wrong files, with the blobs that they lead to."""
    for name in names:
        path = record.folder / name
        while path.is_symlink():
            following = path.parent / path.readlink()
            path.unlink()
            path = following
        path.unlink(missing_ok=True)


def _told(wrong: dict[str, str]) -> str:
    name, fault = next(iter(wrong.items()))
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return f"{name} {fault}{more}"
