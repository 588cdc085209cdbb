"""Which photos the user means: files, folders, patterns, lists on standard input; as they stream.

Only names are looked at here; nothing is opened, so a photo that is missing, unreadable or not a
photo at all is still found, and fails alone when it is opened.
"""

import base64
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path, PurePath
from typing import BinaryIO

from spider_cli.errors import UsageError
from spider_cli.extras import EXTRAS, Waiting, extra_of
from spider_cli.path_list import listed_paths
from spider_cli.patterns import entry_is_folder, expand, is_folder, is_glob, join, natural_key

__all__ = ["UNSUPPORTED_SUFFIXES", "Source", "find_photos", "named_source", "photo_suffixes"]

UNSUPPORTED_SUFFIXES = frozenset((".jp2", ".psd"))
"""Photo formats that exist but that spider cannot read yet; lower case, with the dot."""


@dataclass(frozen=True, slots=True)
class Source:
    """One photo to look at, not opened yet."""

    path: Path
    """What to open."""
    name: str
    """The record's `photo`: the path as given, or the folder as given joined with the path inside
    it by "/". Undecodable bytes are written as ``\\xff``; everything else is untouched, line breaks
    included."""
    name_b64: str | None
    """Base64 of the name's true bytes when it had undecodable ones, else None."""
    relative: PurePath
    """Where its outputs go under an output folder; never has an anchor or "..". In a folder: the
    path inside that folder. Named by itself: the path as given, or just its last part if that path
    is absolute or climbs with ".."."""


def photo_suffixes() -> tuple[str, ...]:
    """Extensions that mark a file inside a folder as a photo, lower case, with the dot, sorted.

    Those of an extra (`spider_cli.extras`) are among them while it is installed.
    """
    known = set(_pillow_suffixes())
    for extra in EXTRAS:
        if extra.installed:
            known |= extra.suffixes
    return tuple(sorted(known))


