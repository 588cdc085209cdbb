"""An audit on a Ray cluster, from and to an S3 server: a local run's records, whatever dies."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from spider_cli.audit.flags import ANY_SEVERE, flagged
from spider_cli.audit.judging import Judge
from spider_cli.auditor import Auditor
from spider_cli.engines.dealing import Done
from spider_cli.engines.listing import Listing
from spider_cli.engines.sizes import sizes_for
from spider_cli.engines.told import Told
from tests.ray_cluster import actors
from tests.spider_cli.conftest import scene
from tests.spider_cli.engines.same import alike, by_photo

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own

SHOOT = "s3://photos/shoot"
COUNT = 12


@pytest.fixture(scope="session")
def shoot(s3: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photos, here and in the store; one is broken, one is no photo."""
    folder = tmp_path_factory.mktemp("shoot")
    for number in range(COUNT):
        Image.fromarray(scene(48, 64, number)).save(folder / f"{number:02}.png")
    (folder / "07.png").write_bytes((folder / "06.png").read_bytes()[:900])
    (folder / "10.png").write_bytes(b"")
    for path in folder.iterdir():
        s3.put_object(Bucket="photos", Key=f"shoot/{path.name}", Body=path.read_bytes())
    return folder


@pytest.fixture(scope="session")
def local(shoot: Path) -> dict[str, dict[str, Any]]:
    """What a local run says of each photo."""
    photos = [one.shot for one in Listing((str(shoot),)).photos()]
    nano = Auditor("nano", device="cpu")
    judged = [one.record for one in Judge(nano).judged(photos)]
    records = [replace(one, flagged=flagged(one, ANY_SEVERE)).to_json() for one in judged]
    return {Path(record["photo"]).name: record for record in records}


def arguments(cluster: Any, *more: str) -> list[str]:
    own = ["--engine", "ray", "--ray-address", cluster.address, "--model", "nano"]
    return [*more, *own, "--shard-size", "3", "--device", "cpu", "--batch-size", "2"]


def spider(*args: str) -> Result:
    from spider_cli.commands.audit import app

    return CliRunner().invoke(app, list(args), standalone_mode=False)


def in_store(s3: Any, prefix: str) -> list[str]:
    said = s3.list_objects_v2(Bucket="photos", Prefix=prefix)
    return [one["Key"] for one in said.get("Contents", ())]


def records_in(s3: Any, prefix: str) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for key in in_store(s3, f"{prefix}/part-")
        for line in s3.get_object(Bucket="photos", Key=key)["Body"].read().splitlines()
    ]


class Nobody:
    """Where no cluster is."""

    address = "127.0.0.1:9"


def when(there: Any, then: Any) -> threading.Thread:
    """Do something once something is there, on a thread."""

    def wait() -> None:
        until = time.monotonic() + 300
        while time.monotonic() < until and not there():
            time.sleep(0.2)
        then()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_killed_and_run_again_it_has_the_records_of_a_local_run(
    cluster: Any, s3: Any, shoot: Path, local: dict[str, Any]
) -> None:
    args = arguments(cluster, SHOOT, "--output", "s3://photos/records", "--workers", "1")
    # The driver dies once a shard is there.
    driver = subprocess.Popen(
        [sys.executable, "-m", "spider_cli", "audit", *args],
        stderr=subprocess.DEVNULL,
    )
    dying = when(
        lambda: in_store(s3, "records/part-") or driver.poll() is not None,
        lambda: driver.send_signal(signal.SIGKILL),
    )
    driver.wait(300)
    dying.join()
    before = in_store(s3, "records/part-")
    assert driver.returncode == -signal.SIGKILL
    assert before

    # The next one goes on; its worker dies.
    killed: list[int] = []

    def kill() -> None:
        for process in actors("Judging")[:1]:
            process.kill()
            killed.append(process.pid)

    dying = when(lambda: len(in_store(s3, "records/part-")) > len(before), kill)
    done = spider(*args)
    dying.join()
    assert killed
    assert done.return_value == 3, done.output
    found = by_photo(records_in(s3, "records"))
    assert set(found) == {f"{SHOOT}/{name}" for name in local}
    for name, record in local.items():
        there = found[f"{SHOOT}/{name}"]
        assert alike(without_name(record), without_name(there)), (record, there)
    assert set(before) <= set(in_store(s3, "records/part-"))

    # And the last one has nothing to do.
    done = spider(*args)
    assert "0 judged now, 12 known before" in done.stderr
    assert "never-to-be-seen" not in done.stderr
    assert len(records_in(s3, "records")) == COUNT


