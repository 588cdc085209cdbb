"""A quick start: importing torch and transformers makes millions of objects that all stay."""

import contextlib
import gc
import logging
import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["BOTO3", "SCIPY", "hide_torchao", "loading_first", "show_torchao"]

Item = TypeVar("Item")

_TORCHAO = "torchao"
_LOUD = (_TORCHAO, "torch.utils._pytree")
"""Loggers that complain when it is imported, of nothing that matters here."""
BOTO3 = "boto3"
"""S3's client. accelerate, which transformers takes along, imports it where it is installed, for
commands of its own; and its HTTP client then tries whether a socket can be had."""
SCIPY = "scipy"
"""transformers imports its optimizers where it is installed, for what object detectors learn from:
a tenth of what its own import takes. It looks only once whether it is."""
_LOOKS_ONCE = "transformers"


def hide_torchao() -> None:
    """Let nobody find torchao, before transformers is imported, which takes it along.

    On one machine that made every start 1.5 s slower, and put lines of its own on stderr.
    """
    sys.modules.setdefault(_TORCHAO, None)  # type: ignore[arg-type]  # Python's way of saying so


def show_torchao(*, quietly: bool) -> None:
    """Let it be found again, for what quantizes."""
    if sys.modules.get(_TORCHAO, sys) is None:
        del sys.modules[_TORCHAO]
    if quietly:
        for name in _LOUD:
            logging.getLogger(name).setLevel(logging.ERROR)


def loading_first(items: Iterator[Item], unused: Sequence[str] = (BOTO3,)) -> Iterator[Item]:
    """`items`, without garbage collection until the first is there.

    Args:
        items: the first of them takes libraries and a model to load.
        unused: packages that libraries would import on the way, though nobody needs them: out of
            sight meanwhile, to other threads too.

    What loads a model on the way only makes the collector search what is all in use. On one machine
    of two cores a cold `spider score` took 5.2 s with collection on, 4.3 s with it off while
    libraries load, and 3.2 s with the loaded objects frozen too. For spider's own process: a
    library leaves its caller's garbage alone.
    """
    gc.disable()
    try:
        with _out_of_sight(unused):
            first = next(items, None)
    finally:
        gc.freeze()
        gc.enable()
    if first is not None:
        yield first
        yield from items


@contextlib.contextmanager
def _out_of_sight(names: Sequence[str]) -> Iterator[None]:
    hidden = [name for name in names if name not in sys.modules]
    if _LOOKS_ONCE in sys.modules:  # what it has seen must stay to be had
        hidden = [name for name in hidden if name != SCIPY]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            if sys.modules.get(name, sys) is None:
                del sys.modules[name]
