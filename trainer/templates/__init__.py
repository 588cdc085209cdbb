"""The wording of questions: many for each task and sub-task, one of which is asked at run time.

No wording says more than a viewer may ask: not how many distortions there are, nor which (where a
question is not about a named one), nor whether there are any. So referring has one pool for each
style, whatever the region holds: wordings kept for two distortions would tell that there are two.
"""

from typing import TypeVar

import numpy as np

from trainer.templates.describing import DESCRIBE, DESCRIBE_BOX, DESCRIBE_LABEL, DESCRIBE_PLACE
from trainer.templates.grounding import FIRST, LAST, LEAST, LEAST_FAMILY, MOST, MOST_FAMILY, ORDER
from trainer.templates.referring import REFER_LONG, REFER_SHORT

__all__ = ["CANONICAL_SHARE", "POOLS", "POOL_OF", "draw", "pick"]

T = TypeVar("T")

CANONICAL_SHARE = 0.5
"""Chance of the wording of run time, so that a small model knows it best."""

POOLS: dict[str, tuple[str, ...]] = {
    "describe": DESCRIBE,
    "describe_place": DESCRIBE_PLACE,
    "describe_box": DESCRIBE_BOX,
    "describe_label": DESCRIBE_LABEL,
    "refer_short": REFER_SHORT,
    "refer_long": REFER_LONG,
    "most": MOST,
    "least": LEAST,
    "most_family": MOST_FAMILY,
    "least_family": LEAST_FAMILY,
    "order": ORDER,
    "first": FIRST,
    "last": LAST,
}
"""Name -> wordings, the run-time one first.

Blanks: `{box}`, `{place}` ("top left", "bottom") and `{label}` ("the sky", "the trees") stand for a
region, `{noun}`, `{first}` and `{second}` for families' nouns.
"""

POOL_OF: dict[tuple[str, str], str] = {
    **{("describe", subtask): "describe" for subtask in ("regions", "whole", "clean")},
    ("describe_region", "place"): "describe_place",
    ("describe_region", "box"): "describe_box",
    ("describe_region", "label"): "describe_label",
    **{(f"refer_{s}", n): f"refer_{s}" for s in ("short", "long") for n in ("one", "two", "clean")},
    ("ground_hyd", "most"): "most",
    ("ground_hyd", "least"): "least",
    ("ground_sid", "most"): "most_family",
    ("ground_sid", "least"): "least_family",
    ("ground_dao", "both"): "order",
    ("ground_dao", "first"): "first",
    ("ground_dao", "last"): "last",
}
"""Task and sub-task -> the pool its questions are drawn from."""


def pick(options: tuple[T, ...], rng: np.random.Generator, first_share: float) -> T:
    """The first option with chance `first_share`, else any of the others."""
    if len(options) == 1 or rng.random() < first_share:
        return options[0]
    return options[1 + int(rng.integers(len(options) - 1))]


def draw(pool: str, rng: np.random.Generator, **values: str) -> str:
    """A question of the pool, with its blanks filled."""
    return pick(POOLS[pool], rng, CANONICAL_SHARE).format(**values)
