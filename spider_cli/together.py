"""Several slow calls at once, on threads that nobody waits for when the run is over."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["together"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def together(work: Callable[[Item], Result], items: Sequence[Item], at_once: int) -> list[Result]:
    """`work` on every item, `at_once` at a time; results in the order of the items.

    The first exception is raised as soon as it is there. Nothing new is begun then, and what is
    under way is left to end by itself: the threads are daemons, unlike those of a pool.
    """
    done: queue.SimpleQueue[tuple[int, Result] | BaseException] = queue.SimpleQueue()
    due = iter(range(len(items)))
    lock, stop = threading.Lock(), threading.Event()

    def run() -> None:
        while not stop.is_set():
            with lock:
                index = next(due, None)
            if index is None:
                return
            try:
                done.put((index, work(items[index])))
            except BaseException as error:
                done.put(error)

    for _ in range(min(at_once, len(items))):
        threading.Thread(target=run, daemon=True, name="request").start()
    found: dict[int, Result] = {}
    try:
        while len(found) < len(items):
            told = done.get()
            if isinstance(told, BaseException):
                raise told
            found[told[0]] = told[1]
    finally:
        stop.set()
    return [found[index] for index in range(len(items))]
