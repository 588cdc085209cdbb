"""Photos, decoded ahead on threads, in batches of bounded memory."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePath
from typing import Any, NamedTuple, TypeAlias

from spider_cli.errors import PhotoError
from spider_cli.photos import Photo, Source, named_source, open_photo, photo_from_array

__all__ = ["DECODING_THREADS", "Fed", "Feed", "PhotoLike"]

PhotoLike: TypeAlias = Any
"""A path (str or Path), a Source, a Photo, a PIL image or a uint8 array."""


class Fed(NamedTuple):
    """A photo on its way."""

    source: Source
    photo: Photo | PhotoError
    prepared: Any
    """What `prepare` made of it; None where nothing did, or could yet."""


Decoded: TypeAlias = tuple[Photo, Any]
_Waiting: TypeAlias = tuple[Source, Future[Decoded]]

_BATCH_PIXELS = 24_000_000
"""A batch closes at this many pixels, so that memory does not grow with the photos."""
_ROOM = 2 * _BATCH_PIXELS
"""Pixels of decoded photos at a time, but for those that are under way: a batch that is being
judged, and the next one. A photo of 50 megapixels is alone."""
_AHEAD = 3
"""Photos decoded ahead at least, where there is room; a batch of them at most."""
DECODING_THREADS = 2
"""Decoders leave Python's lock alone while they work, so threads are as good as processes."""
_STALL = 0.5
"""Seconds without news from the source after which a part-filled batch goes on."""


class Feed:
    """Batches of decoded photos, in order; a photo that fails stands in its place as its error.

    Args:
        photos: anything `PhotoLike`; read lazily, on a thread.
        batch_size: photos per batch at most.
        max_decode_pixels: larger photos fail.
        prepare: called with each photo on the thread that decoded it; see `Fed.prepared`.
        threads: that decode; each may hold one photo more in memory.
    """

    def __init__(
        self,
        photos: Iterable[PhotoLike],
        *,
        batch_size: int,
        max_decode_pixels: int,
        prepare: Callable[[Photo], Any] | None = None,
        threads: int = DECODING_THREADS,
    ) -> None:
        self.photos = photos
        self.batch_size = batch_size
        self.at_once = batch_size
        """Photos per batch from now on; fewer where others would only wait, in memory."""
        self.max_decode_pixels = max_decode_pixels
        self.prepare = prepare
        self.threads = threads

    def __iter__(self) -> Iterator[list[Fed]]:
        waiting: queue.Queue[_Waiting | BaseException | None]
        waiting = queue.Queue(maxsize=max(_AHEAD, self.batch_size))
        stop = threading.Event()
        room = _Room(_ROOM, self.threads)
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="decode")

        def put(item: _Waiting | BaseException | None) -> bool:
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
                    while not room.enter(0.1):
                        if stop.is_set():
                            return
                    future = pool.submit(self._ready, photo, source, room)
                    if not put((source, future)):
                        future.cancel()
                        return
                    del future  # or it would keep its photo until the next one may be decoded
                put(None)
            except BaseException as error:
                put(error)

        # A daemon: a source that blocks (an open pipe) must not keep the process alive.
        threading.Thread(target=read_ahead, daemon=True, name="read-ahead").start()
        try:
            yield from self._batches(waiting, room)
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _batches(self, waiting: "queue.Queue[Any]", room: "_Room") -> Iterator[list[Fed]]:
        batch: list[Fed] = []
        pixels = 0
        while True:
            try:
                item = waiting.get(timeout=_STALL if batch else None)
            except queue.Empty:
                yield batch
                room.give(pixels)
                batch, pixels = [], 0
                continue
            if item is None or isinstance(item, BaseException):
                if batch:
                    yield batch
                if item is not None:
                    raise item
                return
            source, future = item
            photo, prepared = _outcome(future, source)
            size = photo.width * photo.height if isinstance(photo, Photo) else 0
            if batch and pixels + size > _BATCH_PIXELS:
                yield batch
                room.give(pixels)
                batch, pixels = [], 0
            batch.append(Fed(source, photo, prepared))
            pixels += size
            del item, future, photo, prepared  # the batch alone keeps them
            if len(batch) >= self.at_once or pixels >= _BATCH_PIXELS:
                yield batch
                room.give(pixels)
                batch, pixels = [], 0

    def _ready(self, photo: PhotoLike, source: Source, room: "_Room") -> Decoded:
        taken = 0
        try:
            opened = self._open(photo, source)
            prepared = None if self.prepare is None else self.prepare(opened)
            taken = opened.width * opened.height
            return opened, prepared
        finally:
            room.take(taken)

    def _open(self, photo: PhotoLike, source: Source) -> Photo:
        if isinstance(photo, Photo):
            return photo
        if isinstance(photo, str | Path | Source):
            return open_photo(source, max_decode_pixels=self.max_decode_pixels)
        return photo_from_array(photo, name=source.name)


class _Room:
    """How many pixels of decoded photos may still be there. Those under way count as much as the
    last one had: what they have shows when they are decoded."""

    def __init__(self, pixels: int, threads: int) -> None:
        self._left = pixels
        self._threads = threads
        self._under_way = 0
        self._last = pixels  # nobody knows yet: the first photo is decoded alone
        self._changed = threading.Condition()

    def enter(self, seconds: float) -> bool:
        """Begin to decode a photo as soon as a thread is free and there is any room; False where
        that is not so after so many seconds."""

        def free() -> bool:
            left = self._left - self._under_way * self._last
            return left > 0 and self._under_way < self._threads

        with self._changed:
            if not self._changed.wait_for(free, seconds):
                return False
            self._under_way += 1
            return True

    def take(self, pixels: int) -> None:
        """It is decoded; 0 pixels where it failed."""
        with self._changed:
            self._left -= pixels
            self._last = pixels or self._last
            self._under_way -= 1
            self._changed.notify()

    def give(self, pixels: int) -> None:
        """Photos with so many are needed no more."""
        with self._changed:
            self._left += pixels
            self._changed.notify()


def _outcome(future: "Future[Decoded]", source: Source) -> tuple[Photo | PhotoError, Any]:
    try:
        return future.result()
    except PhotoError as error:
        return error, None
    except MemoryError:
        short = PhotoError(
            f"{source.name}: not enough memory to open it",
            hint="close other programs, or make a smaller copy",
            code="too_large",
        )
        return short, None


def _source_of(photo: PhotoLike, index: int) -> Source:
    if isinstance(photo, Source):
        return photo
    if isinstance(photo, Photo):
        return photo.source
    if isinstance(photo, str | Path):
        return named_source(photo)
    name = f"photo {index + 1}"
    return Source(path=Path(name), name=name, name_b64=None, relative=PurePath(name))
