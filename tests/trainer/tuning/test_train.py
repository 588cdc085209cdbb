"""Stage 1 from a base to a model: it learns, goes on after a kill, and ends well when it must."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from spider_cli.lmm import Ask, load_language_model
from tests.trainer.tuning.small_runs import (
    BOXES,
    COLOURS,
    answer,
    confident,
    events,
    losses,
    recipe_for,
    sixteen_rows,
    terminate_after,
)
from trainer.tuning.checkpoints import checkpoints_of
from trainer.tuning.train import Stopped, tune

Checkpoint = Callable[[str], Path]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny matrices: more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sixteen_rows(tmp_path_factory.mktemp("data") / "sixteen")


@pytest.mark.parametrize(("family", "steps"), [("qwen3_vl", 60), ("smolvlm", 90)])
def test_sixteen_rows_are_learnt_by_heart(
    family: str, steps: int, tiny_checkpoint: Checkpoint, data: Path, tmp_path: Path
) -> None:
    base = confident(tiny_checkpoint(family), tmp_path / "base")
    settings = [f"run.steps={steps}", "run.batch=16", "run.micro_batch=16"]
    settings += [f"run.save_every={steps}"]
    settings += ["lora.rank=48", "optim.betas=[0.9,0.95]"]
    settings += ["optim.lr_lora=1e-2", "optim.lr_vision=4e-3", "optim.lr_projector=4e-3"]
    folder = tune(recipe_for(base, data, *settings), tmp_path / "run", merge=True, quiet=True)
    assert folder == tmp_path / "run" / "model"
    found = losses(tmp_path / "run")
    assert len(found) == steps
    print(f"{family}: sixteen rows, loss {found[1]:.3f} -> {found[steps]:.5f}")
    assert found[steps] < found[1] / 10

    model = load_language_model(folder, device="cpu", dtype=torch.float32)
    for number, colour in enumerate(COLOURS):
        pixels = np.empty((48, 64, 3), np.uint8)
        pixels[:] = colour
        [look] = model.look([pixels])
        asks = [Ask(look, f"Which distortions does the region {box} show?") for box in BOXES]
        said = [one.text.strip() for one in model.ask(asks)]
        assert said == [answer(number, index)[0] for index in range(len(BOXES))]


@pytest.fixture(scope="module")
def whole_run(
    tiny_qwen3vl: Path, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, float]:
    """Losses of a run that nothing interrupts."""
    out = tmp_path_factory.mktemp("whole") / "run"
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    tune(recipe_for(tiny_qwen3vl, data, *RANDOM), out, quiet=True)
    torch.set_num_threads(before)
    return losses(out)


RANDOM = ("lora.dropout=0.2", "augment.flip=0.5", "augment.sizes=[64,48]", "run.steps=8")
"""Everything in a step that draws."""


def test_killed_and_resumed_it_is_the_same_run(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path, whole_run: dict[int, float]
) -> None:
    out = tmp_path / "run"
    recipe = recipe_for(tiny_qwen3vl, data, *RANDOM)
    file = data.parent / "tiny.toml"
    settings = [one for text in RANDOM for one in ("--set", text)]
    command = [sys.executable, "-m", "spider_cli", "train", "stage1", str(file), "--out", str(out)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    process = subprocess.Popen([*command, *settings, "-q"], env=environment)
    try:
        wait_for(lambda: (out / "checkpoint-4").is_dir(), process)
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
    steps = len((out / "log.jsonl").read_text(encoding="utf-8").splitlines())
    assert steps < 16  # it was in the middle
    print(f"killed with {steps} lines in the log; then the same curve, bit for bit")

    folder = tune(recipe, out, resume=True, quiet=True)
    assert folder is not None
    assert losses(out) == whole_run
    assert events(out, "resume")[0]["step"] in (4, 6)


@pytest.mark.parametrize("workers", [0, 1])
def test_sigterm_saves_and_says_so(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path, whole_run: dict[int, float], workers: int
) -> None:
    out = tmp_path / "run"
    recipe = recipe_for(tiny_qwen3vl, data, *RANDOM, "run.save_every=100", f"run.workers={workers}")
    watching = threading.Thread(target=terminate_after, args=(out, 3))
    watching.start()
    with pytest.raises(Stopped) as raised:
        tune(recipe, out, quiet=True)
    watching.join()
    assert raised.value.signal == signal.SIGTERM
    [saved] = checkpoints_of(out)
    assert events(out, "stop")[-1]["reason"] == "signal 15"
    assert not (out / "model").exists()
    tune(recipe, out, resume=True, quiet=True)
    assert losses(out) == whole_run
    assert saved.name != "checkpoint-8"


def test_processes_that_read_photos_change_nothing(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path, whole_run: dict[int, float]
) -> None:
    recipe = recipe_for(tiny_qwen3vl, data, *RANDOM, "run.workers=2", "run.checkpointing=true")
    tune(recipe, tmp_path / "run", quiet=True)
    found = losses(tmp_path / "run")
    assert found == pytest.approx(whole_run, rel=1e-6)


def test_the_best_checkpoint_stays_and_becomes_the_model(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    settings = ["run.steps=6", "run.save_every=1", "run.keep=1", "run.eval_every=2"]
    settings += [f"run.eval_data={data}", "run.eval_limit=2", "optim.schedule=constant"]
    # Such rates spoil what was learnt first: the best is not the last.
    settings += ["optim.lr_lora=0.02", "optim.grad_clip=0", "optim.lr_vision=0.9"]
    tune(recipe_for(tiny_qwen3vl, data, *settings), out)
    seen = events(out, "evaluation")
    assert [row["step"] for row in seen] == [2, 4, 6]
    assert all("refer_short.accuracy" in row["figures"] for row in seen)
    best = min(seen, key=lambda row: row["figures"]["loss"])
    assert [row["best"] for row in seen][seen.index(best)]
    kept = {path.name for path in checkpoints_of(out)}
    assert kept == {"checkpoint-6", f"checkpoint-{best['step']}"}
    assert events(out, "model")[0]["step"] == best["step"]
    weights = load_file(out / "model" / "adapter_model.safetensors")
    chosen = load_file(out / f"checkpoint-{best['step']}" / "adapter_model.safetensors")
    assert weights.keys() == chosen.keys()
    assert all(torch.equal(weights[name], chosen[name]) for name in weights)
    shown = capfd.readouterr().err
    assert "answers" in shown and "truth" in shown
    card = (out / "model" / "README.md").read_text(encoding="utf-8")
    assert f"after step {best['step']} of 6" in card
    assert f"| loss | {best['figures']['loss']:.4f} |" in card


def test_bfloat16_keeps_what_learns_in_float32(
    tiny_smolvlm: Path, data: Path, tmp_path: Path
) -> None:
    recipe = recipe_for(
        tiny_smolvlm, data, "model.dtype=bfloat16", "run.steps=2", "run.checkpointing=true"
    )
    folder = tune(recipe, tmp_path / "run", merge=True, quiet=True)
    assert folder is not None
    adapter = load_file(tmp_path / "run" / "checkpoint-2" / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in adapter.values()} == {torch.float32}
    whole = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in whole.values()} == {torch.bfloat16}


def wait_for(truth: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 120
    while not truth():
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.005)
