"""Files by their address, wherever they lie: folders, S3, and what fsspec knows.

Only addresses travel between processes; each opens its own connections, with credentials from its
own environment.
"""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from spider_cli.engines.addresses import Address, is_remote, local_path
from spider_cli.errors import PhotoError, UsageError

__all__ = ["Store", "store_of"]


class Store(Protocol):
    """One kind of place. All calls are safe from several threads.

    What goes wrong is a `PhotoError` whose code is ``not_found``, ``denied``, ``no_bucket``,
    ``changed``, ``throttled``, ``no_room`` or ``unreadable``; its message is one line and names the
    address, never a credential.
    """

    def listed(self, folder: str) -> Iterator[tuple[str, int]]:
        """Address and size of each file under a folder, however deep, in an order that stays.

        They are handed on as they are listed: memory does not grow with their number.
        """
        ...

    def read(self, url: str) -> bytes:
        """A whole file, as it was at one moment."""
        ...

    def open(self, url: str) -> BinaryIO:
        """A file to read from and to seek in."""
        ...

    def put(self, url: str, data: bytes) -> None:
        """Write a file, over another if there is one: whole, or not at all."""
        ...


def store_of(url: str) -> Store:
    """The store for an address or a path.

    Raises:
        UsageError: nobody knows the scheme, or what knows it is not installed.
    """
    return _store(Address.of(url).scheme if is_remote(url) else "file")


@cache
def _store(scheme: str) -> Store:
    if scheme == "file":
        return LocalStore()
    if scheme in ("s3", "s3a"):
        from spider_cli.engines.s3 import S3Store

        return S3Store()
    return FsspecStore(scheme)


class LocalStore:
    """Paths of this machine, or of a disk that all machines share."""

    def listed(self, folder: str) -> Iterator[tuple[str, int]]:
        waiting = [local_path(folder)]
        while waiting:
            here = waiting.pop()
            try:
                with os.scandir(here) as scan:
                    entries = sorted(scan, key=lambda entry: entry.name)
            except FileNotFoundError:
                return
            except OSError as error:
                raise explained(here, error) from error
            folders = [one.path for one in entries if one.is_dir(follow_symlinks=False)]
            for entry in entries:
                if entry.is_file():
                    yield entry.path, entry.stat().st_size
            waiting += reversed(folders)

    def read(self, url: str) -> bytes:
        try:
            return Path(local_path(url)).read_bytes()
        except OSError as error:
            raise explained(url, error) from error

    def open(self, url: str) -> BinaryIO:
        try:
            return Path(local_path(url)).open("rb")
        except OSError as error:
            raise explained(url, error) from error

    def put(self, url: str, data: bytes) -> None:
        from spider_cli.outputs.files import publish, temporary

        target = Path(local_path(url))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary(target.parent) as (passing, stream):
                stream.write(data)
                stream.flush()
                os.fsync(
                    stream.fileno()
                )  # a name must not outlive a power cut that its bytes don't
                stream.close()
                publish(passing, target, overwrite=True)
        except OSError as error:
            raise explained(url, error) from error


class FsspecStore:
    """Whatever fsspec has a file system for: ``gs``, ``hf``, ``abfs``, ``memory`` and more."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self._fs = _file_system(scheme)

    def listed(self, folder: str) -> Iterator[tuple[str, int]]:
        waiting = [self._inner(folder).rstrip("/")]
        while waiting:
            here = waiting.pop()
            try:
                entries = sorted(self._fs.ls(here, detail=True), key=lambda one: str(one["name"]))
            except FileNotFoundError:
                return
            except Exception as error:
                raise explained(folder, error) from error
            self._fs.invalidate_cache()  # it would keep every name that was ever listed
            for entry in entries:
                if entry["type"] == "file":
                    yield f"{self.scheme}://{entry['name'].lstrip('/')}", int(entry["size"] or 0)
            inner = [one["name"] for one in entries if one["type"] == "directory"]
            waiting += reversed([name for name in inner if name.rstrip("/") != here])

    def read(self, url: str) -> bytes:
        try:
            data: bytes = self._fs.cat_file(self._inner(url))
            return data
        except Exception as error:
            raise explained(url, error) from error

    def open(self, url: str) -> BinaryIO:
        try:
            stream: BinaryIO = self._fs.open(self._inner(url), "rb")
            return stream
        except Exception as error:
            raise explained(url, error) from error

    def put(self, url: str, data: bytes) -> None:
        inner = self._inner(url)
        try:
            self._fs.makedirs(inner.rpartition("/")[0], exist_ok=True)
            self._fs.pipe_file(inner, data)  # one request, where a store takes objects
        except Exception as error:
            raise explained(url, error) from error

    def _inner(self, url: str) -> str:
        Address.of(url)
        inner: str = self._fs._strip_protocol(url)
        return inner


def _file_system(scheme: str) -> Any:
    import fsspec

    try:
        return fsspec.filesystem(scheme)
    except ImportError as error:
        why = str(error).partition("\n")[0]
        raise UsageError(f"{scheme}:// cannot be read here: {why}", code="missing_extra") from error
    except ValueError as error:
        raise UsageError(
            f"{scheme}:// is no store that spider or fsspec knows",
            hint="s3://, gs://, hf:// and file:// are some",
            code="bad_address",
        ) from error


def explained(url: str, error: BaseException) -> PhotoError:
    """What a file system said, in one line."""
    if isinstance(error, PhotoError):
        return error
    if isinstance(error, FileNotFoundError):
        return PhotoError(f"{url}: no such file", code="not_found")
    if isinstance(error, PermissionError):
        return PhotoError(
            f"{url}: access denied",
            hint="the store's own variables say who asks (docs/scale.md)",
            code="denied",
        )
    if isinstance(error, OSError) and error.errno == 28:
        return PhotoError(
            f"{url}: no room left",
            hint="make room, and run the same again; what was committed is kept",
            code="no_room",
        )
    why = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
    return PhotoError(f"{url}: {why}", code="unreadable")
