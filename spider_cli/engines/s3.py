"""Objects of S3, and of servers that speak like it, by boto3.

Its own variables say who asks and where: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE,
AWS_DEFAULT_REGION, AWS_ENDPOINT_URL and the rest; spider neither takes nor shows them.
"""

import io
import threading
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any, BinaryIO, TypeVar

from spider_cli.engines.addresses import Address
from spider_cli.errors import PhotoError, UsageError

__all__ = ["S3Store"]

_AHEAD = 1 << 20
"""Bytes read at once of a file that is sought in."""
_TRIES = 8
"""Of a request that is throttled or fails on its way, with growing waits between."""

T = TypeVar("T")


class S3Store:
    """See `stores.Store`. A `put` is one request, so that an object appears whole or not at all.

    Raises:
        UsageError: boto3 is not installed.
    """

    def __init__(self) -> None:
        if find_spec("boto3") is None:
            raise UsageError(
                "s3:// needs boto3, which is not installed",
                hint="pip install 'spider-iqa[ray]'",
                code="missing_extra",
            )
        self._lock = threading.Lock()
        self._made: Any = None

    def listed(self, folder: str) -> Iterator[tuple[str, int]]:
        at = Address.of(folder)
        prefix = at.key.rstrip("/") + "/" if at.key.strip("/") else ""
        yield from self.beginning(f"{at.scheme}://{at.place}/{prefix}")

    def beginning(self, start: str) -> Iterator[tuple[str, int]]:
        """Address and size of all objects whose address begins so; a page of 1,000 at a time."""
        at = Address.of(start)
        asked = {"Bucket": at.place, "Prefix": at.key}
        while True:
            said = self._asked(start, partial(self._client.list_objects_v2, **asked))
            for one in said.get("Contents", ()):
                if not one["Key"].endswith("/"):
                    yield f"{at.scheme}://{at.place}/{one['Key']}", int(one["Size"])
            if not said.get("IsTruncated"):
                return
            asked["ContinuationToken"] = said["NextContinuationToken"]

    def read(self, url: str) -> bytes:
        at = Address.of(url)

        def whole() -> bytes:
            said = self._client.get_object(Bucket=at.place, Key=at.key)
            data: bytes = said["Body"].read()  # raises where it ends early
            return data

        return self._asked(url, whole)

    def open(self, url: str) -> BinaryIO:
        at = Address.of(url)
        said = self._asked(url, lambda: self._client.head_object(Bucket=at.place, Key=at.key))
        size, etag = int(said["ContentLength"]), said["ETag"]

        def part(start: int, stop: int) -> bytes:
            def ranged() -> bytes:
                answer = self._client.get_object(
                    Bucket=at.place, Key=at.key, Range=f"bytes={start}-{stop - 1}", IfMatch=etag
                )
                data: bytes = answer["Body"].read()
                return data

            return self._asked(url, ranged)

        return io.BufferedReader(_Ranged(size, part), _AHEAD)

    def put(self, url: str, data: bytes) -> None:
        at = Address.of(url)
        self._asked(url, lambda: self._client.put_object(Bucket=at.place, Key=at.key, Body=data))

    @property
    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                import boto3
                from botocore.config import Config

                self._made = boto3.session.Session().client(
                    "s3",
                    config=Config(
                        retries={"max_attempts": _TRIES, "mode": "standard"},
                        connect_timeout=10,
                        read_timeout=60,
                        max_pool_connections=32,
                    ),
                )
            return self._made

    def _asked(self, url: str, ask: Callable[[], T]) -> T:
        from botocore import exceptions as say

        on_its_way = (say.IncompleteReadError, say.HTTPClientError, say.ConnectionError)

        for again in (True, False):
            try:
                return ask()
            except say.ClientError as error:
                raise _refused(url, error) from error
            except on_its_way as error:
                # botocore asks again for answers, and not for bodies that break off.
                if not again:
                    raise PhotoError(
                        f"{url}: the connection to the store failed: {_first_line(error)}",
                        hint="is it there? AWS_ENDPOINT_URL names another",
                        code="unreachable",
                    ) from error
            except say.BotoCoreError as error:
                raise PhotoError(f"{url}: {_first_line(error)}", code="denied") from error
        raise AssertionError


class _Ranged(io.RawIOBase):
    """An object read by ranges, all of one version of it."""

    def __init__(self, size: int, part: Callable[[int, int], bytes]) -> None:
        self._size, self._part, self._at = size, part, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readall(self) -> bytes:
        data = self._part(self._at, self._size) if self._at < self._size else b""
        self._at += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        stop = min(self._size, self._at + len(buffer))
        if stop <= self._at:
            return 0
        data = self._part(self._at, stop)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


_CODES = {
    "NoSuchBucket": ("no_bucket", "there is no such bucket"),
    "NoSuchKey": ("not_found", "no such object"),
    "404": ("not_found", "no such object"),
    "AccessDenied": ("denied", "access denied"),
    "403": ("denied", "access denied"),
    "InvalidAccessKeyId": ("denied", "the store does not know who asks"),
    "SignatureDoesNotMatch": ("denied", "the store does not know who asks"),
    "PreconditionFailed": ("changed", "it changed while it was read"),
    "412": ("changed", "it changed while it was read"),
    "SlowDown": ("throttled", f"throttled; {_TRIES} tries were not enough"),
    "503": ("throttled", f"throttled; {_TRIES} tries were not enough"),
    "RequestLimitExceeded": ("throttled", f"throttled; {_TRIES} tries were not enough"),
}


def _refused(url: str, error: Any) -> PhotoError:
    said = str(error.response.get("Error", {}).get("Code", ""))
    code, words = _CODES.get(said, ("unreadable", f"the store says {said or 'no'}"))
    hint = ""
    if code == "denied":
        hint = "the store's own variables say who asks, such as AWS_PROFILE (docs/scale.md)"
    elif code == "throttled":
        hint = "run the same again later, or with fewer --decoders: what was committed is kept"
    return PhotoError(f"{url}: {words}", hint=hint, code=code)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
