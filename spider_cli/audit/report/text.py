"""A stranger's text on its way into a page: shortened, and without what shows as something else."""

import json
from typing import Any

__all__ = ["plain", "safe_json"]

_LONGEST = 600
"""Characters of a text that are shown."""
_JOINERS = "\u200c\u200d"
"""Not printable by themselves, but names in Persian and many emoji need them."""


def plain(text: str, longest: int = _LONGEST) -> str:
    """`text` for showing: controls, and marks that turn the direction of writing, are replaced."""
    cut = text if len(text) <= longest else f"{text[:longest]}\N{HORIZONTAL ELLIPSIS}"
    return "".join(
        c if c.isprintable() or c in _JOINERS else "\N{REPLACEMENT CHARACTER}" for c in cut
    )


def safe_json(value: Any) -> str:
    """`value` as JSON that can stand inside a ``<script>`` element, whatever its texts hold.

    All of it is ASCII, line separators and lone surrogates included, and no character in it means
    anything to an HTML parser.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
