"""An OpenAI-compatible server as a language model: vLLM, llama.cpp, Ollama, a hosted one."""

import base64
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

import numpy as np
import numpy.typing as npt
from PIL import Image

from spider_cli.addresses import KEYS, address_of, key_for
from spider_cli.errors import UsageError
from spider_cli.json_client import PASSING, JsonClient, RequestError

__all__ = ["Endpoint", "Message"]

_V1 = "the address usually ends in /v1, such as http://127.0.0.1:8000/v1"
_LONGEST = 1280
"""Photos are shrunk to this long side before they are sent."""
_OPTIONAL = {
    "response_format": ("response_format", "json_schema"),
    "temperature": ("temperature",),
    "max_tokens": ("max_tokens",),
}
"""Settings that not every server takes, and what one calls them that complains."""
_COMPLAINT = re.compile(r"support|unknown|unrecogni[sz]ed|extra|permitted|allowed|must be", re.I)


class Message(TypedDict):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Endpoint:
    """A model behind an address. Threads may share one.

    Args:
        url: up to and including "/v1"; `parse` makes one of what people type.
        model: its name on that server.
        key: sent as a bearer token, and never shown.
        timeout: seconds an answer may take.
        tries: attempts at each request, while the server is busy or away.
        pause: seconds before the second attempt; doubled for each one more.
        most_tokens: longest answer.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str = "",
        timeout: float = 300.0,
        tries: int = 5,
        pause: float = 0.5,
        most_tokens: int = 1024,
    ) -> None:
        self.url, self.model, self.most_tokens = url, model, most_tokens
        self._client = JsonClient(url, key=key, timeout=timeout, tries=tries, pause=pause)
        self._refused: set[str] = set()

    @classmethod
    def parse(cls, text: str, model: str = "", **settings: Any) -> "Endpoint":
        """The endpoint of "http://127.0.0.1:8000/v1#MODEL"; without a path, "/v1" is meant.

        The key is read from the environment, see `addresses.KEYS`. Without a model the server is
        asked which one it has.

        Args:
            model: instead of the one after "#".
            settings: of the constructor.

        Raises:
            UsageError: no such address; or the server has to be asked and is away, wants another
                key, or has several models.
        """
        base, _, named = text.strip().partition("#")
        url = address_of(base)
        endpoint = cls(url, model or named.strip(), key=key_for(url, os.environ), **settings)
        if not endpoint.model:
            models = endpoint.models()
            if len(models) != 1:
                has = f"several models: {', '.join(models)}" if models else "no models"
                raise UsageError(
                    f"{url} has {has}",
                    hint=f"name one: {url}#{models[0] if models else 'MODEL'}",
                    code="model_missing",
                )
            endpoint.model = models[0]
        return endpoint

    @property
    def name(self) -> str:
        """Address and model; without the key."""
        return f"{self.url}#{self.model}"

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r})"

    def check(self) -> None:
        """Find out now, with a request that carries nothing, whether the server can be reached.

        Raises:
            UsageError: it is away, or wants another key.
        """
        try:
            self._client.request("/models")
        except RequestError as failed:
            # Not every server lists its models.
            if failed.status in (0, 401, 403) or failed.status in PASSING:
                raise self._error(failed) from failed

    def models(self) -> list[str]:
        """Names of the server's models.

        Raises:
            UsageError: it is away, wants another key, or does not list them.
        """
        try:
            listed = self._client.request("/models")
        except RequestError as failed:
            raise self._error(failed) from failed
        try:
            return [self._client.clean(str(one["id"])) for one in listed["data"]]
        except (KeyError, TypeError) as error:
            raise self._garbage(json.dumps(listed)) from error

    def say(
        self,
        messages: Sequence[Message],
        *,
        images: Sequence[npt.NDArray[np.uint8]] = (),
        json_schema: Mapping[str, Any] | None = None,
    ) -> str:
        """The model's likeliest answer to a conversation (temperature 0).

        Args:
            images: (height, width, 3) uint8 RGB each; they go with the user's first turn.
            json_schema: what the answer should be like. Servers that know no schemas ignore it, or
                are asked again without one: check what comes.

        Raises:
            UsageError: the server is away, busy for too long, refuses, or talks another language.
        """
        body: dict[str, Any] = {
            "model": self.model,
            "messages": _with_images(messages, images),
            "temperature": 0,
            "max_tokens": self.most_tokens,
        }
        if json_schema is not None:
            form = {"name": "answer", "strict": True, "schema": dict(json_schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        while True:
            sent = {name: value for name, value in body.items() if name not in self._refused}
            if "max_tokens" in self._refused:  # what OpenAI calls it now
                sent["max_completion_tokens"] = self.most_tokens
            try:
                return self._content(self._client.request("/chat/completions", sent))
            except RequestError as failed:
                refused = _refused_setting(failed, sent)
                if refused is None:
                    raise self._error(failed) from failed
                self._refused.add(refused)

    def _content(self, reply: Any) -> str:
        """What the model said, out of the server's answer."""
        try:
            content = reply["choices"][0]["message"]["content"]
            if isinstance(content, list):
                content = "".join(part.get("text", "") for part in content)
            if content is None or isinstance(content, str):
                return content or ""
        except (KeyError, IndexError, TypeError, AttributeError):
            pass
        raise self._garbage(json.dumps(reply))

    # -- what went wrong, in words -----------------------------------------------------------------

    def _garbage(self, text: str) -> UsageError:
        said = self._client.clean(text, 120)
        return UsageError(
            f"{self.url} does not answer as an OpenAI-compatible server: {said}",
            hint=_V1,
            code="endpoint_garbage",
        )

    def _error(self, failed: RequestError) -> UsageError:
        status, said = failed.status, failed.said
        if status == 0:
            return UsageError(
                f"cannot reach {self.url}: {said}",
                hint="is the server running, and is this its address?",
                code="endpoint_unreachable",
            )
        if status == 200:
            return self._garbage(said)
        if 300 <= status < 400:
            return UsageError(
                f"{self.url} is not the server itself: {said}. Nothing was sent there",
                hint="name that address, if it is one you trust",
                code="endpoint_redirect",
            )
        if status in (401, 403):
            return self._no_entry(status)
        if status == 404:
            return UsageError(
                f"{self.url} has no model {self.model!r}, or is no server's /v1: {said}",
                hint=self._choice(),
                code="model_missing",
            )
        if failed.passing:
            return UsageError(
                f"{self.url} answered {status}, {self._client.tries} times: {said}",
                hint="the server is busy or broken: run the same command later",
                code="endpoint_failed",
            )
        return UsageError(
            f"{self.url} answered {status}: {said}",
            hint="is it a model that takes pictures, with room for the conversation?",
            code="endpoint_failed",
        )

    def _no_entry(self, status: int) -> UsageError:
        if self._client.has_key:
            return UsageError(
                f"{self.url} does not accept the key it was sent ({status})",
                hint=f"{KEYS[0]} is for the server's key; where it is not set, {KEYS[1]} is sent",
                code="endpoint_key",
            )
        hint = f"set the environment variable {KEYS[0]} to the server's key"
        if os.environ.get(KEYS[1]):
            hint += f" ({KEYS[1]} is sent to no other machine but over https)"
        return UsageError(f"{self.url} wants a key ({status})", hint=hint, code="endpoint_key")

    def _choice(self) -> str:
        try:
            return f"it has: {', '.join(self.models())}"
        except UsageError:
            return _V1


def _with_images(
    messages: Sequence[Message], images: Sequence[npt.NDArray[np.uint8]]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [dict(message) for message in messages]
    if images:
        first = next(one for one in found if one["role"] == "user")
        shown = [{"type": "image_url", "image_url": {"url": _data_url(one)}} for one in images]
        first["content"] = [*shown, {"type": "text", "text": first["content"]}]
    return found


def _data_url(pixels: npt.NDArray[np.uint8]) -> str:
    """PNG, so that a photo shows no fault that it has not."""
    image = Image.fromarray(pixels)
    image.thumbnail((_LONGEST, _LONGEST), Image.Resampling.BICUBIC, reducing_gap=2.0)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _refused_setting(failed: RequestError, sent: Mapping[str, Any]) -> str | None:
    """The setting that the server complains of, where it is one that can be left out."""
    if failed.status not in (400, 422) or not _COMPLAINT.search(failed.said):
        return None
    for name, words in _OPTIONAL.items():
        if name in sent and any(word in failed.said for word in words):
            return name
    return None
