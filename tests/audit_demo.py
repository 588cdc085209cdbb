"""What an audit of a big shoot shows: memory that stays flat, nothing lost by kills, and its speed.

The shoot is made here: large JPEGs, camera RAW, HEIC and broken files, mixed evenly. Few pictures
differ; the files all do, by their metadata, so that each is judged by itself.
"""

import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from PIL.ExifTags import IFD, Base

from tests.dng import dng, mosaic
from tests.throughput import CLEANVISION, make_photos, run

__all__ = ["Plan", "Watched", "demonstrate", "make_shoot"]

ROOT = Path(__file__).parents[1]

Say = Callable[[str], None]
Json = dict[str, Any]

_START = datetime(2026, 11, 28, 9)
_OF_TWENTY = (
    *("broken", "raw", "heic", "raw", "jpeg", "small", "jpeg", "small", "jpeg", "small"),
    *("jpeg", "small", "heic", "jpeg", "small", "jpeg", "small", "jpeg", "small", "jpeg"),
)
"""What the first twenty files are; the next ones likewise."""


@dataclass(frozen=True)
class Plan:
    """How large a demonstration."""

    count: int = 1000
    kills: int = 5
    window: int = 200
    """Photos at either end, whose memory is compared."""
    jpeg: tuple[int, int] = (6000, 4000)
    small: tuple[int, int] = (3000, 2000)
    """Of the other JPEGs."""
    raw: tuple[int, int] = (2000, 1500)
    heic: tuple[int, int] = (4000, 3000)
    bases: int = 12
    """Different pictures among the JPEGs; a third as many of other kinds."""
    timed: int = 40
    """JPEGs of 12 megapixels for the figure beside CleanVision; 0: of the shoot's own JPEGs."""
    options: tuple[str, ...] = ()
    """For spider."""
    pause: float = 0.5
    """Seconds at most from the record at which a run is to be killed to the kill."""


@dataclass
class Watched:
    """One process, with the time of every line on its stdout, and its memory over time."""

    lines: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    """When, and bytes, of it and its children."""
    code: int = 0
    said: str = ""
    """On stderr."""

    @property
    def records(self) -> list[Json]:
        return [json.loads(line) for line in self.lines]

    def peak(self, first: int, last: int | None) -> int:
        """Highest memory from the `first` line to the `last`; None: to the process's end."""
        until = float("inf") if last is None else self.times[last]
        return max(size for when, size in self.memory if self.times[first] <= when <= until)


