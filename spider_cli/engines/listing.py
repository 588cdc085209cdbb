"""What `PATHS` of an engine name: folders, addresses, patterns, manifests, tar shards."""

import contextlib
import os
import posixpath
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from spider_cli.engines.addresses import Address, is_remote, local_path
from spider_cli.engines.found import Found, remote_source
from spider_cli.engines.manifests import MANIFESTS, listed_in
from spider_cli.engines.stores import store_of
from spider_cli.errors import PhotoError, UsageError
from spider_cli.patterns import expand, is_glob
from spider_cli.shots import shots
from spider_cli.sources import Source, find_photos, photo_suffixes

__all__ = ["Listing"]


@dataclass(frozen=True)
class Listing:
    """What was named. Its photos come in the same order each time.

    Args:
        paths: as typed.
        column: of manifests.
        recursive: look into the folders of a folder.
        base: the folder that relative paths start from; it is looked for where the list is read.
        apart: a folder for pictures: what lies there is no photo.
    """

    paths: tuple[str, ...]
    column: str | None = None
    recursive: bool = True
    base: str = "."
    apart: str | None = None

    @property
    def repeats(self) -> bool:
        """Might it name a photo twice?"""
        return len(self.paths) > 1 or any(_kind(path) != "photos" for path in self.paths)

    def photos(self) -> Generator[Found, None, None]:
        """Each shot, as it is listed; nothing but the one in hand is held.

        A RAW file and its JPEG are one shot where they stand next to each other, as those of a
        folder do.

        Raises:
            UsageError: a path is none, there is no photo, or a list cannot be read.
        """
        with contextlib.ExitStack() as stack:
            if any(not is_remote(one) and not Path(local_path(one)).root for one in self.paths):
                try:
                    stack.enter_context(contextlib.chdir(self.base))
                except OSError as error:
                    raise UsageError(f"{self.base}: {error.strerror}", code="not_found") from error
            yield from self._photos()

    def _photos(self) -> Iterator[Found]:
        if not self.paths:
            raise UsageError("no photo is named", hint="name folders, addresses or manifests")
        if "-" in self.paths:
            raise UsageError(
                "a list on standard input does not reach the machines of an engine",
                hint="write it into a file that ends in .txt, and name that",
                code="no_stdin",
            )
        some = False
        for path in self.paths:
            try:
                for found in self._of(path):
                    if self.apart is not None and _lies_in(found, self.apart):
                        continue
                    some = True
                    yield self._whole(found)
            except PhotoError as error:
                raise UsageError(error.message, hint=error.hint, code=error.code) from error
        if not some:
            raise UsageError(
                f"no photo found in {', '.join(self.paths[:3])}",
                hint=f"In folders these are looked for: {' '.join(photo_suffixes())}.",
                code="no_photos",
            )

    def _whole(self, found: Found) -> Found:
        """It is opened by a process that works in another folder."""
        if found.url is not None or found.data is not None or found.problem is not None:
            return found
        photo = found.shot.photo
        photo = replace(photo, path=Path(os.path.abspath(photo.path)))  # noqa: PTH100
        return replace(found, shot=replace(found.shot, photo=photo))

    def _of(self, path: str) -> Iterator[Found]:
        kind = _kind(path)
        if kind != "photos":
            for one in _expanded(path):
                if kind == "manifest":
                    yield from listed_in(one, self.column)
                else:
                    from spider_cli.engines.tars import inside_tar

                    yield from inside_tar(one)
        elif is_remote(path):
            Address.of(path)
            yield from _paired(_remote(path, recursive=self.recursive))
        else:
            sources = find_photos([local_path(path)], recursive=self.recursive)
            yield from _paired(_Photo(source) for source in sources)


@dataclass(frozen=True, slots=True)
class _Photo:
    """A photo, not paired yet."""

    source: Source
    url: str | None = None


def _lies_in(found: Found, folder: str) -> bool:
    inside = folder.rstrip("/") + "/"
    if found.url is not None:
        return found.url.startswith(inside)
    whole = os.path.abspath(found.shot.photo.path)  # noqa: PTH100 - links as they are
    return found.data is None and whole.startswith(inside)


def _kind(path: str) -> str:
    suffix = posixpath.splitext(path)[1].lower()
    if suffix == ".tar":
        return "tar"
    return "manifest" if suffix in MANIFESTS else "photos"


def _expanded(path: str) -> Iterator[str]:
    """The files that a path or pattern stands for."""
    if not is_glob(path):
        yield path
    elif is_remote(path):
        yield from _matching(path)
    else:
        yield from expand(local_path(path))


def _remote(path: str, *, recursive: bool) -> Iterator[_Photo]:
    suffixes = photo_suffixes()
    if is_glob(path):
        urls = _matching(path)
    elif path.lower().endswith(suffixes):
        urls = iter([path])
    else:
        urls = (url for url, _ in store_of(path).listed(path))
        urls = (url for url in urls if url.lower().endswith(suffixes))
        if not recursive:
            depth = path.rstrip("/").count("/") + 1
            urls = (url for url in urls if url.count("/") == depth)
    for url in urls:
        # As in folders of this machine; what a pattern or a whole address names is meant.
        hidden = url[len(path) :].split("/") if url.startswith(path) else ()
        if not any(part.startswith(".") for part in hidden):
            yield _Photo(remote_source(url), url)


def _matching(pattern: str) -> Iterator[str]:
    """Addresses that match; ``*`` does not cross a slash, ``**`` does."""
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0] + "/"
    wanted = re.compile(_expression(pattern))
    for url, _ in store_of(pattern).listed(fixed):
        if wanted.fullmatch(url):
            yield url


def _expression(pattern: str) -> str:
    out, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            out, at = out + "(?:.*/)?", at + 3
        elif pattern.startswith("**", at):
            out, at = out + ".*", at + 2
        elif pattern[at] == "*":
            out, at = out + "[^/]*", at + 1
        elif pattern[at] == "?":
            out, at = out + "[^/]", at + 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inside = pattern[at + 1 : end].replace("\\", "\\\\")
            inside = "^" + inside[1:] if inside[0] in "!^" else inside
            out, at = f"{out}[{inside}]", end + 1
        else:
            out, at = out + re.escape(pattern[at]), at + 1
    return out


def _paired(photos: Iterator[_Photo]) -> Iterator[Found]:
    """Shots of photos, a run of files that share their name before the dot at a time."""

    def called(one: _Photo) -> tuple[str, str]:
        path = one.source.path
        return str(path.parent), path.name.partition(".")[0].casefold()  # as some lists are sorted

    for _, together in groupby(photos, called):
        group = list(together)
        urls = {one.source: one.url for one in group}
        for shot in shots(one.source for one in group):
            yield Found(shot, urls[shot.photo])
