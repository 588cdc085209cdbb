"""The files that hold settings: which there are, what they say, and on which line."""

import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

from spider_cli.errors import UsageError

__all__ = [
    "File",
    "Keys",
    "Layer",
    "files",
    "passed_over",
    "places",
    "project_file",
    "read",
    "switched_off",
    "user_file",
]

Layer: TypeAlias = Literal["project", "user"]
Keys: TypeAlias = tuple[str, ...]
"""Where a value stands: ``("score", "fail-under")``."""

NAME = "spider.toml"
_LARGEST = 256_000
"""Bytes. A file of settings that is larger is none."""
_LONGEST = 200
"""Lines of one value that are looked at to find where it begins."""


@dataclass(frozen=True)
class File:
    """A file of settings, read."""

    layer: Layer
    path: Path
    text: str = field(repr=False)
    values: Mapping[str, Any] = field(repr=False)

    def place(self, keys: Keys) -> str:
        """``/folder/spider.toml:3``: the line on which a value begins."""
        line = self._lines.get(keys)
        return f"{self.path}" if line is None else f"{self.path}:{line}"

    @cached_property
    def _lines(self) -> dict[Keys, int]:
        # tomllib does not tell lines. Its grammar goes statement by statement, so each is read by
        # itself, below the header of its table.
        known: dict[Keys, int] = {}
        header = ""
        pending: list[str] = []
        for number, line in enumerate(self.text.split("\n"), 1):
            pending.append(line)
            try:
                found = tomllib.loads("\n".join([header, *pending]))
            except (tomllib.TOMLDecodeError, RecursionError):
                if len(pending) > _LONGEST:
                    break
                continue
            for keys in _paths(found):
                known.setdefault(keys, number - len(pending) + 1)
            if pending[0].lstrip().startswith("["):
                header = "\n".join(pending)
            pending.clear()
        return known


def files() -> list[File]:
    """The files that count for the working folder, the strongest first.

    Raises:
        UsageError: one cannot be read, or is no TOML.
    """
    return [read(layer, path) for layer, path in places()]


def places() -> list[tuple[Layer, Path]]:
    """Where the files of `files` lie; whatever is in them."""
    if switched_off():
        return []
    found: list[tuple[Layer, Path]] = []
    project = project_file()
    if project is not None:
        found.append(("project", project))
    user = user_file()
    if os.environ.get("SPIDER_CONFIG") or os.path.lexists(user):
        found.append(("user", user))
    return found


def switched_off() -> bool:
    """Does ``SPIDER_NO_CONFIG`` say that no file is read?"""
    return os.environ.get("SPIDER_NO_CONFIG", "0").strip().lower() not in ("", "0", "false", "no")


def user_file() -> Path:
    """The user's own file, there or not: ``SPIDER_CONFIG``, else the platform's usual place."""
    named = os.environ.get("SPIDER_CONFIG")
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_config_dir("spider", appauthor=False)) / NAME


def project_file() -> Path | None:
    """The ``spider.toml`` of the working folder, or of the nearest folder above that has one.

    Folders above the home folder are not looked at from inside it. The user's own file is no
    project's, and neither is one of somebody who owns neither the machine nor the working folder:
    anyone may put a file into a folder such as /tmp.
    """
    for candidate, trusted in _above():
        if trusted:
            return None if _same(candidate, user_file()) else candidate
    return None


def passed_over() -> list[Path]:
    """Files that `project_file` came by and did not take, because of whose they are."""
    found = []
    for candidate, trusted in _above():
        if trusted:
            break
        found.append(candidate)
    return found


def _above() -> Iterator[tuple[Path, bool]]:
    """Files called ``spider.toml``, of the working folder and those above; is each one trusted?"""
    try:
        here = Path.cwd()
    except OSError:  # it is gone
        return
    home = _home()
    for folder in (here, *here.parents):
        candidate = folder / NAME
        if os.path.lexists(candidate):
            yield candidate, _owned(candidate, here)
        if folder == home:
            break


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):  # a user that the system does not know
        return None


def _owned(candidate: Path, here: Path) -> bool:
    if not hasattr(os, "geteuid"):
        return True
    try:
        return candidate.stat().st_uid in (os.geteuid(), 0, here.stat().st_uid)
    except OSError:
        return True  # reading it will say what is the matter


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def read(layer: Layer, path: Path) -> File:
    """One file of settings.

    Raises:
        UsageError: it cannot be read, or is no TOML.
    """
    try:
        # A pipe or a device would keep us waiting.
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unreadable(path, "it is no ordinary file")
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    if len(data) > _LARGEST:
        raise _unreadable(path, f"it is larger than {_LARGEST // 1000} kB")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        return File(layer, path, text, tomllib.loads(text))
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{path}: no TOML: {error}",
            hint="https://toml.io shows the form; spider config init writes an example",
            code="bad_config",
        ) from error
    except RecursionError as error:
        raise _unreadable(path, "it is nested too deeply") from error


def _unreadable(path: Path, why: str) -> UsageError:
    hint = ""
    if os.environ.get("SPIDER_CONFIG") == str(path):
        hint = "SPIDER_CONFIG names it"
    return UsageError(f"cannot read {path}: {why}", hint=hint, code="bad_config")


def _paths(values: Mapping[str, Any], above: Keys = ()) -> Iterator[Keys]:
    for key, value in values.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _paths(value, (*above, key))
