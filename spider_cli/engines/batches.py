"""From a batch of photos to a batch of records, in two steps that may run in two processes.

`decoded` needs no model, and `judged` no file. Between them photos are rows of an Arrow table, and
a batch is a row that holds one: plain bytes and JSON, nothing that is executed when it is read.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_cli.engines.found import Found
from spider_cli.errors import PhotoError, SpiderError, UsageError
from spider_cli.photos import Photo, open_photo
from spider_cli.shot_facts import Facts

if TYPE_CHECKING:
    import pyarrow as pa

    from spider_cli.audit.judging import Judge
    from spider_cli.engines.trials import Trials
    from spider_cli.results import Record

__all__ = [
    "Opened",
    "Place",
    "as_one",
    "as_they_were",
    "decoded",
    "judged",
    "opened_in",
    "table_of",
]

_BATCH_PIXELS = 48_000_000
"""A table of decoded photos has no more pixels, but for a single photo that has."""

Place = tuple[int, int, int]
"""Shard, index and size, as in `dealing.Dealt`."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A shot on its way to the model."""

    place: Place
    found: Found
    photo: Photo | PhotoError
    facts: Facts | None
    """None where the photo is an error."""


# -- decoding --------------------------------------------------------------------------------------


def decoded(
    photos: Sequence[tuple[Place, Found]],
    *,
    max_decode_pixels: int,
    batch_size: int,
    threads: int,
    trials: "Trials",
) -> Iterator[list[Opened]]:
    """Read and decode photos, on threads; batches of them as they are ready, in order.

    Each is an `Opened` with its pixels or with why it has none. Nothing is raised for a photo, but
    a `UsageError` where this machine has no room for the file of one.

    Args:
        photos: where they are.
        max_decode_pixels: larger ones fail.
        batch_size: photos of a batch, at most.
        threads: that read and decode.
        trials: what to do about photos that end the process.
    """
    names = [found.called for _, found in photos]
    _, alone, never = trials.sorted(names)
    marked, given_up = {*alone, *never}, set(never)

    def opened(at: int) -> Opened:
        place, found = photos[at]
        with trials.under_way([names[at]]):
            return _opened(place, found, max_decode_pixels)

    def dead(at: int) -> Opened:
        place, found = photos[at]
        return Opened(place, found, _deadly(found), None)

    def ready() -> Iterator[Opened]:
        # In order, whatever the marks say: a process that is started again hands on again what the
        # one before did, and an engine takes what it has for the same.
        waiting: list[int] = []
        with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
            for at in range(len(photos)):
                if at in marked or len(waiting) == threads:
                    yield from pool.map(opened, waiting)
                    waiting.clear()
                if at not in marked:
                    waiting.append(at)
                else:  # alone: should it end the process, it was this one
                    yield dead(at) if at in given_up else opened(at)
            yield from pool.map(opened, waiting)

    yield from _batches(ready(), batch_size)


def _batches(photos: Iterable[Opened], batch_size: int) -> Iterator[list[Opened]]:
    batch: list[Opened] = []
    pixels = 0
    for one in photos:
        size = one.photo.width * one.photo.height if isinstance(one.photo, Photo) else 0
        if batch and (len(batch) >= batch_size or pixels + size > _BATCH_PIXELS):
            yield batch
            batch, pixels = [], 0
        batch.append(one)
        pixels += size
    if batch:
        yield batch


