"""A data set from a folder of photos: the same bytes every time, however it was stopped.

`make prove-data PHOTOS=DIR SIZE=2000` runs the same at full size: PROVE_PHOTOS and PROVE_SIZE.
"""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from spider_cli.errors import UsageError
from spider_cli.reading import parse_distortions
from tests.program import run_here
from trainer.annotate import render
from trainer.build.config import BuildConfig
from trainer.build.run import Built, build_data
from trainer.build.stages import processes
from trainer.build.staging import STAGING
from trainer.datasets.store import open_data
from trainer.regions import choose_finder

PHOTOS = os.environ.get("PROVE_PHOTOS")
SIZE = int(os.environ.get("PROVE_SIZE", "16"))
SIDE = 512 if PHOTOS else 160

Settings = Callable[..., BuildConfig]


def build(photos: Path, out: Path, config: BuildConfig, *, workers: int = 1, **more: bool) -> Built:
    finder, name = choose_finder(config.region_source, segmenter=None, masks=None)
    return build_data(
        [photos], out, config, finder=finder, finder_name=name, hands=processes(workers), **more
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_what_it_holds(given: Path, tmp_path: Path, settings: Settings) -> None:
    built = build(given, tmp_path / "set", settings(size=24, clean=0.2))
    assert built.made
    assert built.rejected == 0
    assert sum(built.photos.values()) == 30
    data = open_data(tmp_path / "set")
    untouched = {name: pixels for name, _, pixels in data.references()}
    seen: dict[str, set[str]] = {}
    scenes = []
    for split in data.splits:
        for item in data.items(split):
            scenes.append(item.scene)
            sample = item.sample
            reference = untouched[item.reference]
            again = render(reference, sample.regions, sample.whole, item.seed)
            assert np.array_equal(again, sample.pixels)
            assert (item.scene == "clean") == np.array_equal(reference, sample.pixels)
            for key in (item.source, item.group):
                seen.setdefault(key, set()).add(split)
            assert item.rows
            for qa in item.rows:
                found, other = parse_distortions(qa.answer)
                assert (set(found), set(other)) == (set(qa.truth), set(qa.other)), qa
            everywhere = np.zeros(sample.pixels.shape[:2], int)
            for region in sample.regions:
                everywhere += region.mask
            assert everywhere.max(initial=0) <= 1
    assert all(len(splits) == 1 for splits in seen.values())
    assert (scenes.count("clean"), len(scenes)) == (6, 30)
    assert not (tmp_path / "set" / STAGING).exists()


def test_sources_stay_whole_where_shares_allow(
    given: Path, tmp_path: Path, settings: Settings
) -> None:
    config = settings(size=9, splits={"train": 2.0, "test": 1.0})
    build(given, tmp_path / "set", config)
    data = open_data(tmp_path / "set")
    assert data.config["sources_whole"]
    folders = {
        split: {item.source.split("/")[0] for item in data.items(split)} for split in data.splits
    }
    assert set(folders) == {"train", "test"}
    assert not folders["train"] & folders["test"]


def test_the_number_of_workers_does_not_matter(
    given: Path, tmp_path: Path, settings: Settings
) -> None:
    build(given, tmp_path / "one", settings(), workers=1)
    build(given, tmp_path / "two", settings(), workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process by signal")
def test_killed_builds_go_on_to_the_same_bytes(given: Path, tmp_path: Path) -> None:
    photos = Path(PHOTOS) if PHOTOS else given
    start = time.monotonic()
    assert run(photos, tmp_path / "whole").wait() == 0
    whole = time.monotonic() - start
    wanted = contents(tmp_path / "whole")
    photos_made = json.loads(wanted["config.json"])["photos"]
    total = sum(photos_made.values())
    print(f"\n{total} photos in {whole:.1f} s: {total / whole:.2f} photos/s", flush=True)
    again = tmp_path / "again"
    assert run(photos, again).wait() == 0
    assert contents(again) == wanted
    rng = random.Random(7)
    killed = tmp_path / "killed"
    for share in sorted(rng.uniform(0.05, 0.95) for _ in range(3)):
        process = run(photos, killed)
        while made(killed) < share * total and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        print(f"killed with {made(killed)} of {total} photos made", flush=True)
        assert made(killed) < total or not (killed / "checksums.json").exists()
    assert run(photos, killed).wait() == 0
    assert contents(killed) == wanted


def run(photos: Path, out: Path) -> subprocess.Popen[bytes]:
    words = ["data", "build", photos, "--out", out, "--size", SIZE, "--seed", 7, "--side", SIDE]
    line = [sys.executable, "-m", "spider_cli", *map(str, words), "--workers", "2"]
    return subprocess.Popen(line, stdout=subprocess.DEVNULL)


def made(folder: Path) -> int:
    """Photos in the staging file; read while its owner holds it, so from a copy."""
    copy = folder.with_name("copy.sqlite")
    for suffix in ("", "-wal"):
        with contextlib.suppress(OSError):
            copy.with_name(copy.name + suffix).write_bytes(
                (folder / (STAGING + suffix)).read_bytes()
            )
    try:
        with contextlib.closing(sqlite3.connect(copy)) as db:
            query = "SELECT COUNT(*) FROM done WHERE stage = 'photos'"
            return int(db.execute(query).fetchone()[0])
    except sqlite3.DatabaseError:
        return 0


def test_families_that_pairs_use_up_are_told_before_anything_is_built(tmp_path: Path) -> None:
    (tmp_path / "many.toml").write_text("two = 0.3\n", encoding="utf-8")
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    words = ["data", "build", nothing, "--out", tmp_path / "out", "--config"]
    ran = run_here(*words, tmp_path / "many.toml")
    assert ran.code == 2
    assert "hardly ever alone in a region: blur" in ran.err
    (tmp_path / "many.toml").write_text("two = 0.2\n", encoding="utf-8")
    ran = run_here(*words, tmp_path / "many.toml")
    assert ran.code == 2 and "hardly" not in ran.err


def test_built_twice_is_built_once(given: Path, tmp_path: Path, settings: Settings) -> None:
    first = build(given, tmp_path / "set", settings())
    before = contents(tmp_path / "set")
    second = build(given, tmp_path / "set", settings())
    assert (first.made, second.made) == (True, False)
    assert first.shares == second.shares
    with pytest.raises(UsageError, match="holds another data set") as raised:
        build(given, tmp_path / "set", settings(seed=8))
    assert raised.value.code == "exists"
    assert contents(tmp_path / "set") == before
    assert build(given, tmp_path / "set", settings(seed=8), force=True).made
    assert contents(tmp_path / "set") != before


def test_a_folder_with_something_else_is_left_alone(
    given: Path, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"is not empty: it holds holiday\.jpg"):
        build(given, tmp_path, settings())
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_photos_that_cannot_serve_are_left_out_and_named(
    tmp_path: Path, given: Path, settings: Settings
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "good.png").write_bytes((given / "table" / "0.png").read_bytes())
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a photo")
    cv2.imwrite(str(photos / "small.png"), np.zeros((63, 200, 3), np.uint8))
    built = build(photos, tmp_path / "set", settings(size=3))
    assert (built.rejected, built.unusable) == (2, 2)
    lines = (tmp_path / "set" / "rejects.jsonl").read_text(encoding="utf-8").splitlines()
    reasons = {entry["photo"]: entry for entry in map(json.loads, lines)}
    assert reasons["small.png"]["code"] == "too_small"
    assert "63" in reasons["small.png"]["reason"]
    assert "broken.jpg" in reasons["broken.jpg"]["reason"]
    assert str(tmp_path) not in "".join(lines)
    with pytest.raises(UsageError, match="nothing does not exist"):
        build(tmp_path / "nothing", tmp_path / "other", settings())


def test_photos_on_which_nothing_shows_are_reported(tmp_path: Path, settings: Settings) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "grey.png"), np.full((200, 200, 3), 128, np.uint8))
    config = settings(size=3, families={"blur": 1.0}, clean=0.4, other=0.0)
    built = build(photos, tmp_path / "set", config)
    assert built.photos == {"train": 2}  # the clean ones
    assert built.rejected == 3
    (first, *_) = (tmp_path / "set" / "rejects.jsonl").read_text(encoding="utf-8").splitlines()
    assert "none of 1 photos would do" in json.loads(first)["reason"]


def test_only_some_tasks(given: Path, tmp_path: Path, settings: Settings) -> None:
    config = settings(size=10).with_tasks(("ground_hyd", "describe"))
    build(given, tmp_path / "set", config)
    data = open_data(tmp_path / "set")
    tasks = {qa.task for split in data.splits for item in data.items(split) for qa in item.rows}
    assert tasks == {"ground_hyd", "describe"}


def test_a_full_disk_is_one_line(
    given: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    import pyarrow.parquet as pq

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", full)
        with pytest.raises(UsageError, match="no room left on the disk") as raised:
            build(given, tmp_path / "set", settings())
    assert raised.value.code == "full_disk"
    with pytest.raises(UsageError):
        open_data(tmp_path / "set")
    # With room again it goes on, and nothing is missing.
    build(given, tmp_path / "set", settings())
    build(given, tmp_path / "fresh", settings())
    assert contents(tmp_path / "set") == contents(tmp_path / "fresh")
