"""Work on several processes: results as they come, nothing left behind when the run is killed."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from typing import Any, TypeVar

__all__ = ["spread"]

T = TypeVar("T")
R = TypeVar("R")
_AHEAD = 3
"""Tasks handed out per worker: enough to keep all busy, few enough to lose little."""

_context: Any = None
"""In a worker: what all its tasks share."""


def spread(
    function: Callable[[Any, T], R], shared: Any, tasks: Iterable[T], *, workers: int
) -> Iterator[tuple[T, R]]:
    """Yield (task, function(shared, task)) as results come, in any order.

    Args:
        function: a module's own function, so that workers can import it.
        shared: handed to every worker once.
        workers: processes; 1 works in this one.
    """
    if workers == 1:
        for task in tasks:
            yield task, function(shared, task)
        return
    stream = iter(tasks)
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(shared,),
    )
    try:
        waiting: dict[Future[R], T] = {}

        def hand_out(count: int) -> None:
            for task in islice(stream, count):
                waiting[pool.submit(_call, function, task)] = task

        hand_out(workers * _AHEAD)
        while waiting:
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                task = waiting.pop(future)
                result = future.result()
                hand_out(1)
                yield task, result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(shared: Any) -> None:
    global _context
    _context = shared
    # Ctrl-C reaches the whole terminal group; the parent alone says a word about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A worker whose parent was killed would wait for tasks for ever.
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(function: Callable[[Any, T], R], task: T) -> R:
    return function(_context, task)
