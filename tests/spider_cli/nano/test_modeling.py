"""nano as a model of transformers' own form."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spider_cli.lmm import Ask, LanguageModel
from spider_cli.nano import register
from spider_cli.nano.modeling import NanoForConditionalGeneration
from spider_cli.nano.projector import READOUTS, _block_places, _blocks, _moments
from spider_cli.nano.segmenting import NanoSegmenter


def test_the_auto_classes_know_it(
    nano_folder: Path, nano_model: LanguageModel, scenes: dict[str, Any]
) -> None:
    """Anyone who calls `register` loads the folder as any other model."""
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoModelForMaskGeneration

    register()
    register()  # twice is fine
    assert AutoConfig.from_pretrained(nano_folder).model_type == "spider_nano"
    model = AutoModelForImageTextToText.from_pretrained(nano_folder, dtype=torch.float32).eval()
    assert isinstance(model, NanoForConditionalGeneration)
    inputs = nano_model.eyes.inputs([Ask(nano_model.look([scenes["small"]])[0], "Why?")])
    with torch.inference_mode():
        one = model(**inputs).logits
        other = nano_model.model(**inputs).logits
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    segmenter = AutoModelForMaskGeneration.from_pretrained(nano_folder / "segmenter")
    assert isinstance(segmenter, NanoSegmenter)


def test_saved_and_loaded_it_is_the_same(nano_model: LanguageModel, tmp_path: Path) -> None:
    nano_model.model.save_pretrained(tmp_path)
    again = NanoForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32)
    own, other = nano_model.model.state_dict(), again.state_dict()
    assert set(own) == set(other)
    assert all(torch.equal(own[name], other[name]) for name in own)
    one, two = (model.config.to_diff_dict() for model in (again, nano_model.model))
    assert one | {"_name_or_path": ""} == two | {"_name_or_path": ""}
    assert again.get_output_embeddings().weight is again.get_input_embeddings().weight


def test_features_must_be_as_many_as_placeholders(
    nano_model: LanguageModel, scenes: dict[str, Any]
) -> None:
    inputs = nano_model.eyes.inputs([Ask(nano_model.look([scenes["small"]])[0], "Why?")])
    for features in (None, inputs["image_features"][:-1]):
        with pytest.raises(ValueError, match="placeholders"):
            nano_model.model(**(inputs | {"image_features": features}))


def test_every_token_knows_its_place(nano_model: LanguageModel, scenes: dict[str, Any]) -> None:
    """Two halves of one flat photo look alike; where they lie tells them apart."""
    model = nano_model.model
    flat = np.full((64, 64, 3), 100, np.uint8)
    look = nano_model.look([flat])[0]
    with torch.inference_mode():
        glimpse = look.payload.overview
        left = model.read_box(glimpse, (0.0, 0.0, 0.5, 1.0))
        right = model.read_box(glimpse, (0.5, 0.0, 1.0, 1.0))
        tokens = [model.embed_readings([one]) for one in (left, right)]
    assert left.places[-1].tolist() == pytest.approx([0, 0, 0.5, 1, 0])
    assert right.places[-1].tolist() == pytest.approx([0.5, 0, 1, 1, 0])
    grid = model.config.region_grid
    assert left.places[0].tolist() == pytest.approx([0, 0, 0.5 / grid, 1 / grid, 0])
    assert left.places[grid].tolist() == pytest.approx([0, 1 / grid, 0.5 / grid, 2 / grid, 0])
    assert (tokens[0] - tokens[1]).abs().max() > 1e-3


def test_a_shrunk_view_says_so(nano_model: LanguageModel, scenes: dict[str, Any]) -> None:
    look = nano_model.look([scenes["large"]])[0]
    with torch.inference_mode():
        places = nano_model.model.read_view(look.payload.overview).places
    side = nano_model.model.config.overview_tiled
    assert places[:, 4].tolist() == pytest.approx([np.log2(900 / side)] * len(places))


def grid_places(grid: int) -> torch.Tensor:
    sides = [step / grid for step in range(grid + 1)]
    return torch.tensor(
        [
            (sides[x], sides[y], sides[x + 1], sides[y + 1], 0.0)
            for y in range(grid)
            for x in range(grid)
        ]
    )[None]


def test_moments_say_how_much_and_where() -> None:
    """Cells of a 4 x 4 grid: the first family at the bottom right alone, the others nowhere."""
    places = grid_places(4)
    told = torch.zeros(1, 16, READOUTS)
    told[0, -1, 0] = 0.8
    moments = _moments(told, places)[0]
    assert moments.shape == (12, 24)
    mean, peak, mean_odds, peak_odds, right, down = moments[0, :6].tolist()
    assert (mean, peak) == pytest.approx((0.05, 0.8))
    assert (right, down) == pytest.approx((15 * 0.75 * 0.8, 15 * 0.75 * 0.8))
    assert -1 < mean_odds < 0 < peak_odds < 1
    nowhere = torch.tensor([0.0, 0.0, -1.0, -1.0, 0.0, 0.0]).repeat(4)
    assert torch.allclose(moments[1:], nowhere.expand(11, 24), atol=1e-3)
    assert torch.allclose(moments[0, 6:], nowhere[6:], atol=1e-3)
    everywhere = _moments(torch.ones(1, 16, READOUTS), places)[0].view(12, 4, 6)
    assert everywhere[..., 4:].abs().max() < 1e-6


def test_moments_of_the_order_stand_last() -> None:
    told = torch.zeros(1, 16, READOUTS)
    told[0, :, 36 + 2] = 0.5  # the third family came last
    moments = _moments(told, grid_places(4))[0].view(12, 4, 6)
    assert moments[2, 3, :2].tolist() == pytest.approx([0.5, 0.5])
    assert moments[:, :3, 1].max() == 0
    assert moments[[0, 1, *range(3, 12)], 3, 1].max() == 0


def test_cells_that_share_a_token() -> None:
    """Of a 4 x 4 grid, 2 x 2 each: the first token stands for the cells at the top left."""
    places = torch.cat([grid_places(4), torch.tensor([[[0.0, 0.0, 1.0, 1.0, 0.0]]])], dim=1)
    found = _block_places(places, 2)
    assert torch.equal(found[:, :-1], grid_places(2))
    assert torch.equal(found[:, -1], places[:, -1])
    cells = torch.arange(16.0)[None, :, None]
    assert _blocks(cells, 2)[0, :, :, 0].tolist() == [
        [0, 1, 4, 5],
        [2, 3, 6, 7],
        [8, 9, 12, 13],
        [10, 11, 14, 15],
    ]
