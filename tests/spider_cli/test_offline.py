"""No socket opens in any command, and an audit writes only where it was told to: the whole of each
runs under a hook that refuses sockets and notes what is opened for writing."""

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PASSING = re.compile(r"/\.spider-[0-9a-f]+\.tmp(/|$)")
"""Files and folders on their way to their names; what is there at the end shows that none stays."""

# Python runs this before anything else. An audit hook sees sockets whatever opens them.
SITE = """
import json, os, socket, sys, threading
LOG = os.environ["SOCKET_LOG"]
WRITTEN = os.environ["WRITE_LOG"]
CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.chmod",
           "os.chown", "os.truncate", "os.utime", "os.setxattr", "sqlite3.connect"}
busy = threading.local()
def note(event, args):
    changes = event == "open" and isinstance(args[2], int) and args[2] & CHANGING
    if hasattr(busy, "on") or not (changes or event in CHANGES) or isinstance(args[0], int):
        return
    if event in ("os.remove", "os.rmdir") and args[1] != -1:
        return  # a name inside a folder that is open; what is there afterwards tells
    busy.on = True  # the log itself is opened, too
    try:
        pair = args[:2] if event in ("os.rename", "os.link", "os.symlink") else args[:1]
        paths = [os.fsdecode(path).removeprefix("file:").partition("?")[0] for path in pair]
        with open(WRITTEN, "a") as log:
            log.writelines(json.dumps([event, os.path.abspath(path)]) + "\\n" for path in paths)
    finally:
        del busy.on
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
sys.addaudithook(note)
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
        if not name.startswith(("SPIDER_", "HF_", "TRANSFORMERS_", "TORCHINDUCTOR_"))
    }
    return kept | {
        "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
        "SOCKET_LOG": str(tmp_path / "sockets.log"),
        "WRITE_LOG": str(tmp_path / "written.log"),
        "HOME": str(tmp_path / "home"),
        "HF_HOME": str(tmp_path / "cache"),
        "PYTHONWARNINGS": "ignore",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@functools.cache
def without_network() -> tuple[str, ...]:
    """What runs a program in a network namespace of its own, where the system lets us."""
    unshare = shutil.which("unshare")
    command = (str(unshare), "--user", "--map-root-user", "--net")
    if unshare is None or subprocess.run([*command, "true"], capture_output=True).returncode:
        return ()
    return command


def python(
    code: str, *arguments: str, env: dict[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*without_network(), sys.executable, "-c", code, *arguments],
        env=env,
        cwd=cwd,
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


def hashes(folder: Path) -> dict[str, str]:
    """Every file below a folder -> the hash of its bytes."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


def test_an_audit_leaves_only_what_was_asked_for(
    offline: dict[str, str], tmp_path: Path, scenes: dict[str, Any]
) -> None:
    """No socket; nothing of the user's is changed; what is written is in the cache, or where a
    flag says."""
    work, home = tmp_path / "work", tmp_path / "home"
    temporary = tmp_path / "temporary"
    for folder in (work / "photos" / "inner", home, temporary):
        folder.mkdir(parents=True)
    Image.fromarray(scenes["small"]).save(work / "photos" / "a.jpg", quality=95)
    Image.fromarray(scenes["odd"]).save(work / "photos" / "inner" / "b.png")
    (work / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    before = hashes(work)
    asked = ["--report", "shoot.html", "--report", "shoot.csv", "--out", "heat"]
    commands = [
        ["audit", "photos", "--json"],
        ["audit", "photos", "--json", *asked, "--xmp", "--copy-to", "keepers"],
        ["audit", "--status"],
        ["audit", "--undo"],
    ]
    env = offline | {
        "XDG_CACHE_HOME": str(home / ".cache"),
        "LOCALAPPDATA": str(home / ".cache"),
        "TMPDIR": str(temporary),
    }
    env.pop("HF_HOME")
    done = python(SCRIPT, json.dumps(commands), env=env, cwd=work)
    *lines, codes = done.stdout.splitlines()
    assert json.loads(codes) == [3, 3, 0, 0], done.stderr  # 3: one photo is broken
    assert sum("score" in json.loads(line) for line in lines[:6]) == 4
    assert not (tmp_path / "sockets.log").exists()

    after = hashes(work)
    assert {name: after[name] for name in before} == before
    new = {Path(name).parts[0] for name in after.keys() - before.keys()}
    assert {"shoot.html", "shoot.csv", "heat"} <= new
    assert new <= {"shoot.html", "shoot.csv", "heat", "shoot_files", "keepers"}
    assert hashes(temporary) == {}  # torch makes an empty folder there
    cache = home / ".cache" / "spider"
    assert all(file.is_relative_to(cache) for file in home.rglob("*") if file.is_file())

    told = (tmp_path / "written.log").read_text(encoding="utf-8").splitlines()
    places = {Path(json.loads(line)[1]) for line in told}
    allowed = (cache, temporary, Path("/dev"), *(work / name for name in new))
    sidecars = {work / "photos" / "a.xmp", work / "photos" / "inner" / "b.xmp"}
    elsewhere = [
        str(path)
        for path in places - sidecars
        if not any(path.is_relative_to(folder) for folder in allowed)
        and not PASSING.search(path.as_posix())
        and path not in (cache.parent, work / "keepers")
    ]
    assert elsewhere == []
    assert sidecars <= places  # the hook sees them
