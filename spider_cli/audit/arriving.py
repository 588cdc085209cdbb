"""Shots as they arrive, and word of it when none does."""

import queue
import threading
from collections.abc import Iterable, Iterator

from spider_cli.shots import Shot

__all__ = ["arriving"]

_IDLE = 0.2
"""Seconds without a shot after which what is in hand is done."""


def arriving(shots: Iterable[Shot], stop: threading.Event) -> Iterator[Shot | None]:
    """The shots of a watch, which waits for them on a thread of its own; None while it waits.

    Args:
        stop: makes `shots` end; set at the latest when nobody asks for more.
    """
    come: queue.Queue[Shot | BaseException | None] = queue.Queue(maxsize=64)

    def put(item: Shot | BaseException | None) -> None:
        while True:
            try:
                come.put(item, timeout=_IDLE)
                return
            except queue.Full:
                if stop.is_set():
                    return

    def look() -> None:
        try:
            for shot in shots:
                put(shot)
            put(None)
        except BaseException as error:
            put(error)

    threading.Thread(target=look, daemon=True, name="watch").start()
    try:
        while True:
            try:
                item = come.get(timeout=_IDLE)
            except queue.Empty:
                if stop.is_set():
                    return
                yield None
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
