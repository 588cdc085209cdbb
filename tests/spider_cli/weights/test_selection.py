"""Which files are taken, and which repositories are not."""

import json
from typing import Any

import pytest

from spider_cli.errors import UsageError
from spider_cli.weights.cached import INDEX
from spider_cli.weights.selection import check_kind, needed_files

SETTINGS = ["config.json", "tokenizer.json", "chat_template.jinja", "merges.txt", "README.md"]
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
INDEXED = {"weight_map": {"a": SHARDS[0], "b": SHARDS[1], "c": SHARDS[1]}}


def test_one_form_of_the_weights_is_taken() -> None:
    others = [
        *("pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack"),
        *("consolidated.safetensors", "model.fp16.safetensors", "model.gguf"),
        *("onnx/model.onnx", "onnx/config.json", "original/params.json", "code.py", "cat.jpg"),
        *("vision-lora/adapter_model.safetensors", ".gitattributes"),
    ]
    taken = needed_files("o/n", [*SETTINGS, *others, "model.safetensors"], None)
    assert taken == sorted([*SETTINGS, "model.safetensors"])
    taken = needed_files("o/n", [*SETTINGS, *others, *SHARDS, INDEX], INDEXED)
    assert taken == sorted([*SETTINGS, *SHARDS, INDEX])
    assert needed_files("o/n", [*SETTINGS, *SHARDS, INDEX], INDEXED, weights=False) == sorted(
        SETTINGS
    )


def test_a_packaged_model_keeps_its_segmenter() -> None:
    inside = ["segmenter/config.json", "segmenter/model.safetensors"]
    names = [*SETTINGS, "scoring.json", "model.safetensors", *inside, "segmenter/model.bin"]
    assert set(needed_files("o/n", names, None)) == {*names} - {"segmenter/model.bin"}


def test_an_adapter_alone_is_taken() -> None:
    names = ["adapter_config.json", "adapter_model.safetensors", "README.md", "optimizer.pt"]
    assert needed_files("o/n", names, None) == sorted(names[:3])


def test_code_is_taken_only_when_asked_for() -> None:
    names = ["config.json", "model.safetensors", "modeling.py", "parts/deep.py"]
    assert not any(name.endswith(".py") for name in needed_files("o/n", names, None))
    assert set(needed_files("o/n", names, None, code=True)) == {*names}


@pytest.mark.parametrize(
    ("names", "index", "code", "says"),
    [
        (["pytorch_model.bin"], None, "pickle_only", "can run any program"),
        (["model.pth", "model.ckpt"], None, "pickle_only", "pickle"),
        (["pytorch_model.bin", "tf_model.h5"], None, "pickle_only", r"pytorch_model\.bin"),
        (["tf_model.h5"], None, "no_weights", r"it has tf_model\.h5"),
        (["model.gguf"], None, "no_weights", r"it has model\.gguf"),
        ([], None, "no_weights", r"no model\.safetensors"),
        (["onnx/weights.bin"], None, "no_weights", r"no model\.safetensors"),
        ([INDEX, SHARDS[0]], INDEXED, "repository_incomplete", SHARDS[1]),
        ([INDEX], {}, "repository_incomplete", "names no file"),
        ([INDEX, "a.bin"], {"weight_map": {"a": "a.bin"}}, "pickle_only", r"a\.bin"),
    ],
)
def test_what_is_refused(names: list[str], index: Any, code: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        needed_files("owner/name", ["config.json", *names], index)
    assert raised.value.code == code
    assert raised.value.message.startswith("owner/name")
    assert raised.value.hint


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "qwen3_vl", "vision_config": {}},
        {"model_type": "sam", "vision_config": {}},
        {"model_type": "spider_nano"},
        {"model_type": "qwen2_vl", "auto_map": {"AutoModel": "x.Y"}, "vision_config": {}},
        {"model_type": "fuyu", "image_size": 300},
    ],
)
def test_models_that_see_are_taken(config: dict[str, Any]) -> None:
    check_kind("owner/name", {"config.json": config}, remote_code=False)


def test_code_of_a_repository_is_refused_unless_asked_for() -> None:
    config = {"model_type": "phi3_v", "auto_map": {"AutoModelForCausalLM": "modeling_x.Y"}}
    with pytest.raises(UsageError, match="Python of its own") as raised:
        check_kind("owner/name", {"config.json": config}, remote_code=False)
    assert raised.value.code == "remote_code"
    assert "--remote-code" in raised.value.hint
    check_kind("owner/name", {"config.json": config}, remote_code=True)
    leading_out = {"config.json": config | {"model_type": "../models/sam"}}
    with pytest.raises(UsageError, match="Python of its own"):
        check_kind("o/n", leading_out, remote_code=False)


def test_a_model_of_text_alone_is_refused() -> None:
    text = json.loads('{"model_type": "llama", "hidden_size": 64, "rope_theta": 1e4}')
    with pytest.raises(UsageError, match="text alone") as raised:
        check_kind("owner/name", {"config.json": text}, remote_code=False)
    assert raised.value.code == "not_image_text"


def test_weights_without_a_configuration_are_refused() -> None:
    check_kind("owner/name", {"adapter_config.json": {}}, remote_code=False)
    with pytest.raises(UsageError, match=r"neither config\.json nor") as raised:
        check_kind("owner/name", {}, remote_code=True)
    assert raised.value.code == "not_image_text"
