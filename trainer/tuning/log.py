"""A run's log: one JSON object a line, appended as things happen, read back without what is undone.

Every line has "event" and "step"; docs/stage1.md lists the events. A run that goes on from a
checkpoint appends "resume": the lines after that checkpoint's step are then of work that was lost;
one that begins anew, before anything was saved, appends "start" at step 0.
"""

import json
import math
import os
import time
from pathlib import Path
from typing import Any

from spider_cli.errors import UsageError

__all__ = ["LOG", "RunLog", "read_log"]

LOG = "log.jsonl"


class RunLog:
    """Appends to RUN/log.jsonl; does nothing in processes that do not write.

    Args:
        run: the run's folder, made where it is missing.
        writes: whether this process is the one that writes.
    """

    def __init__(self, run: Path, *, writes: bool = True) -> None:
        self.path = run / LOG
        self.writes = writes
        if writes:
            run.mkdir(parents=True, exist_ok=True)
            _end_last_line(self.path)

    def add(self, event: str, step: int, **values: Any) -> None:
        """Append one event; what is not a number that JSON knows (NaN) becomes null."""
        if not self.writes:
            return
        row = {"event": event, "step": step, "time": round(time.time(), 3), **values}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_finite(row), ensure_ascii=False, allow_nan=False) + "\n")


def read_log(run: Path) -> list[dict[str, Any]]:
    """Events of a run in order, without those that a resume undid and without a half-written last
    line.

    Raises:
        UsageError: there is no log, or a line is damaged.
    """
    path = run / LOG
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        phases = sorted(str(one.parent) for one in run.glob(f"*/{LOG}"))
        raise UsageError(
            f"{run} holds no log of a run: {error}",
            hint=f"each phase has its own: {', '.join(phases)}"
            if phases
            else "name the folder that spider train stage1 --out made",
            code="no_run",
        ) from error
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            event, step = str(row["event"]), int(row["step"])
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):  # killed while writing
                break
            if _torn(lines, number):
                continue
            raise UsageError(
                f"{path}: line {number} is no event: {error}", code="no_run"
            ) from error
        if event == "resume":
            rows = [one for one in rows if one["step"] <= step]
        elif event == "start" and not step:  # anew: nothing had been saved
            rows = []
        rows.append(row)
    return rows


def _torn(lines: list[str], number: int) -> bool:
    """Was line `number` cut by a kill? Then the next line is where the run went on."""
    following = next((line for line in lines[number:] if line.strip()), "")
    return '"event": "resume"' in following or '"event": "start"' in following


def _end_last_line(path: Path) -> None:
    """A line that a kill cut short must not swallow the next one."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
