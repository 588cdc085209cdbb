"""nano's recipe in its phases: the second goes on from the first, a stop is no loss."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from spider_cli.errors import UsageError
from tests.trainer.tuning import small_data as small
from tests.trainer.tuning.nano.test_run import SETTINGS
from tests.trainer.tuning.small_runs import events
from trainer.tuning.phases import tune_phases
from trainer.tuning.recipe import Recipe, phases_of


@pytest.fixture(scope="module")
def phases(tmp_path_factory: pytest.TempPathFactory) -> "list[tuple[str, Recipe]]":
    folder = tmp_path_factory.mktemp("data")
    rows = [small.grounding(), small.referring()]
    photos = small.write(folder / "photos", [small.item(n, rows) for n in range(6)])
    scored = [small.item(n, [small.scored()], mos=n / 8) for n in range(8)]
    opinion = small.write(folder / "opinion", scored)
    paths = [f"data.{i}.path={one}" for i, one in enumerate((photos, photos, photos, opinion))]
    return phases_of("nano", [*paths, *SETTINGS])


@pytest.fixture(scope="module")
def run(phases: "list[tuple[str, Recipe]]", tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert tune_phases(phases, out, quiet=True) == out / "model"
    return out


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_settings_of_the_user_come_last(phases: "list[tuple[str, Recipe]]") -> None:
    assert [name for name, _ in phases] == ["eyes", "words"]
    assert [one.name for _, one in phases] == ["nano/eyes", "nano/words"]
    assert [one.run.steps for _, one in phases] == [4, 4]
    assert [one.parts.vision for _, one in phases] == ["full", "frozen"]
    assert [one.augment.crop for _, one in phases] == [288, 0]


def test_the_second_goes_on_from_the_first(run: Path) -> None:
    eyes, words, last = (weights(run / name) for name in ("eyes/model", "words/model", "model"))
    trunk = "vision_encoder.stem.weight"
    assert torch.equal(eyes[trunk], words[trunk])
    heard = "language_model.model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(eyes[heard], words[heard])
    assert all(torch.equal(words[name], last[name]) for name in words)
    [start] = events(run / "words", "start")
    assert start["base"] == str(run / "eyes" / "model")
    assert start["parameters"]["vision"][1] == 0


def test_a_run_that_is_there_needs_resume(run: Path, phases: "list[tuple[str, Recipe]]") -> None:
    with pytest.raises(UsageError, match="holds a run already"):
        tune_phases(phases, run, quiet=True)


def test_stopped_between_phases_it_goes_on(
    run: Path, phases: "list[tuple[str, Recipe]]", tmp_path: Path
) -> None:
    half = tmp_path / "half"
    shutil.copytree(run, half, ignore=shutil.ignore_patterns("words"))
    shutil.rmtree(half / "model")
    tune_phases(phases, half, resume=True, quiet=True)
    one, two = weights(run / "model"), weights(half / "model")
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert len(events(half / "eyes", "start")) == 1


def test_two_phases_of_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "twice.toml"
    file.write_text(
        'model.base = "b"\ndata = [{path = "d"}]\nrun.steps = 1\n'
        'phases = [{name = "a"}, {name = "a"}]\n',
        encoding="utf-8",
    )
    with pytest.raises(UsageError, match="two phases have one name"):
        phases_of(str(file))
    file.write_text(
        file.read_text("utf-8").replace('{name = "a"}]', '{name = "b", set = ["run.stps=2"]}]')
    )
    with pytest.raises(UsageError, match="stps"):
        phases_of(str(file))
