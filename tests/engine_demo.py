"""What an engine shows at full size: `make prove-engine`.

Three nodes of Ray's own test cluster on this machine, over an S3 server on loopback: a node and the
driver are killed, and the records are still those of a local run, each once. Then what the engine
costs beside a local run, what a second worker brings, and that memory does not grow with the rows.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from tests.spider_cli.conftest import scene
from tests.spider_cli.engines.same import alike, by_photo

ROOT = Path(__file__).parents[1]
SPIDER = (sys.executable, "-m", "spider_cli", "audit")
SHARDS = 40
"""Of a run."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def main() -> None:
    """Run it; figures go to OUT/engine.json."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rows", type=int, nargs=2, default=(1000, 20_000))
    parser.add_argument("--parts", nargs="*", default=["kills", "speed", "memory"])
    asked = parser.parse_args()
    out: Path = asked.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {"count": asked.count}
    with working(out / "work") as work, s3_server() as s3:
        make_photos(work / "shoot", asked.count, s3)
        local, figures["local_seconds_per_photo"] = local_run(work)
        print(f"local: {figures['local_seconds_per_photo']:.4f} s a photo")
        if "kills" in asked.parts:
            figures["kills"] = kills(work, local, s3)
        if "speed" in asked.parts:
            figures["speed"] = speed(work, asked.count, figures["local_seconds_per_photo"])
        if "memory" in asked.parts:
            figures["memory"] = memory(work, asked.rows)
        (out / "engine.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    print(json.dumps(figures, indent=1))


# -- the world around ------------------------------------------------------------------------------


@contextmanager
def working(folder: Path) -> Iterator[Path]:
    """A folder for what is large; it goes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def s3_server() -> Iterator[Any]:
    """moto's server in a process of its own, with the bucket; a client of it."""
    import boto3

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "who-asks",
        "AWS_SECRET_ACCESS_KEY": "never-to-be-seen",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",  # as the local run beside it
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # or 127.0.0.1 would not stay so
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        client = boto3.client("s3")
        client.create_bucket(Bucket="photos")
        yield client
    finally:
        server.kill()
        server.wait()


@contextmanager
def cluster(*processors: int) -> Iterator[Any]:
    """Ray's test cluster: a node with each of these, the first of which is its head."""
    from ray.cluster_utils import Cluster

    node = {
        "object_store_memory": 300_000_000,
        "include_dashboard": False,
        "node_ip_address": "127.0.0.1",
    }
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": processors[0], **node})
    try:
        for count in processors[1:]:
            made.add_node(num_cpus=count, **node)
        yield made
    finally:
        made.shutdown()


def make_photos(folder: Path, count: int, s3: Any) -> None:
    """Small photos, all different, one in fifty broken; here and in the store."""
    folder.mkdir()
    for number in range(count):
        path = folder / f"{number:05}.png"
        Image.fromarray(scene(48, 64, number)).save(path)
        if number % 50 == 7:
            path.write_bytes(path.read_bytes()[:900])
        s3.put_object(Bucket="photos", Key=f"shoot/{path.name}", Body=path.read_bytes())


