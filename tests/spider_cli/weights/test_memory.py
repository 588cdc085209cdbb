"""Bytes that weights will take, told by their files' heads, beside what loaded models take."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from spider_cli.chat import chat_class
from spider_cli.errors import UsageError
from spider_cli.weights.headers import read_header
from spider_cli.weights.loading import load_whole
from spider_cli.weights.memory import weights_in
from spider_cli.weights.quantizing import QUANTIZE, Quantize, loading_options
from tests.wide_models import save_wide

Checkpoint = Callable[[str], Path]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_wide("qwen3_vl", tmp_path_factory.mktemp("wide") / "qwen3_vl")


def held(model: Any) -> int:
    """Bytes of a model's parameters, in whatever form they are."""
    total = 0
    for parameter in model.parameters():
        names = [
            *getattr(parameter, "tensor_data_names", ()),
            *getattr(parameter, "optional_tensor_data_names", ()),
        ]
        parts = [getattr(parameter, name) for name in names] if names else [parameter]
        total += sum(part.numel() * part.element_size() for part in parts if part is not None)
    return total


@pytest.mark.parametrize("family", ["qwen3_vl", "smolvlm", "internvl", "phi"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_as_large_as_foretold(tiny_checkpoint: Checkpoint, family: str, dtype: torch.dtype) -> None:
    folder = tiny_checkpoint(family)
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    model = load_whole(chat_class(kind), folder, dtype=dtype)
    weights = weights_in(folder)
    count = sum(one.numel() for one in model.parameters())
    assert weights.layers
    if family == "phi":  # its file has numbers that are no parameters, for audio
        assert 0 < weights.parameters - count < 0.002 * count
    else:
        assert weights.parameters == count
        assert weights.size(dtype.itemsize) == held(model)


@pytest.mark.parametrize("kind", QUANTIZE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_as_small_as_foretold(wide: Path, kind: Quantize, dtype: torch.dtype) -> None:
    model = load_whole(chat_class("qwen3_vl"), wide, dtype=dtype, **loading_options(kind))
    weights = weights_in(wide)
    assert weights.size(dtype.itemsize, kind) == held(model) < weights.size(dtype.itemsize)


def test_an_output_layer_that_is_the_embeddings_counts_once(wide: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(wide, tmp_path / "copy"))
    whole = weights_in(copy).size(4)
    [head] = [
        one for one in read_header(copy / "model.safetensors") if one.name == "lm_head.weight"
    ]
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    config["tie_word_embeddings"] = True
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert weights_in(copy).size(4) == whole - head.size


def test_files_in_parts(wide: Path, tmp_path: Path) -> None:
    """Those that the index lists, and no others."""
    tensors = load_file(wide / "model.safetensors")
    names = sorted(tensors)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, own in parts.items():
        save_file({name: tensors[name] for name in own}, tmp_path / file)
    save_file({"more": torch.zeros(1000)}, tmp_path / "c.safetensors")
    listed = {name: file for file, own in parts.items() for name in own}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": listed}), encoding="utf-8")
    assert weights_in(tmp_path).size(2) == weights_in(wide).size(2)
    (tmp_path / "a.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:-1])
    with pytest.raises(UsageError, match=r"a\.safetensors is truncated: ") as caught:
        weights_in(tmp_path)
    assert caught.value.code == "model_unloadable"
    assert "spider models verify" in caught.value.hint


def test_whole_numbers_and_what_is_quantized_already_keep_their_size(tmp_path: Path) -> None:
    name = "model.language_model.layers.0.mlp.up_proj.weight"
    tensors = {"table": torch.zeros(10, dtype=torch.int64), name: torch.zeros(8, 64)}
    save_file(tensors, tmp_path / "model.safetensors")
    found = weights_in(tmp_path)
    assert found.parameters == 512
    assert found.size(2) == 80 + 1024
    assert found.size(2, "int8") == 80 + 512 + 8 * 5
    assert found.size(2, "int4") == 80 + 256 + 8 * 2 * 2 * 2
    (tmp_path / "config.json").write_text(
        json.dumps({"quantization_config": {"quant_method": "fp8"}}), encoding="utf-8"
    )
    found = weights_in(tmp_path)
    assert found.quantized == "fp8"
    assert found.size(2) == found.size(2, "int8") == 80 + 2048


def test_no_weights_at_all(tmp_path: Path) -> None:
    """Whoever loads them says so better."""
    found = weights_in(tmp_path)
    assert (found.parameters, found.size(4), found.layers) == (0, 0, False)
    (tmp_path / "model.safetensors.index.json").write_text("[]", encoding="utf-8")
    assert weights_in(tmp_path).tensors == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 10) + b'{"a": 1}  ',
        struct.pack("<Q", 39) + b'{"a":{"shape":[1],"data_offsets":[0,4]}}'[:39],
    ],
)
def test_what_is_no_safetensors(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match="is no safetensors file"):
        read_header(tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match=r"model\.safetensors is no safetensors file"):
        weights_in(tmp_path)
