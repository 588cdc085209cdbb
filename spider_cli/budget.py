"""How many pixels of a photo a model is shown (`--max-pixels`), and why so many by default."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from spider_cli.errors import UsageError

__all__ = [
    "BUDGETS",
    "LEAST",
    "OTHERS",
    "SERVED",
    "Budget",
    "Size",
    "broadened",
    "chat_budget",
    "check_budget",
    "default_budget",
    "parse_pixels",
    "within",
]

Size = tuple[int, int]
"""Width and height."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The default of one family of models."""

    pixels: int | None
    """None: no budget, the views are as the model's own settings have them."""
    why: str


LEAST = 1024
"""A budget below this shows no photo: a cell of the coarsest grids, 32 x 32."""
SERVED = "openai"
"""Stands for the type of a server's model, which is not known."""
_USUAL = 1280 * 32**2
OTHERS = Budget(_USUAL, "as Qwen3-VL: a 4:3 photo of 1280 x 960 whole")

_QWEN2 = Budget(
    1600 * 28**2, "1600 tokens of 28 x 28: a 4:3 photo of 1280 x 960 whole, in 4096 tokens a row"
)
_QWEN3 = Budget(
    _USUAL, "1280 tokens of 32 x 32: a 4:3 photo of 1280 x 960 whole, in 4096 tokens a row"
)
_IDEFICS = Budget(
    2048**2, "four tiles a side: its processor scales every photo, and stops at 1536 or 2048 itself"
)
_INTERNVL = Budget(12 * 448**2, "twelve tiles of 448 x 448: as many as its processor ever makes")
_PHI = Budget(
    9 * 448**2, "nine crops of 448 x 448, 2625 tokens: its processor's 36 are more than 9000"
)

BUDGETS: Mapping[str, Budget] = {
    "spider_nano": Budget(None, "its configuration has the sides of its views"),
    "qwen2_vl": _QWEN2,
    "qwen2_5_vl": _QWEN2,
    "qwen3_vl": _QWEN3,
    "qwen3_vl_moe": _QWEN3,
    "idefics3": _IDEFICS,
    "smolvlm": _IDEFICS,
    "internvl": _INTERNVL,
    "phi4_multimodal": _PHI,
    SERVED: Budget(_USUAL, "what is sent; the server's own processor may shrink it further"),
}
"""By the ``model_type`` of a model's config.json; any other has that of `OTHERS`."""

_NUMBER = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?)\s*([kM]?)", re.IGNORECASE)
_SCALES = {"": 1, "k": 1000, "m": 1_000_000}


def default_budget(kind: object) -> int | None:
    """The pixels that a model of a type is shown at most, unless told otherwise."""
    return BUDGETS.get(kind, OTHERS).pixels if isinstance(kind, str) else _USUAL


def chat_budget(kind: object) -> int:
    """`default_budget` of a model with a chat template."""
    return default_budget(kind) or _USUAL


def check_budget(pixels: int, least: int = LEAST, what: str = "a model") -> None:
    """Refuse a budget that is too small.

    Args:
        least: what the smallest view of a photo takes.
        what: is shown it.

    Raises:
        UsageError: code "budget_too_small".
    """
    if pixels < least:
        raise UsageError(
            f"--max-pixels {pixels} is too small: {what} is shown {least} pixels at least",
            hint=f"--max-pixels {least} or more, or leave it out",
            code="budget_too_small",
        )


def parse_pixels(text: str) -> int:
    """A number of pixels as people type it: 1500000, 1_500_000, 1500k, 1.5M.

    Raises:
        ValueError: it is none, or no whole number.
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is not None:
        number, scale = match.group(1).replace("_", ""), _SCALES[match.group(2).lower()]
        whole, _, decimals = number.partition(".")
        pixels, rest = divmod(int(whole + decimals) * scale, int("1" + "0" * len(decimals)))
        if not rest:
            return pixels
    raise ValueError(f"{text!r} is no number of pixels, such as 1500000 or 1.5M")


def broadened(size: Size, thinnest: float) -> Size:
    """The size; of a sliver one whose long side is at most `thinnest` times its short one."""
    least = math.ceil(max(size) / thinnest)
    return max(size[0], least), max(size[1], least)


def within(size: Size, most: int, thinnest: float = math.inf) -> Size:
    """The largest size of a shape that has `most` pixels; never larger than `size`.

    Args:
        thinnest: as for `broadened`, which a sliver is first.
    """
    size = broadened(size, thinnest)
    short, long = min(size), max(size)
    if short * long > most:
        scale = math.sqrt(most / (short * long))
        short = max(1, math.floor(short * scale))
        long = int(min(long * scale, short * thinnest, most // short))
    return (short, long) if size[0] <= size[1] else (long, short)
