"""A nano as the folder that ships, from halves in memory."""

from pathlib import Path
from typing import Any

import torch

from trainer.new_nano import save_json
from trainer.package import save_segmenter, write_manifest


def save_nano(
    folder: Path,
    *,
    model: Any,
    tokenizer: Any,
    segmenter: Any,
    scoring: dict[str, Any],
    grounding: dict[str, Any],
) -> Path:
    """Write an untrained one; `model` and `segmenter` are made half precision in place."""
    model.config.trained = False
    model.to(torch.float16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    save_segmenter(segmenter, folder / "segmenter")
    save_json(folder / "scoring.json", scoring)
    save_json(folder / "grounding.json", grounding)
    (folder / "README.md").write_text("Random weights.", encoding="utf-8")
    write_manifest(folder)
    return folder
