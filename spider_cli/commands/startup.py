"""A quick start: importing torch and transformers makes millions of objects that all stay."""

import gc
import logging
import sys
from collections.abc import Iterator
from typing import TypeVar

__all__ = ["hide_torchao", "loading_first", "show_torchao"]

Item = TypeVar("Item")

_TORCHAO = "torchao"
_LOUD = (_TORCHAO, "torch.utils._pytree")
"""Loggers that complain when it is imported, of nothing that matters here."""
_BOTO3 = "boto3"
"""S3's client. accelerate, which transformers takes along, imports it where it is installed, for
commands of its own; and its HTTP client then tries whether a socket can be had."""


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


def loading_first(items: Iterator[Item]) -> Iterator[Item]:
    """`items`, without garbage collection until the first is there.

    What loads a model on the way only makes the collector search what is all in use. On one machine
    of two cores a cold `spider score` took 5.2 s with collection on, 4.3 s with it off while
    libraries load, and 3.2 s with the loaded objects frozen too. For spider's own process: a
    library leaves its caller's garbage alone. S3's client is out of sight meanwhile.
    """
    hidden = _BOTO3 not in sys.modules
    if hidden:
        sys.modules[_BOTO3] = None  # type: ignore[assignment]
    gc.disable()
    try:
        first = next(items, None)
    finally:
        gc.freeze()
        gc.enable()
        if hidden:
            sys.modules.pop(_BOTO3, None)
    if first is not None:
        yield first
        yield from items
