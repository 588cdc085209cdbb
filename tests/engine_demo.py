"""What an engine shows at full size: `make prove-engine`.

Three nodes of Ray's own test cluster on this machine, over an S3 server on loopback: a node and the
driver are killed, and the records are still those of a local run, each once. Then what the engine
costs beside a local run, what a second worker brings, and that memory does not grow with the rows.

The parts may be run one by one (``--parts``): OUT/engine.json gathers their figures. At full size,
on two idle cores, with T seconds a photo on one (0.03 to 0.15): the local run takes 2,000 T,
kills 1,500 T, speed 10,000 T, memory 13,000 T, and each cluster half a minute more.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from tests.spider_cli.conftest import scene
from tests.spider_cli.engines.same import alike

ROOT = Path(__file__).parents[1]
SPIDER = (sys.executable, "-m", "spider_cli", "audit")
SHARDS = 40
"""Of a run; but of those for memory, whose shards are of one size."""
SHARD_OF_ROWS = 50
ROUNDS = 3
"""Of what is measured by turns."""
PARTS = ("speed", "kills", "memory")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def main() -> None:
    """Run it; figures go to OUT/engine.json."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rows", type=int, nargs=2, default=(1000, 20_000))
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    asked = parser.parse_args()
    out: Path = asked.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {}
    with working(out / "work") as work, s3_server() as s3:
        if {"kills", "speed"} & set(asked.parts):
            make_photos(work / "shoot", asked.count, s3)
            local, seconds = local_run(work, out / "local.json", timed="speed" in asked.parts)
            figures |= {"count": asked.count, "local_seconds_per_photo": seconds}
        for part in PARTS:
            if part not in asked.parts:
                continue
            started = time.monotonic()
            if part == "kills":
                figures[part] = kills(work, local, s3)
            elif part == "speed":
                figures[part] = speed(work, asked.count, seconds)
            else:
                figures[part] = memory(work, asked.rows)
            say(f"{part}: {(time.monotonic() - started) / 60:.1f} minutes")
            figures = keep(out / "engine.json", figures)
    print(json.dumps(figures, indent=1))
    sys.exit("; ".join(missed(figures)) or None)


def missed(figures: dict[str, Any]) -> list[str]:
    """What should have been shown, and was not, of the parts that were run."""
    found: list[str] = []
    for name in ("lost", "double", "from_nowhere", "unlike"):
        count = figures.get("kills", {}).get(name, 0)
        found += [f"{count} records {name.replace('_', ' ')}"] if count else []
    speeds = figures.get("speed", {"overhead": 0, "speed_up_of_two": 2})
    if speeds["overhead"] > 0.25:
        found.append(f"an overhead of {speeds['overhead']:.1%}, more than 25%")
    if speeds["speed_up_of_two"] < 1.6:
        found.append(f"two workers are {speeds['speed_up_of_two']:.2f} times one, not 1.6")
    for process in ("driver", "worker"):
        growth = figures.get("memory", {}).get(f"growth_{process}", 0)
        if growth > 0.1:
            found.append(f"memory of the {process} grew by {growth:.1%}")
    return found


def say(text: str) -> None:
    print(text, flush=True)


def keep(file: Path, figures: dict[str, Any]) -> dict[str, Any]:
    """Write the figures, beside those of other parts that are there; all of them."""
    known = json.loads(file.read_text("utf-8")) if file.exists() else {}
    if known.get("count", figures.get("count")) == figures.get("count", known.get("count")):
        figures = known | figures
    file.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    return figures


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


def local_run(work: Path, kept: Path, *, timed: bool) -> tuple[dict[str, Any], float]:
    """Records by name, and seconds a photo once it is under way; on one thread, as a worker.

    Args:
        kept: of an earlier run, over as many photos, with the same weights.
        timed: its seconds count, so that an earlier run's will not do.
    """
    from spider_cli.auditor import Auditor

    revision, count = Auditor("nano").revision, len(list((work / "shoot").iterdir()))
    if kept.exists() and not timed:
        known = json.loads(kept.read_text("utf-8"))
        if (known["revision"], len(known["records"])) == (revision, count):
            return known["records"], known["seconds"]
    run = local_process(work, "shoot", "local.sqlite")
    assert run.stdout is not None
    told = [(time.monotonic(), line) for line in run.stdout]
    assert run.wait() == 3, run.returncode
    seconds = pace([moment for moment, _ in told])
    found = [json.loads(line) for _, line in told]
    records = {Path(record["photo"]).name: record for record in found}
    made = {"revision": revision, "seconds": seconds, "records": records}
    kept.write_text(json.dumps(made), "utf-8")
    return records, seconds