def make_shoot(originals: Sequence[Path], folder: Path, plan: Plan) -> list[Path]:
    """Write the photos; of the full size they are over 1 GB, made in a few minutes."""
    folder.mkdir(parents=True)
    kinds: dict[str, list[bytes]] = {
        name: [_jpeg(_picture(originals, first + n, size)) for n in range(plan.bases)]
        for name, first, size in (("jpeg", 0, plan.jpeg), ("small", 25, plan.small))
    }
    few = max(1, plan.bases // 3)
    kinds["heic"] = [_heic(_picture(originals, 50 + n, plan.heic)) for n in range(few)]
    sensors = [_picture(originals, 90 + n, plan.raw) for n in range(few)]
    previews = [
        _jpeg(Image.fromarray(sensor)) if n % 2 else None for n, sensor in enumerate(sensors)
    ]
    mosaics = [mosaic(sensor) for sensor in sensors]
    paths = []
    for number in range(plan.count):
        kind = _OF_TWENTY[number % len(_OF_TWENTY)]
        taken = _START + timedelta(seconds=7 * (number // 3) + number % 3)
        turn = number // 2
        if kind == "raw":
            base = turn % few
            content = dng(
                mosaics[base],
                preview=previews[base],
                preview_size=plan.raw,
                tags={36867: (2, [*f"{taken:%Y:%m:%d %H:%M:%S}".encode(), 0])},
            )
        elif kind == "heic":
            content = _with_box(kinds["heic"][turn % few], number)
        else:
            content = _with_exif(kinds.get(kind, kinds["jpeg"])[turn % plan.bases], taken)
        if kind == "broken":
            content = _broken(content, number)
        suffix = {"raw": "dng", "heic": "heic"}.get(kind, "jpg")
        paths.append(folder / f"IMG_{number:05}.{suffix}")
        paths[-1].write_bytes(content)
    return paths


def demonstrate(originals: Sequence[Path], work: Path, plan: Plan, say: Say) -> Json:
    """Audit the shoot once undisturbed, once with kills, and time it; the figures.

    Raises:
        AssertionError: something is lost, or differs.
    """
    began = time.monotonic()
    shoot = make_shoot(originals, work / "shoot", plan)
    size = sum(path.stat().st_size for path in shoot) / 1e9
    say(f"{len(shoot)} photos, {size:.1f} GB, made in {time.monotonic() - began:.0f} s")
    clean = _audit(work, "clean", plan)
    _check_whole(clean, shoot)
    first, last = clean.peak(0, plan.window - 1), clean.peak(-plan.window, None)
    seconds = clean.times[-1] - clean.times[0]
    say(f"undisturbed: {len(shoot) / seconds:.2f} photos/s")
    mega = (
        f"{first / 1e6:.0f} MB in the first {plan.window} photos, {last / 1e6:.0f} MB in the last"
    )
    say(f"memory: {mega}, and the reports: {last / first - 1:+.1%}")
    kept = _killed(work, plan, clean, say)
    found: Json = {
        "schema": "spider-audit-demo/1",
        "photos": len(shoot),
        "gigabytes": size,
        "photos_per_second": len(shoot) / seconds,
        "first_bytes": first,
        "last_bytes": last,
        "growth": last / first - 1,
        "kills": kept,
    }
    return found | _beside_cleanvision(originals, work, plan, clean, shoot, say)


def _killed(work: Path, plan: Plan, clean: Watched, say: Say) -> list[int]:
    """Audit with kills, and then to the end; how many photos each killed run had told of."""
    chance = random.Random(7)
    expected = {one["photo"]: _lasting(one) for one in clean.records}
    told = []
    for number in range(plan.kills):
        stop = max(1, plan.count * (number + 1) // (plan.kills + 2))
        cut = _audit(work, "killed", plan, stop=stop, wait=chance.uniform(0, plan.pause))
        assert cut.code == -signal.SIGKILL, (cut.code, cut.said)
        lines = [line for line in cut.lines if line.endswith("\n")]
        for line in lines:
            record = json.loads(line)
            assert _lasting(record) == expected[record["photo"]]
        told.append(len(lines))
        say(f"killed after {len(lines)} photos")
    whole = _audit(work, "killed", plan)
    assert [_lasting(one) for one in whole.records] == [_lasting(one) for one in clean.records]
    reports = [
        [_lasting(json.loads(line)) for line in _lines(work / f"{name}.jsonl")]
        for name in ("clean", "killed")
    ]
    assert reports[0] == reports[1] and len(reports[0]) == plan.count
    judged, known = _summed_up(whole.said)
    failed = sum("error" in one for one in whole.records)
    assert judged + known + failed == plan.count, whole.said
    assert judged > 0, "the kills came before all was done"
    # What a run told of was kept before; failures are tried again.
    most = max(told)
    tried = sum("error" in json.loads(line) for line in clean.lines[:most])
    assert known >= most - tried, (known, told)
    say(f"resumed: {known} known, {judged} judged, {failed} failed; the same records")
    return told


def _beside_cleanvision(
    originals: Sequence[Path],
    work: Path,
    plan: Plan,
    clean: Watched,
    shoot: Sequence[Path],
    say: Say,
) -> Json:
    if plan.timed:
        photos = make_photos(originals, work / "timed", plan.timed, (4000, 3000))
        options = ("--json", "--quiet", "--state", work / "timed.sqlite", *plan.options)
        ran = run([sys.executable, "-m", "spider_cli", "audit", photos[0].parent, *options])
        assert ran.code == 0 and len(ran.lines) == plan.timed
        ours = 1 / ran.rate()
    else:
        photos = [
            path for path, one in zip(shoot, clean.records, strict=True) if "error" not in one
        ]
        photos = [path for path in photos if path.suffix == ".jpg"]
        ours = (clean.times[-1] - clean.times[0]) / len(shoot)
    theirs = 1 / run([sys.executable, "-c", CLEANVISION, *photos]).rate(len(photos))
    size = "12-megapixel" if plan.timed else "small"
    say(f"seconds per {size} JPEG: spider audit {ours:.3f}, CleanVision {theirs:.3f}")
    return {"audit_seconds_per_photo": ours, "cleanvision_seconds_per_photo": theirs}


def _audit(
    work: Path, name: str, plan: Plan, *, stop: int | None = None, wait: float = 0.0
) -> Watched:
    """One run of the command.

    Args:
        name: of its state and its reports, which a later run of that name goes on with.
        stop: kill it after so many records, and `wait` seconds.
    """
    command = [
        *(sys.executable, "-m", "spider_cli", "audit", "shoot", "--json", "--force"),
        *("--state", f"{name}.sqlite", "--report", f"{name}.jsonl", "--report", f"{name}.html"),
        *plan.options,
    ]
    own = {"PYTHONPATH": str(ROOT), "SPIDER_CACHE": str(work / "cache"), "SPIDER_NO_CONFIG": "1"}
    seen = Watched()
    with (work / f"{name}.err").open("w+b") as said:
        process = subprocess.Popen(
            command,
            cwd=work,
            env=os.environ | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            pipesize=4096,  # holds a record or two: none runs far ahead of who reads and kills
        )
        sampler = threading.Thread(target=_sample, args=(process, seen.memory), daemon=True)
        sampler.start()
        assert process.stdout is not None
        with io.TextIOWrapper(process.stdout, encoding="utf-8") as out:
            for line in out:
                seen.times.append(time.perf_counter())
                seen.lines.append(line)
                if len(seen.lines) == stop:
                    time.sleep(wait)
                    process.kill()
        seen.code = process.wait()
        sampler.join()
        said.seek(0)
        seen.said = said.read().decode("utf-8")
    return seen


def _sample(process: "subprocess.Popen[bytes]", memory: list[tuple[float, int]]) -> None:
    """Twenty times a second, until the process ends."""
    while process.poll() is None:
        try:
            own = psutil.Process(process.pid)
            family = [own, *own.children(recursive=True)]
            memory.append((time.perf_counter(), sum(one.memory_info().rss for one in family)))
        except psutil.Error:  # one ended meanwhile
            pass
        time.sleep(0.05)


def _check_whole(seen: Watched, shoot: Sequence[Path]) -> None:
    assert seen.code == 3, (seen.code, seen.said[-2000:])  # there are broken ones
    assert [Path(one["photo"]).name for one in seen.records] == [path.name for path in shoot]
    broken = {one["photo"] for one in seen.records if "error" in one}
    expected = {
        f"shoot/{path.name}"
        for number, path in enumerate(shoot)
        if _OF_TWENTY[number % len(_OF_TWENTY)] == "broken"
    }
    assert broken == expected, broken ^ expected


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _lasting(record: Json) -> Json:
    """A record without what differs from run to run."""
    return {name: value for name, value in record.items() if name != "seconds"}


def _summed_up(said: str) -> tuple[int, int]:
    """How many were judged by a run, and how many known, as it says itself."""
    (line,) = (line for line in said.splitlines() if "judged now" in line)
    words = line.replace(",", "").split()
    return int(words[words.index("judged") - 1]), int(words[words.index("known") - 1])


def _picture(originals: Sequence[Path], seed: int, size: tuple[int, int]) -> Any:
    """(height, width, 3) uint8: a part of an original, enlarged, with a camera's grain."""
    rng = np.random.default_rng([11, seed])
    with Image.open(originals[seed % len(originals)]) as image:
        photo = image.convert("RGB")
    share = rng.uniform(0.6, 1)
    x, y = rng.uniform(0, 1 - share, 2) * photo.size
    box = (x, y, x + photo.width * share, y + photo.height * share)
    large = np.array(photo.resize(size, Image.Resampling.BICUBIC, box=box))
    grain = rng.integers(-6, 7, (256, size[0], 1), np.int16)
    for top in range(0, size[1], len(grain)):
        strip = large[top : top + len(grain)]
        strip[:] = (strip + grain[: len(strip)]).clip(0, 255)
    return large


def _jpeg(picture: Any) -> bytes:
    out = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(out, "JPEG", quality=75)
    return out.getvalue()


def _heic(picture: Any) -> bytes:
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(picture)).save(out, quality=50)
    return out.getvalue()


def _with_exif(jpeg: bytes, taken: datetime) -> bytes:
    """The same picture with the metadata of a camera."""
    exif = Image.Exif()
    exif.update({Base.Make: "spider", Base.Model: "test"})
    exif.get_ifd(IFD.Exif).update({Base.DateTimeOriginal: f"{taken:%Y:%m:%d %H:%M:%S}"})
    block = exif.tobytes()
    return jpeg[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + jpeg[2:]


def _with_box(heic: bytes, number: int) -> bytes:
    """The same picture with something behind it that readers pass over."""
    return heic + (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")


def _broken(jpeg: bytes, number: int) -> bytes:
    ways = (jpeg[: len(jpeg) // 2], b"", b"no photo\n" * 40, jpeg[:600], bytes(5000))
    return ways[number // len(_OF_TWENTY) % len(ways)]
