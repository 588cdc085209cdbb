"""Talking to an OpenAI-compatible server, a real one on this machine."""

import base64
import io
import json
import logging
import socket
import time
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from spider_cli.budget import SERVED, chat_budget
from spider_cli.endpoint import Endpoint, Message
from spider_cli.errors import UsageError
from tests.openai_server import Fault, OpenAIServer, completion

KEY = "sk-secret-0123456789"
QUESTION: list[Message] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is it?"},
]
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}}


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


def endpoint(server: OpenAIServer, **settings: float) -> Endpoint:
    return Endpoint.parse(f"{server.url}#m", pause=0.01, **settings)


def told(action: Callable[[], object]) -> str:
    """What a user reads of an error: all of it."""
    with pytest.raises(UsageError) as caught:
        action()
    error = caught.value
    assert "\n" not in error.message + error.hint
    return f"{error.code}: {error.message} ({error.hint})"


def test_an_answer() -> None:
    with OpenAIServer("A cat.") as server:
        assert endpoint(server).say(QUESTION, json_schema=SCHEMA) == "A cat."
        (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.messages == QUESTION
    assert request.body["model"] == "m"
    assert request.body["temperature"] == 0
    assert request.body["max_tokens"] > 0
    form = request.body["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["schema"] == SCHEMA
    assert "authorization" not in request.headers


def test_photos_go_as_png_with_the_first_turn_of_the_user() -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (40, 60, 3), np.uint8)
    large = np.zeros((1000, 2560, 3), np.uint8)
    turns: list[Message] = [*QUESTION, {"role": "assistant", "content": "A cat."}]
    turns.append({"role": "user", "content": "Sure?"})
    with OpenAIServer("Yes.") as server:
        endpoint(server).say(turns, images=[small, large])
        (request,) = server.requests
    assert [part["type"] for part in request.messages[1]["content"]] == [
        "image_url",
        "image_url",
        "text",
    ]
    assert request.last == "Sure?"
    start = "data:image/png;base64,"
    shown = []
    for url in request.images:
        assert url.startswith(start)
        with Image.open(io.BytesIO(base64.b64decode(url.removeprefix(start)))) as image:
            shown.append(np.asarray(image))
    assert np.array_equal(shown[0], small)
    assert shown[1].shape == (715, 1831, 3)
    assert 715 * 1831 <= chat_budget(SERVED) < 716 * 1832


def test_the_only_model_is_taken() -> None:
    with OpenAIServer("x", models=["Qwen/Qwen2.5-VL-7B-Instruct"]) as server:
        assert Endpoint.parse(server.url).model == "Qwen/Qwen2.5-VL-7B-Instruct"
        assert Endpoint.parse(server.url + "/", "other").model == "other"
        name = f"{server.url}#qwen2.5vl:7b"
        assert Endpoint.parse(name).name == name
        without_path = server.url.removesuffix("/v1")
        assert Endpoint.parse(without_path).url == server.url
        assert Endpoint.parse(server.url + "/chat/completions#m").url == server.url


def test_of_several_models_one_must_be_named() -> None:
    with OpenAIServer(models=["a/one", "two"]) as server:
        text = told(lambda: Endpoint.parse(server.url))
        assert "several models: a/one, two" in text
        assert f"{server.url}#a/one" in text
        server.models = []
        assert "no models" in told(lambda: Endpoint.parse(server.url))


def test_a_model_that_is_not_there() -> None:
    gone = Fault(404, "The model `m` does not exist.")
    with OpenAIServer(gone, models=["a/one", "two"]) as server:
        text = told(lambda: endpoint(server).say(QUESTION))
        assert "no model 'm'" in text
        assert "it has: a/one, two" in text
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault(429), Fault(500), Fault(503), Fault(hang_up=True)),
        Fault(200, body=b"{}", headers={"Content-Length": "9"}),
    ],
)
def test_what_passes_is_tried_again(fault: Fault) -> None:
    with OpenAIServer(fault, fault, "A cat.") as server:
        assert endpoint(server).say(QUESTION) == "A cat."
        assert len(server.requests) == 3


def test_tries_are_bounded() -> None:
    with OpenAIServer(Fault(429, "slow down")) as server:
        text = told(lambda: endpoint(server, tries=3).say(QUESTION))
        assert len(server.requests) == 3
    assert "answered 429, 3 times: slow down" in text


def test_the_server_says_when_to_come_again() -> None:
    with OpenAIServer(Fault(429, headers={"Retry-After": "0.3"}), "A cat.") as server:
        start = time.monotonic()
        assert endpoint(server).say(QUESTION) == "A cat."
        assert time.monotonic() - start >= 0.3


def test_silence() -> None:
    with OpenAIServer(Fault(delay=5)) as server:
        start = time.monotonic()
        text = told(lambda: endpoint(server, timeout=0.2, tries=2).say(QUESTION))
        assert time.monotonic() - start < 3
        assert f"cannot reach {server.url}: no answer within 0.2 seconds" in text
        assert len(server.requests) == 2


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        named = Endpoint.parse(f"{url}#m", pause=0.01, tries=2)
        text = told(lambda: named.say(QUESTION))
        assert text.startswith(f"endpoint_unreachable: cannot reach {url}: ")
        assert "running" in text
        assert told(named.check).startswith("endpoint_unreachable")
        assert told(lambda: Endpoint.parse(url, tries=1)).startswith("endpoint_unreachable")


@pytest.mark.parametrize(
    "body",
    [
        *(b"<html>\x1b[31mhello</html>", b"", b"[]", b'{"choices": []}'),
        b'{"choices": [{"message": 1}]}',
    ],
)
def test_garbage(body: bytes) -> None:
    with OpenAIServer(Fault(200, body=body)) as server:
        text = told(lambda: endpoint(server).say(QUESTION))
        assert len(server.requests) == 1
    assert text.startswith("endpoint_garbage")
    assert "/v1" in text
    assert "\x1b" not in text


