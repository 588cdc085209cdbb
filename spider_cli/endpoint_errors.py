"""What went wrong with a server, in words."""

import os
from collections.abc import Callable

from spider_cli.addresses import KEYS
from spider_cli.errors import UsageError
from spider_cli.json_client import JsonClient, RequestError

__all__ = ["garbage", "not_asked_back", "told"]

_V1 = "the address usually ends in /v1, such as http://127.0.0.1:8000/v1"


def garbage(client: JsonClient, text: str) -> UsageError:
    """The server talks another language; `text` is some of it."""
    return UsageError(
        f"{client.url} does not answer as an OpenAI-compatible server: {client.clean(text, 120)}",
        hint=_V1,
        code="endpoint_garbage",
    )


def not_asked_back() -> UsageError:
    """A grounding rule wants to know how likely an answer is that the server does not give."""
    return UsageError(
        "a server does not tell how likely an answer is that it does not give",
        hint="take another --rule, or a model whose folder is here",
        code="model_unfit",
    )


def told(
    client: JsonClient, failed: RequestError, model: str, models: Callable[[], list[str]]
) -> UsageError:
    """What to tell people of a request that failed.

    Args:
        model: that was asked for.
        models: asks which there are; may raise UsageError.
    """
    url, status, said = client.url, failed.status, failed.said
    if status == 0:
        return UsageError(
            f"cannot reach {url}: {said}",
            hint="is the server running, and is this its address?",
            code="endpoint_unreachable",
        )
    if status == 200:
        return garbage(client, said)
    if 300 <= status < 400:
        return UsageError(
            f"{url} is not the server itself: {said}. Nothing was sent there",
            hint="name that address, if it is one you trust",
            code="endpoint_redirect",
        )
    if status in (401, 403):
        return _no_entry(client, status)
    if status == 404:
        return UsageError(
            f"{url} has no model {model!r}, or is no server's /v1: {said}",
            hint=_choice(models),
            code="model_missing",
        )
    if failed.passing:
        return UsageError(
            f"{url} answered {status}, {client.tries} times: {said}",
            hint="the server is busy or broken: run the same command later",
            code="endpoint_failed",
        )
    return UsageError(
        f"{url} answered {status}: {said}",
        hint="is it a model that takes pictures, with room for the conversation?",
        code="endpoint_failed",
    )


def _no_entry(client: JsonClient, status: int) -> UsageError:
    if client.has_key:
        return UsageError(
            f"{client.url} does not accept the key it was sent ({status})",
            hint=f"{KEYS[0]} is for the server's key; where it is not set, {KEYS[1]} is sent",
            code="endpoint_key",
        )
    hint = f"set the environment variable {KEYS[0]} to the server's key"
    if os.environ.get(KEYS[1]):
        hint += f" ({KEYS[1]} is sent to no other machine but over https)"
    return UsageError(f"{client.url} wants a key ({status})", hint=hint, code="endpoint_key")


def _choice(models: Callable[[], list[str]]) -> str:
    try:
        return f"it has: {', '.join(models())}"
    except UsageError:
        return _V1
