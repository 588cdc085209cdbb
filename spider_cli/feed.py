"""Photos, decoded ahead on threads, in batches of bounded memory."""

import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePath
from typing import Any, TypeAlias

from spider_cli.errors import PhotoError
from spider_cli.photos import Photo, Source, named_source, open_photo, photo_from_array

__all__ = ["Feed", "PhotoLike"]

PhotoLike: TypeAlias = Any
"""A path (str or Path), a Source, a Photo, a PIL image or a uint8 array."""

Item: TypeAlias = tuple[Source, Photo | PhotoError]

_BATCH_PIXELS = 48_000_000
"""A batch closes at this many pixels, so that memory does not grow with the photos."""
_AHEAD = 3
_THREADS = 2
_STALL = 0.5
"""Seconds without news from the source after which a part-filled batch goes on."""


class Feed:
    """Batches of decoded photos, in order; a photo that fails stands in its place as its error.

    Args:
        photos: anything `PhotoLike`; read lazily, on a thread.
        batch_size: photos per batch at most.
        max_pixels: larger photos fail.
    """

    def __init__(self, photos: Iterable[PhotoLike], *, batch_size: int, max_pixels: int) -> None:
        self.photos = photos
        self.batch_size = batch_size
        self.max_pixels = max_pixels

    def __iter__(self) -> Iterator[list[Item]]:
        waiting: queue.Queue[tuple[Source, Future[Photo]] | BaseException | None]
        waiting = queue.Queue(maxsize=_AHEAD)
        stop = threading.Event()
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="decode")

        def put(item: tuple[Source, Future[Photo]] | BaseException | None) -> bool:
            while not stop.is_set():
                try:
                    waiting.put(item, timeout=0.1)
                    return True
                except queue.Full:
                    continue
            return False

        def read_ahead() -> None:
            try:
                for index, photo in enumerate(self.photos):
                    source = _source_of(photo, index)
                    future = pool.submit(self._open, photo, source)
                    if not put((source, future)):
                        future.cancel()
                        return
                put(None)
            except BaseException as error:
                put(error)

        # A daemon: a source that blocks (an open pipe) must not keep the process alive.
        threading.Thread(target=read_ahead, daemon=True, name="read-ahead").start()
        try:
            yield from self._batches(waiting)
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _batches(self, waiting: "queue.Queue[Any]") -> Iterator[list[Item]]:
        batch: list[Item] = []
        pixels = 0
        while True:
            try:
                item = waiting.get(timeout=_STALL if batch else None)
            except queue.Empty:
                yield batch
                batch, pixels = [], 0
                continue
            if item is None or isinstance(item, BaseException):
                if batch:
                    yield batch
                if item is not None:
                    raise item
                return
            source, future = item
            photo = _outcome(future, source)
            size = photo.width * photo.height if isinstance(photo, Photo) else 0
            if batch and pixels + size > _BATCH_PIXELS:
                yield batch
                batch, pixels = [], 0
            batch.append((source, photo))
            pixels += size
            if len(batch) >= self.batch_size:
                yield batch
                batch, pixels = [], 0

    def _open(self, photo: PhotoLike, source: Source) -> Photo:
        if isinstance(photo, Photo):
            return photo
        if isinstance(photo, str | Path | Source):
            return open_photo(source, max_pixels=self.max_pixels)
        return photo_from_array(photo, name=source.name)


def _outcome(future: "Future[Photo]", source: Source) -> Photo | PhotoError:
    try:
        return future.result()
    except PhotoError as error:
        return error
    except MemoryError:
        return PhotoError(
            f"{source.name}: not enough memory to open it",
            hint="close other programs, or make a smaller copy",
            code="too_large",
        )


def _source_of(photo: PhotoLike, index: int) -> Source:
    if isinstance(photo, Source):
        return photo
    if isinstance(photo, Photo):
        return photo.source
    if isinstance(photo, str | Path):
        return named_source(photo)
    name = f"photo {index + 1}"
    return Source(path=Path(name), name=name, name_b64=None, relative=PurePath(name))
