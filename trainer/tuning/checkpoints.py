"""Checkpoints of a run: safetensors and JSON, each folder whole or absent, the last K kept.

RUN/checkpoint-STEP/
  adapter_model.safetensors or model.safetensors   what was trained (export.py)
  optimizer.safetensors, optimizer.json            moments by parameter name; settings by group
  rng-RANK.safetensors, rng-RANK.json              random states of each process
  state.json                                       schedule, loss scale, versions
  trainer_state.json                               the Trainer's own counters

Nothing is pickled, so nothing is unpickled. A checkpoint is written beside its place under a hidden
name and renamed when all of it is on the disk; what a kill leaves half-written is never read.
"""

import os
import re
import shutil
from pathlib import Path

__all__ = ["checkpoints_of", "forget_unfinished", "publish", "rotate", "step_of", "unfinished"]

_NAME = re.compile(r"checkpoint-(\d+)")


def checkpoints_of(run: Path) -> list[Path]:
    """Finished checkpoints, the oldest first."""
    found = [path for path in run.glob("checkpoint-*") if _NAME.fullmatch(path.name)]
    return sorted((path for path in found if path.is_dir()), key=step_of)


def step_of(checkpoint: Path) -> int:
    """The step after which it was written."""
    match = _NAME.fullmatch(checkpoint.name)
    if match is None:
        raise ValueError(f"{checkpoint.name} is no checkpoint's name")
    return int(match[1])


def unfinished(run: Path, step: int) -> Path:
    """Where a checkpoint is written until it is whole."""
    return run / f".checkpoint-{step}.tmp"


def publish(run: Path, step: int) -> Path:
    """Give a written checkpoint its name, once its bytes are on the disk."""
    written = unfinished(run, step)
    for path in sorted(written.rglob("*")):
        if path.is_file():
            _to_disk(path)
    _to_disk(written)
    target = run / f"checkpoint-{step}"
    if target.exists():  # of this step, from before a resume that went further back
        _remove(target)
    written.replace(target)
    _to_disk(run)
    return target


def forget_unfinished(run: Path) -> None:
    """Remove what a kill or a full disk left half-written."""
    for path in run.glob(".checkpoint-*.tmp"):
        shutil.rmtree(path, ignore_errors=True)


def rotate(run: Path, *, keep: int, best: int | None) -> None:
    """Remove all checkpoints but the last `keep`, and the best one's."""
    for path in checkpoints_of(run)[: -max(1, keep)]:
        if step_of(path) != best:
            _remove(path)


def _remove(checkpoint: Path) -> None:
    """Renamed first: a kill in between leaves no half checkpoint under a whole one's name."""
    doomed = checkpoint.with_name(f".{checkpoint.name}.old.tmp")
    shutil.rmtree(doomed, ignore_errors=True)
    checkpoint.replace(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _to_disk(path: Path) -> None:
    """Wait until the disk has it. Folders cannot be opened for that on Windows."""
    if path.is_dir() and os.name == "nt":
        return
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