def _opened(place: Place, found: Found, max_decode_pixels: int) -> Opened:
    from spider_cli.audit.facts import facts_of

    source = found.shot.photo
    try:
        if found.problem is not None:
            raise PhotoError(found.problem[1], code=found.problem[0])
        if found.url is None and found.data is None:
            photo = open_photo(source, max_decode_pixels=max_decode_pixels)
            return Opened(place, found, photo, facts_of(photo))
        data = _fetched(found)
        with _as_file(data, source.path.suffix) as file:
            passing = replace(source, path=file)
            photo = open_photo(passing, max_decode_pixels=max_decode_pixels)
            return Opened(place, replace(found, data=None), photo, facts_of(photo))
    except PhotoError as error:
        return Opened(place, replace(found, data=None), error, None)
    except MemoryError:
        short = PhotoError(f"{source.name}: not enough memory to open it", code="too_large")
        return Opened(place, replace(found, data=None), short, None)
    except SpiderError:
        raise  # it is about the machine
    except Exception as error:  # whatever a photo may bring about, the others go on
        why = (str(error) or type(error).__name__).splitlines()[0]
        failure = PhotoError(f"{source.name}: it cannot be opened: {why}", code="failed")
        return Opened(place, replace(found, data=None), failure, None)


def _fetched(found: Found) -> bytes:
    if found.data is not None:
        return found.data
    from spider_cli.engines.stores import store_of

    assert found.url is not None
    try:
        return store_of(found.url).read(found.url)
    except SpiderError as error:
        name = found.shot.photo.name
        said = error.message if error.message.startswith(name) else f"{name}: {error.message}"
        raise PhotoError(said, hint=error.hint, code=error.code) from error


class _as_file:  # noqa: N801 - used as a function
    """Bytes as a file of this machine, for as long as it is needed: decoders want to seek."""

    def __init__(self, data: bytes, suffix: str) -> None:
        self._data = data
        self._suffix = suffix if suffix.isascii() and suffix[1:].isalnum() else ""
        self._path: Path | None = None

    def __enter__(self) -> Path:
        try:
            number, name = tempfile.mkstemp(prefix="spider-", suffix=self._suffix)
            self._path = Path(name)
            with os.fdopen(number, "wb") as stream:
                stream.write(self._data)
        except OSError as error:
            if self._path is not None:
                self._path.unlink(missing_ok=True)
            raise UsageError(
                f"a photo cannot be laid into {tempfile.gettempdir()} of a machine: "
                f"{error.strerror or error}",
                hint="make room there, and run the same again: what was committed is kept",
                code="no_room",
            ) from error
        return self._path

    def __exit__(self, *_: object) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _deadly(found: Found) -> PhotoError:
    return PhotoError(
        f"{found.shot.photo.name}: it ended the process that looked at it, three times",
        hint="it is damaged in a way that its decoder does not survive, or needs more memory",
        code="deadly",
    )


# -- judging ---------------------------------------------------------------------------------------


def judged(judge: "Judge", photos: Sequence[Opened], trials: "Trials") -> list["Record"]:
    """Their records, in order. Nothing is raised for a photo.

    Args:
        judge: of a local run, too: it does the same to each photo here and there.
        photos: decoded.
        trials: what to do about photos that end the process.
    """
    records: dict[int, Record] = {}
    good: list[int] = []
    for at, one in enumerate(photos):
        if isinstance(one.photo, PhotoError):
            records[at] = _failed(judge, one, one.photo)
        else:
            good.append(at)
    names = [photos[at].found.called for at in good]
    together, alone, never = trials.sorted(names)
    for at in never:
        one = photos[good[at]]
        records[good[at]] = _failed(judge, one, _deadly(one.found))
    groups = [[at] for at in alone] + ([together] if together else [])
    for group in groups:
        with trials.under_way([names[at] for at in group]):
            places = [good[at] for at in group]
            records |= zip(places, _looked_at(judge, [photos[at] for at in places]), strict=True)
    return [records[at] for at in range(len(photos))]


def _looked_at(judge: "Judge", photos: Sequence[Opened]) -> list["Record"]:
    from spider_cli.audit.judging import Decoded

    shown: list[Decoded] = []
    for one in photos:
        assert isinstance(one.photo, Photo)
        assert one.facts is not None
        shown.append(Decoded(one.found.shot, one.photo, one.facts))
    try:
        return [one.record for one in judge.judged(shown)]
    except Exception as error:
        if isinstance(error, UsageError) and error.code != "memory_short":
            raise  # it is not about a photo
        if "CUDA error" in str(error):
            # Nothing works in this process any more. Without it, the engine starts another.
            os._exit(70)
        if len(photos) > 1:  # one of them is at fault, or all of them are too many
            return [record for one in photos for record in _looked_at(judge, [one])]
        why = (str(error) or type(error).__name__).splitlines()[0]
        name = photos[0].found.shot.photo.name
        failure = PhotoError(f"{name}: the model failed: {why}", code="failed")
        return [_failed(judge, photos[0], failure)]


