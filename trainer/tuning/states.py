"""State beside the weights, without a pickle: of the optimizer, by name, and of random numbers."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spider_cli.errors import UsageError
from trainer.tuning.files import read_json, read_tensors, write_json, write_tensors

__all__ = ["parameter_names", "read_optimizer", "read_rng", "write_optimizer", "write_rng"]

_OPTIMIZER, _RNG = "optimizer", "rng"


# --- the optimizer --------------------------------------------------------------------------------


def write_optimizer(folder: Path, optimizer: Any, names: Mapping[int, str]) -> None:
    """Write an optimizer's state by parameter name.

    Args:
        optimizer: of torch, or accelerate's wrapper around one.
        names: id of a parameter -> its name.
    """
    state = optimizer.state_dict()
    ordered = [names[id(p)] for group in optimizer.param_groups for p in group["params"]]
    by_index = dict(zip(_indices(state), ordered, strict=True))
    tensors: dict[str, Tensor] = {}
    plain: dict[str, dict[str, Any]] = {}
    for index, values in state["state"].items():
        for key, value in values.items():
            if torch.is_tensor(value):
                tensors[f"{by_index[index]}/{key}"] = value
            else:
                plain.setdefault(by_index[index], {})[key] = value
    groups = [
        {**group, "params": [by_index[index] for index in group["params"]]}
        for group in state["param_groups"]
    ]
    write_tensors(folder / f"{_OPTIMIZER}.safetensors", tensors)
    write_json(folder / f"{_OPTIMIZER}.json", {"groups": groups, "values": plain})


def read_optimizer(folder: Path, optimizer: Any, names: Mapping[int, str]) -> None:
    """Load what `write_optimizer` wrote into an optimizer of the same parameters.

    Raises:
        UsageError: it is of other parameters, or damaged.
    """
    path = folder / f"{_OPTIMIZER}.json"
    told = read_json(path)
    state = optimizer.state_dict()
    ordered = [names[id(p)] for group in optimizer.param_groups for p in group["params"]]
    written = [name for group in told["groups"] for name in group["params"]]
    if sorted(ordered) != sorted(written):
        lost = sorted(set(ordered).symmetric_difference(written))
        raise UsageError(
            f"{path} is of other parameters, such as {lost[0]}",
            hint="go on with the recipe that the run was started with",
            code="other_run",
        )
    dealt = [sorted(names[id(p)] for p in group["params"]) for group in optimizer.param_groups]
    if dealt != [sorted(group["params"]) for group in told["groups"]]:
        raise UsageError(
            f"{path} deals the same parameters into other groups: an earlier release wrote it",
            hint="go on with that release, or begin again in another folder",
            code="other_run",
        )
    index_of = dict(zip(ordered, _indices(state), strict=True))
    values: dict[int, dict[str, Any]] = {
        index_of[name]: dict(v) for name, v in told["values"].items()
    }
    for full, tensor in read_tensors(folder / f"{_OPTIMIZER}.safetensors").items():
        name, _, key = full.rpartition("/")
        values.setdefault(index_of[name], {})[key] = tensor
    groups = []
    for now, then in zip(state["param_groups"], told["groups"], strict=True):
        settings = {
            key: tuple(value) if isinstance(now.get(key), tuple) else value
            for key, value in then.items()
        }
        groups.append({**settings, "params": [index_of[name] for name in then["params"]]})
    optimizer.load_state_dict({"state": values, "param_groups": groups})


def _indices(state: Mapping[str, Any]) -> list[int]:
    return [index for group in state["param_groups"] for index in group["params"]]


# --- random states --------------------------------------------------------------------------------


def write_rng(folder: Path, rank: int) -> None:
    """Write this process's random states: Python's, numpy's, torch's, the GPU's."""
    version, words, gauss = random.getstate()
    numpy_state = np.random.get_state(legacy=False)
    assert isinstance(numpy_state, dict)
    tensors = {
        "numpy": torch.from_numpy(numpy_state["state"]["key"].astype(np.int64)),
        "python": torch.tensor(words, dtype=torch.int64),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        tensors["cuda"] = torch.cuda.get_rng_state()
    write_tensors(folder / f"{_RNG}-{rank}.safetensors", tensors)
    plain = {
        "python": {"version": version, "gauss": gauss},
        "numpy": {
            "pos": int(numpy_state["state"]["pos"]),
            "has_gauss": int(numpy_state["has_gauss"]),
            "gauss": float(numpy_state["gauss"]),
        },
    }
    write_json(folder / f"{_RNG}-{rank}.json", plain)


def read_rng(folder: Path, rank: int) -> bool:
    """Restore what `write_rng` wrote; False where this process had no part in the checkpoint."""
    if not (folder / f"{_RNG}-{rank}.safetensors").is_file():
        return False
    tensors = read_tensors(folder / f"{_RNG}-{rank}.safetensors")
    plain = read_json(folder / f"{_RNG}-{rank}.json")
    python, told = plain["python"], plain["numpy"]
    random.setstate((python["version"], tuple(tensors["python"].tolist()), python["gauss"]))
    key = tensors["numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", key, told["pos"], told["has_gauss"], told["gauss"]))
    torch.set_rng_state(tensors["torch"])
    if torch.cuda.is_available() and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"])
    return True


def parameter_names(model: nn.Module) -> dict[int, str]:
    """Id of each parameter -> its name in the model."""
    return {id(parameter): name for name, parameter in model.named_parameters()}