def local_run(work: Path) -> tuple[dict[str, Any], float]:
    """Records by name, and seconds a photo once it is under way; on one thread, as a worker."""
    told: list[tuple[float, str]] = []
    args = ["shoot", "--device", "cpu", "--jobs", "1", "--json", "--quiet", "--fresh"]
    run = subprocess.Popen(
        [*SPIDER, *args, "--state", "local.sqlite"],
        cwd=work,
        env=os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert run.stdout is not None
    for line in run.stdout:
        told.append((time.monotonic(), line))
    assert run.wait() == 3, run.returncode
    start = len(told) // SHARDS
    seconds = (told[-1][0] - told[start][0]) / (len(told) - 1 - start)
    records = [json.loads(line) for _, line in told]
    return {Path(record["photo"]).name: record for record in records}, seconds


def driver(
    work: Path, count: int, *args: str, log: str = "driver.log"
) -> "subprocess.Popen[bytes]":
    """A run on an engine, over so many photos."""
    size = str(max(1, count // SHARDS))
    own = ["--engine", "ray", "--device", "cpu", "--shard-size", size, "--batch-size", "4"]
    with (work / log).open("wb") as stream:
        return subprocess.Popen(
            [*SPIDER, *args, *own],
            cwd=work,
            env=os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT)},
            stdout=stream,
            stderr=stream,
        )


def wait_for(there: Callable[[], bool], run: "subprocess.Popen[bytes]") -> None:
    while not there():
        assert run.poll() is None, f"the driver ended with {run.returncode}"
        time.sleep(0.1)


# -- what it shows ---------------------------------------------------------------------------------


def kills(work: Path, local: dict[str, Any], s3: Any) -> dict[str, Any]:
    """A node dies, the driver dies, it is run again: the records of the local run, each once."""

    def parts() -> list[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket="photos", Prefix="records/part-"
        )
        return [one["Key"] for page in pages for one in page.get("Contents", ())]

    where = ["s3://photos/shoot", "--output", "s3://photos/records"]
    count = len(local)
    shards = -(-count // max(1, count // SHARDS))
    with cluster(1, 1, 1) as made:
        run = driver(work, count, *where, "--ray-address", made.address, log="killed.log")
        wait_for(lambda: len(parts()) >= max(1, shards // 5), run)
        made.remove_node(made.list_all_nodes()[-1], allow_graceful=False)
        before_node = len(parts())
        wait_for(lambda: len(parts()) >= max(2, shards // 2), run)
        run.send_signal(signal.SIGKILL)
        run.wait()
        before_driver = len(parts())
        assert before_driver < shards, "all was done before the driver could be killed"
        again = driver(work, count, *where, "--ray-address", made.address, log="again.log")
        assert again.wait() == 3, (work / "again.log").read_text()
    records = [
        json.loads(line)
        for key in parts()
        for line in s3.get_object(Bucket="photos", Key=key)["Body"].read().splitlines()
    ]
    found = {Path(name).name: record for name, record in by_photo(records).items()}
    assert set(found) == set(local), "photos are lost, or come from nowhere"
    unlike = [name for name in local if not same(local[name], found[name])]
    assert not unlike, f"{len(unlike)} records differ, {unlike[:3]} among them"
    return {
        "nodes": 3,
        "shards": shards,
        "shards_before_the_node_died": before_node,
        "shards_before_the_driver_died": before_driver,
        "records": len(records),
        "lost": 0,
        "double": 0,
    }


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Photos have other names in the store, and errors say them."""
    left = [
        {key: value for key, value in record.items() if key not in ("photo", "error")}
        | {"code": record.get("error", {}).get("code")}
        for record in (one, other)
    ]
    return alike(*left)


def speed(work: Path, count: int, local: float) -> dict[str, Any]:
    """Seconds a photo with one worker and with two, from the first shard to the last."""
    figures: dict[str, Any] = {}
    for workers in (1, 2):
        out = work / f"speed-{workers}"
        with cluster(2) as made:
            options = ["--workers", str(workers), "--decoders", "1"]
            started = time.monotonic()
            where = ["shoot", "--output", str(out), "--ray-address", made.address]
            run = driver(work, count, *where, *options)
            assert run.wait() == 3, (work / "driver.log").read_text()
            whole = time.monotonic() - started
        ended = sorted(path.stat().st_mtime for path in out.glob("part-*.jsonl"))
        photos = sum(1 for path in out.glob("part-*.jsonl") for _ in path.open())
        first = min(out.glob("part-*.jsonl"), key=lambda path: path.stat().st_mtime)
        counted = photos - sum(1 for _ in first.open())
        figures[f"workers_{workers}"] = {
            "seconds_per_photo": (ended[-1] - ended[0]) / counted,
            "seconds_with_start_up": whole,
        }
    one, two = (figures[f"workers_{count}"]["seconds_per_photo"] for count in (1, 2))
    figures |= {"overhead": one / local - 1, "speed_up_of_two": one / two}
    print(
        f"overhead {figures['overhead']:+.1%}, two workers {figures['speed_up_of_two']:.2f} times"
    )
    assert figures["overhead"] <= 0.25
    assert figures["speed_up_of_two"] >= 1.6
    return figures


@dataclass
class Peaks:
    """The most memory of a driver and of any process of a cluster, in bytes: resident, without
    what is shared."""

    driver: int = 0
    workers: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def watch(self, run: "subprocess.Popen[bytes]") -> None:
        """Until it is told to stop."""
        while not self.stop.wait(0.5):
            for process in psutil.process_iter(["cmdline"]):
                try:
                    info = process.memory_info()
                except psutil.Error:
                    continue
                own = info.rss - info.shared
                if process.pid == run.pid:
                    self.driver = max(self.driver, own)
                elif " ".join(process.info["cmdline"] or ()).startswith("ray::"):
                    self.workers = max(self.workers, own)


def memory(work: Path, rows: tuple[int, int]) -> dict[str, Any]:
    """Peaks over a short manifest and a long one."""
    figures: dict[str, Any] = {}
    photos = sorted((work / "shoot").iterdir())
    for count in rows:
        folder = work / f"rows-{count}"
        folder.mkdir()
        lines = []
        for number in range(count):  # a name of its own for each row
            link = folder / f"{number:06}.png"
            link.hardlink_to(photos[number % len(photos)])
            lines.append(f"{link}\n")
        (work / f"{count}.txt").write_text("".join(lines), "utf-8")
        with cluster(2) as made:
            where = ["--output", str(work / f"memory-{count}"), "--ray-address", made.address]
            run = driver(work, count, f"{count}.txt", *where, log=f"memory-{count}.log")
            peaks = Peaks()
            thread = threading.Thread(target=peaks.watch, args=(run,))
            thread.start()
            code = run.wait()
            peaks.stop.set()
            thread.join()
            assert code == 3, (work / f"memory-{count}.log").read_text()
        figures[str(count)] = {"driver": peaks.driver, "worker": peaks.workers}
    few, many = (figures[str(count)] for count in rows)
    for kind in ("driver", "worker"):
        figures[f"growth_{kind}"] = many[kind] / few[kind] - 1
    print(f"memory: {figures}")
    assert figures["growth_driver"] <= 0.1
    assert figures["growth_worker"] <= 0.1
    return figures


if __name__ == "__main__":
    main()
