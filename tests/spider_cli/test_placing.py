"""Where a model goes, and what is said when there is no room: on machines that are told."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from spider_cli import placing
from spider_cli.auditor import Auditor
from spider_cli.devices import Wanted
from spider_cli.errors import UsageError
from spider_cli.placing import place
from spider_cli.weights.machine import Room, needed
from spider_cli.weights.memory import weights_in
from spider_cli.weights.quantizing import Quantize
from tests.wide_models import save_wide

Rooms = Callable[..., None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_wide("smolvlm", tmp_path_factory.mktemp("wide") / "smolvlm")


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> Rooms:
    """Tell what is free, on the CPU and on GPUs; small models are weighed too."""

    def tell(*, cpu: int, cuda: tuple[int, ...] = ()) -> None:
        told = {
            "cpu": (Room("the machine", cpu, 10**8),),
            "cuda": tuple(Room(f"GPU {i}", free, 10**8) for i, free in enumerate(cuda)),
        }
        monkeypatch.setattr(placing, "free_memory", lambda kind: told[kind])
        monkeypatch.setattr(placing, "_SMALL", 0)
        if cuda:
            choice = ("cuda", "a CUDA device is there: GPU 0")
            monkeypatch.setattr(placing, "choose_device", lambda wanted: choice)
            monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)

    return tell


def need(folder: Path, width: int, quantize: Quantize | None = None) -> int:
    return needed(weights_in(folder).size(width, quantize))


def refused(folder: Path, **wanted: Any) -> UsageError:
    with pytest.raises(UsageError) as caught:
        place(folder, Wanted(**wanted), "tiny")
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value


# --- where there is room ------------------------------------------------------------------------


def test_reasons_are_given(folder: Path, rooms: Rooms) -> None:
    rooms(cpu=need(folder, 4))
    found = place(folder, Wanted(), "tiny")
    assert (found.device, found.dtype, found.device_map) == ("cpu", torch.float32, None)
    assert found.why == "on cpu (torch sees no GPU) in float32 (exact and fast on CPU)"
    assert found.size == weights_in(folder).size(4)


def test_quantized(folder: Path, rooms: Rooms) -> None:
    rooms(cpu=need(folder, 4, "int4"))
    found = place(folder, Wanted(quantize="int4"), "tiny")
    assert found.quantize == "int4"
    assert found.why.endswith("(exact and fast on CPU), layers in int4 (--quantize)")
    assert found.size == weights_in(folder).size(4, "int4")


@pytest.mark.parametrize(
    ("free", "device", "why"),
    [
        ((2, 2), "cuda", "a CUDA device is there: GPU 0"),
        ((1, 2), "cuda", "a CUDA device is there: GPU 0"),
        ((0, 1), "cuda:1", "GPU 1 has the room: GPU 1"),
    ],
)
def test_the_first_gpu_with_room(
    folder: Path, rooms: Rooms, free: tuple[int, ...], device: str, why: str
) -> None:
    rooms(cpu=0, cuda=tuple(count * need(folder, 2) for count in free))
    found = place(folder, Wanted(), "tiny")
    assert (found.device, found.dtype, found.device_map) == (device, torch.bfloat16, None)
    assert found.why == f"on cuda ({why}) in bfloat16 (half the memory on CUDA)"


def test_too_large_for_one_gpu_is_spread(folder: Path, rooms: Rooms) -> None:
    rooms(cpu=0, cuda=(need(folder, 2) * 8 // 10,) * 2)
    found = place(folder, Wanted(), "tiny")
    assert found.device_map is not None
    assert set(found.device_map.values()) == {0, 1}
    assert found.device == "cuda:0"
    assert found.why.startswith("on cuda (2 GPUs: one is too small) in bfloat16")


def test_spread_because_it_is_asked_for(folder: Path, rooms: Rooms) -> None:
    rooms(cpu=0, cuda=(10**8,) * 2)
    assert place(folder, Wanted(), "tiny").device_map is None
    found = place(folder, Wanted(device_map="balanced"), "tiny")
    assert found.device_map is not None
    assert found.why.startswith("on cuda (2 GPUs: --device-map balanced) in bfloat16")


def test_one_gpu_is_no_several(folder: Path, rooms: Rooms) -> None:
    rooms(cpu=0, cuda=(10**8,))
    assert place(folder, Wanted(device_map="auto"), "tiny").device_map is None


def test_nano_is_never_refused(
    monkeypatch: pytest.MonkeyPatch, nano_folder: Path, scenes: dict[str, Any]
) -> None:
    """Whatever a machine says of its memory, nano and its segmenter run."""
    told = (Room("the machine", 0, 0),)
    monkeypatch.setattr(placing, "free_memory", lambda kind: told)
    for name in ("nano", str(nano_folder)):
        auditor = Auditor(name, device="cpu", quantize="int4", device_map=None)
        [record] = auditor.score([scenes["small"]])
        assert not record.failed and record.quantize is None
        auditor.load_segmenter()


# --- where there is none ------------------------------------------------------------------------


def test_too_little_on_the_cpu(folder: Path, rooms: Rooms) -> None:
    rooms(cpu=need(folder, 4, "int8"))
    error = refused(folder)
    assert error.code == "memory_short"
    assert error.message.startswith("tiny needs about ")
    assert " in float32 (weights and a fifth on top), and the machine has " in error.message
    assert error.message.endswith(" free of 100 MB")
    assert error.hint.startswith("--quantize int8 needs about ")
    assert error.hint.endswith("; or --model nano")


def test_the_least_change_that_does(folder: Path, rooms: Rooms) -> None:
    rooms(cpu=need(folder, 4, "int4"))
    error = refused(folder)
    assert error.hint.startswith("--quantize int4 needs about ")
    assert "; or --dtype bfloat16 needs about " in error.hint
    rooms(cpu=need(folder, 2))
    assert refused(folder).hint.startswith("--dtype bfloat16 needs about ")
    rooms(cpu=need(folder, 4, "int4"))
    assert refused(folder, quantize="int8").hint.startswith("--quantize int4 needs about ")
    rooms(cpu=need(folder, 4, "int4") // 2)
    assert refused(folder, quantize="int4").hint == "--model nano"
    assert " in float32, its layers in int4 (" in refused(folder, quantize="int4").message


def test_too_little_on_a_gpu(folder: Path, rooms: Rooms) -> None:
    rooms(cpu=need(folder, 4), cuda=(1000,))
    error = refused(folder)
    assert error.code == "memory_short"
    assert " in bfloat16 (weights and a fifth on top), and GPU 0 has 1 kB free" in error.message
    assert error.hint.startswith("--device cpu needs about ")
    assert ", and is slow; or --model nano" in error.hint
    rooms(cpu=0, cuda=(1000,))
    assert refused(folder).hint == "--model nano"


def test_too_little_on_all_gpus(folder: Path, rooms: Rooms) -> None:
    """All together, or all together but for how layers can be dealt."""
    for free in (need(folder, 2) // 3, need(folder, 2) * 51 // 100):
        rooms(cpu=0, cuda=(free, free))
        error = refused(folder)
        assert error.code == "memory_short"
        assert "the 2 GPUs have " in error.message
        assert " free together" in error.message


def test_a_smaller_model_that_fits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The largest of the catalogue's; an 8B as its file's head tells it."""
    name = "model.language_model.layers.0.mlp.up_proj.weight"
    shape, end = [88_000, 100_000], 2 * 88_000 * 100_000
    told = {name: {"dtype": "BF16", "shape": shape, "data_offsets": [0, end]}}
    head = json.dumps(told).encode()
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        file.truncate(8 + len(head) + end)  # a hole: no byte of it is on the disk
    room = (Room("the machine", 12 * 10**9, 16 * 10**9),)
    monkeypatch.setattr(placing, "free_memory", lambda kind: room)
    error = refused(tmp_path, dtype="bfloat16")
    assert error.message == (
        "tiny needs about 21 GB in bfloat16 (weights and a fifth on top), and the machine has "
        "12 GB free of 16 GB"
    )
    told = "--quantize int8 needs about 11 GB; or --model phi needs about 11 GB"
    assert error.hint == told


