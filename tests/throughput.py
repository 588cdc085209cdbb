"""How many photos a second, and how much memory: the command beside Pillow and other packages.

Every figure comes from a process of its own, as a user would start it, on the same files. What is
timed goes from the first line a process prints to its last: imports are no photo's time.
"""

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

Say = Callable[[str], None]
BURST = 0.05
"""Seconds within which records come together: those of the first batch, which took no time here."""

PILLOW = """
import sys
from multiprocessing import Pool
from PIL import Image

def decode(path):
    with Image.open(path) as image:
        return image.convert("RGB").size

if __name__ == "__main__":
    with Pool(2) as pool:
        for size in pool.imap_unordered(decode, sys.argv[1:]):
            print(size, flush=True)
"""
IMAGE_QUALITY_AI = """
import sys
import image_quality_ai
print("ready", flush=True)
for report in image_quality_ai.assess_batch(sys.argv[1:], workers=2):
    report.score
print("done", flush=True)
"""
CLEANVISION = """
import contextlib, io, sys
from cleanvision import Imagelab

if __name__ == "__main__":
    print("ready", flush=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        lab = Imagelab(filepaths=sys.argv[1:])
        lab.find_issues({"blurry": {}, "dark": {}, "light": {}}, n_jobs=2, verbose=False)
    print("done", flush=True)
"""
PEERS = {
    "image_quality_ai": ("image_quality_ai", IMAGE_QUALITY_AI),
    "cleanvision": ("cleanvision", CLEANVISION),
}
"""Name -> the module it needs, and the program; both judge all photos at once."""


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    count: int = 200
    rounds: int = 3
    large: tuple[int, int] = (4000, 3000)
    small: tuple[int, int] = (512, 384)
    commands: tuple[str, ...] = ("describe", "ground")
    """Beside score, at the large size."""
    memory: dict[str, tuple[tuple[int, int], int]] = field(
        default_factory=lambda: {
            "12mp": ((4000, 3000), 6),
            "50mp": ((8160, 6120), 4),
            "200mp": ((16320, 12240), 2),
        }
    )
    """Name -> size of the photos whose memory is measured, and how many there are."""
    beyond: tuple[int, int] = (16400, 12300)
    """More pixels than are decoded."""
    model: str = "nano"


@dataclass(frozen=True)
class Ran:
    """One process."""

    times: list[float]
    """When each line of its output came, seconds."""
    lines: list[str]
    memory: int
    """Highest sum of the resident memory of it and its children, bytes."""
    code: int

    def rate(self, photos: int | None = None) -> float:
        """Photos a second between the first line and the last.

        Args:
            photos: judged in between, where the lines do not say.
        """
        seconds = self.times[-1] - self.times[0]
        if photos is None:
            photos = sum(moment > self.times[0] + BURST for moment in self.times)
        if not photos:
            raise ValueError(f"all {len(self.times)} records came at once: too few to time")
        return photos / max(seconds, 1e-9)


def run(command: Sequence[object]) -> Ran:
    """Run a process to its end, with the time of every line and its memory."""
    with subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        watch = _Watch(process.pid)
        watch.start()
        errors: list[str] = []
        assert process.stdout is not None and process.stderr is not None
        stderr = process.stderr
        drain = threading.Thread(target=lambda: errors.append(stderr.read()))
        drain.start()
        times, lines = [], []
        for line in process.stdout:
            times.append(time.perf_counter())
            lines.append(line)
        code = process.wait()
        drain.join()
        watch.ended.set()
        watch.join()
    if not lines:
        raise RuntimeError(f"{command[:4]} printed nothing: {''.join(errors)[-2000:]}")
    return Ran(times, lines, watch.most, code)


