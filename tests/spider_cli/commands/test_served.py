"""Photo commands with `--model openai:URL`, the real program: uploads, keys, records."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.openai_server import Fault, OpenAIServer, Request, Said, Spoken

KEY = "sk-secret-0123456789"
SAID = "The region on the top left shows severe noise."


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(plain, models=["m"]) as running:
        yield running


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.new("RGB", (80, 60), (90, 120, 30)).save(path)
    return path


def plain(request: Request) -> Said:
    """A server without log-probabilities that goes on with what is begun."""
    if not request.images:
        return "is."
    return " fair." if request.messages[-1]["role"] == "assistant" else SAID


def listing(request: Request) -> Said:
    """A server with log-probabilities."""
    if not request.images:
        return "is."
    words = {" good": -0.5, " fair": -1.5, " poor": -3.0, " so": -4.0}
    top = [{"token": token, "logprob": p} for token, p in words.items()]
    return Spoken(" good", [{**top[0], "top_logprobs": top}])


def test_words_only_and_said_so(inside: Any, server: OpenAIServer, photo: Path) -> None:
    model = f"openai:{server.url}"
    run = inside("score", photo, photo, "--model", model, "--json", "--tuned")
    assert run.code == 0, run.err
    assert [one["score"] for one in run.records] == [None, None]
    assert [one["level"] for one in run.records] == ["fair", "fair"]
    assert run.err.count("spider: warning:") == 1
    assert "no log-probabilities" in run.err
    text = inside("score", photo, "-m", model, "-o", photo.with_suffix(".txt"), "-q")
    assert (text.code, text.out, text.err) == (0, "", "")
    assert photo.with_suffix(".txt").read_text().split()[:2] == ["-/100", "fair"]
    table = inside("score", photo, "-m", model, "--csv").out
    [row] = csv.DictReader(io.StringIO(table))
    assert (row["score"], row["level"], row["poor"]) == ("", "fair", "")
    assert row["answer"] == "The quality of the image is fair."
    assert "no log-probabilities" in row["worded"]


def test_a_gate_is_not_passed_without_a_score(
    inside: Any, server: OpenAIServer, photo: Path
) -> None:
    args = ("score", photo, "--model", f"openai:{server.url}", "--fail-under", "10")
    run = inside(*args)
    assert run.code == 1
    assert "1 have no score" in run.err
    server.replies = [listing]
    assert inside(*args).code == 0


def test_a_region_in_words_has_no_pictures(
    inside: Any, server: OpenAIServer, photo: Path, tmp_path: Path
) -> None:
    run = inside(
        "ground", photo, "--model", f"openai:{server.url}", "--out", tmp_path / "heat", "--json"
    )
    [record] = run.records
    assert run.code == 0
    assert record["answer"] == SAID
    assert record["point"] is record["mask"] is record["files"] is None
    assert record["worded"]
    assert not list((tmp_path / "heat").rglob("*.png"))


@pytest.mark.parametrize("url", ["http://192.0.2.1:9/v1#m", "https://models.test/v1"])
def test_photos_stay_here_unless_allowed(spider: Any, audited: Any, photo: Path, url: str) -> None:
    seen = audited("score", photo, "--model", f"openai:{url}")
    run = seen.run
    assert run.code == 2
    assert run.out == ""
    assert "would leave this machine" in run.err
    assert "--allow-upload" in run.err
    assert seen.sockets == ()


def test_a_cloud_behind_a_local_server_is_not_here(
    inside: Any, server: OpenAIServer, photo: Path
) -> None:
    server.models = ["qwen3-vl:235b-cloud"]
    for model in (f"openai:{server.url}#qwen3-vl:235b-cloud", f"openai:{server.url}"):
        run = inside("score", photo, "--model", model)
        assert run.code == 2
        assert "--allow-upload" in run.err
    assert [one.path for one in server.seen] == ["/v1/models"]
    run = inside("score", photo, "--model", f"{model}#qwen3-vl:235b-cloud", "--allow-upload")
    assert run.code == 0
    assert f"photos leave this machine: they are sent to {server.url}" in run.err
    assert server.requests


def test_a_base_is_asked_with_instructions(inside: Any, server: OpenAIServer, photo: Path) -> None:
    """A server's model counts as one, unless it is said to be tuned."""
    model = f"openai:{server.url}"
    [base] = inside("describe", photo, "--model", model, "--json").records
    [tuned] = inside("describe", photo, "--model", model, "--json", "--tuned").records
    one, other = (text for text in map(last, server.requests) if text is not None)
    assert base["question"] == tuned["question"] == other
    assert len(one) > len(other)
    assert other in one
    assert base["untuned"] is True
    assert "untuned" not in tuned


def last(request: Request) -> str | None:
    """What was asked about a photo."""
    return request.last if request.images else None


def test_offline_is_offline(inside: Any, server: OpenAIServer, photo: Path) -> None:
    run = inside("score", photo, "-m", f"openai:{server.url}", "--offline", "--allow-upload")
    assert run.code == 2
    assert server.seen == []


def test_an_address_alone_is_no_model(inside: Any, server: OpenAIServer, photo: Path) -> None:
    run = inside("score", photo, "--model", server.url)
    assert run.code == 2
    assert "openai:" in run.err
    assert server.seen == []


@pytest.mark.parametrize("kind", ["right", "wrong", "quoted", "garbage"])
def test_the_key_is_sent_and_never_shown(
    inside: Any, server: OpenAIServer, photo: Path, tmp_path: Path, kind: str
) -> None:
    server.key = "another" if kind == "wrong" else KEY
    if kind == "quoted":
        server.replies = [Fault(400, f"bad key {KEY}")]
    if kind == "garbage":
        server.replies = [Fault(200, body=f"<html>{KEY}</html>".encode())]
    output = tmp_path / "records.jsonl"
    run = inside(
        *("score", photo, "--model", f"openai:{server.url}#m", "--debug", "--json"),
        *("--output", output),
        env={"SPIDER_API_KEY": KEY},
    )
    assert server.seen[-1].headers["authorization"] == f"Bearer {KEY}"
    assert run.code == {"right": 0, "quoted": 3}.get(kind, 2), run.err  # one photo, or all of them
    written = output.read_text() if output.exists() else ""
    assert KEY not in run.out + run.err + written
    if kind == "right":
        assert [one["level"] for one in run.records] == ["fair"]
    elif kind == "quoted":
        assert "bad key ***" in run.records[0]["error"]["message"]
    else:
        assert "Traceback" in run.err  # even that has none


def test_secrets_in_an_address(inside: Any, photo: Path) -> None:
    run = inside("score", photo, "--debug", "--model", "openai:https://me:sesame@h.test/v1#m")
    assert run.code == 2
    assert "SPIDER_API_KEY" in run.err
    assert "sesame" not in run.err


WITHOUT_TORCH = """
import json, sys
from spider_cli.__main__ import main
try:
    main()
finally:
    heavy = [name for name in ("torch", "transformers", "huggingface_hub") if name in sys.modules]
    print("heavy", json.dumps(heavy), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "args", [("score",), ("describe",), ("refer", "--box", "0.0,0.0,0.5,0.5"), ("ground",)]
)
def test_nothing_heavy_is_imported(
    server: OpenAIServer, photo: Path, args: tuple[str, ...]
) -> None:
    """`ground` too: in words only, there is no mask to make."""
    command = [sys.executable, "-c", WITHOUT_TORCH, args[0], str(photo), *args[1:]]
    done = subprocess.run(
        [*command, "--model", f"openai:{server.url}", "--json"], capture_output=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"] == f"openai:{server.url}#m"
    assert b"heavy []" in done.stderr
