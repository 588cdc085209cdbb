"""Runs of stage 1 that end in seconds: sixteen rows, a tiny model, a recipe for both."""

import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save_file

from spider_cli.results import Distortion
from tests.trainer.tuning.small_data import write
from trainer.datasets.schema import Item
from trainer.rows import QA
from trainer.truth import Sample
from trainer.tuning.log import read_log
from trainer.tuning.recipe import Recipe, load_recipe

COLOURS = ((220, 30, 30), (30, 200, 40), (40, 60, 220), (240, 240, 240))
BOXES = ("[0.0, 0.0, 0.5, 0.5]", "[0.5, 0.0, 1.0, 0.5]", "[0.0, 0.5, 0.5, 1.0]", "[0, 0, 1, 1]")
ANSWERS = (
    "Severe noise.",
    "Mild blur.",
    "Moderate blur.",
    "Mild noise.",
    "The region on the top left shows severe noise.",
    "The region on the bottom right shows mild blur.",
)


def answer(photo: int, box: int) -> tuple[str, Distortion]:
    text = ANSWERS[(photo * 3 + box) % len(ANSWERS)]
    family = "noise" if "noise" in text else "blur"
    severity = next(word for word in ("severe", "moderate", "mild") if word in text.lower())
    return text, Distortion(family, severity)


def sixteen_rows(folder: Path) -> Path:
    """Four plain photos with four questions each; the split "test" is the same."""
    items = []
    for number, colour in enumerate(COLOURS):
        pixels = np.empty((48, 64, 3), np.uint8)
        pixels[:] = colour
        rows = []
        for index, box in enumerate(BOXES):
            text, truth = answer(number, index)
            question = f"Which distortions does the region {box} show?"
            rows.append(
                QA("refer_short", question, text, (truth,), box=(0, 0, 64, 48), subtask="one")
            )
        items.append(
            Item(
                f"{number:06d}", f"{number}.png", str(number), "whole", Sample(pixels), tuple(rows)
            )
        )
    return write(folder, items, test=items)


def confident(checkpoint: Path, folder: Path) -> Path:
    """A copy whose output layer speaks up: LoRA leaves that layer alone, and a new one's words are
    all alike likely whatever the rest learns."""
    shutil.copytree(checkpoint, folder)
    weights = load_file(folder / "model.safetensors")
    for name, tensor in weights.items():
        if name == "lm_head.weight":
            weights[name] = tensor * 15
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def recipe_for(base: Path, data: Path, *settings: str) -> Recipe:
    """Sixteen rows a step, float32, nothing random in a step; then what `settings` say."""
    path = data.parent / "tiny.toml"
    path.write_text(
        f"""
        model = {{ base = {json.dumps(str(base))}, dtype = "float32" }}
        data = [{{ path = {json.dumps(str(data))} }}]
        lora = {{ dropout = 0.0 }}
        [optim]
        lr_lora = 1e-2
        lr_vision = 1e-3
        lr_projector = 1e-3
        [run]
        steps = 6
        batch = 4
        micro_batch = 2
        checkpointing = false
        save_every = 2
        log_every = 1
        workers = 0
        """,
        encoding="utf-8",
    )
    return load_recipe(str(path), settings)


def losses(run: Path) -> dict[int, float]:
    """Step -> loss, of the log."""
    return {row["step"]: row["loss"] for row in read_log(run) if row["event"] == "step"}


def events(run: Path, name: str) -> list[dict[str, Any]]:
    """Lines of the log of one kind."""
    return [row for row in read_log(run) if row["event"] == name]


def terminate_after(out: Path, steps: int) -> None:
    """Send SIGTERM to this process, and those that read for it, once the log has so many steps."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        log = out / "log.jsonl"
        if log.is_file() and log.read_text(encoding="utf-8").count('"event": "step"') >= steps:
            for reader in multiprocessing.active_children():
                reader.terminate()
            os.kill(os.getpid(), signal.SIGTERM)
            return
        time.sleep(0.002)
