"""A model over several GPUs: which module goes where, with GPUs that are told; and the hooks that
hand activations on, on the only device there is."""

from pathlib import Path
from typing import Any

import accelerate
import numpy as np
import pytest
import torch

from spider_cli.lmm import Answer, Ask, LanguageModel, load_language_model
from spider_cli.weights.memory import weights_in
from spider_cli.weights.quantizing import QUANTIZE, Quantize
from spider_cli.weights.spreading import settle, spread
from tests.wide_models import save_wide

pytestmark = pytest.mark.usefixtures("short_answers")

PLENTY = {0: 10**9, 1: 10**9, 2: 10**9}
PARTS = {"model.visual": "cpu", "model.language_model": "cpu", "lm_head": "cpu"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_wide("qwen3_vl", tmp_path_factory.mktemp("wide") / "qwen3_vl")


def loaded(folder: Path, **more: Any) -> LanguageModel:
    return load_language_model(folder, device="cpu", dtype=torch.float32, **more)


def answers(model: LanguageModel, scenes: dict[str, Any]) -> list[Answer]:
    looks = model.look([scenes["small"], scenes["odd"]])
    return model.ask([Ask(look, "Describe the quality of this image.") for look in looks])


def test_evenly(folder: Path) -> None:
    found = spread(folder, "balanced", torch.float32, PLENTY)
    assert found is not None
    assert len(set(found.values())) > 1
    assert spread(folder, "auto", torch.float32, PLENTY) == found


def test_one_after_the_other(folder: Path) -> None:
    assert spread(folder, "sequential", torch.float32, PLENTY) == {"": 0}
    size = weights_in(folder).size(4)
    found = spread(folder, "sequential", torch.float32, {0: size // 2, 1: size})
    assert found is not None
    assert set(found.values()) == {0, 1}
    layers = [name for name in found if name.startswith("model.language_model.layers.")]
    assert all(name.count(".") == 3 for name in layers)  # none is torn apart


def test_little_on_the_first(folder: Path) -> None:
    found = spread(folder, "balanced_low_0", torch.float32, PLENTY)
    assert found is not None
    assert 0 not in found.values()


@pytest.mark.parametrize("way", ["auto", "balanced", "balanced_low_0", "sequential"])
def test_nothing_goes_to_the_cpu_or_the_disk(folder: Path, way: str) -> None:
    size = weights_in(folder).size(4)
    assert spread(folder, way, torch.float32, {0: size // 3, 1: size // 3}) is None


@pytest.mark.parametrize("kind", QUANTIZE)
def test_quantized_layers_take_less_room(tmp_path: Path, kind: Quantize) -> None:
    folder = save_wide("smolvlm", tmp_path / "smolvlm")
    room = {0: weights_in(folder).size(4) * 9 // 10}
    assert spread(folder, "sequential", torch.float32, room) is None
    assert spread(folder, "sequential", torch.float32, room, kind) == {"": 0}


def test_a_map_of_one_device(folder: Path, scenes: dict[str, Any]) -> None:
    plain = answers(loaded(folder), scenes)
    for more in ({"device_map": {"": "cpu"}}, {"device_map": PARTS}):
        for one, other in zip(plain, answers(loaded(folder, **more), scenes), strict=True):
            assert one.token_ids == other.token_ids
            assert np.array_equal(one.logits, other.logits)


@pytest.mark.parametrize("kind", [None, *QUANTIZE])
def test_hooks_between_devices_change_nothing(
    folder: Path,
    scenes: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    kind: Quantize | None,
) -> None:
    """Where all devices are one accelerate leaves its hooks out, unless it is told."""
    plain = answers(loaded(folder, quantize=kind), scenes)
    hooked = loaded(folder)
    real = accelerate.dispatch_model
    monkeypatch.setattr(
        accelerate, "dispatch_model", lambda model, **more: real(model, force_hooks=True, **more)
    )
    settle(hooked.model, device="cpu", quantize=kind, device_map=PARTS)
    assert hasattr(hooked.model.model.visual, "_hf_hook")
    for one, other in zip(plain, answers(hooked, scenes), strict=True):
        assert one.token_ids == other.token_ids
        assert np.array_equal(one.logits, other.logits)