# --- what cannot be ------------------------------------------------------------------------------


def test_no_gpus_to_spread_over(folder: Path) -> None:
    error = refused(folder, device_map="auto")
    assert error.code == "device_missing"
    assert "torch sees none" in error.message


def test_what_is_quantized_already(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    config["quantization_config"] = {"quant_method": "fp8"}
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert "tiny is quantized already (fp8)" in refused(copy, quantize="int8").message
    place(copy, Wanted(), "tiny")


def test_no_layers_to_quantize(nano_folder: Path) -> None:
    assert "no layer of tiny" in refused(nano_folder / "segmenter", quantize="int8").message


def test_without_the_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchao", None)
    error = refused(folder, quantize="int8")
    assert error.code == "missing_package"
    assert error.hint == "pip install 'spider-iqa[quantize]'"


def test_a_truncated_file(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    data = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(data[:-100])
    error = refused(copy)
    assert error.code == "model_unloadable"
    assert f"model.safetensors is truncated: {len(data) - 100:,} bytes of" in error.message
    assert str(copy) in error.message
    with pytest.raises(UsageError, match="is truncated") as caught:
        from spider_cli.lmm import load_language_model

        load_language_model(copy, device="cpu", dtype=torch.float32)
    assert caught.value.message == error.message


@pytest.mark.parametrize(("server", "flags"), [(True, "server"), (False, "small")])
def test_where_flags_are_of_no_account(nano_folder: Path, server: bool, flags: str) -> None:
    name = "openai:http://127.0.0.1:9/v1#m" if server else str(nano_folder)
    auditor = Auditor(name, quantize="int8", device_map="auto")
    [notice] = [one for one in auditor.notices if one.startswith("--quantize and --device-map: ")]
    assert flags in notice
    assert not any("--quantize" in one for one in Auditor(name).notices)
