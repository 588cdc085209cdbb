"""Layers in 8 and 4 bits, for real, on the CPU."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spider_cli.auditor import Auditor
from spider_cli.errors import UsageError
from spider_cli.lmm import load_language_model
from spider_cli.weights.int4 import Int4WeightConfig, Packed
from spider_cli.weights.quantizing import (
    GROUP,
    QUANTIZE,
    Quantize,
    check_installed,
    is_layer,
    quantize_layers,
)
from tests.wide_models import save_wide

NEAR: dict[Quantize, float] = {"int8": 0.03, "int4": 0.25}
"""How far the five levels' probabilities may be from the unquantized model's. Measured on these
random models, whose weights are loud: at most 0.014 and 0.153."""


@pytest.fixture(scope="module", params=["qwen3_vl", "smolvlm"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_wide(request.param, tmp_path_factory.mktemp("wide") / request.param)


@pytest.fixture(scope="module")
def shown(scenes: dict[str, Any]) -> list[Any]:
    return [scenes[name] for name in ("small", "odd", "tall")]


def levels(auditor: Auditor, photos: list[Any], kind: Quantize | None = None) -> Any:
    records = list(auditor.score(photos))
    assert [record.to_json().get("quantize") for record in records] == [kind] * len(records)
    return np.array([list(record.outcome.levels.values()) for record in records])


@pytest.mark.parametrize("kind", QUANTIZE)
def test_scores_are_near(folder: Path, shown: list[Any], kind: Quantize) -> None:
    exact = levels(Auditor(str(folder), device="cpu"), shown)
    found = levels(Auditor(str(folder), device="cpu", quantize=kind), shown, kind)
    apart = np.abs(found - exact).max()
    assert 0 < apart < NEAR[kind]


@pytest.mark.parametrize("kind", QUANTIZE)
def test_what_shrinks_and_what_stays(folder: Path, kind: Quantize) -> None:
    exact = load_language_model(folder, device="cpu", dtype=torch.float32).model
    found = load_language_model(folder, device="cpu", dtype=torch.float32, quantize=kind).model
    before = dict(exact.named_parameters())
    shrunk = {name for name, one in found.named_parameters() if hasattr(one, "tensor_data_names")}
    layers = {name for name, one in before.items() if is_layer(name, one.shape)}
    whole = {name for name in layers if before[name].shape[1] % GROUP} if kind == "int4" else set()
    assert shrunk == layers - whole
    assert len(shrunk) >= 12
    assert all("visual" not in name and "vision" not in name for name in shrunk)
    assert "lm_head.weight" not in shrunk
    for name, one in found.named_parameters():
        if name not in shrunk:
            assert torch.equal(one, before[name]), name
            continue
        step = before[name].abs().max() / (127 if kind == "int8" else 7)
        assert (one.dequantize() - before[name]).abs().max() <= step, name


@pytest.mark.parametrize("kind", QUANTIZE)
def test_a_loaded_model_s_layers_become_the_same(folder: Path, kind: Quantize) -> None:
    """As those of an adapter's base do, once it is folded in."""
    streamed = load_language_model(folder, device="cpu", dtype=torch.float32, quantize=kind).model
    later = load_language_model(folder, device="cpu", dtype=torch.float32).model
    quantize_layers(later, kind, lambda name: "cpu")
    theirs = dict(streamed.named_parameters())
    for name, one in later.named_parameters():
        other = theirs[name]
        assert type(one) is type(other) or not hasattr(other, "tensor_data_names"), name
        whole = [x.dequantize() if hasattr(x, "tensor_data_names") else x for x in (one, other)]
        assert torch.equal(*whole), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_four_bits(dtype: torch.dtype) -> None:
    """Nothing is further off than half a step, but for the rounding of numbers themselves."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(24, 5 * GROUP, generator=generator).to(dtype)
    packed = Packed.of(weight)
    assert packed.shape == weight.shape
    assert packed.dtype == dtype
    assert packed.halves.numel() == weight.numel() / 2
    step = packed.step.float().repeat_interleave(GROUP, dim=1)
    off = (packed.dequantize().float() - weight.float()).abs()
    rounding = 4 * torch.finfo(dtype).eps * weight.float().abs().max()
    assert (off <= step / 2 + rounding).all()


def test_four_bits_of_weights_that_are_alike() -> None:
    weight = torch.full((2, GROUP), 0.5)
    weight[1] = torch.arange(16).repeat(GROUP // 16) - 8.0  # as many values as there are
    assert torch.equal(Packed.of(weight).dequantize(), weight)


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_of_four_bits_multiplies(bias: bool) -> None:
    from torchao.quantization import quantize_

    layer = nn.Linear(2 * GROUP, 7, bias=bias)
    given = torch.randn(2, 3, 2 * GROUP)
    plain = layer.weight.detach().clone()
    quantize_(layer, Int4WeightConfig())
    weight: Any = layer.weight
    assert isinstance(weight, Packed)
    expected = F.linear(given, weight.dequantize(), layer.bias)
    assert torch.equal(layer(given), expected)
    assert not torch.equal(weight.dequantize(), plain)
    half = layer(given.bfloat16()) if not bias else None
    assert half is None or half.dtype == torch.bfloat16


def test_a_row_that_no_group_divides_stays() -> None:
    from torchao.quantization import quantize_

    layer = nn.Linear(GROUP + 1, 7)
    before = layer.weight
    quantize_(layer, Int4WeightConfig())
    assert layer.weight is before


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("model.language_model.layers.11.self_attn.q_proj.weight", True),
        ("language_model.model.layers.0.mlp.down_proj.weight", True),
        ("model.text_model.layers.3.mlp.gate_proj.weight", True),
        ("model.layers.0.mlp.gate_up_proj.weight", True),
        ("model.language_model.layers.0.self_attn.q_proj.bias", False),
        ("model.language_model.embed_tokens.weight", False),
        ("lm_head.weight", False),
        ("visual.blocks.0.attn.qkv.weight", False),
        ("model.vision_model.encoder.layers.0.mlp.fc1.weight", False),
        ("vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight", False),
        ("model.embed_tokens_extend.image_embed.img_processor.encoder.layers.0.fc.weight", False),
    ],
)
def test_names_of_layers(name: str, layer: bool) -> None:
    assert is_layer(name, (64, 32)) == layer
    assert not is_layer(name, (64,))
    assert not is_layer(name, (4, 64, 32))


@pytest.mark.parametrize(
    ("device", "missing", "code"),
    [("cpu", "torchao", True), ("cuda", "accelerate", True), ("cpu", "accelerate", False)],
)
def test_a_package_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, device: str, missing: str, code: bool
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else real(name)
    )
    if not code:
        check_installed(device)
        return
    with pytest.raises(UsageError, match=f"needs the package {missing}") as caught:
        check_installed(device)
    assert caught.value.code == "missing_package"
    assert "pip install 'spider-iqa[quantize]'" in caught.value.hint