def without_name(record: dict[str, Any]) -> dict[str, Any]:
    """Photos have other names in the store, and errors say them."""
    left = {key: value for key, value in record.items() if key != "photo"}
    if "error" in left:
        left["error"] = {"code": left["error"]["code"]}
    return left


def test_manifests_with_holes_and_repeats_and_pictures_of_some(
    cluster: Any, s3: Any, shoot: Path, tmp_path: Path
) -> None:
    lines = ["00.png", "01.png", "none.png", "./00.png", f"{SHOOT}/02.png", "s3://none/x.png"]
    (shoot / "list.txt").write_text("\n".join(lines))
    args = [str(shoot / "list.txt"), "--output", str(tmp_path / "out"), "--shards", "parquet"]
    pictures = ["--out", "s3://photos/heat", "--out-share", "1"]
    done = spider(*arguments(cluster, *args, *pictures, "--workers", "1"))
    from pyarrow.parquet import read_table

    rows = [
        row for part in (tmp_path / "out").glob("*.parquet") for row in read_table(part).to_pylist()
    ]
    told = {row["photo"]: row["error_code"] for row in rows}
    assert len(rows) == 5, done.stderr
    assert told == {
        f"{shoot}/00.png": None,
        f"{shoot}/01.png": None,
        f"{shoot}/none.png": "not_found",
        f"{SHOOT}/02.png": None,
        "s3://none/x.png": "no_bucket",
    }
    files = [row["region_heatmap_file"] for row in rows if row["region_heatmap_file"]]
    assert files
    for file in files:
        key = file.removeprefix("s3://photos/")
        assert s3.head_object(Bucket="photos", Key=key)["ContentLength"] > 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--output", "out", "--xmp"], "--xmp does not go with --engine ray"),
        ([], "--engine ray needs --output"),
        (["--output", "s3://no-such-bucket/x"], "there is no such bucket"),
    ],
)
def test_what_does_not_start(shoot: Path, more: list[str], said: str) -> None:
    done = spider(*arguments(Nobody(), str(shoot), *more))
    assert said in str(done.exception)


def test_no_cluster_at_the_address(shoot: Path, tmp_path: Path) -> None:
    args = arguments(Nobody(), str(shoot), "--output", str(tmp_path / "out"))
    error = spider(*args).exception
    assert "no cluster at 127.0.0.1:9" in str(error)
    assert "\n" not in str(error)


# The command itself, up to where it would run: nothing may have imported Ray before it is set up.
OWN = """
import sys
import psutil
from spider_cli.engines import ray_engine
def run(work, sizes):
    me = psutil.Process()
    listening = {
        (process.name(), one.laddr.ip.removeprefix("::ffff:"))
        for process in [me, *me.children(recursive=True)]
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    }
    print(len(listening) > 0, [one for one in listening if one[1] not in ("127.0.0.1", "::1")])
    return iter(())
ray_engine.run = run
from spider_cli.commands.audit import app
app([*sys.argv[1:], "--engine", "ray"], standalone_mode=False)
"""


def test_a_cluster_of_our_own_listens_on_loopback_alone(shoot: Path, tmp_path: Path) -> None:
    args = [str(shoot), "--output", str(tmp_path / "out"), "--model", "nano"]
    env = {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", OWN, *args], env=env, capture_output=True, text=True, timeout=600
    )
    assert done.stdout == "True []\n", done.stderr
    assert "[W" not in done.stderr and "logging.cc" not in done.stderr


def test_the_plan_for_workers_on_gpus_is_one_that_ray_takes(cluster: Any, shoot: Path) -> None:
    from spider_cli.engines.ray_engine import Work, _plan, joined

    told = Told(
        run="gpus",
        version="0",
        revision="",
        settings="",
        base=str(shoot),
        auditor={},
        device="cuda",
        dtype="float32",
        max_decode_pixels=10**8,
        batch_size=2,
        threads=1,
    )
    sizes = sizes_for({"CPU": 8.0, "GPU": 2.0}, device="auto", workers=None, decoders=None)
    assert sizes.worker_gpus == 1
    with joined(cluster.address, quiet=True):
        plan = _plan(Work(Listing((str(shoot),)), Done(), 3, told), sizes)
        assert "Judging" in str(plan)
