"""Where the files of a shot are, seen from a page that lies elsewhere."""

import base64
import os
from pathlib import Path
from urllib.parse import quote_from_bytes

from spider_cli.audit.sidecar_names import Folders
from spider_cli.errors import PhotoError
from spider_cli.extras import RAW
from spider_cli.sources import UNSUPPORTED_SUFFIXES, photo_suffixes

__all__ = ["Places", "true_path", "url_of"]

_UNRESERVED = "-._~"


def true_path(name: str, name_b64: str | None) -> Path:
    """The path that a record's `photo` or `raw` names, undecodable bytes included."""
    return Path(os.fsdecode(base64.b64decode(name_b64)) if name_b64 is not None else name)


def url_of(path: str | os.PathLike[str]) -> str:
    """A relative path as a URL: every byte but letters, digits, ``-._~`` and ``/`` encoded.

    So neither a colon in it is taken for a scheme, nor anything for a query, a fragment or markup.
    """
    parts = os.fsencode(path).replace(os.fsencode(os.sep), b"/")
    encoded = quote_from_bytes(parts, safe=f"/{_UNRESERVED}")
    # Two slashes at the start would name a host.
    return f".{encoded}" if encoded.startswith("//") else encoded


class Places:
    """Links and sidecars of photos whose paths are those of an audit.

    Args:
        page_folder: where the page will lie.
        root: the folder that relative paths of photos are relative to.
    """

    def __init__(self, page_folder: Path, root: Path) -> None:
        self._page = os.path.abspath(page_folder)  # noqa: PTH100 - a browser resolves no links
        self._root = root
        self._folders = Folders()
        self._suffixes = frozenset(photo_suffixes()) | RAW.suffixes | UNSUPPORTED_SUFFIXES

    def link(self, photo: Path) -> str | None:
        """A URL of the photo, relative to the page; None where a browser should not open it.

        Files that are not called like photos are among these: a browser goes by the name, and could
        take one for a page with scripts.
        """
        if photo.suffix.lower() not in self._suffixes or "\0" in str(photo):
            return None
        path = os.path.abspath(self._root / photo)  # noqa: PTH100 - as above
        try:
            return url_of(os.path.relpath(path, self._page))
        except ValueError:  # another drive
            return Path(path).as_uri()

    def sidecar(self, photo: Path, raw: Path | None) -> tuple[bytes, bool]:
        """The path of the sidecar that belongs to a shot, as its photo's is given; and whether it
        is there already."""
        files = [self._root / one for one in (raw, photo) if one is not None]
        name, there = f"{files[0].stem}.xmp", False
        try:
            target = self._folders.sidecars(files).targets[0]
            name, there = target.name, os.path.lexists(target)
        except (PhotoError, ValueError):  # the folder is gone: what a new one would be called
            pass
        return os.fsencode(photo.parent / name), there
