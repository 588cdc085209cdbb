"""What people see of a run: a live line on a terminal, notices alone in a pipe."""

import os
import pty
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.trainer.tuning.small_runs import events, recipe_for, sixteen_rows
from trainer.tuning.callbacks import Reporter
from trainer.tuning.log import RunLog
from trainer.tuning.measured import Measured, Sample


def show(folder: Path) -> None:
    """Two steps and a notice, as a run has them."""
    reporter = Reporter(RunLog(folder), 20, shown=True)
    state: Any = SimpleNamespace(global_step=0)
    unused: Any = None
    reporter.on_train_begin(unused, state, unused)
    for step in (1, 2):
        state.global_step = step
        reporter.on_step_end(unused, state, unused)
        reporter.step(step, {"loss": 2.5 / step, "lr": {"vision": 1e-3}}, [8, 400, 0, 0])
    reporter.say("a notice")
    reporter.close()


def test_a_terminal_has_a_live_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with open(theirs, "w", encoding="utf-8") as terminal:  # noqa: PTH123  # it has no path
        monkeypatch.setattr(sys, "stderr", terminal)
        show(tmp_path)
        monkeypatch.undo()
    seen = b""
    while True:
        try:
            more = os.read(ours, 4096)
        except OSError:  # its end, on Linux
            break
        if not more:
            break
        seen += more
    os.close(ours)
    text = seen.decode()
    assert "step 2/20  loss 1.2500  lr 0.001" in text
    assert "samples/s" in text and "tokens/s" in text and "GiB" in text and "left" in text
    assert "\r\x1b[2K" in text  # drawn over itself
    assert text.rstrip().endswith("\x1b[2K")  # and taken away in the end
    assert "a notice" in text


def test_a_pipe_has_notices_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    show(tmp_path)
    assert capfd.readouterr() == ("", "spider: a notice\n")
    assert [row["loss"] for row in events(tmp_path, "step")] == [2.5, 1.25]


def test_an_evaluation_shows_answers(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter(RunLog(tmp_path), 20, shown=True)
    figures = {"refer_short.accuracy": 0.5, "refer_short.f1_micro": 0.25, "loss": 1.0}
    sample = Sample("What is wrong?", "Mild\nblur.", "Severe noise.")
    reporter.evaluation(4, Measured(figures, 8, 1, (sample,)), 2.0, True)
    assert capfd.readouterr().err.splitlines() == [
        "spider: step 4: refer_short.accuracy 0.500, loss 1.000 (best so far)",
        "spider:   asked   What is wrong?",
        "spider:   answers Mild\\nblur.",
        "spider:   truth   Severe noise.",
    ]
    [row] = events(tmp_path, "evaluation")
    assert row["figures"] == figures and row["best"] and row["failed"] == 1


@pytest.mark.parametrize("family", ["tiny_qwen3vl", "tiny_smolvlm"])
def test_a_bfloat16_run_is_measured(
    family: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """What learns is float32, what is frozen bfloat16: asked under autocast, as in a step."""
    from trainer.tuning.train import tune

    base = request.getfixturevalue(family)
    data = sixteen_rows(tmp_path / "sixteen")
    settings = ["model.dtype=bfloat16", "run.steps=1", "run.eval_every=1", "run.eval_limit=1"]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    tune(recipe_for(base, data, *settings, f"run.eval_data={data}"), tmp_path / "run", quiet=True)
    torch.set_num_threads(threads)
    [row] = events(tmp_path / "run", "evaluation")
    assert row["failed"] == 0 and row["cases"] == 4
    assert row["figures"]["loss"] > 0
