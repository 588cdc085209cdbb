"""`spider audit --engine ray`: photos of any number, judged on a cluster, records in shards."""

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from spider_cli.commands.audit_options import Asked
from spider_cli.commands.engine_options import OnEngine, check_engine_options, typed
from spider_cli.commands.options import Common
from spider_cli.commands.running import auditor_for, prepare, tell_failure
from spider_cli.errors import PhotoError, UsageError
from spider_cli.heap import Heap
from spider_cli.outputs import messages

if TYPE_CHECKING:
    from spider_cli.auditor import Auditor
    from spider_cli.engines.listing import Listing
    from spider_cli.engines.shards import Shards
    from spider_cli.engines.told import Told
    from spider_cli.results import Record

__all__ = ["check_engine", "run_on_engine"]

_NOT_HERE = (
    "report min_free top sort best_of_burst only_flagged listed print0 format copy_to link_to xmp "
    "overwrite_ratings sidecars labels undo dry_run state fresh status watch jobs json csv null"
)
"""Options that need all records in one place, or photos that lie beside each other."""

_FAILURES_TOLD = 20


def check_engine(common: Common, asked: Asked) -> None:
    """Do the options go with the engine?

    Raises:
        UsageError: one doesn't.
    """
    if asked.engine == "local":
        own = [field.name for field in fields(OnEngine) if field.name != "engine"]
        check_engine_options(common.context, asked.engine, own)
        return
    for name in _NOT_HERE.split():
        if typed(common.context, name):
            raise UsageError(
                f"{_flag(name)} does not go with --engine {asked.engine}",
                hint="its records are shards, for other programs to read (docs/scale.md)",
            )
    if common.output is None:
        raise UsageError(
            f"--engine {asked.engine} needs --output, a folder or an address for the records",
            hint="--output s3://bucket/records, or --output records",
        )


def run_on_engine(common: Common, asked: Asked) -> tuple[int, bool]:
    """Judge what is not judged yet.

    Returns:
        How many photos failed, and whether the gate did.

    Raises:
        UsageError: the run cannot start, or go on; what was committed is kept.
    """
    from spider_cli.engines.ray_engine import Work, check_ray, joined, run
    from spider_cli.engines.sizes import sizes_for

    check_ray()
    prepare(common)
    heap = Heap()
    listing = _listing(common, asked)
    with contextlib.closing(listing.photos()) as photos:
        next(photos)  # what is wrong with it is best said before anything starts
    auditor = auditor_for(common)
    shards = _shards(common, asked, auditor)
    committed = shards.committed()
    told = _told(common, asked, auditor, shards)
    tally = _Tally(common, under=asked.fail_under)
    work = Work(listing, committed.done, asked.shard_size, told)
    if not work.left():
        tally.sum_up(shards.folder, known=committed.photos)
        return 0, False
    with joined(asked.ray_address, quiet=common.quiet, debug=common.debug) as resources:
        sizes = sizes_for(
            resources,
            device=common.device,
            workers=asked.workers,
            decoders=asked.decoders,
            served=told.served,
        )
        if not common.quiet:
            where = "GPUs" if sizes.worker_gpus else "processors"
            messages.plain(
                f"{sizes.workers} workers on {where}, {sizes.decoders} decoders; "
                f"{committed.photos:,} photos in {committed.shards:,} shards are done"
            )
        for records in run(work, sizes):
            try:
                shards.commit(records)
            except PhotoError as error:
                raise UsageError(error.message, hint=error.hint, code=error.code) from error
            tally.take(records)
            heap.give_back()
    tally.sum_up(shards.folder, known=committed.photos)
    return tally.failed, tally.gate_failed


def _listing(common: Common, asked: Asked) -> "Listing":
    from spider_cli.engines.listing import Listing

    return Listing(
        tuple(common.paths or ()),
        column=asked.column,
        recursive=common.recursive,
        base=os.getcwd(),  # noqa: PTH109 - as a value that other machines are told
        apart=None if asked.out is None else _whole(asked.out),
    )


