"""The memory that a container or a service may use: Linux's control groups, both versions."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Limit", "memory_limits"]

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class Limit:
    """Of one group that this process is in, bytes."""

    most: int
    used: int
    """Without what the system takes back when it is short: cached files."""

    @property
    def free(self) -> int:
        """What the group may still take."""
        return max(0, self.most - self.used)


@dataclass(frozen=True, slots=True)
class _Files:
    """What a version calls its files, and the cached files in its statistics."""

    most: str
    used: str
    cached: tuple[str, str]


_FIRST = _Files(
    "memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file")
)
_SECOND = _Files("memory.max", "memory.current", ("inactive_file", "active_file"))


def memory_limits(root: Path = _ROOT, own: Path = _OWN) -> list[Limit]:
    """The limits of this process's group and of those around it; empty where nothing says any.

    Args:
        root: where the groups are mounted.
        own: lists the groups of the process.
    """
    found = []
    for folder, files in _groups(root, own):
        with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
            most = int((folder / files.most).read_text(encoding="ascii"))
            used = int((folder / files.used).read_text(encoding="ascii"))
            lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
            numbers = {name: int(number) for name, number in map(str.split, lines)}
            cached = sum(numbers.get(name, 0) for name in files.cached)
            found.append(Limit(most, max(0, used - cached)))
    return found


def _groups(root: Path, own: Path) -> Iterator[tuple[Path, _Files]]:
    """The folders of a process's groups, each up to its root."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):  # no Linux
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        base, files = (root / "memory", _FIRST) if controllers else (root, _SECOND)
        parts = [part for part in path.split("/") if part]
        # Where a container sees the machine's own path, that leads nowhere, and the root is its
        # group: folders that are not there say nothing.
        for count in range(0 if ".." in parts else len(parts), -1, -1):
            yield base.joinpath(*parts[:count]), files