def test_nothing_said_is_nothing() -> None:
    with OpenAIServer(Fault(200, body=completion(None))) as server:
        assert endpoint(server).say(QUESTION) == ""


def test_the_key_is_sent_and_never_shown(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SPIDER_API_KEY", KEY)
    with OpenAIServer("A cat.", key=KEY) as server:
        named = endpoint(server)
        assert named.say(QUESTION) == "A cat."
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        server.replies = [Fault(400, f"bad key {KEY} in your request")]
        shown = [repr(named), str(named), named.name, told(lambda: named.say(QUESTION))]
        assert "bad key ***" in shown[-1]
        server.key = "another"  # now it quotes the key it was sent
        shown += [told(lambda: named.say(QUESTION)), told(named.check), told(named.models)]
        assert all(
            "endpoint_key" in text and "does not accept the key" in text for text in shown[-3:]
        )
    out = capfd.readouterr()
    assert not any(KEY in text for text in (*shown, out.out, out.err, caplog.text))


def test_a_key_is_wanted() -> None:
    with OpenAIServer(key=KEY) as server:
        text = told(lambda: endpoint(server).say(QUESTION))
        assert len(server.seen) == 1
    assert "wants a key (401)" in text
    assert "SPIDER_API_KEY" in text


def test_which_key_goes_where(monkeypatch: pytest.MonkeyPatch) -> None:
    from spider_cli.addresses import key_for

    both = {"SPIDER_API_KEY": "ours", "OPENAI_API_KEY": "theirs"}
    theirs = {"OPENAI_API_KEY": " theirs\n"}
    assert key_for("http://gpu:8000/v1", both) == "ours"
    assert key_for("https://api.example.org/v1", theirs) == "theirs"
    assert key_for("http://127.0.0.1:8000/v1", theirs) == "theirs"
    # Unsealed to another machine: it may be the key of an account.
    assert key_for("http://gpu:8000/v1", theirs) == ""
    assert key_for("http://gpu:8000/v1", {}) == ""
    broken = "sk-\n-line"
    assert broken not in told(lambda: key_for("http://gpu/v1", {"SPIDER_API_KEY": broken}))


def test_the_token_of_hugging_face_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with OpenAIServer("x") as server:
        endpoint(server).say(QUESTION)
        assert "hf_secret" not in json.dumps([dict(one.headers) for one in server.seen])


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_photo_follows_a_redirect(status: int) -> None:
    with OpenAIServer("stolen") as other:
        away = Fault(status, headers={"Location": f"{other.url}/chat/completions"})
        with OpenAIServer(away) as server:
            image = np.zeros((8, 8, 3), np.uint8)
            text = told(lambda: endpoint(server).say(QUESTION, images=[image]))
        assert other.seen == []
        assert f"sends on to {other.url}" in text


def test_proxies_do_not_read_along(monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer("stolen") as proxy, OpenAIServer("A cat.") as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        monkeypatch.delenv("no_proxy", raising=False)
        assert endpoint(server).say(QUESTION) == "A cat."
        monkeypatch.setattr("spider_cli.json_client.is_here", lambda url: False)  # as if elsewhere
        assert endpoint(server).say(QUESTION) == "A cat."
        assert proxy.seen == []


@pytest.mark.parametrize(
    ("complaint", "lost", "instead"),
    [
        ("'response_format' of type 'json_schema' is not supported", "response_format", None),
        ("Unsupported value: 'temperature' does not support 0", "temperature", None),
        ("Unsupported parameter: 'max_tokens'", "max_tokens", "max_completion_tokens"),
    ],
)
def test_settings_that_a_server_does_not_take(
    complaint: str, lost: str, instead: str | None
) -> None:
    with OpenAIServer(Fault(400, complaint), "A cat.") as server:
        named = endpoint(server)
        assert named.say(QUESTION, json_schema=SCHEMA) == "A cat."
        assert named.say(QUESTION, json_schema=SCHEMA) == "A cat."
        first, *others = server.requests
        assert lost in first.body
        assert len(others) == 2
        assert all(lost not in one.body for one in others)
        assert instead is None or all(instead in one.body for one in others)


def test_a_refusal_is_final() -> None:
    with OpenAIServer(Fault(400, "max_tokens and prompt: 9000 tokens, too long")) as server:
        text = told(lambda: endpoint(server).say(QUESTION))
        assert len(server.requests) == 1
    assert "answered 400: max_tokens and prompt: 9000 tokens, too long" in text


def test_check_asks_for_nothing_but_the_models() -> None:
    with OpenAIServer() as server:
        endpoint(server).check()
        server.lists_models = False
        endpoint(server).check()
        assert {one.path for one in server.seen} == {"/v1/models"}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "ftp://127.0.0.1/v1#m",
            "http://#m",
            "http:///v1#m",
            "http://a b/v1#m",
            "http://h:x/v1#m",
        ),
        *("file:///etc/passwd#m", "127.0.0.1:8000#m", "http://[::1/v1#m", "http://h/v\x001#m", ""),
    ],
)
def test_no_address(text: str) -> None:
    assert told(lambda: Endpoint.parse(text)).startswith("bad_address")


@pytest.mark.parametrize("text", ["http://me:sesame@h/v1#m", "http://h/v1?key=sesame#m"])
def test_secrets_in_an_address(text: str) -> None:
    found = told(lambda: Endpoint.parse(text))
    assert "SPIDER_API_KEY" in found
    assert "sesame" not in found
