"""Statistics at one scale: what reads them is changed along, so nothing else changes."""

from pathlib import Path
from typing import Any

import pytest
import torch

from spider_cli.errors import UsageError
from spider_cli.nano.modeling import NanoForConditionalGeneration
from tests.trainer.tuning import small_data as small
from tests.trainer.tuning.nano.test_run import SETTINGS
from trainer.tuning.base import load_base
from trainer.tuning.materials import gather_materials, load_processor
from trainer.tuning.nano.settle import _statistics, settle
from trainer.tuning.photo_rows import TrainingPhotos
from trainer.tuning.recipe import Recipe, load_recipe
from trainer.tuning.train import base_of


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The shipped recipe on ten photos, of which four have a score."""
    folder = tmp_path_factory.mktemp("data")
    photos = small.write(folder / "photos", [small.item(n, [small.referring()]) for n in range(6)])
    scored = [small.item(n, [small.scored()], mos=n / 4) for n in range(4)]
    opinion = small.write(folder / "opinion", scored)
    paths = [f"data.{i}.path={one}" for i, one in enumerate((photos, photos, photos, opinion))]
    return load_recipe("nano", [*paths, *SETTINGS])


@pytest.fixture
def made(
    recipe: Recipe, tmp_path_factory: pytest.TempPathFactory
) -> tuple[NanoForConditionalGeneration, TrainingPhotos]:
    base = base_of(recipe, tmp_path_factory.mktemp("base"))
    rows = gather_materials(recipe, load_processor(base), base).rows
    assert isinstance(rows, TrainingPhotos)
    model = load_base(base, torch.float32).eval()
    with torch.no_grad():  # as if something had been learnt, from statistics of some other scale
        torch.manual_seed(0)
        model.projector.statistics_norm.weight.uniform_(0.5, 2)
        model.projector.statistics_norm.bias.normal_()
        model.projector.levels[-1].weight.normal_(std=0.1)
    return model, rows


def _seen(model: NanoForConditionalGeneration, rows: TrainingPhotos) -> torch.Tensor:
    with torch.no_grad():
        return torch.stack(list(_statistics(model, rows, len(rows))))


def test_statistics_come_to_one_scale_and_tell_the_same(made: Any) -> None:
    model, rows = made
    seen = _seen(model, rows)
    projector = model.projector
    with torch.no_grad():
        before = projector.level_logits(seen), projector.statistics(projector._known(seen))
        assert settle(model, rows, len(seen)) == len(seen)
        known = projector._known(seen)
        after = projector.level_logits(seen), projector.statistics(known)
    for one, two in zip(before, after, strict=True):
        assert one.std() > 0.01
        assert torch.allclose(one, two, atol=1e-4)
    assert known.mean(0).abs().max() < 1e-3
    deviation = known.std(0)
    assert deviation.max() < 1.001
    # What hardly varies stays below; nothing is blown up.
    assert (deviation > 0.999).float().mean() > 0.5


def test_as_many_are_looked_at_as_are_wanted(made: Any) -> None:
    model, rows = made
    assert settle(model, rows, 2) == 2
    state = {name: values.clone() for name, values in model.state_dict().items()}
    assert settle(model, rows, 1) == 0  # one has no deviation
    assert all(torch.equal(values, state[name]) for name, values in model.state_dict().items())


def test_without_scores_it_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    data = [f"data.{i}.path={part.path}" for i, part in enumerate(recipe.data)]
    none = ("losses.dense_levels=0", "losses.soft_levels=0")
    other = load_recipe("nano", [*data, *SETTINGS, *none])
    base = base_of(other, tmp_path / "base")
    with pytest.raises(UsageError, match="no score is learnt"):
        gather_materials(other, load_processor(base), base)
