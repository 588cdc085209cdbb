"""spider audit --watch: photos as they arrive, until Ctrl-C, which loses nothing."""

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.spider_cli.commands.conftest import PATIENCE, picture


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_tethered_shoot(start: Any, tmp_path: Path) -> None:
    folder, report = tmp_path / "shoot", tmp_path / "r.jsonl"
    folder.mkdir()
    picture(90, 60).save(folder / "a.jpg")
    os.utime(folder / "a.jpg", (1e9, 1e9))
    process = start(
        *("audit", folder, "--watch", "--format", "{name} {score:.1f}", "--report", report),
        env={"SPIDER_CACHE": str(tmp_path / "cache"), "SPIDER_DEVICE": "cpu"},
    )
    patience = threading.Timer(PATIENCE, process.kill)
    patience.daemon = True
    patience.start()
    assert process.stdout.readline().startswith(b"a.jpg ")
    picture(80, 60, seed=1).save(folder / "b.jpg")
    # Without anything that comes after it.
    assert process.stdout.readline().startswith(b"b.jpg ")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    patience.cancel()
    assert process.returncode == 0, err.decode()
    assert out == b""
    assert b"2 photos: 2 judged now" in err
    said = [json.loads(line) for line in report.read_text("utf-8").splitlines()]
    assert [Path(one["photo"]).name for one in said] == ["a.jpg", "b.jpg"]
