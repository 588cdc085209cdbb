"""A quick start: importing torch and transformers makes millions of objects that all stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_collector"]


@contextmanager
def without_collector() -> Iterator[None]:
    """No garbage collection inside: while libraries load it only searches what is all in use, which
    took a sixth of a cold `spider score`."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
