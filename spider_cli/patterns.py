"""Globs and natural order: what a shell does for us where it can, done here where it did not."""

import fnmatch
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["entry_is_folder", "expand", "is_folder", "is_glob", "join", "natural_key"]

_MAGIC = re.compile(r"[*?\[]")
_DIGITS = re.compile(r"([0-9]+)")
_SEPARATORS = re.compile(r"[\\/]" if os.name == "nt" else "/")


def natural_key(name: str) -> tuple[list[int | str], str]:
    """Sort key: runs of digits by value, letters whatever their case, ties by the exact name."""
    parts = _DIGITS.split(name.casefold())  # text and digits alternate, so like meets like
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def is_folder(path: str) -> bool:
    """Whether `path` is a folder or a link to one; False where that cannot be told."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def entry_is_folder(entry: os.DirEntry[str]) -> bool:
    """The same for what a folder scan gave, mostly without asking the disk again."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_glob(text: str) -> bool:
    """Whether `text` is a pattern: it has wildcards, and nothing is called exactly that."""
    return bool(_MAGIC.search(text)) and not _exists(text)


def join(folder: str, inner: str) -> str:
    """`folder` as the user wrote it, one slash, `inner`."""
    return f"{folder.rstrip('/' if os.name != 'nt' else '/' + chr(92))}/{inner}"


def expand(pattern: str) -> Iterator[str]:
    """The paths that match `pattern`, each once, in natural order; as written up to the wildcards.

    ``**`` stands for any number of folders, none hidden and none a link, so that loops of links
    end. As the last part it stands for all files in them. Names that start with a dot match only
    where the pattern's part does too. Folders that cannot be read match nothing.
    """
    parts = _SEPARATORS.split(pattern)
    start = next(i for i, part in enumerate(parts) if _MAGIC.search(part))
    base = pattern[: sum(len(part) + 1 for part in parts[:start])]  # with its slash; "" for here
    rest = [part for part in parts[start:] if part]
    rest = [part for i, part in enumerate(rest) if part != "**" or rest[i - 1 : i] != ["**"]]
    folders_only = parts[-1] == ""
    seen = set()
    for match in _matches(base, rest):
        if match not in seen and (not folders_only or is_folder(match)):
            seen.add(match)
            yield match


def _matches(base: str, parts: list[str]) -> Iterator[str]:
    part, rest = parts[0], parts[1:]
    found: Iterator[str]
    if part == "**":
        for folder in _folders_under(base):
            if rest:
                yield from _matches(folder, rest)
            else:
                yield from (
                    folder + e.name for e in _entries(folder, _visible) if not entry_is_folder(e)
                )
        return
    if _MAGIC.search(part):
        matcher = _matcher(part)
        found = (base + entry.name for entry in _entries(base, matcher))
    else:
        found = iter([base + part] if _exists(base + part) else [])
    for match in found:
        if not rest:
            yield match
        elif is_folder(match):
            yield from _matches(match + "/", rest)


def _folders_under(base: str) -> Iterator[str]:
    """`base` and all folders under it, parents first, as prefixes that end with a slash."""
    waiting = [base]
    while waiting:
        folder = waiting.pop()
        yield folder
        inner = [e for e in _entries(folder, _visible) if not e.is_symlink() and entry_is_folder(e)]
        waiting += [f"{folder}{entry.name}/" for entry in reversed(inner)]


def _entries(folder: str, wanted: Callable[[str], bool]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder or ".") as scan:
            return sorted((e for e in scan if wanted(e.name)), key=lambda e: natural_key(e.name))
    except OSError:
        return []


def _visible(name: str) -> bool:
    return not name.startswith(".")


def _matcher(part: str) -> Callable[[str], bool]:
    match = re.compile(fnmatch.translate(os.path.normcase(part))).match
    dotted = part.startswith(".")

    def wanted(name: str) -> bool:
        return (dotted or _visible(name)) and match(os.path.normcase(name)) is not None

    return wanted


def _exists(path: str) -> bool:
    try:
        Path(path).lstat()
    except (OSError, ValueError):
        return False
    return True
