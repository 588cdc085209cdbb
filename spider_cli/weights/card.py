"""What a model says of itself in the header of its card, README.md; and whether it was tuned."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["TAG", "is_tuned", "licence_in", "read_card"]

TAG = "spider-iqa"
"""Of the cards that `spider train stage1` writes. Other tags will not do: there are models of image
quality that were never taught spider's questions."""


def read_card(folder: Path) -> Mapping[str, Any]:
    """The header of a folder's card; empty where there is none that can be read."""
    if not (folder / "README.md").is_file():
        return {}
    from huggingface_hub import metadata_load

    try:
        return metadata_load(folder / "README.md") or {}
    except Exception:  # what YAML's parser raises, too
        return {}


def licence_in(card: Mapping[str, Any]) -> str:
    """The licence that a card's header names; "" where it names none."""
    named = card.get("license")
    if named == "other":
        named = card.get("license_name") or named
    return named if isinstance(named, str) else ""


def is_tuned(folder: Path) -> bool:
    """Was the model or adapter of a folder taught spider's questions? nano was, unless it is new;
    of any other its card says so. Settings files say nothing: the second stage writes them into a
    base's folder too."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config["model_type"] == "spider_nano":
            return bool(config.get("trained", True))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    tags = read_card(folder).get("tags")
    return isinstance(tags, list) and TAG in tags
