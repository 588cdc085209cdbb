"""nano from its recipe: dense stage, language model, segmenter, the folder that ships.

Each stage is a step that leaves its weights behind and is skipped when they are there.
"""

import json
import logging
import multiprocessing
import tomllib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from spider_cli.nano.modeling import NanoForConditionalGeneration
from spider_cli.nano.processing import NanoProcessor
from spider_cli.nano.segmenting import NanoSegmenter
from spider_cli.nano.vision import channels_last
from spider_cli.questions import PROBE_PREFIX, SCORE_PREFIX
from trainer.answers import questions_and_answers
from trainer.features import (
    Lesson,
    compose_photo,
    lessons,
    load_lessons,
    opinion_lessons,
    save_lessons,
)
from trainer.new_nano import new_nano, new_segmenter, train_tokenizer
from trainer.package import package_nano
from trainer.packing import SCORE_QUESTIONS
from trainer.pretrain import DenseConfig, pretrain
from trainer.segment import SegmentConfig, segment_stage
from trainer.sources import (
    LabelledPhoto,
    Opinion,
    near_duplicates,
    read_collection,
    read_opinions,
)
from trainer.stage1 import Stage1Config, stage1

__all__ = ["STAGES", "Data", "load_recipe", "read_data", "train_nano"]

log = logging.getLogger(__name__)

STAGES = ("dense", "lessons", "stage1", "segment", "package")


class Data:
    """The photos of a recipe, split."""

    def __init__(
        self,
        train: list[LabelledPhoto],
        validation: list[LabelledPhoto],
        opinions: list[Opinion],
        opinion_validation: list[Opinion],
        regions: list[LabelledPhoto],
    ) -> None:
        self.train = train
        self.validation = validation
        self.opinions = opinions
        self.opinion_validation = opinion_validation
        self.regions = regions


def load_recipe(path: Path | None = None) -> dict[str, Any]:
    """A recipe's tables; the shipped one when no path is given."""
    file = path or Path(__file__).parent / "recipes" / "nano.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def read_data(photos: Path, recipe: dict[str, Any]) -> Data:
    """List and split the photos; look-alikes of held-out photos are dropped from all of training.

    Raises:
        FileNotFoundError: no pristine photos.
    """
    named = recipe["data"]
    pristine = read_collection(photos / name for name in named["pristine"])
    if not pristine:
        raise FileNotFoundError(f"no photos in {[str(photos / n) for n in named['pristine']]}")
    opinions = [o for name in named["opinions"] for o in read_opinions(photos / name)]
    regions = read_collection(photos / name for name in named["regions"])
    held_out = [p.path for p in read_collection(photos / name for name in named["held_out"])]
    every = [p.path for p in pristine + regions] + [o.path for o in opinions]
    alike = near_duplicates(every, held_out)
    log.info("%d photos look like a held-out one and are dropped", len(alike))
    pristine = [p for p in pristine if p.path not in alike]
    opinions = [o for o in opinions if o.path not in alike]
    keep = set(named["validation_sources"])
    step = int(named["opinion_validation"])
    return Data(
        train=[p for p in pristine if p.source not in keep],
        validation=[p for p in pristine if p.source in keep],
        opinions=[o for i, o in enumerate(opinions) if i % step],
        opinion_validation=[o for i, o in enumerate(opinions) if not i % step],
        regions=[p for p in regions if p.path not in alike],
    )


def train_nano(photos: Path, out: Path, recipe: dict[str, Any], stages: tuple[str, ...]) -> None:
    """Run the stages in order."""
    out.mkdir(parents=True, exist_ok=True)
    data = read_data(photos, recipe)
    seed = int(recipe["seed"])
    if "dense" in stages and not (out / "dense" / "done").exists():
        config = DenseConfig(**recipe["dense"], seed=seed)
        pretrain(data.train, data.opinions, out / "dense", config)
        (out / "dense" / "done").touch()
    if "lessons" in stages and not (out / "lessons" / "done").exists():
        make_lessons(data, out, recipe)
        (out / "lessons" / "done").touch()
    if "stage1" in stages:
        for index, settings in enumerate(recipe["stage1"]):
            done = out / "stage1" / f"round-{index + 1}.done"
            if done.exists():
                continue
            model, _ = language_half(out, recipe, data)
            stage1(
                model,
                _read_lessons(out / "lessons", "composed"),
                _read_lessons(out / "lessons", "opinion"),
                _read_lessons(out / "lessons", "validation"),
                out / "stage1",
                Stage1Config(**settings, seed=seed + index),
            )
            done.touch()
    if "segment" in stages and not (out / "segment" / "done").exists():
        segment_stage(
            segmenter_half(out, recipe),
            data.train,
            data.regions,
            out / "segment",
            SegmentConfig(**recipe["segment"], seed=seed),
        )
        (out / "segment" / "done").touch()
    if "package" in stages:
        package(out, recipe, data)


