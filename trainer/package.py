"""Put trained halves together as the folder that ships: half precision, settings, manifest."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

from spider_cli.nano.modeling import NanoForConditionalGeneration
from spider_cli.nano.segmenting import NanoSegmenter
from trainer.new_nano import save_json

__all__ = ["package_nano", "write_manifest"]


def package_nano(
    out: Path,
    *,
    model: NanoForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    segmenter: NanoSegmenter,
    scoring: dict[str, Any],
    grounding: dict[str, Any],
    card: str,
    trained: bool,
) -> None:
    """Write the model folder: language half at the top, segmenter below, settings beside."""
    out.mkdir(parents=True, exist_ok=True)
    model.config.trained = trained
    _save_half(model, out)
    tokenizer.save_pretrained(out)
    _save_half(segmenter, out / "segmenter")
    side = segmenter.config.side
    SamImageProcessorPil(
        image_mean=[127 / 255] * 3,
        image_std=[128 / 255] * 3,
        size={"longest_edge": side},
        pad_size={"height": side, "width": side},
        mask_size={"longest_edge": side // 4},
        mask_pad_size={"height": side // 4, "width": side // 4},
    ).save_pretrained(out / "segmenter")
    save_json(out / "scoring.json", scoring)
    save_json(out / "grounding.json", grounding)
    (out / "README.md").write_text(card, encoding="utf-8")
    write_manifest(out)


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
