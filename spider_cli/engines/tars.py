"""Photos in tar shards, as WebDataset lays them: read from front to back, never unpacked."""

import tarfile
from collections.abc import Iterator

from spider_cli.engines.found import Found, remote_source
from spider_cli.engines.stores import store_of
from spider_cli.errors import UsageError
from spider_cli.shots import Shot
from spider_cli.sources import photo_suffixes

__all__ = ["inside_tar"]

_MOST = 1 << 30
"""Bytes of a member; a larger one is no photo."""


def inside_tar(tar: str) -> Iterator[Found]:
    """The photos in a tar file, each with its bytes.

    Members that are no photos by their extension (a sample's texts and numbers) are passed over.
    A file that ends early gives what is whole, and then one shot with the problem.

    Raises:
        PhotoError: it cannot be opened.
        UsageError: it is no tar file, or a compressed one.
    """
    suffixes = photo_suffixes()
    with store_of(tar).open(tar) as stream:
        try:
            archive = tarfile.TarFile(fileobj=stream, errors="surrogateescape")
        except tarfile.TarError as error:
            raise UsageError(
                f"{tar} is no plain tar file: {error}",
                hint="compressed ones must be unpacked first",
                code="bad_tar",
            ) from error
        held: list[tarfile.TarInfo] = vars(archive)["members"]  # it would keep every member's head
        with archive:
            try:
                while (member := archive.next()) is not None:
                    held.clear()
                    if not (member.isfile() and member.name.lower().endswith(suffixes)):
                        continue
                    found = _photo(tar, archive, member)
                    yield found
                    if found.problem is not None and found.problem[0] == "truncated":
                        return
            except (tarfile.TarError, EOFError) as error:
                problem = ("truncated", f"{tar}: it ends early: {error}")
                yield Found(Shot(remote_source(f"{tar}#end")), problem=problem)


def _photo(tar: str, archive: tarfile.TarFile, member: tarfile.TarInfo) -> Found:
    called = member.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    shot = Shot(remote_source(f"{tar}#{called}"))
    if member.size > _MOST:
        return Found(shot, problem=("too_large", f"{shot.photo.name}: {member.size:,} bytes"))
    part = archive.extractfile(member)
    try:
        data = b"" if part is None else part.read()
    except tarfile.ReadError:
        data = b""
    if len(data) < member.size:
        return Found(shot, problem=("truncated", f"{shot.photo.name}: the tar file ends early"))
    return Found(shot, data=data)
