"""Which device and precision, and the reason given; machines are told."""

import pytest
import torch

from spider_cli.devices import Wanted, choose_device, choose_dtype
from spider_cli.errors import UsageError

LARGE = 2_000_000_000


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU that has nothing special."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("parameters", [0, LARGE])
def test_a_cpu_computes_in_float32(parameters: int) -> None:
    dtype, why = choose_dtype("auto", "cpu", parameters)
    assert dtype == torch.float32
    assert why == "exact and fast on CPU"


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize(
    ("known", "unit"),
    [("_is_amx_tile_supported", "AMX"), ("_is_avx512_bf16_supported", "AVX512-BF16")],
)
def test_a_cpu_with_bfloat16_takes_it_for_large_models(
    monkeypatch: pytest.MonkeyPatch, known: str, unit: str
) -> None:
    monkeypatch.setattr(torch.cpu, known, lambda: True)
    dtype, why = choose_dtype("auto", "cpu", LARGE)
    assert dtype == torch.bfloat16
    assert why == f"half the memory, and this CPU has {unit}"
    assert choose_dtype("auto", "cpu", 7_000_000)[0] == torch.float32
    assert choose_dtype("auto", "cpu")[0] == torch.float32


@pytest.mark.parametrize(
    ("device", "bfloat16", "dtype", "why"),
    [
        ("cuda", True, torch.bfloat16, "half the memory on CUDA"),
        ("cuda", False, torch.float16, "half the memory on CUDA; this GPU has no bfloat16"),
        ("mps", False, torch.float16, "half the memory on Apple's GPU"),
    ],
)
def test_a_gpu_computes_in_half_precision(
    monkeypatch: pytest.MonkeyPatch, device: str, bfloat16: bool, dtype: torch.dtype, why: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bfloat16)
    assert choose_dtype("auto", device, LARGE) == (dtype, why)


def test_what_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_dtype("float16", "cpu", LARGE) == (torch.float16, "asked for")
    assert choose_device("cpu") == ("cpu", "asked for")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Abacus 9")
    assert choose_device("auto") == ("cuda", "a CUDA device is there: Abacus 9")
    assert choose_device("cuda") == ("cuda", "asked for")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"device": "abacus"}, "unknown device 'abacus'"),
        ({"dtype": "int3"}, "unknown dtype 'int3'"),
        ({"quantize": "int2"}, "unknown quantize 'int2'"),
        ({"device_map": "evenly"}, "unknown device-map 'evenly'"),
        ({"device_map": "auto", "device": "cpu"}, "--device cpu excludes it"),
        ({"device_map": "auto", "device": "mps"}, "--device mps excludes it"),
    ],
)
def test_what_cannot_be_wanted(values: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Wanted(**values)  # type: ignore[arg-type]


def test_words_that_are_known_are_named() -> None:
    with pytest.raises(UsageError) as caught:
        Wanted(quantize="int2")  # type: ignore[arg-type]
    assert caught.value.hint == "one of int8, int4"
