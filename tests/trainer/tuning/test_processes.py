"""Two processes do what one does: accelerate starts them; torchrun does in nano/test_sharing.py."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.trainer.tuning.small_runs import events, losses, recipe_for, sixteen_rows
from trainer.tuning.train import tune

SETTINGS = ("run.micro_batch=1", "augment.flip=0.5", "run.eval_every=6", "run.eval_limit=3")


def test_two_processes_learn_as_one(tiny_qwen3vl: Path, tmp_path: Path) -> None:
    data = sixteen_rows(tmp_path / "sixteen")
    settings = [*SETTINGS, f"run.eval_data={data}"]
    recipe = recipe_for(tiny_qwen3vl, data, *settings)
    file = tmp_path / "tiny.toml"
    two = tmp_path / "two"
    launch = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--multi_gpu"]
    launch += ["--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no"]
    launch += ["--dynamo_backend", "no", "--main_process_port", str(free_port())]
    launch += ["-m", "spider_cli", "train", "stage1", str(file), "--out", str(two)]
    launch += [part for one in settings for part in ("--set", one)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    environment["ACCELERATE_USE_CPU"] = "true"  # its own --cpu starts one process
    done = subprocess.run(
        launch, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{two / 'model'}\n"  # one of them speaks
    assert "on 2 x cpu" in done.stderr

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    one = tmp_path / "one"
    tune(recipe, one, quiet=True)
    torch.set_num_threads(before)
    expected, found = losses(one), losses(two)
    assert found.keys() == expected.keys()
    apart = max(abs(found[step] / expected[step] - 1) for step in found)
    print(f"two processes and one: losses differ by {apart:.1e} at most, relatively")
    assert found == pytest.approx(expected, rel=2e-5)
    weights = load_file(one / "model" / "adapter_model.safetensors")
    other = load_file(two / "model" / "adapter_model.safetensors")
    for name, tensor in weights.items():
        assert torch.allclose(tensor, other[name], atol=1e-3), name
    [measured], [same] = events(one, "evaluation"), events(two, "evaluation")
    assert same["figures"] == pytest.approx(measured["figures"], rel=1e-3)
    assert same["cases"] == measured["cases"] == 12
    steps = events(two, "step")
    assert all(row["samples_per_second"] > 0 for row in steps)
    state = json.loads((two / "checkpoint-6" / "state.json").read_text(encoding="utf-8"))
    assert state["processes"] == 2
    assert {path.name for path in (two / "checkpoint-6").glob("rng-*.json")} == {
        "rng-0.json",
        "rng-1.json",
    }


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