def _shards(common: Common, asked: Asked, auditor: "Auditor") -> "Shards":
    from spider_cli.audit.state_settings import settings_of
    from spider_cli.engines.shards import Shards
    from spider_cli.served import is_served

    if is_served(auditor.model):
        auditor.open()  # it says which model it has
    assert common.output is not None
    return Shards(
        _whole(common.output),
        asked.shards,
        auditor.revision,
        settings_of(auditor, device=common.device, dtype=common.dtype),
    )


def _told(common: Common, asked: Asked, auditor: "Auditor", shards: "Shards") -> "Told":
    import secrets

    from spider_cli import __version__
    from spider_cli.audit.flags import ANY_SEVERE, parse_flags
    from spider_cli.engines.told import Told
    from spider_cli.served import is_served

    arguments: dict[str, Any] = {
        "model": auditor.model,
        "device": common.device,
        "dtype": common.dtype,
        "batch_size": common.batch_size,
        "max_decode_pixels": common.max_decode_pixels,
        "allow_upload": common.allow_upload,
        "tuned": common.tuned,
        "max_pixels": common.max_pixels,
        "quantize": common.quantize,
        "device_map": common.device_map,
    }
    return Told(
        run=f"{shards.run}-{secrets.token_hex(4)}",
        version=__version__,
        revision=shards.revision,
        settings=shards.settings,
        base=os.getcwd(),  # noqa: PTH109
        auditor=arguments,
        device=common.device,
        dtype=common.dtype,
        max_decode_pixels=common.max_decode_pixels,
        batch_size=common.batch_size,
        threads=2,
        flags=parse_flags(asked.flag) if asked.flag else ANY_SEVERE,
        pictures=None if asked.out is None else _whole(asked.out),
        share=asked.out_share,
        served=is_served(auditor.model),
    )


def _whole(text: str) -> str:
    """An address, or a path that does not depend on the folder that a process works in."""
    from spider_cli.engines.addresses import Address, is_remote, local_path

    if not is_remote(text):
        return os.path.abspath(local_path(text))  # noqa: PTH100 - links as they are
    Address.of(text)
    return text


@dataclass
class _Tally:
    """What was judged."""

    common: Common
    under: float | None
    judged: int = 0
    failed: int = 0
    flagged: int = 0
    below: int = 0
    unscored: int = 0
    said_more: bool = False

    def take(self, records: "Iterable[Record]") -> None:
        """Count them; tell of failures, the first ones."""
        from spider_cli.results import Audited

        for record in records:
            self.judged += not record.failed
            self.flagged += bool(record.flagged)
            if record.failed:
                self.failed += 1
                if self.failed <= _FAILURES_TOLD:
                    tell_failure(record, quiet=self.common.quiet)
            elif self.under is not None and isinstance(record.outcome, Audited):
                score = getattr(record.outcome.score, "score", None)
                self.unscored += score is None
                self.below += score is not None and score < self.under
        if self.failed > _FAILURES_TOLD and not self.said_more:
            self.said_more = True
            messages.plain("more photos failed: their records say why")

    def sum_up(self, folder: str, *, known: int) -> None:
        """Say on stderr how it went."""
        if self.common.quiet:
            return
        parts = [f"{self.judged:,} judged now", f"{known:,} known before"]
        parts += [f"{self.failed:,} failed"] if self.failed else []
        parts.append(f"{self.flagged:,} flagged")
        messages.plain(f"{', '.join(parts)}; records in {folder}")
        if self.below:
            messages.plain(f"{self.below:,} scored below {self.under:g}")
        if self.unscored:
            messages.plain(f"{self.unscored:,} have no score")

    @property
    def gate_failed(self) -> bool:
        """Is a photo of this run below ``--fail-under``, or without a number?"""
        return self.below > 0 or self.unscored > 0


def _flag(name: str) -> str:
    return "--list" if name == "listed" else f"--{name.replace('_', '-')}"
