"""Checkpoints: exact, whole or absent, without a pickle."""

import copy
import inspect
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn
from transformers import Trainer

from spider_cli.errors import UsageError
from trainer.tuning import checkpoints, files, states
from trainer.tuning.loop import Stage1Trainer


def taught(steps: int = 3) -> tuple[nn.Sequential, torch.optim.AdamW]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    groups = [
        {"params": list(model[2].parameters()), "lr": 0.1, "name": "last"},
        {"params": list(model[0].parameters()), "lr": 0.01, "name": "first"},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.8, 0.95))
    for _ in range(steps):
        step(model, optimizer)
    return model, optimizer


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.randn(5, 4)).square().sum().backward()
    optimizer.step()


def test_the_optimizer_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    model, optimizer = taught()
    states.write_optimizer(tmp_path, optimizer, states.parameter_names(model))
    other, fresh = taught(steps=0)
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    states.read_optimizer(tmp_path, fresh, states.parameter_names(other))
    assert fresh.param_groups[0]["betas"] == (0.8, 0.95)
    assert [group["name"] for group in fresh.param_groups] == ["last", "first"]
    for one, two in ((model, optimizer), (other, fresh)):
        torch.manual_seed(1)
        step(one, two)
    pairs = zip(model.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
    with safe_open(tmp_path / "optimizer.safetensors", "pt") as file:
        assert "0.weight/exp_avg" in set(file.keys())


def test_an_optimizer_of_other_parameters_is_refused(tmp_path: Path) -> None:
    model, optimizer = taught()
    states.write_optimizer(tmp_path, optimizer, states.parameter_names(model))
    other = nn.Sequential(nn.Linear(4, 3))
    fresh = torch.optim.AdamW(other.parameters())
    with pytest.raises(UsageError, match=r"of other parameters, such as 2\.bias"):
        states.read_optimizer(tmp_path, fresh, states.parameter_names(other))


def test_an_optimizer_of_other_groups_is_refused(tmp_path: Path) -> None:
    """As an earlier release dealt the same parameters."""
    model, optimizer = taught()
    states.write_optimizer(tmp_path, optimizer, states.parameter_names(model))
    last, first = (dict(group) for group in optimizer.param_groups)
    moved = [{"params": last["params"][:1]}, {"params": [*first["params"], last["params"][1]]}]
    for groups in (moved, [{"params": list(model.parameters())}]):
        fresh = torch.optim.AdamW(groups)
        with pytest.raises(UsageError, match="deals the same parameters into other groups"):
            states.read_optimizer(tmp_path, fresh, states.parameter_names(model))


def test_random_states_go_on(tmp_path: Path) -> None:
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    np.random.standard_normal()  # leaves a second one in store
    random.gauss(0, 1)
    states.write_rng(tmp_path, 1)

    def draw() -> tuple[float, float, float, float]:
        normal = float(np.random.standard_normal())
        return random.random(), random.gauss(0, 1), normal, float(torch.rand(()))

    first = draw()
    assert draw() != first
    assert states.read_rng(tmp_path, 1)
    assert draw() == first
    assert not states.read_rng(tmp_path, 0)


def test_the_last_ones_and_the_best_stay(tmp_path: Path) -> None:
    for number in (2, 4, 6, 10):
        checkpoints.unfinished(tmp_path, number).mkdir()
        files.write_json(checkpoints.unfinished(tmp_path, number) / "x.json", number)
        checkpoints.publish(tmp_path, number)
    checkpoints.rotate(tmp_path, keep=2, best=4)
    found = checkpoints.checkpoints_of(tmp_path)
    assert [checkpoints.step_of(path) for path in found] == [4, 6, 10]
    checkpoints.rotate(tmp_path, keep=1, best=10)
    assert [path.name for path in checkpoints.checkpoints_of(tmp_path)] == ["checkpoint-10"]
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-10"}


def test_a_half_written_one_is_none(tmp_path: Path) -> None:
    checkpoints.unfinished(tmp_path, 4).mkdir()
    assert checkpoints.checkpoints_of(tmp_path) == []
    checkpoints.forget_unfinished(tmp_path)
    assert not list(tmp_path.iterdir())


def test_one_of_the_same_step_is_replaced(tmp_path: Path) -> None:
    for number in (1, 2):
        checkpoints.unfinished(tmp_path, 4).mkdir()
        files.write_json(checkpoints.unfinished(tmp_path, 4) / "x.json", number)
        checkpoints.publish(tmp_path, 4)
    assert json.loads((tmp_path / "checkpoint-4" / "x.json").read_text(encoding="utf-8")) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-4"]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "optimizer.safetensors"
    path.write_bytes(b"\x80\x04\x95 not tensors")
    with pytest.raises(UsageError, match=r"optimizer\.safetensors cannot be read") as raised:
        files.read_tensors(path)
    assert raised.value.code == "bad_checkpoint"
    (tmp_path / "state.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"state\.json cannot be read"):
        files.read_json(tmp_path / "state.json")


@pytest.mark.parametrize(
    "name",
    [
        "_save_checkpoint",
        "_load_from_checkpoint",
        "_load_optimizer_and_scheduler",
        "_load_scaler",
        "_load_rng_state",
        "_get_train_sampler",
        "create_optimizer",
        "compute_loss",
        "evaluate",
        "log",
    ],
)
def test_the_trainer_still_has_what_is_overridden(name: str) -> None:
    theirs = inspect.signature(getattr(Trainer, name)).parameters
    ours = inspect.signature(getattr(Stage1Trainer, name)).parameters
    catches_all = any(one.kind is one.VAR_POSITIONAL for one in ours.values())
    assert catches_all or set(theirs) <= set(ours)
