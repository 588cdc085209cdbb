"""A model measured on a Ray cluster: the results of a local measurement."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from spider_cli.auditor import Auditor
from spider_cli.errors import UsageError
from tests.spider_cli.engines.same import alike
from trainer.commands.eval import app
from trainer.datasets import store
from trainer.engines.measuring import Measuring, _Measurer
from trainer.evaluate.benchmark import of_data_set
from trainer.evaluate.camera import of_camera
from trainer.evaluate.targets import open_benchmark

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


def measure(*args: object) -> Result:
    return CliRunner().invoke(app, [*map(str, args), "--model", "nano", "--device", "cpu"])


def saved(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_the_results_of_a_local_measurement(
    cluster: Any, data_folder: Path, tmp_path: Path
) -> None:
    """Descriptions, referring, grounding, scores and a choice, beside their baselines."""
    local = measure(data_folder, "--out", tmp_path / "local", "--json")
    ray = ["--engine", "ray", "--ray-address", cluster.address, "--workers", "1"]
    far = measure(data_folder, "--out", tmp_path / "ray", "--json", *ray)
    assert far.exit_code == local.exit_code == 0, (far.output, far.exception)
    assert len(saved(tmp_path / "local")) == 17
    for one, other in zip(saved(tmp_path / "local"), saved(tmp_path / "ray"), strict=True):
        assert alike(one, other), (one, other)
    assert alike(json.loads(local.stdout), json.loads(far.stdout))


@pytest.fixture(scope="module")
def opinions(tmp_path_factory: pytest.TempPathFactory, draw: Callable[..., Any]) -> Path:
    """Six photos with opinions, of which one is broken."""
    folder = tmp_path_factory.mktemp("opinions")
    lines = ["file,mos"]
    for number in range(6):
        Image.fromarray(draw(96, 128, number)).save(folder / f"{number}.png")
        lines.append(f"{number}.png,0.{number + 1}")
    (folder / "4.png").write_bytes(b"no photo")
    (folder / "labels.csv").write_text("\n".join(lines), "utf-8")
    return folder


def test_opinions_with_a_photo_that_is_none(
    cluster: Any, opinions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(opinions.parent)
    local = measure("opinion", "--photos", opinions.name, "--out", tmp_path / "local")
    ray = ["--engine", "ray", "--ray-address", cluster.address, "--workers", "1"]
    far = measure("opinion", "--photos", opinions.name, "--out", tmp_path / "ray", *ray)
    assert far.exit_code == local.exit_code == 3, (far.output, far.exception)
    assert far.stdout == local.stdout
    assert "failed, 1 cases: " in far.stderr
    for one, other in zip(saved(tmp_path / "local"), saved(tmp_path / "ray"), strict=True):
        assert alike(one, other), (one, other)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["smoke", "--engine", "ray", "--photos", "."], "smoke does not go with --engine ray"),
        (["release", "--engine", "ray"], "release does not go with --engine ray"),
        (["DATA", "--engine", "ray", "--judge", "http://x"], "--judge does not go with"),
        (["DATA", "--engine", "ray", "--predictions", "FILE"], "--predictions does not go with"),
        (["DATA", "--workers", "2"], "--workers goes with --engine ray"),
        (["DATA", "--ray-address", "auto"], "--ray-address goes with --engine ray"),
        (["DATA", "--engine", "ray", "--ray-address", "127.0.0.1:9"], "no cluster at 127.0.0.1:9"),
    ],
)
def test_what_does_not_start(data_folder: Path, tmp_path: Path, args: list[str], said: str) -> None:
    (tmp_path / "theirs.jsonl").write_text("")
    names = {"DATA": str(data_folder), "FILE": str(tmp_path / "theirs.jsonl")}
    error = measure(*(names.get(one, one) for one in args)).exception
    assert isinstance(error, UsageError)
    assert said in error.message
    assert "\n" not in error.message


def test_what_is_measured_on_can_be_sent(opinions: Path, tmp_path: Path) -> None:
    """Photos of a list, and of several; frames are made where they are looked at."""
    from ray import cloudpickle

    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (300, 400, 3), np.uint8)).save(tmp_path / "x.png")
    for benchmark in (
        open_benchmark("opinion", photos=[opinions]),
        open_benchmark("opinion", photos=[opinions, opinions]),
        of_camera([tmp_path], size=2, megapixels=0.2),
    ):
        sent = cloudpickle.loads(cloudpickle.dumps(benchmark.photos))
        first = {benchmark.cases[0].photo}
        assert [one.cases for one in sent(first)] == [one.cases for one in benchmark.photos(first)]


def test_a_photo_that_ends_the_process_fails(data_folder: Path) -> None:
    benchmark = of_data_set(data_folder)
    cases = tuple(benchmark.cases)
    work = Measuring(opened=benchmark.photos, cases=cases, auditor={}, revision="", seed=3)
    number, said, _ = _Measurer(work, Auditor("nano", device="cpu"), None).dead(1)
    assert number == 1
    assert {one["outcome"]["status"] for one in said} == {"failed"}
    assert "it ended the process" in said[0]["outcome"]["reason"]
    own = [case.id for case in cases if case.photo == "000001"]
    assert [one["case"]["id"] for one in said] == own


def test_some_of_a_data_set_are_read_without_the_others(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = store.open_data(data_folder)
    ids = [item.id for item in data.items("test")]
    read: list[str] = []

    def counted(row: dict[str, Any]) -> Any:
        read.append(row["id"])
        return from_row(row)

    from_row = store.from_row
    monkeypatch.setattr(store, "from_row", counted)
    assert [item.id for item in data.items("test", {ids[2], "none"})] == [ids[2]]
    assert read == [ids[2]]
