"""Small helpers of tests that make photos as bytes."""

from pathlib import Path

from PIL import Image

__all__ = ["oriented", "written"]


def written(path: Path, content: bytes) -> Path:
    """`path`, with this content."""
    path.write_bytes(content)
    return path


def oriented(turn: int) -> bytes:
    """EXIF that says how the photo was held, 1-8."""
    exif = Image.Exif()
    exif[0x0112] = turn
    data: bytes = exif.tobytes()
    return data
