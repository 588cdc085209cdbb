"""Going on from a checkpoint: weights come back as they were, in whatever form they are kept."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from spider_cli.errors import UsageError
from tests.trainer.tuning.small_runs import recipe_for, sixteen_rows
from trainer.tuning.base import find_base, load_base
from trainer.tuning.export import read_weights, write_weights
from trainer.tuning.loop import Stage1Trainer
from trainer.tuning.parts import apply_parts
from trainer.tuning.recipe import DataPart
from trainer.tuning.run_folder import data_digests
from trainer.tuning.train import tune


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sixteen_rows(tmp_path_factory.mktemp("data") / "sixteen")


def test_what_learns_is_not_rounded_to_what_is_frozen(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path
) -> None:
    settings = ("model.dtype=bfloat16", "parts.vision=frozen", "parts.projector=frozen")
    recipe = recipe_for(tiny_qwen3vl, data, *settings, "parts.language=full")
    base = find_base(recipe.model)

    def fresh() -> Any:
        return apply_parts(load_base(base, torch.bfloat16), recipe)

    one, two = fresh(), fresh()
    assert len({parameter.dtype for parameter in one.parameters()}) == 2
    with torch.no_grad():
        for parameter in one.parameters():
            if parameter.requires_grad:
                parameter.normal_()
    write_weights(one, tmp_path, base=base)
    read_weights(two, tmp_path)
    for (name, wanted), found in zip(one.named_parameters(), two.parameters(), strict=True):
        assert wanted.dtype == found.dtype
        assert torch.equal(wanted, found), name


class Begun(Exception):  # noqa: N818 - no error
    """Training would begin now."""


def test_weights_are_read_before_they_are_spread(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_for(tiny_qwen3vl, data, "run.steps=2")
    out = tmp_path / "run"
    tune(recipe, out, quiet=True)
    seen: dict[str, torch.Tensor] = {}

    def train(self: Any, **_: Any) -> None:
        seen.update(self.model.state_dict())
        raise Begun

    monkeypatch.setattr(Stage1Trainer, "spread", True)
    monkeypatch.setattr(Stage1Trainer, "train", train)
    with pytest.raises(Begun):
        tune(recipe, out, resume=True, quiet=True)
    saved = load_file(out / "checkpoint-2" / "adapter_model.safetensors")
    matrices = [name for name in saved if ".lora_B." in name]
    assert matrices
    for name in matrices:
        assert saved[name].any()
        assert torch.equal(seen[name.replace(".weight", ".default.weight")], saved[name])
    seen.clear()
    with pytest.raises(UsageError, match="cannot be merged here"):
        tune(recipe, out, resume=True, merge=True, quiet=True)
    assert not seen  # before a step is taken, not after the last


def test_other_outside_data_is_noticed(tiny_qwen3vl: Path, data: Path, tmp_path: Path) -> None:
    """Of ours the checksums tell; of a file its bytes, of a folder its files."""
    file, folder = tmp_path / "train.json", tmp_path / "photos"
    folder.mkdir()
    file.write_text("[1]", encoding="utf-8")
    outside = DataPart(str(file), format="deqa"), DataPart(str(folder), format="labelme")
    recipe = recipe_for(tiny_qwen3vl, data)
    recipe = replace(recipe, data=(*recipe.data, *outside))
    first = data_digests(recipe)
    assert first == data_digests(recipe) and all(first)
    file.write_text("[2]", encoding="utf-8")
    (folder / "new.json").write_text("{}", encoding="utf-8")
    same = [one == two for one, two in zip(first, data_digests(recipe), strict=True)]
    assert same == [True, False, False]


def test_a_form_of_its_own_is_said_before_the_first_step(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path
) -> None:
    """As Phi-3.5-Vision's template has it: what is said is one text."""
    base = tmp_path / "base"
    shutil.copytree(tiny_qwen3vl, base)
    for name in ("chat_template.jinja", "chat_template.json"):
        (base / name).unlink(missing_ok=True)
    (base / "chat_template.jinja").write_text(
        "{% for one in messages %}{{ '<|' + one['role'] + '|>' + one['content'] }}{% endfor %}",
        encoding="utf-8",
    )
    with pytest.raises(UsageError, match="a form of its own: TypeError") as raised:
        tune(recipe_for(base, data), tmp_path / "run", quiet=True)
    assert raised.value.code == "model_unfit"
    assert not (tmp_path / "run").exists()
