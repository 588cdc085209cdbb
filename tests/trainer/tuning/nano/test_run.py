"""nano from nothing by `spider train stage1`: it begins, goes on, and is what commands load."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from spider_cli.auditor import Auditor
from spider_cli.results import Score
from tests.trainer.tuning import small_data as small
from tests.trainer.tuning.small_runs import events, losses
from trainer.tuning.dry_run import dry_run
from trainer.tuning.recipe import Recipe, load_recipe
from trainer.tuning.train import tune

SETTINGS = (
    "new.hidden=48",
    "new.layers=2",
    "new.vocabulary=420",
    "run.batch=4",
    "run.micro_batch=2",
    "run.steps=4",
    "run.save_every=2",
    "run.log_every=1",
    "run.workers=0",
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The shipped recipe on small data, cut short."""
    folder = tmp_path_factory.mktemp("data")
    rows = [small.grounding(), small.referring()]
    photos = small.write(folder / "photos", [small.item(n, rows) for n in range(6)])
    scored = [small.item(n, [small.scored()], mos=n / 8) for n in range(8)]
    opinion = small.write(folder / "opinion", scored)
    paths = [f"data.{i}.path={one}" for i, one in enumerate((photos, photos, photos, opinion))]
    return load_recipe("nano", [*paths, *SETTINGS, "optim.muon=8"])


@pytest.fixture(scope="module")
def run(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    model = tune(recipe, out, quiet=True)
    assert model == out / "model"
    return out


def test_every_part_learns(run: Path) -> None:
    [start] = events(run, "start")
    assert start["base"] == "new:nano"
    for total, learning in start["parameters"].values():
        assert total == learning > 0
    before, after = (load_file(run / name / "model.safetensors") for name in ("base", "model"))
    assert before.keys() == after.keys()
    same = [name for name in before if torch.equal(before[name], after[name])]
    assert same == []


def test_statistics_are_settled_first(run: Path, recipe: Recipe) -> None:
    [told] = events(run, "settle")
    assert 2 <= told["photos"] <= recipe.run.settle
    name = "projector.statistics_norm.weight"
    before, after = (
        load_file(run / part / "model.safetensors")[name] for part in ("base", "model")
    )
    # Four steps alone would move it by a hundredth.
    assert (after - before).abs().median() > 0.1


def test_muon_turns_the_matrices(run: Path) -> None:
    told = json.loads((run / "checkpoint-4" / "optimizer.json").read_text(encoding="utf-8"))
    groups = {group["name"]: group for group in told["groups"]}
    parts = ("vision", "projector", "language")
    turned = [name for part in parts for name in groups[f"{part}_matrices"]["params"]]
    for name in (
        "stages.1.0.expand",
        "vision_encoder.stem",
        "vision_encoder.join",
        "projector.family.0",
        "projector.told",
        "layers.0.self_attn.q_proj",
    ):
        assert any(f"{name}.weight" in one for one in turned)
    other = ("readout", ".levels.", "embed", "depthwise", "spread")
    assert not any(word in one for one in turned for word in other)


def test_the_model_answers(run: Path, photos: Path) -> None:
    auditor = Auditor(str(run / "model"))
    [record] = auditor.score([photos / "coffee.jpg"])
    assert isinstance(record.outcome, Score)
    assert sum(record.outcome.levels.values()) == pytest.approx(1)


def test_stopped_and_resumed_it_is_the_same_run(recipe: Recipe, run: Path, tmp_path: Path) -> None:
    import shutil

    half = tmp_path / "half"
    shutil.copytree(run, half, ignore=shutil.ignore_patterns("checkpoint-4", "model"))
    tune(recipe, half, resume=True, quiet=True)
    assert {k: v for k, v in losses(half).items() if k > 2} == {
        k: v for k, v in losses(run).items() if k > 2
    }
    one, two = (load_file(out / "model" / "model.safetensors") for out in (run, half))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_same_recipe_starts_from_the_same_weights(
    run: Path, recipe: Recipe, tmp_path: Path
) -> None:
    from trainer.tuning.nano.start import start_nano

    start_nano(recipe, tmp_path / "base")
    for name in ("model.safetensors", "tokenizer.json"):
        assert (tmp_path / "base" / name).read_bytes() == (run / "base" / name).read_bytes()


def test_a_start_of_another_recipe_is_not_taken(recipe: Recipe, tmp_path: Path) -> None:
    from dataclasses import replace

    from trainer.tuning.train import base_of

    def width(of: Recipe) -> int:
        base_of(of, tmp_path)
        weights = load_file(tmp_path / "base" / "model.safetensors")
        return int(weights["language_model.model.embed_tokens.weight"].shape[1])

    assert width(recipe) == 48
    before = (tmp_path / "base" / "model.safetensors").stat().st_mtime_ns
    assert width(recipe) == 48
    assert (tmp_path / "base" / "model.safetensors").stat().st_mtime_ns == before
    wider = replace(recipe, new=replace(recipe.new, hidden=96))
    assert width(wider) == 96
    (tmp_path / "checkpoint-2").mkdir()  # from here on it is what the run began with
    assert width(recipe) == 96


def test_a_dry_run_counts_the_parts_and_leaves_nothing(recipe: Recipe) -> None:
    said = dry_run(recipe)
    for word in ("vision", "projector", "language", "100.00%", "live"):
        assert word in said


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("losses.fidelity=1", "fidelity"),
        ("run.max_length=40", "does not fit"),
        ("model.dtype=bfloat16", "run.settle"),
    ],
)
def test_what_nano_cannot_do(recipe: Recipe, setting: str, message: str, tmp_path: Path) -> None:
    from dataclasses import replace

    from spider_cli.errors import UsageError

    part, _, value = setting.partition("=")
    table, _, key = part.partition(".")
    changed: Any = replace(
        getattr(recipe, table), **{key: int(value) if value.isdecimal() else value}
    )
    with pytest.raises(UsageError, match=message):
        tune(replace(recipe, **{table: changed}), tmp_path / "run", quiet=True)


def test_patches_count_among_the_tokens_of_a_step(run: Path) -> None:
    """The loss is a mean: about what its terms cost, whatever was asked about the photos."""
    for row in events(run, "step"):
        weights = {"answers": 1.0, "places": 6.0, "levels": 20.0, "patches": 1.0, "views": 20.0}
        most = sum(weights[name] * cost for name, cost in row["terms"].items())
        assert 0 < row["loss"] < most
