"""Muon for matrices, AdamW for the rest, in one optimizer."""

from typing import Any

import pytest
import torch

from trainer.tuning.muon import MuonAdamW, orthogonal


@pytest.mark.parametrize("shape", [(24, 24), (16, 40), (40, 16), (1, 7)])
def test_singular_values_are_brought_to_about_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    turned = orthogonal(matrix)
    # The same directions, whatever their strength was.
    found = torch.diagonal(left.T @ turned @ right.T)
    strong = values > values.max() * 0.03
    assert bool(((found > 0.5) & (found < 1.5))[strong].all())
    assert torch.allclose(orthogonal(matrix * 1e-4), turned, atol=1e-5)
    assert torch.equal(orthogonal(torch.zeros(shape)), torch.zeros(shape))


def _steps(make: Any, count: int = 4) -> list[torch.Tensor]:
    torch.manual_seed(1)
    shapes = ((24, 16), (16, 40), (12,), (8, 6, 3, 3))
    weights = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    optimizer = make(weights)
    for number in range(count):
        torch.manual_seed(10 + number)
        for weight in weights:
            weight.grad = torch.randn(weight.shape)
        optimizer.step()
    return [weight.detach() for weight in weights]


def _both(weights: list[torch.nn.Parameter]) -> MuonAdamW:
    return MuonAdamW(
        [
            {"params": weights[2:3], "lr": 0.01, "muon": False},
            {
                "params": [*weights[:2], weights[3]],
                "lr": 0.02,
                "weight_decay": 0.1,
                "muon": True,
            },
        ],
        betas=(0.9, 0.98),
        weight_decay=0.0,
    )


def test_each_group_steps_as_torch_has_it() -> None:
    ours = _steps(_both)

    def muon(weights: list[torch.nn.Parameter]) -> torch.optim.Muon:
        settings: Any = {"adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.1}
        return torch.optim.Muon(weights[:2], lr=0.02, **settings)

    for one, theirs, start in zip(ours[:2], _steps(muon), _steps(muon, 0), strict=False):
        moved = (theirs - start).square().mean().sqrt()
        assert (one - theirs).square().mean().sqrt() < 0.02 * moved  # theirs turns in bfloat16

    def adam(weights: list[torch.nn.Parameter]) -> torch.optim.AdamW:
        return torch.optim.AdamW(weights[2:3], lr=0.01, betas=(0.9, 0.98), weight_decay=0.0)

    assert torch.equal(ours[2], _steps(adam)[2])


def test_a_convolution_steps_as_a_matrix_of_its_outputs() -> None:
    torch.manual_seed(2)
    start, gradient = torch.randn(8, 6, 3, 3), torch.randn(8, 6, 3, 3)
    moved = []
    for shape in ((8, 6, 3, 3), (8, 54)):
        weight = torch.nn.Parameter(start.reshape(shape).clone())
        weight.grad = gradient.reshape(shape)
        if weight.ndim == 4:  # as the trunk's lie in memory
            weight.grad = weight.grad.contiguous(memory_format=torch.channels_last)
        MuonAdamW([{"params": [weight], "lr": 0.02, "muon": True}]).step()
        moved.append(weight.detach().flatten(1))
    assert torch.equal(*moved)
    assert not torch.equal(moved[0], start.flatten(1))


def test_it_goes_on_from_its_state() -> None:
    whole = _steps(_both)
    halves: list[Any] = []

    def first(weights: list[torch.nn.Parameter]) -> MuonAdamW:
        halves.append((weights, _both(weights)))
        return halves[-1][1]  # type: ignore[no-any-return]

    _steps(first, 2)
    weights, optimizer = halves[0]
    again = _both(weights)
    again.load_state_dict(optimizer.state_dict())
    for number in (2, 3):
        torch.manual_seed(10 + number)
        for weight in weights:
            weight.grad = torch.randn(weight.shape)
        again.step()
    assert all(torch.equal(one, two) for one, two in zip(whole, weights, strict=True))
