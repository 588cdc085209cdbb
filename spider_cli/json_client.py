"""JSON over HTTP to one address that the user named, and to no other.

Python's own client underneath. huggingface_hub's would send the user's Hugging Face token to any
address when there is no key, follow redirects to other hosts photo and all, turn a JSON schema into
one server's dialect, and refuse every address, this machine's too, when the Hub is switched off.
"""

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from typing import Any

from spider_cli.addresses import is_here

__all__ = ["PASSING", "JsonClient", "RequestError"]

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""Statuses that a later try may not meet."""
_MOST_BYTES = 8_000_000
"""Of an answer; more is no answer."""
_LONGEST_WAIT = 60.0
"""Seconds to wait between two tries, whatever the server asks for."""


class RequestError(Exception):
    """A request that came to nothing.

    Args:
        status: of HTTP; 0 where there was no answer, 200 where it was not JSON.
        said: why, on one line, in words of the server or the system.
        passing: a later try may do better.
        wait: seconds after which the server wants to be asked again.
    """

    def __init__(self, status: int, said: str, *, passing: bool = False, wait: float = 0) -> None:
        super().__init__(f"{status}: {said}")
        self.status, self.said, self.passing, self.wait = status, said, passing, wait


class _Straight(urllib.request.HTTPRedirectHandler):
    """Goes to the address that was named, never to where that points."""

    def redirect_request(self, *_: Any) -> None:
        return None


class JsonClient:
    """Sends and receives JSON. Threads may share one.

    Args:
        url: of http or https, without a slash at its end.
        key: sent as a bearer token, and never shown.
        timeout: seconds an answer may take.
        tries: attempts at each request, while the server is busy or away.
        pause: seconds before the second attempt; doubled for each one more.
    """

    def __init__(self, url: str, *, key: str, timeout: float, tries: int, pause: float) -> None:
        self.url, self.timeout, self.tries, self.pause = url, timeout, max(1, tries), pause
        self._key = key
        # Plain http goes straight: a proxy would read along. Of https it sees a sealed tunnel.
        proxies = {} if is_here(url) else urllib.request.getproxies()
        proxies = {scheme: proxy for scheme, proxy in proxies.items() if scheme == "https"}
        handler = urllib.request.ProxyHandler(proxies)
        self._open = urllib.request.build_opener(handler, _Straight).open

    @property
    def has_key(self) -> bool:
        """There is a key to send."""
        return bool(self._key)

    def request(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Post `body` (without one: get), and return the JSON that comes back.

        Raises:
            RequestError: after as many tries as it takes.
        """
        data = None if body is None else json.dumps(body).encode()
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._once(path, data)
            except RequestError as failed:
                if not failed.passing or attempt == self.tries:
                    raise
                wait = max(failed.wait, self.pause * 2 ** (attempt - 1))
            time.sleep(min(wait, _LONGEST_WAIT))

    def clean(self, text: str, most: int = 300) -> str:
        """A server's words on one short line, nothing for the terminal to obey, and no key."""
        text = text.replace(self._key, "***") if self._key else text
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= most else line[: most - 3] + "..."

    def _once(self, path: str, data: bytes | None) -> Any:
        headers = {"Accept": "application/json", "User-Agent": "spider"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self.url + path, data, headers)
        end = time.monotonic() + self.timeout
        try:
            with self._open(request, timeout=self.timeout) as response:
                answer = _read(response, end)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from None
        try:
            return json.loads(answer)
        except ValueError:
            said = self.clean(answer.decode(errors="replace"), 120)
            raise RequestError(200, said) from None

    def _refusal(self, error: urllib.error.HTTPError) -> RequestError:
        if 300 <= error.code < 400:
            to = self.clean(error.headers.get("Location", "nowhere"))
            return RequestError(error.code, f"it sends on to {to}")
        try:
            text = error.read(20_000).decode(errors="replace")
        except (OSError, http.client.HTTPException):
            text = ""
        after = error.headers.get("Retry-After", "")
        wait = float(after) if re.fullmatch(r"\d{1,6}(\.\d+)?", after) else 0.0
        passing = error.code in PASSING
        return RequestError(error.code, self.clean(_told(text)), passing=passing, wait=wait)

    def _away(self, error: Exception) -> RequestError:
        reason = getattr(error, "reason", error)  # of a URLError
        if isinstance(reason, TimeoutError):
            said = f"no answer within {self.timeout:g} seconds"
            return RequestError(0, said, passing=True)
        # A name nobody knows, or a certificate that does not fit, will be no better next time.
        passing = isinstance(reason, ConnectionError | http.client.HTTPException)
        said = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        return RequestError(0, self.clean(said), passing=passing)


def _read(response: http.client.HTTPResponse, end: float) -> bytes:
    """The whole answer, if it is all there in time."""
    found = bytearray()
    while chunk := response.read1(65_536):
        found += chunk
        if len(found) > _MOST_BYTES:
            raise http.client.HTTPException(f"more than {_MOST_BYTES:,} bytes")
        if time.monotonic() > end:
            raise TimeoutError
    if response.length:  # what is left of the length that was promised
        raise http.client.IncompleteRead(bytes(found), response.length)
    return bytes(found)


def _told(text: str) -> str:
    """The message in a server's complaint."""
    try:
        told = json.loads(text)
        told = told.get("error", told)
        told = told.get("message", told) if isinstance(told, dict) else told
        return told if isinstance(told, str) else json.dumps(told)
    except (ValueError, AttributeError):
        return text
