"""A data set built on a Ray cluster: the bytes of a local build, whatever dies."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from spider_cli.engines import machine
from spider_cli.errors import UsageError
from tests.ray_cluster import actors
from trainer.build.stages import Making, Referring, Surveying
from trainer.commands.data import app
from trainer.engines.building import Building

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, draw: Callable[..., Any]) -> Path:
    """Four photos, of which one is none."""
    folder = tmp_path_factory.mktemp("given")
    for number in range(3):
        Image.fromarray(draw(120, 160, number)).save(folder / f"{number}.png")
    (folder / "3.png").write_bytes((folder / "0.png").read_bytes()[:300])
    return folder


def build(photos: Path, out: Path, *more: str) -> Result:
    words = [str(photos), "--out", str(out), "--size", "8", "--seed", "7", "--side", "128"]
    return CliRunner().invoke(app, ["build", *words, *more])


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_bytes_of_a_local_build_when_a_worker_dies(
    cluster: Any, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert build(given, tmp_path / "local", "--workers", "1").exit_code == 3
    from trainer.build.staging import Staging

    put, killed = Staging.put, list[int]()

    def puts(self: Staging, stage: str, number: int, note: Any, data: bytes = b"") -> None:
        put(self, stage, number, note, data)
        if stage == "photos" and not killed:
            [one, *_] = actors("Working")
            one.kill()
            killed.append(one.pid)

    monkeypatch.setattr(Staging, "put", puts)
    monkeypatch.chdir(given.parent)
    ray = ["--engine", "ray", "--ray-address", cluster.address, "--workers", "1"]
    done = build(Path(given.name), tmp_path / "ray", *ray)
    assert done.exit_code == 3, (done.output, done.exception)
    assert killed
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    [reject] = (tmp_path / "ray" / "rejects.jsonl").read_text("utf-8").splitlines()
    assert json.loads(reject)["photo"] == "3.png"


def test_masks_that_are_wrong_end_it_in_one_line(cluster: Any, given: Path, tmp_path: Path) -> None:
    labels = given / "1.labels.png"
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(labels)
    try:
        ray = ["--engine", "ray", "--ray-address", cluster.address, "--workers", "1"]
        done = build(given, tmp_path / "out", *ray)
    finally:
        labels.unlink()
    assert isinstance(done.exception, UsageError)
    assert "1.labels.png" in done.exception.message
    assert "\n" not in done.exception.message


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--ray-address", "auto"], "--ray-address goes with --engine ray"),
        (["--engine", "ray", "--ray-address", "127.0.0.1:9"], "no cluster at 127.0.0.1:9"),
    ],
)
def test_what_does_not_start(given: Path, tmp_path: Path, more: list[str], said: str) -> None:
    done = build(given, tmp_path / "out", *more)
    assert isinstance(done.exception, UsageError)
    assert said in done.exception.message


def test_ray_is_not_installed(given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "ray" else found(name)
    )
    done = build(given, tmp_path / "out", "--engine", "ray")
    assert isinstance(done.exception, UsageError)
    assert done.exception.hint == "pip install 'spider-iqa[ray]'"
    assert not (tmp_path / "out").exists()


def test_machines_that_are_not_alike(tmp_path: Path) -> None:
    for check, said in (
        (lambda: machine.same_packages({"numpy": "0.1"}), "has numpy "),
        (lambda: machine.same_packages({"no-such-package": "1"}), "has no-such-package none"),
        (lambda: machine.same_folders([str(tmp_path), str(tmp_path / "x")]), "does not have"),
        (lambda: machine.same_release("0.0"), "and this one 0.0"),
    ):
        with pytest.raises(UsageError, match=said):
            check()


def test_what_a_deadly_photo_costs_in_each_stage(given: Path) -> None:
    from trainer.build.config import BuildConfig
    from trainer.build.realise import Workshop
    from trainer.build.survey import find_given
    from trainer.regions import BlobRegions

    photos = tuple(find_given([given]))
    shop = Workshop(BuildConfig(), photos, ("",) * len(photos), BlobRegions())
    place, note, data = Building(Surveying(photos, BlobRegions()), [2]).dead(0)
    assert (place, note["code"], data) == (0, "deadly", b"")
    assert note["reason"].startswith("2.png: it ended the process")
    assert "photo" not in Making(shop, {}).dead(4)[0]
    with pytest.raises(UsageError, match=r"1\.png: it ended"):
        Referring(shop).dead(1)