def local_process(work: Path, folder: str, state: str) -> "subprocess.Popen[str]":
    """A local run on one thread, as a worker's; its records come on stdout."""
    args = [folder, "--device", "cpu", "--jobs", "1", "--json", "--quiet", "--fresh"]
    return subprocess.Popen(
        [*SPIDER, *args, "--state", state],
        cwd=work,
        env=os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def pace(moments: list[float]) -> float:
    """Seconds a photo once a run is under way, from when each record came."""
    start = len(moments) // SHARDS
    return (moments[-1] - moments[start]) / (len(moments) - 1 - start)


def two_local_runs(work: Path, count: int) -> float:
    """How many times as fast as one local run two at once are: what no engine on this machine can
    pass, whose processors may slow each other down. Medians of rounds by turns, since a machine's
    pace changes within minutes."""
    (work / "some").mkdir()
    for photo in sorted((work / "shoot").iterdir())[:count]:
        (work / "some" / photo.name).hardlink_to(photo)
    paces: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for at_once, found in paces.items():
            runs = [local_process(work, "some", f"{n}.sqlite") for n in range(at_once)]
            moments: list[list[float]] = [[] for _ in runs]
            readers = [
                threading.Thread(target=note_moments, args=(run.stdout, into))
                for run, into in zip(runs, moments, strict=True)
            ]
            for reader in readers:
                reader.start()
            for reader, run in zip(readers, runs, strict=True):
                reader.join()
                run.wait()
            found.append(statistics.mean(map(pace, moments)))
    return 2 * statistics.median(paces[1]) / statistics.median(paces[2])


def note_moments(lines: Iterable[str], into: list[float]) -> None:
    into.extend(time.monotonic() for _ in lines)


def shard_size(count: int) -> int:
    return max(1, count // SHARDS)


def driver(work: Path, size: int, *args: str, log: str = "driver.log") -> "subprocess.Popen[bytes]":
    """A run on an engine, to shards of a size."""
    own = ["--engine", "ray", "--device", "cpu", "--shard-size", str(size)]
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
    size = shard_size(len(local))
    shards = -(-len(local) // size)
    with cluster(1, 1, 1) as made:
        run = driver(work, size, *where, "--ray-address", made.address, log="killed.log")
        wait_for(lambda: len(parts()) >= max(1, shards // 5), run)
        made.remove_node(made.list_all_nodes()[-1], allow_graceful=False)
        before_node = len(parts())
        wait_for(lambda: len(parts()) >= max(2, shards // 2), run)
        run.send_signal(signal.SIGKILL)
        run.wait()
        before_driver = len(parts())
        assert before_driver < shards, "all was done before the driver could be killed"
        again = driver(work, size, *where, "--ray-address", made.address, log="again.log")
        assert again.wait() in (0, 3), (work / "again.log").read_text()
    records = [
        json.loads(line)
        for key in parts()
        for line in s3.get_object(Bucket="photos", Key=key)["Body"].read().splitlines()
    ]
    found = {Path(record["photo"]).name: record for record in records}
    told = {
        "nodes": 3,
        "photos": len(local),
        "shards": shards,
        "shards_before_the_node_died": before_node,
        "shards_before_the_driver_died": before_driver,
        "records": len(records),
        "lost": len(set(local) - set(found)),
        "double": len(records) - len(found),
        "from_nowhere": len(set(found) - set(local)),
        "unlike": sum(name in found and not same(local[name], found[name]) for name in local),
    }
    return told


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Photos have other names in the store, and errors say them."""
    left, right = (
        {key: value for key, value in record.items() if key not in ("photo", "error")}
        | {"code": record.get("error", {}).get("code")}
        for record in (one, other)
    )
    return alike(left, right)


def speed(work: Path, count: int, local: float) -> dict[str, Any]:
    """Seconds a photo with one worker and with two, from the first shard to the last: medians of
    rounds by turns, since a machine's pace changes within minutes."""
    found: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for workers, runs in found.items():
            runs.append(engine_run(work, count, workers))
    figures: dict[str, Any] = {
        f"workers_{workers}": {
            "seconds_per_photo": statistics.median(pace for pace, _ in runs),
            "of_each_round": [pace for pace, _ in runs],
            "seconds_with_start_up": statistics.median(whole for _, whole in runs),
        }
        for workers, runs in found.items()
    }
    one, two = (figures[f"workers_{count}"]["seconds_per_photo"] for count in (1, 2))
    figures |= {"overhead": one / local - 1, "speed_up_of_two": one / two}
    figures["speed_up_of_two_local_runs"] = two_local_runs(work, count // 10)
    say(f"speed: {figures}")
    return figures


def engine_run(work: Path, count: int, workers: int) -> tuple[float, float]:
    """Seconds a photo after the first shard, and seconds of the whole run."""
    out = work / "speed"
    with cluster(2) as made:
        started = time.monotonic()
        where = ["shoot", "--output", str(out), "--ray-address", made.address]
        run = driver(work, shard_size(count), *where, "--workers", str(workers), "--decoders=1")
        assert run.wait() == 3, (work / "driver.log").read_text()
        whole = time.monotonic() - started
    parts = sorted((path.stat().st_mtime, path) for path in out.glob("part-*.jsonl"))
    counted = sum(1 for _, path in parts[1:] for _ in path.open())
    shutil.rmtree(out)
    return (parts[-1][0] - parts[0][0]) / counted, whole


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
    (work / "tiny").mkdir()
    for name in ("coffee", "rocket"):  # of whose quality there is little to say: no rows take less
        with Image.open(ROOT / "docs" / "photos" / f"{name}.jpg") as photo:
            photo.resize((32, 32)).save(work / "tiny" / f"{name}.png")
    photos = sorted((work / "tiny").iterdir())
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
            started = time.monotonic()
            run = driver(work, SHARD_OF_ROWS, f"{count}.txt", *where, log=f"memory-{count}.log")
            peaks = Peaks()
            thread = threading.Thread(target=peaks.watch, args=(run,))
            thread.start()
            code = run.wait()
            peaks.stop.set()
            thread.join()
            assert code == 0, (work / f"memory-{count}.log").read_text()
        figures[str(count)] = {
            "driver": peaks.driver,
            "worker": peaks.workers,
            "seconds": time.monotonic() - started,
        }
        say(f"memory, {count} rows: {figures[str(count)]}")
        shutil.rmtree(folder)
    few, many = (figures[str(count)] for count in rows)
    for kind in ("driver", "worker"):
        figures[f"growth_{kind}"] = many[kind] / few[kind] - 1
    return figures


if __name__ == "__main__":
    main()
