"""Pillow as spider needs it: silent, and never content with half a file."""

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from PIL import ImageFile

__all__ = ["strict_pillow"]

_PILLOW = r"(?#spider)PIL\."
"""Pillow's modules; the comment inside tells this filter from one that somebody else has set."""

_NO_LOG = logging.NullHandler()
_pillow_lock = threading.Lock()
_pillow_users = 0
_was_lenient = False


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Pillow neither warns nor passes truncated files over, whatever other libraries have set.

    Both switches are the whole process's, so all threads in here share them, and the last one out
    puts back what was there. `warnings.catch_warnings` would not do: from a thread it puts back
    stale filters.
    """
    global _pillow_users, _was_lenient
    with _pillow_lock:
        # Without a handler Python prints what Pillow logs. A program that wants it still gets it.
        logging.getLogger("PIL").addHandler(_NO_LOG)
        warnings.filterwarnings("ignore", module=_PILLOW)
        if _pillow_users == 0:
            _was_lenient = ImageFile.LOAD_TRUNCATED_IMAGES
            ImageFile.LOAD_TRUNCATED_IMAGES = False
        _pillow_users += 1
    try:
        yield
    finally:
        with _pillow_lock:
            _pillow_users -= 1
            if _pillow_users == 0:
                ImageFile.LOAD_TRUNCATED_IMAGES = _was_lenient
                filters: Any = warnings.filters
                with suppress(ValueError):
                    filters.remove(("ignore", None, Warning, re.compile(_PILLOW), 0))
