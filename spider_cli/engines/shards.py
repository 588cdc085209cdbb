"""Shards of records: each appears whole or not at all, and says which photos it has.

In the folder lie ``part-RUN-KEY.jsonl`` or ``.parquet``, and for each of them a manifest
``_spider/RUN-KEY.json`` that was written before it. RUN stands for the model's revision and all
settings that answers depend on, KEY for the photos. So a shard that is there has its manifest, one
that was begun and not ended is not there, and one that is made twice has one name.
"""

import base64
import hashlib
import io
import json
import posixpath
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from spider_cli.engines.dealing import DIGEST, Done, digest
from spider_cli.engines.found import name_bytes
from spider_cli.engines.stores import store_of
from spider_cli.errors import PhotoError, UsageError
from spider_cli.results import Record

__all__ = ["Committed", "Form", "Shards"]

Form: TypeAlias = Literal["jsonl", "parquet"]

_PART = re.compile(r"part-([0-9a-f]{12})-([0-9a-f]{16})\.(jsonl|parquet)")
_FORM = "spider-shard/1"
_AT_ONCE = 16
"""Manifests that are read side by side."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What is in the folder."""

    done: Done
    shards: int
    photos: int


@dataclass(frozen=True)
class Shards:
    """A folder for shards.

    Args:
        folder: its address or path.
        form: of the shards.
        revision: of the model.
        settings: as JSON, all that records depend on (`audit.state_settings`).
    """

    folder: str
    form: Form
    revision: str
    settings: str

    @property
    def run(self) -> str:
        """What stands for the model and its settings."""
        return hashlib.sha256(f"{self.revision}\n{self.settings}".encode()).hexdigest()[:12]

    def committed(self) -> Committed:
        """The shards that are there.

        Raises:
            UsageError: there are such of another model, other settings or another form; or the
                folder cannot be listed.
        """
        try:
            return self._committed()
        except PhotoError as error:
            raise UsageError(error.message, hint=error.hint, code=error.code) from error

    def commit(self, records: Sequence[Record]) -> str:
        """Write a shard; its address.

        Args:
            records: of one input shard, all of them, in order.

        Raises:
            PhotoError: it cannot be written.
        """
        names = [digest(name_bytes(one.photo, one.photo_b64)) for one in records]
        key = hashlib.sha256(b"".join(sorted(names))).hexdigest()[:16]
        data = _written(records, self.form)
        said = {
            "form": _FORM,
            "shard": key,
            "revision": self.revision,
            "settings": json.loads(self.settings),
            "file": f"part-{self.run}-{key}.{self.form}",
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "records": len(records),
            "failed": sum(one.failed for one in records),
            "photos": base64.b64encode(b"".join(names)).decode("ascii"),
        }
        store = store_of(self.folder)
        # The manifest first: what counts is the shard, and no shard is ever without one.
        store.put(self._manifest(key), json.dumps(said, indent=1).encode())
        target = self._within(said["file"])
        store.put(target, data)
        return target

    def _committed(self) -> Committed:
        sizes: dict[str, int] = {}
        prefix = self.folder.rstrip("/") + "/"
        for url, size in store_of(self.folder).listed(self.folder):
            match = _PART.fullmatch(posixpath.basename(url))
            if match is not None:
                self._check(match, prefix)
                sizes[match[2]] = size
        photos = Done.of(self._photos(sizes))
        return Committed(photos, len(sizes), len(photos))

    def _photos(self, sizes: dict[str, int]) -> Iterator[bytes]:
        """The digests of all shards, as their manifests have them."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(self._names, sizes, sizes.values())

    def _names(self, key: str, size: int) -> bytes:
        said: Any = {}
        names = b""
        try:
            said = json.loads(store_of(self.folder).read(self._manifest(key)))
            names = base64.b64decode(said["photos"], validate=True)
        except PhotoError as error:
            if error.code != "not_found":
                raise
        except (ValueError, KeyError, TypeError):
            pass  # no manifest of ours
        if not names or len(names) % DIGEST or said.get("bytes") != size:
            name = self._within(f"part-{self.run}-{key}.{self.form}")
            raise UsageError(
                f"{name} is not as it was written",
                hint="take it away: its photos are judged again then",
                code="bad_shard",
            )
        return names

    def _check(self, match: "re.Match[str]", prefix: str) -> None:
        if match[1] != self.run:
            raise UsageError(
                f"{prefix} holds records of another model or of other settings",
                hint="name another folder with --output; the files in _spider say which they are",
                code="other_run",
            )
        if match[3] != self.form:
            raise UsageError(
                f"{prefix} holds {match[3]} shards: --shards {match[3]} goes on with them",
                code="other_form",
            )

    def _manifest(self, key: str) -> str:
        return self._within(f"_spider/{self.run}-{key}.json")

    def _within(self, relative: str) -> str:
        return f"{self.folder.rstrip('/')}/{relative}"


def _written(records: Sequence[Record], form: Form) -> bytes:
    if form == "parquet":
        from spider_cli.audit.parquet import write_rows

        stream = io.BytesIO()
        write_rows(stream, records)
        return stream.getvalue()
    from spider_cli.outputs.jsonl import JsonLines

    text = io.StringIO()
    writer = JsonLines(text)
    for record in records:
        writer.write(record)
    return text.getvalue().encode("utf-8", "backslashreplace")
