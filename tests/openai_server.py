"""A server on this machine that speaks OpenAI's language: scripted replies, faults on demand.

    with OpenAIServer("hello", Fault(429), "there") as server:
        Endpoint.parse(f"{server.url}#m").say([...])

Replies are given in turn, one a request for an answer; the last one again and again. A reply is
what the model says, a `Fault`, or a function of the request that returns either. `Spoken` is what
it says with log-probabilities.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, TypeAlias

__all__ = ["Fault", "OpenAIServer", "Request", "Spoken"]


@dataclass(frozen=True)
class Fault:
    """A reply that is no answer."""

    status: int = 500
    message: str = "the server is out of order"
    """Becomes OpenAI's form of an error."""
    body: bytes | None = None
    """Instead of the message: anything."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before it comes."""
    hang_up: bool = False
    """Close the connection without a word."""


@dataclass(frozen=True)
class Spoken:
    """An answer with more than its text."""

    text: str | None
    content: list[dict[str, Any]] | None = None
    """`logprobs.content`: of each token the text, its log-probability and what else was likely."""
    fingerprint: str = ""
    thoughts: str = ""
    model: str = "m"


@dataclass(frozen=True)
class Request:
    """What the server was sent."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: dict[str, Any]

    @property
    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body["messages"]
        return found

    @property
    def last(self) -> str:
        """Text of the last turn."""
        return text_of(self.messages[-1])

    @property
    def images(self) -> list[str]:
        """The "data:" URLs in the conversation."""
        return [
            part["image_url"]["url"]
            for message in self.messages
            if isinstance(message["content"], list)
            for part in message["content"]
            if part["type"] == "image_url"
        ]


Said: TypeAlias = "str | Fault | Spoken"
Script: TypeAlias = "Said | Callable[[Request], Said]"


def text_of(message: Mapping[str, Any]) -> str:
    """Text of a turn, with or without pictures."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


class OpenAIServer:
    """The server; it runs inside `with`.

    Args:
        replies: in turn.
        models: names it lists; None: it does not list any.
        key: the key it wants, if any.
    """

    def __init__(
        self, *replies: Script, models: list[str] | None = None, key: str | None = None
    ) -> None:
        self.replies: list[Script] = list(replies)
        self.models = ["m"] if models is None else models
        self.lists_models = True
        self.key = key
        self.requests: list[Request] = []
        """Those for an answer, in the order they came."""
        self.seen: list[Request] = []
        """All of them."""
        self.connections: list[socket.socket] = []
        """Those that were opened, in the order they came."""
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False  # so that closing waits for them
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> "OpenAIServer":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        for one in self.connections:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RD)  # no more requests; what is being said is said
        self._server.server_close()
        self._thread.join()

    def reply_to(self, request: Request) -> Said:
        with self._lock:
            self.seen.append(request)
            if (
                self.key is not None
                and request.headers.get("authorization") != f"Bearer {self.key}"
            ):
                got = request.headers.get("authorization", "nothing")
                return Fault(401, f"Incorrect API key provided: {got}")
            if request.path == "/v1/models":
                if not self.lists_models:
                    return Fault(404, "no such page")
                listed = {"object": "list", "data": [{"id": one} for one in self.models]}
                return Fault(200, body=json.dumps(listed).encode())
            if request.path != "/v1/chat/completions":
                return Fault(404, body=b"<html>nothing here</html>")
            self.requests.append(request)
            number = min(len(self.requests), len(self.replies)) - 1
            script = self.replies[number] if self.replies else "ok"
        return script(request) if callable(script) else script


def completion(said: str | Spoken | None) -> bytes:
    """An answer as such servers send it."""
    told = said if isinstance(said, Spoken) else Spoken(said)
    message = {"role": "assistant", "content": told.text}
    if told.thoughts:
        message["reasoning_content"] = told.thoughts
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
    if told.content is not None:
        choice["logprobs"] = {"content": told.content}
    answer = {"object": "chat.completion", "model": told.model, "choices": [choice]}
    if told.fingerprint:
        answer["system_fingerprint"] = told.fingerprint
    return json.dumps(answer).encode()


def _handler(server: OpenAIServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections stay open

        def setup(self) -> None:
            server.connections.append(self.request)
            super().setup()

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: dict[str, Any]) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = server.reply_to(Request(self.path, headers, body))
            fault = said if isinstance(said, Fault) else Fault(200, body=completion(said))
            end = time.monotonic() + fault.delay
            while time.monotonic() < end and not server.closing.is_set():
                time.sleep(0.01)
            if fault.hang_up:
                self.close_connection = True
                return
            data = fault.body
            if data is None:
                data = json.dumps({"error": {"message": fault.message}}).encode()
            if "Content-Length" in fault.headers:  # a lie: the other side must not wait for more
                self.close_connection = True
            try:
                self.send_response(fault.status)
                for name, value in {"Content-Length": str(len(data)), **fault.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
            except ConnectionError:
                pass  # the other side did not wait

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
