"""What goes wrong with the hub, as one line and the next step."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from spider_cli.errors import SpiderError, UsageError
from spider_cli.weights.catalogue import Reference

__all__ = ["explained_hub", "is_offline", "passing", "patiently"]

Got = TypeVar("Got")

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_PASSING = {408, 429, 500, 502, 503, 504}
"""States of a server that may be better in a moment."""
_WAITS = (1.0, 2.0, 4.0)
"""Seconds before the second, third and fourth attempt."""
_LONGEST = 20.0
"""Seconds that a server may ask to be waited for."""


def is_offline() -> bool:
    """Did the user forbid the network, with ``--offline`` or ``HF_HUB_OFFLINE``?"""
    from huggingface_hub import constants

    return bool(constants.is_offline_mode())


@contextmanager
def explained_hub(wanted: Reference, place: Path | None = None) -> Iterator[None]:
    """Turn whatever the hub's client raises into one line with the next step.

    Args:
        wanted: what is being looked up or fetched.
        place: where files are being written.

    Raises:
        UsageError: for all of it.
    """
    try:
        yield
    except SpiderError:
        raise
    except Exception as error:
        raise _explanation(error, wanted, place) from error


def patiently(call: Callable[[], Got], told: Callable[[str], None]) -> Got:
    """`call`, again after a moment where the server or the way to it was out of order.

    Args:
        told: is given a line before each wait.
    """
    import time

    for wait in _WAITS:
        try:
            return call()
        except Exception as error:
            why, asked = passing(error), _retry_after(error)
            if why is None or asked > _LONGEST or _never_there(error):
                raise
            told(f"{why}; trying again in {max(wait, asked):.0f} s")
            time.sleep(max(wait, asked))
    return call()


def passing(error: BaseException) -> str | None:
    """What may be better in a moment; None for what stays as it is."""
    status = _status(error)
    if status is not None:
        return f"the hub answers {status}" if status in _PASSING else None
    for one in _chain(error):
        if _unreachable(one):
            return "the connection broke off"
        if "Consistency check failed" in str(one):
            return "the connection broke off"
    return None


def _explanation(error: BaseException, wanted: Reference, place: Path | None) -> UsageError:
    from huggingface_hub import constants, errors

    hub, status = constants.ENDPOINT, _status(error)
    token = _has_token()

    def kind(*kinds: type[BaseException]) -> bool:
        return any(isinstance(one, kinds) for one in _chain(error))

    if kind(errors.OfflineModeIsEnabled):
        return _said(
            f"the hub cannot be asked for {wanted}: spider is told to stay offline",
            "leave --offline out (or unset HF_HUB_OFFLINE and SPIDER_OFFLINE); or fetch it "
            "elsewhere, and name its folder",
            "offline",
        )
    if kind(errors.GatedRepoError):
        return _said(
            f"{wanted.repository} is gated: its owners let in whom they please"
            + (", and not the owner of this token" if token else ""),
            f"ask them at {hub}/{wanted.repository}"
            + ("" if token else ", then set HF_TOKEN to a token of your account"),
            "gated",
        )
    if kind(errors.RevisionNotFoundError):
        return _said(
            f"{wanted.repository} has no revision {wanted.revision or 'main'}",
            f"see {hub}/{wanted.repository}/commits/main for what it has; without --revision the "
            "newest is taken",
            "revision_missing",
        )
    if kind(errors.RepositoryNotFoundError):
        return _said(
            f"{hub} has no repository {wanted.repository}, or it is private",
            "check the name"
            + ("" if token else "; for a private one set HF_TOKEN to a token of your account"),
            "repository_missing",
        )
    if kind(errors.HFValidationError):
        return _said(f"{wanted.repository!r} is no name of a repository", "OWNER/NAME", "usage")
    if status is not None:
        return _of_status(status, wanted, token)
    return _of_machine(error, wanted, place, hub)


def _of_status(status: int, wanted: Reference, token: bool) -> UsageError:
    if status == 401:
        return _said(
            "the hub does not accept the token" if token else f"the hub wants a token for {wanted}",
            "set HF_TOKEN to a valid one" + (", or unset it" if token else ""),
            "unauthorised",
        )
    if status == 403:
        return _said(
            f"the hub does not let {'this token' if token else 'the public'} read {wanted}",
            "its owners can; set HF_TOKEN to a token with the right to read",
            "forbidden",
        )
    if status == 429:
        return _said(
            "the hub has had too many requests from here (429)",
            "wait some minutes and run the same command again; what has come is kept"
            + ("" if token else ". With HF_TOKEN more are allowed"),
            "rate_limited",
        )
    if status >= 500:
        return _said(
            f"the hub is out of order ({status}), at {wanted}",
            "run the same command again later; what has come is kept",
            "hub_down",
        )
    return _said(
        f"the hub answers {status} for {wanted}",
        "check the name, the revision and HF_ENDPOINT",
        "hub_refused",
    )


def _of_machine(
    error: BaseException, wanted: Reference, place: Path | None, hub: str
) -> UsageError:
    for one in _chain(error):
        if isinstance(one, OSError) and one.errno in _FULL:
            return _said(
                f"no space left in {place} for {wanted}",
                "make room there, or set HF_HOME to a larger disk, or use --dir; then run the same "
                "command again: files that were finished are kept",
                "no_space",
            )
        if isinstance(one, OSError) and one.errno in _DENIED:
            return _said(
                f"cannot write {one.filename or place}: {one.strerror}",
                "set HF_HOME to a folder of yours, or use --dir",
                "cache_unwritable",
            )
    for one in _chain(error):
        if _unreachable(one):
            return _said(
                f"cannot reach {hub} for {wanted}: {_first_line(one)}",
                "check the network and HF_ENDPOINT, and run the same command again; what has come "
                "is kept",
                "no_network",
            )
    if passing(error):
        return _said(
            f"the download of {wanted} broke off",
            "run the same command again; what has come is kept",
            "no_network",
        )
    return _said(
        f"{wanted} cannot be fetched: {_first_line(error)}",
        "check the name, the network and HF_ENDPOINT; --debug shows where it failed",
        "hub_refused",
    )


def _said(message: str, hint: str, code: str) -> UsageError:
    return UsageError(message, hint=hint, code=code)


def _status(error: BaseException) -> int | None:
    """The HTTP status behind an error, if a server answered at all."""
    for one in _chain(error):
        response = getattr(one, "response", None)
        status: Any = getattr(response, "status_code", None)
        if isinstance(status, int):
            return status
    return None


def _retry_after(error: BaseException) -> float:
    for one in _chain(error):
        headers = getattr(getattr(one, "response", None), "headers", {})
        try:
            return float(headers["Retry-After"])
        except (KeyError, TypeError, ValueError):
            continue
    return 0.0


def _unreachable(error: BaseException) -> bool:
    """A transport error of the hub's HTTP library, which goes by several names, or the system's."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"TransportError", "ConnectionError", "TimeoutError", "gaierror"})


def _never_there(error: BaseException) -> bool:
    """Was there nobody to talk to at all, or nobody to be talked to? Waiting does not help then."""
    names = {kind.__name__ for one in _chain(error) for kind in type(one).__mro__}
    nobody = {"ConnectError", "ConnectTimeout", "ConnectionRefusedError", "gaierror"}
    return bool(names & (nobody | {"OfflineModeIsEnabled"}))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all that led to it."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [cause for cause in (one.__cause__, one.__context__) if cause is not None]


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip() if lines else type(error).__name__


def _has_token() -> bool:
    from huggingface_hub import get_token

    return bool(get_token())
