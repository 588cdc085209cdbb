"""`spider models` as real processes: killed and gone on with, two at once, asked on a terminal."""

import hashlib
import importlib.util
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from spider_cli.weights import find_model
from tests.hub_server import Fault, HubServer, vision_model
from tests.terminal import on_terminal

SHARD = "model-00001-of-00002.safetensors"
CHUNK = 10 * 1024 * 1024
"""What huggingface_hub writes at once."""
ROOT = Path(__file__).parents[3]


@pytest.fixture
def env(hub: HubServer, tmp_path: Path) -> dict[str, str]:
    """A user's environment with the local hub for huggingface.co."""
    return {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "SPIDER_CACHE": str(tmp_path / "spider"),
        "HF_HUB_OFFLINE": "0",
        "HF_TOKEN": "",
    }


def nano_files() -> dict[str, bytes]:
    folder = find_model("nano").path
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_an_ended_download_goes_on(
    how: signal.Signals,
    hub: HubServer,
    env: dict[str, str],
    tmp_path: Path,
    spider: Any,
    start: Any,
) -> None:
    files = vision_model(50_000_000)
    commit = hub.add("owner/name", files)
    hub.fail(SHARD, Fault(hold_after=CHUNK + (1 << 20), times=1))
    process = start("models", "download", "owner/name", env=env)
    assert hub.holding.wait(300)
    blobs = tmp_path / "hf" / "hub" / "models--owner--name" / "blobs"
    digest = hashlib.sha256(files[SHARD]).hexdigest()
    for _ in range(600):
        begun = [file.stat().st_size for file in blobs.glob(f"{digest}.*.incomplete")]
        if begun == [CHUNK]:
            break
        time.sleep(0.1)
    assert begun == [CHUNK]
    process.send_signal(how)
    _, said = process.communicate(timeout=300)
    assert process.returncode == (-9 if how == signal.SIGKILL else 130)
    assert how == signal.SIGKILL or said.decode().splitlines()[-1] == "spider: interrupted"

    # It is not here, and does not look as if it were.
    lost = spider("models", "path", "owner/name", env=env)
    assert (lost.code, lost.out) == (2, "")
    assert "is on this machine only in part" in lost.err
    assert "spider models download owner/name" in lost.err
    assert not (blobs / digest).exists()
    assert spider("models", "verify", "owner/name", env=env).code == 1

    hub.mend()
    again = spider("models", "download", "owner/name", env=env)
    assert again.code == 0, again.err
    snapshot = blobs.parent / "snapshots" / commit
    assert again.out == f"{snapshot}\n"
    asked = [one.headers.get("range") for one in hub.requests(f"/{SHARD}")]
    assert f"bytes={CHUNK}-" in asked
    whole = spider("models", "verify", "owner/name", env=env)
    assert (whole.code, whole.err) == (0, "")
    assert "whole" in whole.out
    assert {file.name: file.read_bytes() for file in snapshot.iterdir()} == files
    assert not list(blobs.glob("*.incomplete"))


def test_two_at_once_both_end_well(
    hub: HubServer, env: dict[str, str], spider: Any, start: Any
) -> None:
    hub.add("owner/name", vision_model(2_000_000))
    pair = [start("models", "download", "owner/name", env=env) for _ in range(2)]
    told = [process.communicate(timeout=600) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], told
    assert told[0][0] == told[1][0]
    assert spider("models", "verify", "owner/name", env=env).code == 0
    path = spider("models", "path", "owner/name", env=env)
    assert path.out.encode() == told[0][0]


def test_in_a_pipe_the_command_is_said(
    hub: HubServer, env: dict[str, str], spider: Any, photo: Path
) -> None:
    run = spider("describe", photo, "--model", "qwen3-vl-8b", env=env)
    assert (run.code, run.out) == (2, "")
    assert len(run.errors) == 1
    assert "qwen3-vl-8b (Qwen/Qwen3-VL-8B-Instruct) is not on this machine" in run.err
    assert "hint: download it: spider models download qwen3-vl-8b (about 17.5 GB" in run.err
    assert hub.seen == []


def test_offline_nothing_is_asked(hub: HubServer, env: dict[str, str], spider: Any) -> None:
    hub.add("owner/name", vision_model())
    for more, variables in ((["--offline"], {}), ([], {"SPIDER_OFFLINE": "1"})):
        run = spider("models", "download", "owner/name", *more, env=env | variables)
        assert run.code == 2
        assert "told to stay offline" in run.err
        assert "trying again" not in run.err
    assert hub.seen == []


@pytest.fixture
def typed(
    lack: Callable[[str, str], NoReturn], env: dict[str, str]
) -> Callable[..., tuple[int, str, str]]:
    """Run spider on a terminal and answer its question; code, stdout and what was shown."""
    if importlib.util.find_spec("pty") is None:
        lack("a pseudo-terminal", "use Linux or macOS")

    def run(answer: str, *args: str | Path) -> tuple[int, str, str]:
        own = os.environ | {"TERM": "xterm"} | env
        return on_terminal(*args, env=own, stdout=False, answer=answer)

    return run


def test_on_a_terminal_the_download_is_offered(
    hub: HubServer, typed: Callable[..., tuple[int, str, str]], photo: Path, inside: Any
) -> None:
    """And what came judges the photo as nano does, being nano."""
    commit = hub.add("owner/nano", nano_files())
    code, out, shown = typed("y\n", "score", photo, "--json", "--model", "owner/nano")
    assert code == 0, shown
    assert "owner/nano is not on this machine" in shown
    assert "Download it: owner/nano, 2" in shown and "MB, licence apache-2.0" in shown
    assert "comparing" in shown or "[====" in shown
    record = inside("score", photo, "--json").records[0]
    downloaded = json.loads(out)
    assert downloaded["score"] == record["score"]
    assert (downloaded["model"], downloaded["revision"]) == ("owner/nano", commit)


def test_a_folder_in_part_is_offered_too(
    hub: HubServer,
    env: dict[str, str],
    typed: Callable[..., tuple[int, str, str]],
    photo: Path,
    spider: Any,
    tmp_path: Path,
) -> None:
    files = nano_files()
    hub.add("owner/nano", files)
    hub.fail("/cdn/", Fault(status=404))
    folder = tmp_path / "own"
    assert spider("models", "download", "owner/nano", "--dir", folder, env=env).code == 2
    hub.mend()
    code, out, shown = typed("y\n", "score", photo, "--json", "--model", folder)
    assert code == 0, shown
    assert "is there only in part" in shown and "Download it: owner/nano, " in shown
    assert "not tuned" not in shown
    assert json.loads(out)["model"] == str(folder)


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04"], ids=["no", "enter", "end"])
def test_whoever_does_not_want_it_gets_the_command(
    answer: str, hub: HubServer, typed: Callable[..., tuple[int, str, str]], photo: Path
) -> None:
    hub.add("Qwen/Qwen3-VL-2B-Instruct", vision_model())
    code, out, shown = typed(answer, "score", photo, "--model", "qwen3-vl-2b")
    assert (code, out) == (2, "")
    assert "a base model, not tuned for spider" in shown
    assert "spider models download qwen3-vl-2b" in shown
    assert not hub.requests("/cdn/")
