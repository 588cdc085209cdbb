"""Addresses of servers as people type them, and the keys that go with them."""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from spider_cli.errors import UsageError

__all__ = ["KEYS", "address_of", "is_address", "is_here", "key_for", "leaves_machine"]

KEYS = ("SPIDER_API_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the server's key; the first that does is used."""


def is_address(text: str) -> bool:
    """True for what is meant as the address of a server, not as a model's name or folder."""
    return text.strip().lower().startswith(("http:", "https:"))


def address_of(base: str) -> str:
    """The address without a slash at its end.

    Raises:
        UsageError: it is none; or it holds what may be secret, which is not repeated.
    """
    hint = "write it as http://127.0.0.1:8000/v1#MODEL"
    try:
        parts = urlsplit(base)
        _ = parts.port
    except ValueError as error:
        raise UsageError("this is no address of a server", hint=hint, code="bad_address") from error
    if parts.username is not None or parts.password is not None or parts.query:
        raise UsageError(
            "an address must hold no user name, password or key",
            hint=f"put the server's key into the environment variable {KEYS[0]}",
            code="bad_address",
        )
    graphic = base.isascii() and base.isprintable() and " " not in base
    if parts.scheme not in ("http", "https") or not parts.hostname or not graphic:
        raise UsageError(f"{base!r} is no address of a server", hint=hint, code="bad_address")
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"


def key_for(url: str, environment: Mapping[str, str]) -> str:
    """The key to send to an address; one for OpenAI never travels a network unsealed."""
    for variable in KEYS:
        key = environment.get(variable, "").strip()
        open_ = url.startswith("http:") and not is_here(url)
        if not key or (variable == "OPENAI_API_KEY" and open_):
            continue
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise UsageError(
                f"the environment variable {variable} has characters in it that no key has",
                hint="set it anew, or unset it",
                code="endpoint_key",
            )
        return key
    return ""


def is_here(url: str) -> bool:
    """The address is this machine's own: localhost, or a loopback number."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def leaves_machine(url: str, model: str) -> bool:
    """What is sent to the model at this address leaves this machine.

    Ollama hands what is asked of models named "...:cloud" and "...-cloud" to its makers' machines.
    """
    return not is_here(url) or re.search(r"[:-]cloud$", model, re.IGNORECASE) is not None
