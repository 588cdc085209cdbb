"""A server in trouble: which photo fails, when the run ends, and what is never shown."""

import datetime
import email.utils
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spider_cli.auditor import Auditor
from spider_cli.endpoint import Endpoint, data_url
from spider_cli.errors import UsageError
from spider_cli.json_client import JsonClient, RequestError
from spider_cli.results import Description, Failure, Record
from tests.openai_server import Fault, OpenAIServer, Request, Said, Spoken

SAID = "The region on the top left shows mild noise."


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def shades(count: int) -> list[Any]:
    """Photos that are told apart by their brightness, 10 apart."""
    return [np.full((8, 12, 3), 10 * i, np.uint8) for i in range(count)]


def asked_with_photos(reply: Any) -> Any:
    """The first photo's number is 0; what finds out about the server is answered plainly."""
    numbers: dict[str, int] = {}
    lock = threading.Lock()

    def script(request: Request) -> Said:
        if not request.images:
            return "is."
        with lock:
            number = numbers.setdefault(request.images[0], len(numbers))
        said: Said = reply(number)
        return said

    return script


def auditor_of(server: OpenAIServer, patch: pytest.MonkeyPatch, **more: Any) -> Auditor:
    """Of a server that is asked again sooner than usual."""
    quick = {"pause": 0.01, "tries": 2} | more.pop("settings", {})

    class Quick(Endpoint):
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **(settings | quick))

    patch.setattr("spider_cli.endpoint.Endpoint", Quick)
    return Auditor(f"openai:{server.url}#m", **more)


def codes(records: list[Record]) -> list[str]:
    return [one.outcome.code if isinstance(one.outcome, Failure) else "" for one in records]


