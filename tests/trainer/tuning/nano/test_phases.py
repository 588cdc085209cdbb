"""nano's recipe in its phases: the second goes on from the first, a stop is no loss."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from spider_cli.errors import UsageError
from tests.trainer.tuning import small_data as small
from tests.trainer.tuning.nano.test_run import SETTINGS
from tests.trainer.tuning.small_runs import events
from trainer.tuning.phases import tune_phases
from trainer.tuning.recipe import Parts, Recipe, phases_of


@pytest.fixture(scope="module")
def phases(tmp_path_factory: pytest.TempPathFactory) -> "list[tuple[str, Recipe]]":
    folder = tmp_path_factory.mktemp("data")
    rows = [small.grounding(), small.referring()]
    photos = small.write(folder / "photos", [small.item(n, rows) for n in range(6)])
    scored = [small.item(n, [small.scored()], mos=n / 8) for n in range(8)]
    opinion = small.write(folder / "opinion", scored)
    paths = [f"data.{i}.path={one}" for i, one in enumerate((photos, photos, photos, opinion))]
    return phases_of("nano", [*paths, *SETTINGS])[:2]


@pytest.fixture(scope="module")
def run(phases: "list[tuple[str, Recipe]]", tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert tune_phases(phases, out, quiet=True) == out / "model"
    return out


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_settings_of_the_user_come_last(phases: "list[tuple[str, Recipe]]") -> None:
    assert [name for name, _ in phases] == ["eyes", "words"]
    every = phases_of("nano", SETTINGS)
    assert [name for name, _ in every] == ["eyes", "words"]
    assert [one.losses.positions_ahead > 0 for _, one in every] == [False, True]
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


def test_what_is_done_was_done_by_the_same_recipe(
    run: Path, phases: "list[tuple[str, Recipe]]"
) -> None:
    changed = [(name, replace(one, run=replace(one.run, seed=9))) for name, one in phases]
    with pytest.raises(UsageError, match=r"another recipe: run\.seed changed"):
        tune_phases(changed, run, resume=True, quiet=True)


def test_resumed_when_all_is_done_the_last_model_is_written_again(
    run: Path, phases: "list[tuple[str, Recipe]]", tmp_path: Path
) -> None:
    """So that --resume --merge makes a whole model of an adapter."""
    [eyes, (name, words)] = phases
    parts = Parts(vision="frozen", projector="frozen", language="lora")
    plain = replace(words.optim, muon=0.0)  # for what learns whole
    adapted = [eyes, (name, replace(words, parts=parts, optim=plain))]
    out = tmp_path / "run"
    shutil.copytree(run, out, ignore=shutil.ignore_patterns("words"))
    tune_phases(adapted, out, resume=True, quiet=True)
    assert (out / "model" / "adapter_model.safetensors").is_file()
    assert tune_phases(adapted, out, resume=True, merge=True, quiet=True) == out / "model"
    assert (out / "model" / "model.safetensors").is_file()
    assert not (out / "model" / "adapter_model.safetensors").exists()
    assert len(events(out / "words", "step")) == 4


def test_the_card_tells_of_every_phase(run: Path) -> None:
    card = (run / "model" / "README.md").read_text(encoding="utf-8")
    assert "tuned by nano/eyes" in card and "## Recipe nano/words" in card
    assert "base_model" not in card


def test_a_run_of_another_kind_is_left_alone(
    phases: "list[tuple[str, Recipe]]", tmp_path: Path
) -> None:
    (tmp_path / "recipe.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="holds a run without phases"):
        tune_phases(phases, tmp_path, resume=True, quiet=True)


def test_after_an_error_before_the_first_step_it_can_begin(
    phases: "list[tuple[str, Recipe]]", tmp_path: Path
) -> None:
    [(name, eyes), last] = phases
    data = (replace(eyes.data[0], path=str(tmp_path / "nowhere")), *eyes.data[1:])
    for _ in range(2):  # the second time it says the same
        with pytest.raises(UsageError, match="nowhere"):
            tune_phases([(name, replace(eyes, data=data)), last], tmp_path / "run", quiet=True)
    other = replace(eyes, losses=replace(eyes.losses, fidelity=1))
    for _ in range(2):  # here a base is made first
        with pytest.raises(UsageError, match="fidelity"):
            tune_phases([(name, other), last], tmp_path / "run", quiet=True)


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
    file.write_text(file.read_text("utf-8").replace('name = "a"', 'name = "model"'), "utf-8")
    with pytest.raises(UsageError, match="the run's own model"):
        phases_of(str(file))


@pytest.mark.parametrize(
    ("table", "key", "value", "message"),
    [
        ("run", "micro_batch", 3, "no multiple of micro_batch"),
        ("losses", "fidelity", 1.0, "losses.fidelity"),
        ("run", "eval_data", "nowhere", "nowhere"),
    ],
)
def test_a_later_phase_is_looked_at_before_the_first(
    phases: "list[tuple[str, Recipe]]",
    table: str,
    key: str,
    value: Any,
    message: str,
    tmp_path: Path,
) -> None:
    (_, eyes), (name, words) = phases
    with pytest.raises(UsageError, match=message):
        changed = {key: value} | ({"eval_every": 1} if key == "eval_data" else {})
        part: Any = replace(getattr(words, table), **changed)
        bad = replace(words, **{table: part})
        tune_phases([("eyes", eyes), (name, bad)], tmp_path / "run", quiet=True)
    assert not list(tmp_path.glob("run/eyes/checkpoint-*"))
