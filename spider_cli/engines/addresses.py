"""Addresses of files: a path of this machine, or ``scheme://place/key``."""

import re
from dataclasses import dataclass

from spider_cli.errors import UsageError

__all__ = ["Address", "is_remote", "local_path"]

_SECRETS = re.compile(
    r"[?&](x-amz-(signature|credential|security-token)|x-goog-(signature|credential)"
    r"|awsaccesskeyid|signature|sig|token|access_token|api_?key)=",
    re.IGNORECASE,
)
"""What addresses bear that were signed for somebody."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """What stands behind ``scheme://``.

    Raises:
        UsageError: it names a user or a secret, or no place at all. What it says is not repeated.
    """

    scheme: str
    place: str
    """The bucket, or what a scheme has for it."""
    key: str
    """What follows the place, without the slash between them."""

    @classmethod
    def of(cls, url: str) -> "Address":
        match = _SCHEME.fullmatch(url)
        if match is None:
            raise ValueError(f"{url!r} is no address")
        scheme = match[1].lower()
        place, _, key = match[2].partition("/")
        if "@" in place:
            raise UsageError(
                f"a {scheme}:// address names a user or a secret before an @",
                hint="give credentials by the variables of the store's own tools, such as "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (docs/scale.md)",
                code="secret_in_address",
            )
        if _SECRETS.search(key):
            raise UsageError(
                f"a {scheme}:// address has a signature or a key in it, which records would repeat",
                hint="give credentials by the variables of the store's own tools (docs/scale.md)",
                code="secret_in_address",
            )
        if not place and scheme != "memory":
            raise UsageError(f"{url} names no bucket", code="bad_address")
        return cls(scheme, place, key)


def is_remote(text: str) -> bool:
    """Is it an address of a store? ``file://`` is a path of this machine."""
    match = _SCHEME.fullmatch(text)
    return match is not None and match[1].lower() != "file"


def local_path(text: str) -> str:
    """A path as typed, or what ``file://`` stands before."""
    match = _SCHEME.fullmatch(text)
    return match[2] if match is not None and match[1].lower() == "file" else text
