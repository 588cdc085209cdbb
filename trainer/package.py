"""Put trained halves together as the folder that ships: half precision, settings, manifest."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

from spider_cli.errors import UsageError
from spider_cli.grounding_file import BESIDE, GROUNDING
from spider_cli.nano.configuration import NanoConfig
from spider_cli.nano.modeling import NanoForConditionalGeneration
from spider_cli.nano.segmenting import NanoSegmenter
from spider_cli.weights.loading import explained, load_whole
from spider_cli.weights.revision import revision_of
from trainer.new_nano import save_json

__all__ = ["package_nano", "save_segmenter", "write_manifest"]

_SETTINGS = ("scoring.json", "grounding.json")
_OPTIONAL = ("describing.json",)


def package_nano(model: Path, segmenter: Path, out: Path, card: str) -> None:
    """Write the folder that ships: language half at the top, segmenter below, settings beside.

    Args:
        model: of `spider train stage1 nano`, with the settings of stage 2.
        segmenter: of `spider train segmenter`, or the one of a packaged nano.
        card: README.md.

    Raises:
        UsageError: a part is missing, or the folder is there.
    """
    if out.exists():
        raise UsageError(f"{out} exists", hint="name a new folder", code="exists")
    for name in _SETTINGS:
        if not (model / name).is_file():
            raise UsageError(
                f"{model} has no {name}", hint="spider train stage2 writes it", code="no_settings"
            )
    with explained(model, "a nano"):
        config = NanoConfig.from_pretrained(str(model), local_files_only=True)
        language = load_whole(NanoForConditionalGeneration, model, config=config)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(str(model), local_files_only=True)
    with explained(segmenter, "nano's segmenter"):
        masks = load_whole(NanoSegmenter, segmenter)
    out.mkdir(parents=True)
    language.config.trained = True
    _save_half(language, out)
    tokenizer.save_pretrained(out)
    save_segmenter(masks, out / "segmenter")
    for name in (*_SETTINGS, *_OPTIONAL):
        if (model / name).is_file():
            shutil.copyfile(model / name, out / name)
    _name_segmenter(out)
    (out / "README.md").write_text(card, encoding="utf-8")
    write_manifest(out)


def _name_segmenter(folder: Path) -> None:
    """grounding.json names the segmenter beside it, not the one on this machine."""
    file = folder / GROUNDING
    settings = json.loads(file.read_text(encoding="utf-8"))
    if "segmenter" in settings:
        revision = revision_of(folder / BESIDE)
        save_json(file, {**settings, "segmenter": {"name": BESIDE, "revision": revision}})


def save_segmenter(segmenter: NanoSegmenter, folder: Path) -> None:
    """Write a segmenter with its image processor, in half precision; it is made so in place."""
    _save_half(segmenter, folder)
    side = segmenter.config.side
    SamImageProcessorPil(
        image_mean=[127 / 255] * 3,
        image_std=[128 / 255] * 3,
        size={"longest_edge": side},
        pad_size={"height": side, "width": side},
        mask_size={"longest_edge": side // 4},
        mask_pad_size={"height": side // 4, "width": side // 4},
    ).save_pretrained(folder)


def _save_half(model: PreTrainedModel, folder: Path) -> None:
    """Make `model` half precision, in place, and save it."""
    whole: Any = model  # whose `to`, a wrapped one, is typed as though it were not bound
    whole.to(torch.float16).save_pretrained(folder, safe_serialization=True)


def write_manifest(folder: Path) -> None:
    """``MANIFEST.json``: size and SHA-256 of every file, which `spider doctor` checks."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "MANIFEST.json":
            path.chmod(0o644)  # safetensors writes files only their owner can read
            name = path.relative_to(folder).as_posix()
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            files[name] = {"sha256": digest, "size": path.stat().st_size}
    save_json(folder / "MANIFEST.json", {"files": files})
