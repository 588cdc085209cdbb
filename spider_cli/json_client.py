"""JSON over HTTP to one address that the user named, and to no other.

httpx underneath, with what it takes from its surroundings switched off. huggingface_hub's client
would send the user's Hugging Face token to any address when there is no key, follow redirects to
other hosts photo and all, turn a JSON schema into one server's dialect, and refuse every address,
this machine's too, when the Hub is switched off.
"""

import email.utils
import json
import random
import re
import threading
import time
import urllib.request
import weakref
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from spider_cli.addresses import is_here
from spider_cli.errors import UsageError

if TYPE_CHECKING:
    import httpx2

__all__ = ["PASSING", "JsonClient", "RequestError"]

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""Statuses that a later try may not meet."""
_MOST_BYTES = 8_000_000
"""Of an answer; more is no answer."""
_LONGEST_WAIT = 60.0
"""Seconds to wait between two tries, whatever the server asks for."""
_JITTER = 0.25
"""Pauses are up to this share longer, so that threads do not all come back at once."""


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


class JsonClient:
    """Sends and receives JSON over connections that are kept. Threads may share one.

    Args:
        url: of http or https, without a slash at its end.
        key: sent as a bearer token, and never shown.
        timeout: seconds an answer may take.
        tries: attempts at each request, while the server is busy or away.
        pause: seconds before the second attempt; doubled for each one more.
    """

    def __init__(self, url: str, *, key: str, timeout: float, tries: int, pause: float) -> None:
        import httpx2  # here: not all who import this module talk to a server

        self.url, self.timeout, self.tries, self.pause = url, timeout, max(1, tries), pause
        self._key = key
        self._quiet_until = 0.0
        self._lock = threading.Lock()
        try:
            # Certificates of the environment (SSL_CERT_FILE), but neither its proxies for http nor
            # the passwords of .netrc.
            transport = httpx2.HTTPTransport(
                proxy=_proxy(url), limits=httpx2.Limits(max_connections=None)
            )
        except (ValueError, ImportError, httpx2.InvalidURL) as error:
            raise UsageError(
                f"the proxy of https_proxy cannot be used: {error}",
                hint="set it as http://HOST:PORT, or list the server in no_proxy",
                code="bad_proxy",
            ) from None
        self._http = httpx2.Client(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            timeout=timeout,
            headers={"User-Agent": "spider", "Accept-Encoding": "identity"},
        )
        weakref.finalize(self, self._http.close)

    @property
    def has_key(self) -> bool:
        """There is a key to send."""
        return bool(self._key)

    def request(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Post `body` (without one: get), and return the JSON that comes back.

        A server that says when it wants to be asked again is left alone until then, by all threads.

        Raises:
            RequestError: after as many tries as it takes.
        """
        data = None if body is None else json.dumps(body).encode()
        attempt = 0
        while True:
            attempt += 1
            time.sleep(max(0.0, self._quiet_until - time.monotonic()))
            try:
                return self._once(path, data)
            except RequestError as failed:
                if not failed.passing or attempt == self.tries:
                    raise
                self._hold(failed.wait)
                pause = self.pause * 2 ** (attempt - 1) * (1 + _JITTER * random.random())
            time.sleep(min(pause, _LONGEST_WAIT))

    def clean(self, text: str, most: int = 300) -> str:
        """A server's words on one short line, nothing for the terminal to obey, and no key."""
        text = text.replace(self._key, "***") if self._key else text
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= most else line[: most - 3] + "..."

    def _hold(self, wait: float) -> None:
        with self._lock:
            until = time.monotonic() + min(wait, _LONGEST_WAIT)
            self._quiet_until = max(self._quiet_until, until)

    def _once(self, path: str, data: bytes | None) -> Any:
        import httpx2

        headers = {"Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        method = "GET" if data is None else "POST"
        end = time.monotonic() + self.timeout
        url = self.url + path
        try:
            with self._http.stream(method, url, content=data, headers=headers) as response:
                if not response.is_success:
                    raise self._refusal(response)
                answer = _read(response, end)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise self._away(error) from None
        try:
            return json.loads(answer)
        except ValueError:
            said = self.clean(answer.decode(errors="replace"), 120)
            raise RequestError(200, said) from None

    def _refusal(self, response: "httpx2.Response") -> RequestError:
        import httpx2

        status = response.status_code
        if response.has_redirect_location or 300 <= status < 400:
            to = self.clean(response.headers.get("Location", "nowhere"))
            return RequestError(status, f"it sends on to {to}")
        try:
            text = next(response.iter_bytes(20_000), b"").decode(errors="replace")
        except httpx2.HTTPError:
            text = ""
        wait = _seconds(response.headers.get("Retry-After", ""))
        said = self.clean(_told(text)) or self.clean(response.reason_phrase)
        return RequestError(status, said, passing=status in PASSING, wait=wait)

    def _away(self, error: Exception) -> RequestError:
        import httpx2

        if isinstance(error, httpx2.TimeoutException | TimeoutError):
            said = f"no answer within {self.timeout:g} seconds"
            return RequestError(0, said, passing=True)
        reason = _system_error(error)
        # A name nobody knows, or a certificate that does not fit, will be no better next time.
        lost = isinstance(error, httpx2.NetworkError | httpx2.RemoteProtocolError)
        passing = lost and (reason is None or isinstance(reason, ConnectionError))
        told = getattr(reason, "strerror", None) or str(reason or error) or type(error).__name__
        return RequestError(0, self.clean(told), passing=passing)


def _proxy(url: str) -> str | None:
    """Plain http goes straight: a proxy would read along. Of https it sees a sealed tunnel."""
    if not url.startswith("https:") or is_here(url):
        return None
    proxy = urllib.request.getproxies().get("https")
    if not proxy or urllib.request.proxy_bypass(urlsplit(url).hostname or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _read(response: "httpx2.Response", end: float) -> bytes:
    """The whole answer, if it is all there in time."""
    found = bytearray()
    for chunk in response.iter_raw():
        found += chunk
        if len(found) > _MOST_BYTES:
            raise OSError(f"more than {_MOST_BYTES:,} bytes")
        if time.monotonic() > end:
            raise TimeoutError
    return bytes(found)


def _seconds(after: str) -> float:
    """What Retry-After asks for: seconds, or a date."""
    if re.fullmatch(r"\d{1,6}(\.\d+)?", after):
        return float(after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(after).timestamp() - time.time())
    except ValueError:
        return 0.0


def _system_error(error: BaseException) -> OSError | None:
    """What the system said, under what libraries made of it."""
    under: BaseException | None = error
    while under is not None and not isinstance(under, OSError):
        under = under.__cause__ or under.__context__
    return under


def _told(text: str) -> str:
    """The message in a server's complaint."""
    try:
        told = json.loads(text)
        told = told.get("error", told)
        told = told.get("message", told) if isinstance(told, dict) else told
        return told if isinstance(told, str) else json.dumps(told)
    except (ValueError, AttributeError):
        return text
