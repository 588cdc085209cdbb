"""The segmenter's recipe: its photos, its start, and what it leaves."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from spider_cli.errors import UsageError
from spider_cli.segmenter import load_segmenter
from trainer import segmenter_recipe as module
from trainer.new_nano import new_segmenter
from trainer.segmenter_recipe import load_recipe, train_segmenter


@pytest.fixture
def photos(tmp_path: Path, draw: Any) -> Path:
    shots = {name: draw(120, 160, seed) for seed, name in enumerate("uvw")}
    for place, names in {"open/a": "uvw", "regions": "u", "research": "v"}.items():
        (tmp_path / "photos" / place).mkdir(parents=True)
        for name in names:
            Image.fromarray(shots[name]).save(tmp_path / "photos" / place / f"{name}.png")
    return tmp_path / "photos"


SMALL = replace(
    load_recipe(), regions=("regions",), held_out=("research",), minutes=0.02, workers=0
)


def test_look_alikes_of_held_out_photos_are_dropped_everywhere(photos: Path) -> None:
    pristine, regions = module._photos(photos, SMALL)
    assert [one.path.stem for one in pristine] == ["u", "w"]
    assert [one.path.stem for one in regions] == ["u"]
    _, none = module._photos(photos, replace(SMALL, regions=("research",)))
    assert none == []
    with pytest.raises(UsageError, match="nowhere"):
        module._photos(photos, replace(SMALL, pristine=("nowhere",)))


def test_a_segmenter_from_a_nano(
    photos: Path, tiny: Any, draw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second of training; what it leaves is what `spider ground` loads."""
    tiny.fresh().save_pretrained(tmp_path / "nano")
    monkeypatch.setattr(module, "new_segmenter", partial(new_segmenter, width=16, side=128))
    out = train_segmenter(
        photos, tmp_path / "nano", tmp_path / "out", replace(SMALL, human_share=0)
    )
    found = load_segmenter(out)
    trunk = tiny.model.vision_encoder.stem.weight
    same = found.model.vision_encoder.encoder.stem.weight
    assert torch.allclose(same, trunk, atol=1e-2)
    mask = found.segment(found.embed(draw(60, 80, 9)), (30.0, 20.0)).mask
    assert mask.shape == (60, 80)


def test_what_is_no_nano_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model in"):
        module._encoder_of(tmp_path)
    save_file({"language_model.weight": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match="is no nano"):
        module._encoder_of(tmp_path)


def test_a_wrong_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text("minuets = 3", encoding="utf-8")
    with pytest.raises(UsageError, match="minuets"):
        load_recipe(file)
