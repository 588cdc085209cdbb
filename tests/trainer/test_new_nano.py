"""A new nano, and the folder it is packaged in; the recipe that leads there."""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from spider_cli.vocabulary import HORIZONTAL, LEVELS, VERTICAL
from trainer.nano import STAGES, load_recipe, read_data
from trainer.new_nano import SPECIALS, new_nano, new_segmenter, train_tokenizer
from trainer.package import package_nano, write_manifest
from trainer.pretrain import DenseConfig
from trainer.segment import SegmentConfig
from trainer.stage1 import Stage1Config


def test_the_tokenizer_reads_anything_and_the_task_in_single_tokens(tiny: Any) -> None:
    words = tiny.processor.tokenizer
    assert [words.convert_tokens_to_ids(mark) for mark in SPECIALS] == [0, 1, 2, 3, 4, 5]
    for word in (*LEVELS, *HORIZONTAL, *VERTICAL):
        assert len(tiny.ids(f" {word}")) == 1
    for text in ("na\u00efve \u96ea \U0001f600\n\t  x", "", "  two  spaces "):
        assert tiny.text(tiny.ids(text)) == text


def test_the_same_corpus_gives_the_same_tokenizer() -> None:
    one, two = (train_tokenizer(["The top left shows noise."] * 9, size=330) for _ in range(2))
    assert one.get_vocab() == two.get_vocab()


def test_the_same_seed_gives_the_same_model(tiny: Any) -> None:
    words = tiny.processor.tokenizer
    one, two, other = (
        new_nano(words, hidden=48, layers=1, seed=seed).state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["projector.place.weight"], other["projector.place.weight"])
    first, second = (new_segmenter(width=16, side=64, seed=0).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def folder(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "nano"
    package_nano(
        out,
        model=tiny.fresh(),
        tokenizer=tiny.processor.tokenizer,
        segmenter=new_segmenter(width=16, side=64),
        scoring={"temperature": 1.5},
        grounding={"rule": "paper", "temperature": 0.7},
        card="A card.",
        trained=True,
    )
    return out


def test_the_folder(folder: Path) -> None:
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert names >= {
        "MANIFEST.json",
        "README.md",
        "config.json",
        "generation_config.json",
        "grounding.json",
        "model.safetensors",
        "scoring.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "segmenter/config.json",
        "segmenter/model.safetensors",
        "segmenter/preprocessor_config.json",
    }
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["trained"] is True
    assert (folder / "README.md").read_text(encoding="utf-8") == "A card."
    assert json.loads((folder / "scoring.json").read_text(encoding="utf-8"))["temperature"] == 1.5


def test_weights_are_halved_and_readable(folder: Path) -> None:
    for file in folder.rglob("*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            kinds = {tensors.get_slice(n).get_dtype() for n in tensors.keys()}  # noqa: SIM118
        assert kinds == {"F16"}
        assert stat.S_IMODE(file.stat().st_mode) & 0o044 == 0o044


def test_the_manifest_is_exact_and_follows_changes(folder: Path) -> None:
    def read() -> Any:
        return json.loads((folder / "MANIFEST.json").read_text(encoding="utf-8"))["files"]

    before = read()
    assert "MANIFEST.json" not in before
    for name, facts in before.items():
        data = (folder / name).read_bytes()
        assert facts == {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (folder / "README.md").write_text("Another card.", encoding="utf-8")
    write_manifest(folder)
    after = read()
    assert {name for name in after if after[name] != before[name]} == {"README.md"}


# --- the recipe ---------------------------------------------------------------------------------


def test_the_shipped_recipe_fits_the_code() -> None:
    """Every table is what its stage takes; none has a key that nothing reads."""
    recipe = load_recipe()
    DenseConfig(**recipe["dense"], seed=recipe["seed"])
    for settings in recipe["stage1"]:
        Stage1Config(**settings, seed=recipe["seed"])
    SegmentConfig(**recipe["segment"], seed=recipe["seed"])
    assert set(recipe) - {"seed"} == {"data", "dense", "language", "lessons", "stage1", "segment"}
    assert recipe["language"]["hidden"] % 48 == 0
    assert STAGES[0] == "dense"


def test_photos_are_split_and_look_alikes_dropped(tmp_path: Path, draw: Any) -> None:
    recipe = load_recipe()
    recipe["data"] |= {
        "pristine": ["open"],
        "opinions": ["opinion"],
        "regions": ["regions"],
        "held_out": ["research"],
        "validation_sources": ["b"],
        "opinion_validation": 2,
    }
    shots = {name: draw(120, 160, seed) for seed, name in enumerate("uvwxyz")}
    places = {"open/a": "uvw", "open/b": "x", "opinion": "yz", "regions": "u", "research": "v"}
    for place, names in places.items():
        (tmp_path / place).mkdir(parents=True)
        for name in names:
            Image.fromarray(shots[name]).save(tmp_path / place / f"{name}.png")
    (tmp_path / "opinion" / "labels.csv").write_text("file,mos\ny.png,0.1\nz.png,0.9\n", "utf-8")
    data = read_data(tmp_path, recipe)
    assert [p.path.stem for p in data.train] == ["u", "w"]  # v was held out
    assert [p.path.stem for p in data.validation] == ["x"]
    assert [o.path.stem for o in data.opinions] == ["z"]
    assert [o.path.stem for o in data.opinion_validation] == ["y"]
    assert [p.path.stem for p in data.regions] == ["u"]
    recipe["data"]["pristine"] = ["nowhere"]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_data(tmp_path, recipe)


def test_held_out_photos_reach_every_collection(tmp_path: Path, draw: Any) -> None:
    """An opinion or a region map of a held-out photo is dropped too, whatever its name."""
    recipe = load_recipe()
    recipe["data"] |= {"pristine": ["o"], "opinions": ["p"], "regions": ["r"], "held_out": ["h"]}
    one, other = draw(120, 160, 0), draw(120, 160, 1)
    for place, shot in (("o", other), ("p", one), ("r", one), ("h", one)):
        (tmp_path / place).mkdir()
        Image.fromarray(np.asarray(shot)).save(tmp_path / place / f"{place}1.png")
    (tmp_path / "p" / "labels.csv").write_text("file,mos\np1.png,0.5\n", encoding="utf-8")
    data = read_data(tmp_path, recipe)
    assert len(data.train) + len(data.validation) == 1
    assert (data.opinions, data.opinion_validation, data.regions) == ([], [], [])
