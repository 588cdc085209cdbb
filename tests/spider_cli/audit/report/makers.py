"""Shots of a shoot that never was, for reports."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from spider_cli.audit.entry import Entry, Preview
from spider_cli.results import (
    Audited,
    Description,
    Distortion,
    Failure,
    Grounding,
    Record,
    Score,
    WordedScore,
)
from spider_cli.shot_facts import Facts

__all__ = ["HOSTILE", "SCRIPT", "entry", "failure", "picture", "preview"]

HOSTILE = '"><img src=x onerror=alert(1)>.jpg'
SCRIPT = "</script><script>alert(2)</script>\u2028'\"`${alert(3)}\u202egpj"
LEVELS = {"excellent": 0.1, "good": 0.2, "fair": 0.4, "poor": 0.2, "bad": 0.1}


def picture(
    colour: tuple[int, int, int] = (90, 120, 160), size: tuple[int, int] = (96, 64)
) -> bytes:
    """A JPEG, brighter to the right."""
    ramp = np.linspace(0.5, 1.0, size[0])[None, :, None] * np.ones((size[1], 1, 1))
    pixels = (ramp * np.array(colour)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=80)
    return out.getvalue()


def preview(
    colour: tuple[int, int, int] = (90, 120, 160), size: tuple[int, int] = (96, 64)
) -> Preview:
    """A picture whose right half is at fault."""
    heat = np.zeros((size[1] // 2, size[0] // 2), np.uint8)
    heat[:, size[0] // 4 :] = 255
    out = io.BytesIO()
    Image.fromarray(heat).save(out, "PNG")
    return Preview(picture(colour, size), out.getvalue())


def facts(**known: Any) -> Facts:
    return Facts(**{"width": 6000, "height": 4000} | known)


def entry(
    photo: str = "shoot/IMG_1.jpg",
    score: float | None = 50.0,
    faults: Sequence[tuple[str, str]] = (),
    *,
    flagged: tuple[str, ...] = (),
    burst: int | None = None,
    pick: bool = True,
    shows: Callable[[], Preview | None] = preview,
    region: Grounding | None = None,
    words: str = "The whole image shows it.",
    record: dict[str, Any] | None = None,
    **known: Any,
) -> Entry:
    """A judged shot; `known` are its facts, `record` more of its record."""
    found = tuple(Distortion(*one) for one in faults)
    worst = Grounding("?", "The region on the right shows it.", (4500.0, 1000.0), False,
                      (3000, 0, 6000, 4000), 0.5, None, False)  # fmt: skip
    outcome = Audited(
        Score(score, "fair", LEVELS) if score is not None else WordedScore("fair", "fair", "words"),
        Description("?", words, found),
        region or worst,
        f"fair: {words}",
        facts(**known),
    )
    return Entry(_record(photo, outcome, record), flagged, burst, pick, shows)


def failure(
    photo: str, message: str = "the file ends early", hint: str = "Copy it again."
) -> Entry:
    return Entry(
        _record(photo, Failure("truncated", message, hint), None), (), None, False, lambda: None
    )


def _record(photo: str, outcome: Audited | Failure, more: dict[str, Any] | None) -> Record:
    fields: dict[str, Any] = {
        "command": "audit", "photo": photo, "model": "nano", "revision": "0123abcd",
        "seconds": 0.1, "looked_at": (), "outcome": outcome,
    }  # fmt: skip
    return Record(**fields | (more or {}))
