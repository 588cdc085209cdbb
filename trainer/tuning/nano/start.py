"""A new nano as a base model: the folder that a recipe with model.base = "new:nano" starts from."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from spider_cli.nano.processing import NanoProcessor
from spider_cli.nano.vision import NanoVisionEncoder, channels_last
from spider_cli.questions import PROBE_PREFIX, SCORE_PREFIX, SCORE_QUESTION
from trainer.init import imagenet_weights, normalise_taps, start_from_imagenet
from trainer.new_nano import new_nano, train_tokenizer
from trainer.tuning.card import recipe_json
from trainer.tuning.files import read_json, write_json
from trainer.tuning.photo_mix import PhotoMixture
from trainer.tuning.run_folder import data_digests

if TYPE_CHECKING:
    from trainer.tuning.recipe import Recipe

__all__ = ["start_nano", "started_as"]

_MADE_OF = "made_of.json"
"""In the folder: what decides its weights and its tokenizer."""
_PHOTOS = 400
"""Photos whose questions and answers teach the tokenizer."""
_LOOKS = 24
"""Photos on which the encoder's depths are brought to one scale."""
_CROP = 288


def start_nano(recipe: "Recipe", folder: Path) -> None:
    """Write a new nano, whole or not at all; the same for the same recipe and data.

    Raises:
        UsageError: the recipe's data cannot be read.
    """
    seed = recipe.run.seed
    mixture = PhotoMixture(recipe.data, seed, questions=recipe.run.questions)
    written = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(written, ignore_errors=True)
    written.mkdir(parents=True)
    tokenizer = train_tokenizer(_corpus(mixture), size=recipe.new.vocabulary)
    new = recipe.new
    model = new_nano(
        tokenizer, hidden=new.hidden, layers=new.layers, seed=seed, dropout=new.dropout
    )
    encoder = model.vision_encoder
    if new.imagenet:
        start_from_imagenet(encoder, imagenet_weights())
    _normalise(encoder, mixture, seed)
    model.save_pretrained(written)
    tokenizer.save_pretrained(written)
    NanoProcessor.from_pretrained(written, model.config)  # it loads
    write_json(written / _MADE_OF, _made_of(recipe))
    shutil.rmtree(folder, ignore_errors=True)
    written.replace(folder)


def started_as(recipe: "Recipe", folder: Path) -> bool:
    """Does the folder hold what `start_nano` would write?"""
    whole = (folder / "config.json").is_file() and (folder / _MADE_OF).is_file()
    return whole and bool(read_json(folder / _MADE_OF) == _made_of(recipe))


def _made_of(recipe: "Recipe") -> dict[str, Any]:
    told = recipe_json(recipe)
    run = {key: told["run"][key] for key in ("seed", "questions")}
    return {"new": told["new"], "data": told["data"], "digests": data_digests(recipe), **run}


def _corpus(mixture: PhotoMixture) -> Iterator[str]:
    yield from [PROBE_PREFIX, SCORE_PREFIX, SCORE_QUESTION] * 50
    for index in range(min(_PHOTOS, len(mixture))):
        for row in mixture[index].rows:
            yield row.question
            yield row.answer


def _normalise(encoder: NanoVisionEncoder, mixture: PhotoMixture, seed: int) -> None:
    rng = np.random.default_rng([seed, 6])
    crops = []
    for index in range(min(_LOOKS, len(mixture))):
        pixels = mixture[index].item.sample.pixels
        height, width = pixels.shape[:2]
        if min(height, width) < _CROP:
            continue
        y, x = rng.integers(height - _CROP + 1), rng.integers(width - _CROP + 1)
        crops.append(pixels[y : y + _CROP, x : x + _CROP].transpose(2, 0, 1))
    if crops:
        batch = (torch.from_numpy(np.stack(crops)).float() - 127.0) / 128.0
        normalise_taps(channels_last(encoder), batch)
