"""A new nano, and the folder it is packaged in."""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from spider_cli.errors import UsageError
from spider_cli.vocabulary import HORIZONTAL, LEVELS, VERTICAL
from trainer.new_nano import SPECIALS, new_nano, new_segmenter, save_json, train_tokenizer
from trainer.package import package_nano, save_segmenter, write_manifest


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
def halves(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as stages 1 and 2 leave it, and a segmenter."""
    out = tmp_path_factory.mktemp("halves")
    tiny.fresh().save_pretrained(out / "model")
    tiny.processor.tokenizer.save_pretrained(out / "model")
    save_json(out / "model" / "scoring.json", {"temperature": 1.5})
    save_json(out / "model" / "grounding.json", {"rule": "paper", "temperature": 0.7})
    save_segmenter(new_segmenter(width=16, side=64), out / "segmenter")
    return out


@pytest.fixture(scope="module")
def folder(halves: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "nano"
    package_nano(halves / "model", halves / "segmenter", out, "A card.")
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


def test_a_model_without_stage_2_is_not_packaged(halves: Path, tmp_path: Path) -> None:
    (halves / "model" / "scoring.json").rename(halves / "model" / "other.json")
    try:
        with pytest.raises(UsageError, match="no scoring"):
            package_nano(halves / "model", halves / "segmenter", tmp_path / "new", "")
    finally:
        (halves / "model" / "other.json").rename(halves / "model" / "scoring.json")
    assert not (tmp_path / "new").exists()
