"""What is known of a shot beside its quality: when, with what, how it looks at a glance."""

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Facts"]


@dataclass(frozen=True, slots=True)
class Facts:
    """Read from the photo's own metadata, which is hostile text, and from its pixels."""

    width: int
    """Pixels, upright."""
    height: int
    taken: str | None = None
    """Local time of the camera, ISO 8601 with as many digits of a second as the camera wrote, and
    its zone where it wrote that: ``2026-11-28T14:03:09.42``, ``2026-11-28T14:03:09+01:00``."""
    camera: str | None = None
    """Maker and model."""
    serial: str | None = None
    """Of the camera's body."""
    lens: str | None = None
    exposure: float | None = None
    """Seconds."""
    aperture: float | None = None
    """The f-number."""
    iso: int | None = None
    focal_length: float | None = None
    """Millimetres, as the lens has them."""
    look: str | None = None
    """64-bit perceptual hash, 16 hexadecimal digits: near-duplicates differ in few bits."""
    focus: float | None = None
    """How sharp the sharpest part near the subject is; only compares photos of one burst."""

    def to_json(self) -> dict[str, Any]:
        """All fields, None where nothing is known."""
        return asdict(self)
