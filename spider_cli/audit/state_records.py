"""Records of audits as bytes of a few kilobytes."""

import json
import zlib
from dataclasses import replace

from spider_cli.results import Record

__all__ = ["packed", "unpacked"]


def packed(record: Record) -> bytes:
    """A record with its notes, without arrays."""
    # What a run's flags and its other shots make of a record is that run's own.
    own = replace(record, flagged=(), burst=None, pick=None)
    said = {"record": own.to_json(), "notes": list(record.notes)}
    return zlib.compress(json.dumps(said).encode("ascii"))


def unpacked(data: bytes) -> Record | None:
    """What `packed` packed; None where the disk gave back something else than was kept."""
    from spider_cli.results_json import record_from_json

    try:
        said = json.loads(zlib.decompress(data))
        return replace(record_from_json(said["record"]), notes=tuple(said["notes"]))
    except (zlib.error, ValueError, KeyError, TypeError):
        return None
