"""What is known of a shot beside its quality, as short texts for people."""

import math
import re
from collections.abc import Iterator
from datetime import datetime

from spider_cli.audit.report.text import plain
from spider_cli.shot_facts import Facts

__all__ = ["exif_line", "moment"]

_TAKEN = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?")
_LONGEST = 120
"""Characters of a name that the camera wrote."""


def moment(taken: str | None) -> datetime | None:
    """When a photo was taken, to the second; None where that is not known, or no time."""
    found = _TAKEN.fullmatch(taken or "")
    try:
        return datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def exif_line(facts: Facts) -> list[tuple[str, str]]:
    """What there is: the name of each fact, and its words."""
    return [(name, words) for name, words in _all(facts) if words]


def _all(facts: Facts) -> Iterator[tuple[str, str]]:
    taken = moment(facts.taken)
    yield "Taken", f"{taken.day} {taken:%b %Y, %H:%M:%S}" if taken else ""
    yield "Camera", plain(facts.camera or "", _LONGEST)
    yield "Lens", plain(facts.lens or "", _LONGEST)
    yield "Exposure", _seconds(facts.exposure)
    yield "Aperture", f"f/{facts.aperture:.3g}" if _known(facts.aperture) else ""
    yield "Sensitivity", f"ISO {facts.iso}" if facts.iso and facts.iso > 0 else ""
    yield "Focal length", f"{facts.focal_length:.4g} mm" if _known(facts.focal_length) else ""
    yield "Size", f"{facts.width} \N{MULTIPLICATION SIGN} {facts.height}"


def _seconds(exposure: float | None) -> str:
    if exposure is None or not _known(exposure):
        return ""
    if exposure >= 0.3:
        return f"{exposure:.3g} s"
    parts = 1 / exposure
    return f"1/{parts:.0f} s" if math.isfinite(parts) else ""


def _known(number: float | None) -> bool:
    return number is not None and math.isfinite(number) and number > 0