def language_half(
    out: Path, recipe: dict[str, Any], data: Data
) -> tuple[NanoForConditionalGeneration, PreTrainedTokenizerFast]:
    """The language half with what has been taught so far."""
    folder = out / "tokenizer"
    if not folder.is_dir():
        corpus = _corpus(data.train, seed=int(recipe["seed"]))
        tokenizer = train_tokenizer(corpus, size=int(recipe["language"]["vocabulary"]))
        tokenizer.save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)
    sizes = recipe["language"]
    model = new_nano(
        tokenizer,
        hidden=int(sizes["hidden"]),
        layers=int(sizes["layers"]),
        seed=int(recipe["seed"]),
    )
    model.vision_encoder.load_state_dict(load_file(out / "dense" / "encoder.safetensors"))
    _copy_readout(model, load_file(out / "dense" / "head.safetensors"))
    taught = out / "stage1" / "language.safetensors"
    if taught.is_file():
        model.load_state_dict(load_file(taught), strict=False)
    return model, tokenizer


def _copy_readout(model: NanoForConditionalGeneration, head: dict[str, torch.Tensor]) -> None:
    """The dense stage's per-patch head, 1x1 convolutions, as the projector's reading of cells."""
    state = {
        f"{layer}.{name}": head[f"map.{layer}.{name}"].flatten(1)
        if name == "weight"
        else head[f"map.{layer}.{name}"]
        for layer in (0, 2)
        for name in ("weight", "bias")
    }
    model.projector.readout.load_state_dict(state)


def segmenter_half(out: Path, recipe: dict[str, Any]) -> NanoSegmenter:
    """The segmenter with what has been taught so far."""
    segmenter = new_segmenter(seed=int(recipe["seed"]))
    taught = out / "segment" / "segmenter.safetensors"
    if taught.is_file():
        segmenter.load_state_dict(load_file(taught), strict=False)
    else:
        eyes = segmenter.vision_encoder.encoder
        eyes.load_state_dict(load_file(out / "dense" / "encoder.safetensors"))
    return segmenter


def make_lessons(data: Data, out: Path, recipe: dict[str, Any]) -> None:
    """All lessons, in shards, on several processes."""
    language_half(out, recipe, data)  # makes the tokenizer before the workers need it
    wanted = recipe["lessons"]
    shard = 250
    tasks: list[tuple[str, int, int]] = [
        ("composed", index, shard) for index in range(int(wanted["count"]) // shard)
    ]
    tasks += [("opinion", index, shard) for index in range(-(-len(data.opinions) // shard))]
    tasks.append(("validation", 0, int(wanted["validation"])))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(int(wanted["workers"]), mp_context=context) as pool:
        jobs = [pool.submit(_make_shard, data, out, recipe, *task) for task in tasks]
        for job in jobs:
            job.result()


def _make_shard(
    data: Data, out: Path, recipe: dict[str, Any], name: str, index: int, size: int
) -> None:
    path = out / "lessons" / f"{name}-{index:03d}.safetensors"
    if path.is_file():
        return
    path.parent.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    model, tokenizer = language_half(out, recipe, data)
    model.eval()
    channels_last(model.vision_encoder)
    processor = NanoProcessor(tokenizer, model.config)
    if name == "opinion":
        part = data.opinions[index * size : (index + 1) * size]
        items = list(opinion_lessons(model, processor, part))
    else:
        source = data.validation if name == "validation" else data.train
        seed = int(recipe["seed"]) + 1000 * (index + 1) + (500 if name == "validation" else 0)
        share = float(recipe["lessons"]["large_share"])
        items = list(lessons(model, processor, source, count=size, seed=seed, large_share=share))
    save_lessons(path, items)


def _read_lessons(folder: Path, name: str) -> list[Lesson]:
    return [item for path in sorted(folder.glob(f"{name}-*")) for item in load_lessons(path)]


def _corpus(photos: list[LabelledPhoto], *, seed: int) -> list[str]:
    """Questions and answers of a few hundred composed photos, for the tokenizer."""
    rng = np.random.default_rng([seed, 4])
    text = [PROBE_PREFIX, SCORE_PREFIX, *SCORE_QUESTIONS] * 50
    for _ in range(400):
        sample = compose_photo(photos[int(rng.integers(len(photos)))], rng)
        for qa in questions_and_answers(sample, rng):
            text += [qa.question, qa.answer]
    return text


def package(out: Path, recipe: dict[str, Any], data: Data) -> None:
    """``out/nano``: the folder that ships; temperatures as chosen on validation photos."""
    model, tokenizer = language_half(out, recipe, data)
    settings = out / "settings.json"
    chosen = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    card = Path(__file__).parent / "recipes" / "nano.card.md"
    package_nano(
        out / "nano",
        model=model,
        tokenizer=tokenizer,
        segmenter=segmenter_half(out, recipe),
        scoring=chosen.get("scoring", {"temperature": 1.0}),
        grounding=chosen.get("grounding", {"rule": "paper", "temperature": 1.0}),
        card=card.read_text(encoding="utf-8") if card.is_file() else "",
        trained=True,
    )
