"""Paths that strangers wrote down."""

from pathlib import PurePosixPath

__all__ = ["unsafe"]


def unsafe(path: str) -> str:
    """Why a path must not be followed; "" when it may be."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    if not path or "\0" in path:
        return "expected the path of a photo"
    if path.startswith(("/", "\\")) or (len(path) > 1 and path[1] == ":"):
        return "an absolute path, expected one relative to the photos' folder"
    if ".." in parts:
        return "a path that leaves the photos' folder"
    return ""