def _failed(judge: "Judge", one: Opened, error: PhotoError) -> "Record":
    from spider_cli.audit.judging import failed

    return failed(judge.auditor, one.found.shot, error)


# -- between them ----------------------------------------------------------------------------------


def table_of(photos: Sequence[Opened]) -> "pa.Table":
    """Decoded photos as a table: shard, index, of, found, about (JSON), height, width, pixels."""
    import pyarrow as pa

    pixels = [
        one.photo.pixels.tobytes() if isinstance(one.photo, Photo) else None for one in photos
    ]
    sizes = [
        one.photo.pixels.shape[:2] if isinstance(one.photo, Photo) else (0, 0) for one in photos
    ]
    columns: dict[str, Any] = {
        "shard": pa.array([one.place[0] for one in photos], pa.int64()),
        "index": pa.array([one.place[1] for one in photos], pa.int64()),
        "of": pa.array([one.place[2] for one in photos], pa.int64()),
        "found": pa.array([one.found.to_json() for one in photos], pa.large_string()),
        "about": pa.array([json.dumps(_about(one)) for one in photos], pa.large_string()),
        "height": pa.array([height for height, _ in sizes], pa.int64()),
        "width": pa.array([width for _, width in sizes], pa.int64()),
        "pixels": pa.array(pixels, pa.large_binary()),
    }
    return pa.table(columns)


def opened_in(table: "pa.Table") -> list[Opened]:
    """The inverse. Pixels are views of the table's memory."""
    import numpy as np

    photos: list[Opened] = []
    pixels = table.column("pixels")
    rows = table.drop_columns(["pixels"]).to_pylist()
    for at, row in enumerate(rows):
        found = Found.from_json(row["found"])
        place = row["shard"], row["index"], row["of"]
        about = json.loads(row["about"])
        if "error" in about:
            message, hint, code = about["error"]
            error = PhotoError(message, hint=hint, code=code)
            photos.append(Opened(place, found, error, None))
            continue
        flat = np.frombuffer(pixels[at].as_buffer(), dtype=np.uint8)
        photo = Photo(
            found.shot.photo,
            flat.reshape(row["height"], row["width"], 3),
            tuple(about["notes"]),
            about["read_as"],
        )
        photos.append(Opened(place, found, photo, Facts(**about["facts"])))
    return photos


def _about(one: Opened) -> dict[str, Any]:
    if isinstance(one.photo, PhotoError):
        return {"error": [one.photo.message, one.photo.hint, one.photo.code]}
    assert one.facts is not None
    return {
        "notes": one.photo.notes,
        "read_as": one.photo.read_as,
        "facts": one.facts.to_json(),
    }


def as_one(table: "pa.Table") -> "pa.Table":
    """A table of one row, each cell of which holds a whole column. Nothing is copied.

    An engine may cut a table between its rows, and each piece costs it as much as a whole one.

    Args:
        table: of one chunk, and of at least one row.
    """
    import pyarrow as pa

    ends = pa.array([0, table.num_rows], pa.int64())
    [batch] = table.to_batches()
    return pa.table(
        {
            name: pa.LargeListArray.from_arrays(ends, column)
            for name, column in zip(table.column_names, batch.columns, strict=True)
        }
    )


def as_they_were(table: "pa.Table") -> "Iterator[pa.Table]":
    """The inverse, of each row. Columns are views of the table's memory."""
    import pyarrow as pa

    for at in range(table.num_rows):
        yield pa.table({name: table.column(name)[at].values for name in table.column_names})
