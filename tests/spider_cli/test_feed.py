"""Batches of decoded photos: in order, bounded, never waiting for what may not come."""

import base64
import gc
import os
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spider_cli import feed
from spider_cli.errors import PhotoError
from spider_cli.feed import Feed
from spider_cli.photos import MAX_DECODE_PIXELS, Photo, named_source, photo_from_array

GREY = np.full((30, 40, 3), 128, np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Nine photos, each of its own grey."""
    paths = [tmp_path / f"{index}.png" for index in range(9)]
    for index, path in enumerate(paths):
        Image.fromarray(GREY + index).save(path)
    return paths


def batches(photos: Any, size: int = 4, most: int = MAX_DECODE_PIXELS) -> list[list[feed.Fed]]:
    return list(Feed(photos, batch_size=size, max_decode_pixels=most))


def test_all_come_once_in_their_order(files: list[Path]) -> None:
    found = batches(files)
    assert [len(batch) for batch in found] == [4, 4, 1]
    items = [item for batch in found for item in batch]
    assert [item.source.name for item in items] == [str(path) for path in files]
    for index, (source, photo, _) in enumerate(items):
        assert isinstance(photo, Photo)
        assert photo.source == source
        assert (photo.pixels == 128 + index).all()


def test_a_failed_photo_keeps_its_place(files: list[Path]) -> None:
    files[2].write_bytes(b"")
    files[5] = files[5].with_name("nowhere.png")
    items = [item for batch in batches(files, size=3) for item in batch]
    assert [item.source.name for item in items] == [str(path) for path in files]
    errors = {i: p.code for i, (_, p, _) in enumerate(items) if isinstance(p, PhotoError)}
    assert errors == {2: "empty_file", 5: "not_found"}


def test_anything_may_be_a_photo(files: list[Path]) -> None:
    path = files[0]
    photo = photo_from_array(GREY, name="mine")
    given = [str(path), path, named_source(str(path)), photo, Image.fromarray(GREY), GREY, 5]
    items = [item for batch in batches(given) for item in batch]
    names = [item.source.name for item in items]
    assert names == [*[str(path)] * 3, "mine", "photo 5", "photo 6", "photo 7"]
    assert items[3][1] is photo
    *good, bad = [item.photo for item in items]
    assert all(isinstance(one, Photo) and one.pixels.shape == GREY.shape for one in good)
    assert isinstance(bad, PhotoError)
    assert bad.code == "unsupported"


@pytest.mark.skipif(os.name == "nt", reason="names are never bytes there")
def test_a_name_of_undecodable_bytes() -> None:
    """As from the command line: escaped for people, and its true bytes beside it."""
    [[(source, photo, _)]] = batches([os.fsdecode(b"caf\xe9.jpg")])
    assert source.name == "caf\\xe9.jpg"
    assert source.name_b64 == base64.b64encode(b"caf\xe9.jpg").decode()
    assert isinstance(photo, PhotoError)


def test_batches_are_bounded_in_pixels(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_BATCH_PIXELS", 2 * 40 * 30)
    Image.fromarray(np.zeros((300, 400, 3), np.uint8)).save(files[3])  # by itself too large
    assert [len(batch) for batch in batches(files, size=8)] == [2, 1, 1, 2, 2, 1]


def test_batches_can_be_smaller_from_now_on(files: list[Path]) -> None:
    feed = Feed(files, batch_size=4, max_decode_pixels=MAX_DECODE_PIXELS)
    feed.at_once = 1
    found = iter(feed)
    assert len(next(found)) == 1
    feed.at_once = 4
    assert len(next(found)) == 4


def test_photos_under_way_count_as_the_last_one_did() -> None:
    """Two large ones are never decoded at once; two small ones are."""
    room = feed._Room(100, threads=2)
    assert room.enter(0.01)
    assert not room.enter(0.01), "nobody knows yet how large they are"
    room.take(0)  # it failed
    assert room.enter(0.01)
    room.take(80)
    assert room.enter(0.01)
    assert not room.enter(0.01)
    room.take(30)
    assert not room.enter(0.01), "what is there is too much"
    room.give(80)
    assert room.enter(0.01)
    assert room.enter(0.01)
    assert not room.enter(0.01), "no thread is free"


def test_failed_photos_count_as_photos(files: list[Path]) -> None:
    gone = [path.with_name("nowhere.png") for path in files]
    assert [len(batch) for batch in batches(gone)] == [4, 4, 1]


def test_a_photo_that_is_too_large(files: list[Path]) -> None:
    [[(_, photo, _)]] = batches(files[:1], most=40 * 30 - 1)
    assert isinstance(photo, PhotoError)
    assert photo.code == "too_large"


def test_a_stalled_source_lets_a_part_filled_batch_go(files: list[Path]) -> None:
    """`find / | spider score -`: what was found is judged while the search goes on."""
    more = threading.Event()

    def slowly() -> Iterator[Path]:
        yield from files[:2]
        assert more.wait(30)
        yield files[2]

    found = iter(Feed(slowly(), batch_size=8, max_decode_pixels=MAX_DECODE_PIXELS))
    first = next(found)
    assert not more.is_set()
    assert [item.source.name for item in first] == [str(path) for path in files[:2]]
    more.set()
    assert [len(batch) for batch in found] == [1]


def test_the_first_photo_is_waited_for(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """However long nothing comes, no empty batch does."""
    monkeypatch.setattr(feed, "_STALL", 0.01)

    def late() -> Iterator[Path]:
        time.sleep(0.2)
        yield files[0]
        time.sleep(0.2)

    assert [len(batch) for batch in batches(late())] == [1]


def test_an_error_of_the_source_comes_after_what_it_gave(files: list[Path]) -> None:
    def broken() -> Iterator[Path]:
        yield from files[:3]
        raise RuntimeError("the list is cut")

    found = iter(Feed(broken(), batch_size=2, max_decode_pixels=MAX_DECODE_PIXELS))
    assert [len(next(found)) for _ in range(2)] == [2, 1]
    with pytest.raises(RuntimeError, match="the list is cut"):
        next(found)


def test_nothing_gives_nothing() -> None:
    assert batches([]) == []


def test_the_source_is_not_read_far_ahead(files: list[Path]) -> None:
    taken: list[int] = []

    def counted() -> Iterator[Path]:
        for index in range(10_000):
            taken.append(index)
            yield files[0]

    found = iter(Feed(counted(), batch_size=2, max_decode_pixels=MAX_DECODE_PIXELS))
    next(found)
    time.sleep(0.3)
    assert len(taken) <= 2 + 6
    found.close()


def test_photos_are_prepared_on_the_threads_that_decode(files: list[Path]) -> None:
    """One that failed is not."""
    files[4].write_bytes(b"")
    threads: set[str] = set()

    def prepare(photo: Photo) -> int:
        threads.add(threading.current_thread().name)
        return int(photo.pixels[0, 0, 0])

    found = [
        item
        for batch in Feed(files, batch_size=4, max_decode_pixels=MAX_DECODE_PIXELS, prepare=prepare)
        for item in batch
    ]
    assert [item.prepared for item in found] == [*range(128, 132), None, *range(133, 137)]
    assert all(name.startswith("decode") for name in threads)


def test_no_more_pixels_are_decoded_ahead_than_a_batch_has(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor are they forgotten: what was judged makes room."""
    monkeypatch.setattr(feed, "_BATCH_PIXELS", 2 * 40 * 30)
    monkeypatch.setattr(feed, "_ROOM", 4 * 40 * 30)
    ready: list[Photo] = []
    found = iter(
        Feed(files * 4, batch_size=8, max_decode_pixels=MAX_DECODE_PIXELS, prepare=ready.append)
    )
    assert len(next(found)) == 2
    time.sleep(0.3)
    assert len(ready) == 4, "two are being judged, and two wait"
    assert sum(len(batch) for batch in found) == len(files) * 4 - 2


def test_a_large_photo_is_gone_before_the_next_one_is_decoded(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_BATCH_PIXELS", 40 * 30)
    monkeypatch.setattr(feed, "_ROOM", 40 * 30)
    before: list[weakref.ref[np.ndarray]] = []

    def prepare(photo: Photo) -> None:
        assert all(one() is None for one in before)
        before.append(weakref.ref(photo.pixels))

    found = Feed(files, batch_size=8, max_decode_pixels=MAX_DECODE_PIXELS, prepare=prepare)
    for batch in found:
        time.sleep(0.05)  # the next one would be decoded by now
        assert len(batch) == 1
        del batch
    assert len(before) == len(files)


def test_who_stops_early_leaves_no_thread(files: list[Path]) -> None:
    def endless() -> Iterator[Path]:
        while True:
            yield files[0]

    found = iter(Feed(endless(), batch_size=2, max_decode_pixels=MAX_DECODE_PIXELS))
    next(found)
    del found
    gc.collect()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        names = [thread.name for thread in threading.enumerate()]
        if not any(name.startswith(("read-ahead", "decode")) for name in names):
            return
        time.sleep(0.05)
    raise AssertionError(f"still running: {names}")