def test_a_photo_that_is_refused_fails_alone(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = {
        1: Fault(400, "the image violates a policy"),
        2: Fault(413, "too large"),
        3: Fault(200, body=b"<html>what?</html>"),
        4: Spoken("", thoughts="hm"),
        5: Spoken(None),
    }
    server.replies = [asked_with_photos(lambda number: refusals.get(number, SAID))]
    records = list(auditor_of(server, monkeypatch, batch_size=1).describe(shades(7)))
    assert codes(records) == [
        *("", "endpoint_failed", "endpoint_failed", "endpoint_garbage", "no_answer", "no_answer"),
        "",
    ]
    for number, record in enumerate(records[1:6], 2):
        assert isinstance(record.outcome, Failure)
        assert record.outcome.message.startswith(f"photo {number}: ")
        assert record.looked_at
    thought = records[4].outcome
    assert isinstance(thought, Failure)
    assert "thought" in thought.message
    assert "thinking" in thought.hint


def test_what_passes_is_tried_again(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[int, int] = {}
    faults = [Fault(503), Fault(429, headers={"Retry-After": "0.2"}), Fault(hang_up=True)]

    def reply(number: int) -> Said:
        seen[number] = seen.get(number, 0) + 1
        return faults[number] if seen[number] == 1 else SAID

    server.replies = [asked_with_photos(reply)]
    records = list(auditor_of(server, monkeypatch, batch_size=1).describe(shades(3)))
    assert codes(records) == ["", "", ""]
    assert seen == {0: 2, 1: 2, 2: 2}


@pytest.mark.parametrize(
    "fault", [Fault(503, "out of order"), Fault(429, "slow down"), Fault(hang_up=True)]
)
def test_a_server_that_is_gone_ends_the_run(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """One failing photo may be its own fault; three in a row are the server's."""
    server.replies = [asked_with_photos(lambda number: SAID if number in (0, 2) else fault)]
    records = auditor_of(server, monkeypatch, batch_size=1).describe(shades(9))
    found = [next(records) for _ in range(5)]
    assert [bool(code) for code in codes(found)] == [False, True, False, True, True]
    with pytest.raises(UsageError, match=r"cannot reach|answered (503|429), 2 times"):
        next(records)


def test_a_model_that_takes_no_pictures(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.replies = [asked_with_photos(lambda _: Fault(400, "image input is not supported"))]
    with pytest.raises(UsageError, match="image input is not supported") as caught:
        list(auditor_of(server, monkeypatch).describe(shades(8)))
    assert "takes pictures" in caught.value.hint


def test_silence(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.replies = [asked_with_photos(lambda n: SAID if n else Fault(delay=5))]
    auditor = auditor_of(server, monkeypatch, batch_size=1, settings={"timeout": 0.5, "tries": 1})
    records = list(auditor.describe(shades(2)))
    assert codes(records) == ["endpoint_unreachable", ""]
    assert isinstance(records[0].outcome, Failure)
    assert "no answer within 0.5 seconds" in records[0].outcome.message


@pytest.mark.parametrize("status", [401, 403, 404, 308])
def test_no_photo_is_sent_to_a_server_that_does_not_let_one_in(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    server.replies = [Fault(status, "no entry", headers={"Location": "http://10.1.2.3/v1"})]
    with pytest.raises(UsageError, match=r"wants a key|no model|sends on to http://10\.1\.2\.3"):
        list(auditor_of(server, monkeypatch).describe(shades(3)))
    assert server.requests
    assert not any(one.images for one in server.requests)


def test_requests_are_side_by_side_and_records_in_order(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, most, lock = 0, 0, threading.Lock()
    barrier = threading.Barrier(4)

    def reply(request: Request) -> Said:
        nonlocal under_way, most
        if not request.images:
            return "is."
        with lock:
            under_way += 1
            most = max(most, under_way)
        barrier.wait(30)  # four must be here at once, or nobody goes on
        time.sleep(0.01 * (hash(request.images[0]) % 5))
        with lock:
            under_way -= 1
        return f"Mild noise. {request.images[0][-40:]}"

    server.replies = [reply]
    auditor = auditor_of(server, monkeypatch, batch_size=4)
    photos = shades(8)
    records = list(auditor.describe(photos))
    assert most == 4
    for photo, record in zip(photos, records, strict=True):
        assert isinstance(record.outcome, Description)
        assert record.outcome.answer.endswith(data_url(photo)[0][-40:])
    assert len(server.connections) <= 5  # kept, not opened for every question


def test_a_score_needs_a_level(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {0: " not good.", 1: " hard to say.", 2: " poor."}
    server.replies = [asked_with_photos(lambda number: said[number])]
    records = list(auditor_of(server, monkeypatch, batch_size=1).score(shades(3)))
    assert codes(records) == ["no_level", "no_level", ""]


# -- the client underneath -------------------------------------------------------------------------


def client_of(server: OpenAIServer, **more: Any) -> JsonClient:
    return JsonClient(server.url, **({"key": "", "timeout": 30, "tries": 3, "pause": 0.01} | more))


def test_a_busy_server_is_left_alone_by_all_threads(server: OpenAIServer) -> None:
    times: list[float] = []

    def reply(_: Request) -> Said:
        times.append(time.monotonic())
        return Fault(429, headers={"Retry-After": "0.6"}) if len(times) == 1 else "ok"

    server.replies = [reply]
    client = client_of(server)
    first = threading.Thread(target=client.request, args=("/chat/completions", {}))
    first.start()
    while not times:
        time.sleep(0.01)
    time.sleep(0.2)  # the refusal has arrived
    client.request("/chat/completions", {})
    first.join()
    assert len(times) == 3
    assert min(times[1:]) - times[0] >= 0.55


def test_retry_after_may_be_a_date(server: OpenAIServer) -> None:
    when = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    date = email.utils.format_datetime(when, usegmt=True)
    server.replies = [Fault(429, headers={"Retry-After": date}), "ok"]
    start = time.monotonic()
    client_of(server).request("/chat/completions", {})
    assert time.monotonic() - start >= 0.9  # dates have no fractions
    server.replies, server.requests = [Fault(429, headers={"Retry-After": "soon"}), "ok"], []
    client_of(server).request("/chat/completions", {})


def test_connections_are_kept(server: OpenAIServer) -> None:
    client = client_of(server)
    for _ in range(5):
        client.request("/models")
    assert len(server.connections) == 1


def test_too_much_is_no_answer(server: OpenAIServer) -> None:
    server.replies = [Fault(200, body=b" " * 9_000_000)]
    with pytest.raises(RequestError, match="more than 8,000,000 bytes"):
        client_of(server).request("/chat/completions", {})
    assert len(server.requests) == 1


def test_https_goes_through_its_proxy_and_only_that(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy is asked for a tunnel, and reads neither photo nor key."""
    monkeypatch.setenv("https_proxy", server.url.removesuffix("/v1"))
    monkeypatch.delenv("no_proxy", raising=False)
    client = JsonClient("https://models.test/v1", key="sk-1", timeout=5, tries=1, pause=0)
    with pytest.raises(RequestError):
        client.request("/chat/completions", {"photo": "secret"})
    assert len(server.connections) == 1
    assert server.seen == []  # CONNECT is all it got, and it does not know that
    monkeypatch.setenv("https_proxy", "socks4://127.0.0.1:1")
    with pytest.raises(UsageError, match="https_proxy"):
        JsonClient("https://models.test/v1", key="", timeout=5, tries=1, pause=0)


def test_passwords_of_netrc_stay_here(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password sesame\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    client_of(server).request("/chat/completions", {})
    assert "authorization" not in json.loads(json.dumps(dict(server.requests[0].headers)))
