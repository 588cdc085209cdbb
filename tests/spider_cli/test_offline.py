"""No socket opens in any command: the whole of each runs under a hook that refuses them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]

# Python runs this before anything else. An audit hook sees sockets whatever opens them.
SITE = """
import os, socket, sys
LOG = os.environ["SOCKET_LOG"]
LOCAL = getattr(socket, "AF_UNIX", None)
REFUSED = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg",
           "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
def refuse(event, args):
    opens = event == "socket.__new__" and args[1] != LOCAL
    if opens or (event in REFUSED and getattr(args[0], "family", 0) != LOCAL):
        with open(LOG, "a") as log:
            log.write(event + repr(args) + "\\n")
        raise PermissionError("no network here: " + event)
sys.addaudithook(refuse)
"""

# Several commands in one process: torch is imported once.
SCRIPT = """
import json, sys
from spider_cli.__main__ import main
codes = []
for arguments in json.loads(sys.argv[1]):
    sys.argv[1:] = arguments
    try:
        main()
    except SystemExit as left:
        codes.append(left.code)
print(json.dumps(codes))
"""


@pytest.fixture
def offline(tmp_path: Path) -> dict[str, str]:
    """An environment in which Python refuses and logs every socket but local ones."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE, encoding="utf-8")
    # Nothing says that it is offline: it must be of itself.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SPIDER_", "HF_", "TRANSFORMERS_"))
    }
    return kept | {
        "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
        "SOCKET_LOG": str(tmp_path / "sockets.log"),
        "HOME": str(tmp_path / "home"),
        "HF_HOME": str(tmp_path / "cache"),
        "PYTHONWARNINGS": "ignore",
    }


def python(code: str, *arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


def test_the_hook_refuses(offline: dict[str, str], tmp_path: Path) -> None:
    for code in (
        "import socket; socket.socket()",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import urllib.request; urllib.request.urlopen('http://localhost:9')",
    ):
        done = python(code, env=offline)
        assert done.returncode
        assert "no network here" in done.stderr
    assert len((tmp_path / "sockets.log").read_text(encoding="utf-8").splitlines()) >= 3


@pytest.mark.parametrize("model", ["nano", "folder"])
def test_no_command_opens_a_socket(
    offline: dict[str, str],
    tmp_path: Path,
    scenes: dict[str, Any],
    nano_folder: Path,
    model: str,
) -> None:
    photo = tmp_path / "a.png"
    Image.fromarray(scenes["small"]).save(photo)
    chosen = model if model == "nano" else str(nano_folder)
    common = [str(photo), "--json", "--quiet", "--model", chosen]
    commands = [
        ["describe", *common],
        ["describe", *common, "--region", "top left"],
        ["score", *common],
        ["refer", *common, "--box", "0,0,80,60", "--long"],
        ["ground", *common, "--most", "--out", str(tmp_path / "heat")],
        ["doctor", "--json"],
    ]
    done = python(SCRIPT, json.dumps(commands), env=offline)
    *lines, codes = done.stdout.splitlines()
    assert json.loads(codes)[:5] == [0] * 5, done.stderr
    records = [json.loads(line) for line in lines[:5]]
    assert [record["command"] for record in records] == [
        "describe",
        "describe",
        "score",
        "refer",
        "ground",
    ]
    assert not any("error" in record for record in records)
    log = tmp_path / "sockets.log"
    assert not log.exists(), log.read_text(encoding="utf-8")
