"""nano as a model of transformers' own form."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spider_cli.lmm import Ask, LanguageModel
from spider_cli.nano import register
from spider_cli.nano.modeling import NanoForConditionalGeneration, _moments
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


def test_moments_say_how_much_and_where() -> None:
    """Cells of a 4 x 4 grid, two readings: one at the bottom right alone, one nowhere."""
    grid, readings = 4, 2
    sides = [step / grid for step in range(grid + 1)]
    places = torch.tensor(
        [
            (sides[x], sides[y], sides[x + 1], sides[y + 1], 0.0)
            for y in range(grid)
            for x in range(grid)
        ]
    )[None]
    told = torch.zeros(1, grid * grid, readings)
    told[0, -1, 0] = 0.8
    mean, peak, right, down = _moments(told, places).view(4, readings).unbind()
    assert mean.tolist() == pytest.approx([0.8 / 16, 0])
    assert peak.tolist() == pytest.approx([0.8, 0])
    assert right.tolist() == pytest.approx([0.75 * 0.8, 0])
    assert down.tolist() == pytest.approx([0.75 * 0.8, 0])
    everywhere = _moments(torch.ones(1, grid * grid, readings), places).view(4, readings)
    assert everywhere[2:].abs().max() < 1e-6