class _Watch(threading.Thread):
    """Reads the memory of a process and its children twenty times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.most = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.05):
            try:
                own = psutil.Process(self.pid)
                family = [own, *own.children(recursive=True)]
                total = sum(_resident(one) for one in family)
            except psutil.Error:
                return
            self.most = max(self.most, total)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def make_photos(
    originals: Sequence[Path], folder: Path, count: int, size: tuple[int, int]
) -> list[Path]:
    """JPEGs of `size` from seeded crops of originals; those that are there already stay."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(count):
        path = folder / f"{number:04d}.jpg"
        made.append(path)
        if path.exists():
            continue
        rng = np.random.default_rng([number, *size])
        with Image.open(originals[number % len(originals)]) as image:
            photo = image.convert("RGB")
        share = rng.uniform(0.7, 1)
        width = min(photo.width, photo.height * size[0] / size[1]) * share
        height = width * size[1] / size[0]
        x, y = rng.uniform(0, photo.width - width), rng.uniform(0, photo.height - height)
        part = photo.resize(size, Image.Resampling.BICUBIC, box=(x, y, x + width, y + height))
        part.save(path, quality=92)
    return made


def prove(originals: Sequence[Path], work: Path, plan: Plan, say: Say) -> dict[str, Any]:
    """All figures: section -> figure -> number; rates are medians of their "rounds".

    Args:
        originals: photos, the larger the better.
        work: where photos are made.
    """
    spider = [sys.executable, "-m", "spider_cli"]
    large = make_photos(originals, work / "large", plan.count, plan.large)
    small = make_photos(originals, work / "small", plan.count, plan.small)
    found: dict[str, Any] = {"schema": "spider-speed/1", "count": plan.count}

    def section(name: str, rate: Callable[[], float]) -> float:
        rates = [rate() for _ in range(plan.rounds)]
        found[name] = {"photos_per_second": statistics.median(rates), "rounds": rates}
        say(f"{name}: {statistics.median(rates):.2f} photos/s")
        return statistics.median(rates)

    def command(name: str, folder: list[Path]) -> float:
        more = ["--most"] if name == "ground" else []
        ran = run([*spider, name, folder[0].parent, *_options(plan), *more])
        if ran.code or len(ran.lines) != len(folder):
            raise RuntimeError(f"spider {name} ended with {ran.code}, {len(ran.lines)} records")
        return ran.rate()

    # Pillow has no batches: each line is a photo's own.
    pillow = section(
        "pillow_12mp", lambda: run([sys.executable, "-c", PILLOW, *large]).rate(len(large) - 1)
    )
    score = section("score_12mp", lambda: command("score", large))
    found["score_12mp"]["times_pillow"] = pillow / score
    for name, (module, program) in PEERS.items():
        if find_spec(module) is None:
            say(f"{name} is not installed: left out")
            continue
        theirs = section(
            f"{name}_12mp",
            lambda program=program: run([sys.executable, "-c", program, *large]).rate(len(large)),
        )
        found["score_12mp"][f"over_{name}"] = score / theirs
    section("score_512", lambda: command("score", small))
    for name in plan.commands:
        section(f"{name}_12mp", lambda name=name: command(name, large))
    found["memory"] = _memory(originals, work, plan, spider, say)
    return found


def _memory(
    originals: Sequence[Path], work: Path, plan: Plan, spider: list[str], say: Say
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (size, count) in plan.memory.items():
        folder = make_photos(originals, work / name, count, size)[0].parent
        for task in ("score", *plan.commands):
            more = ["--most"] if task == "ground" else []
            ran = run([*spider, task, folder, *_options(plan), *more])
            if ran.code:
                raise RuntimeError(f"spider {task} on {name} ended with {ran.code}: {ran.lines}")
            found[f"{task}_{name}_gb"] = ran.memory / 1e9
            say(f"memory, {task} at {name}: {ran.memory / 1e9:.2f} GB")
    names = list(plan.memory)
    found["up_to_50mp_gb"] = _most(found, names[:-1] or names)
    found["at_200mp_gb"] = _most(found, names[-1:])
    beyond = work / "beyond.jpg"
    Image.new("L", plan.beyond, 90).save(beyond)
    ran = run([*spider, "score", beyond, *_options(plan)])
    code = json.loads(ran.lines[0]).get("error", {}).get("code")
    found["error_beyond_limit"] = int(code == "too_large" and ran.code == 3)
    return found


def _options(plan: Plan) -> list[str]:
    return ["--json", "--quiet", "--model", plan.model]


def _most(found: dict[str, Any], names: Sequence[str]) -> float:
    return max(value for key, value in found.items() if any(f"_{name}_" in key for name in names))