@lru_cache(maxsize=1)
def _pillow_suffixes() -> frozenset[str]:
    from PIL import features

    known = {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
    if "avif" in features.modules and features.check("avif"):
        known.add(".avif")
    return frozenset(known)


def named_source(path: str | os.PathLike[str]) -> Source:
    """The source for one photo named by itself; nothing on disk is looked at."""
    text = os.fspath(path)
    pure = PurePath(text)
    if pure.anchor or ".." in pure.parts or not pure.parts:
        pure = PurePath(pure.name if pure.name not in ("", "..") else "photo")
    return _source(text, pure)


def find_photos(
    paths: Sequence[str],
    *,
    recursive: bool = True,
    stdin: BinaryIO | None = None,
    null: bool = False,
    waiting: Waiting | None = None,
) -> Iterator[Source]:
    """Find the photos that `paths` name, one by one, in the order given.

    - A file is taken whatever its extension. So is a path that is not there: opening it fails.
    - A folder gives the files in it with a known photo extension (any case), then its folders'
      files, both in natural order ("2.jpg" before "10.jpg"). Hidden files and folders are skipped.
      A linked folder is entered if it leads outside the folder being searched, and no folder is
      entered twice, so loops end. A folder that cannot be read is given as a source, so that it
      fails visibly.
    - A pattern (``*``, ``?``, ``[...]``, ``**``) is expanded as a shell would, unless a file is
      called exactly that. It names hidden files only if it says so, and ``**`` does not follow
      links. One that matches nothing is given as a source that fails, if there is anything else.
    - ``-`` reads paths of files and folders from `stdin`, one per line (LF or CRLF; blank lines are
      skipped), or NUL-separated with `null`. Each is yielded before the next is waited for.
      Patterns are not expanded there.

    A photo named twice, also through overlapping folders, is yielded twice.

    Args:
        paths: as on the command line; undecodable bytes as surrogate escapes.
        recursive: look into the folders inside folders.
        stdin: where ``-`` reads; None means the process's own standard input.
        null: paths on standard input are separated by NUL.
        waiting: takes note of the files in folders that would be photos with an extra installed.

    Raises:
        UsageError: at the first ``next`` for an empty path (``empty_path``) or a list on standard
            input that is no list (``bad_list``); at the end if nothing was named or found
            (``no_photos``).
    """
    given = [os.fspath(path) for path in ([paths] if isinstance(paths, str) else paths)]
    if "" in given:
        raise UsageError(
            "an empty path was given",
            hint="Was a variable empty? Use . for this folder.",
            code="empty_path",
        )
    search = _Search(recursive, Waiting() if waiting is None else waiting)
    held: list[Source] = []  # patterns without a match, kept back until something else turns up
    found = False
    for text in given:
        unmatched = False
        sources: Iterator[Source]
        if text == "-":
            sources = search.listed(stdin, null)
        elif not is_glob(text):
            sources = search.named(text)
        elif (first := next(matches := expand(text), None)) is not None:
            sources = chain.from_iterable(map(search.named, chain([first], matches)))
        else:
            unmatched = True
            search.searched.append(text)
            sources = iter([named_source(text)])
        for source in sources:
            if unmatched and not found:
                held.append(source)
                continue
            found = True
            yield from held
            held.clear()
            yield source
    if not found:
        raise (
            search.nothing()
            if given
            else UsageError(
                "no photo was named",
                hint="Name files, folders or patterns, or - to read paths from standard input.",
                code="no_photos",
            )
        )


class _Search:
    """One call of find_photos: how to look, and for the hint if nothing is found, where it did."""

    def __init__(self, recursive: bool, waiting: Waiting) -> None:
        self.recursive = recursive
        self.waiting = waiting
        self.searched: list[str] = []
        self.unsupported: set[str] = set()
        self.left_out_folders = False

    def named(self, text: str) -> Iterator[Source]:
        if is_folder(text):
            yield from self.inside(text)
        else:
            yield named_source(text)

    def listed(self, stream: BinaryIO | None, null: bool) -> Iterator[Source]:
        for path in listed_paths(stream, null):
            yield from self.named(path)

    def inside(self, folder: str) -> Iterator[Source]:
        self.searched.append(folder)
        suffixes = frozenset(photo_suffixes())
        entered: set[tuple[int, int]] = set()
        waiting = [""]  # paths inside the folder; a stack, so that depth costs no recursion
        while waiting:
            inner = waiting.pop()
            written = join(folder, inner) if inner else folder
            try:
                status = Path(written).stat()
                if (status.st_dev, status.st_ino) in entered:
                    continue
                entered.add((status.st_dev, status.st_ino))
                with os.scandir(written) as scan:
                    entries = sorted(scan, key=lambda entry: natural_key(entry.name))
            except OSError:
                yield _source(written, PurePath(inner) if inner else named_source(folder).relative)
                continue
            folders = []
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = f"{inner}/{entry.name}" if inner else entry.name
                suffix = PurePath(entry.name).suffix.lower()
                if entry_is_folder(entry):
                    if self.recursive and not _leads_back(entry, folder):
                        folders.append(path)
                    self.left_out_folders |= not self.recursive
                elif suffix in suffixes:
                    yield _source(join(folder, path), PurePath(path))
                elif (extra := extra_of(suffix)) is not None:
                    photo = _source(join(folder, path), PurePath(path))
                    self.waiting.add(extra, suffix, photo)
                elif suffix in UNSUPPORTED_SUFFIXES:
                    self.unsupported.add(suffix)
            waiting += reversed(folders)

    def nothing(self) -> UsageError:
        places = [shown(_escaped(text)[0]) for text in self.searched]
        if not places:
            message = "no path came in on standard input"
            hint = "- reads one path per line, or NUL-separated paths with -0."
        else:
            more = f" and {len(places) - 3} more" if len(places) > 3 else ""
            message = f"no photo found in {', '.join(places[:3])}{more}"
            hint = f"In folders these are looked for: {' '.join(photo_suffixes())}."
            if self.waiting:
                hint = f"{self.waiting}."
            elif self.unsupported:
                kinds = " ".join(sorted(self.unsupported))
                hint = f"spider cannot read {kinds} files yet; convert them to JPEG or TIFF."
            elif self.left_out_folders:
                hint = "There are folders inside; leave out --no-recursive to search them too."
        return UsageError(message, hint=hint, code="no_photos")


def shown(name: str) -> str:
    """`name` on one line and safe for a terminal: control characters are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _leads_back(entry: os.DirEntry[str], folder: str) -> bool:
    """Whether an entry is a link above the searched folder, or into it (found there anyway)."""
    if not entry.is_symlink():
        return False
    # realpath, because Path.resolve may raise for links that were changed meanwhile.
    top, target = Path(os.path.realpath(folder)), Path(os.path.realpath(entry.path))
    return target.is_relative_to(top) or top.is_relative_to(target)


def _source(text: str, relative: PurePath) -> Source:
    name, encoded = _escaped(text)
    return Source(path=Path(text), name=name, name_b64=encoded, relative=relative)


def _escaped(text: str) -> tuple[str, str | None]:
    try:
        text.encode("utf-8")
        return text, None
    except UnicodeEncodeError:
        pass
    try:
        raw = os.fsencode(text)
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte: no file can be called so
        return text.encode("utf-8", "backslashreplace").decode(), None
    return raw.decode("utf-8", "backslashreplace"), base64.b64encode(raw).decode("ascii")
