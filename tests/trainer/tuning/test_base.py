"""The base model of a recipe, from the hub: as `spider models download` gets it."""

from dataclasses import replace
from pathlib import Path

import pytest

from spider_cli.errors import UsageError
from spider_cli.weights.cached import cached
from tests.hub_server import Fault, HubServer, vision_model
from trainer.tuning.base import find_base
from trainer.tuning.recipe import load_recipe

PART = replace(load_recipe("qwen3-vl-2b").model, base="owner/name", revision=None)


def test_a_base_of_the_hub(hub: HubServer, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = hub.add("owner/name", vision_model() | {"pytorch_model.bin": b"\x80\x04"})
    dry = find_base(PART, weights=False)
    assert (dry.revision, dry.kind) == (commit, "qwen3_vl")
    assert not hub.requests("/cdn/") and cached("owner/name") is None

    base = find_base(PART)
    assert base.folder == here / "models--owner--name" / "snapshots" / commit
    assert (base.name, base.revision, base.local) == ("owner/name", commit, False)
    assert cached("owner/name") == base.folder
    assert not (base.folder / "pytorch_model.bin").exists()

    # What is here will do where the hub does not answer, and where it may not be asked.
    hub.fail("/api/", Fault(status=503))
    assert find_base(PART) == base
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    before = len(hub.seen)
    assert find_base(PART) == base == find_base(PART, weights=False)
    assert len(hub.seen) == before


def test_a_short_name_is_a_base_too(hub: HubServer, here: Path) -> None:
    commit = hub.add("HuggingFaceTB/SmolVLM-Instruct", vision_model())
    base = find_base(replace(PART, base="smolvlm"))
    assert (base.name, base.revision) == ("HuggingFaceTB/SmolVLM-Instruct", commit)


def test_what_the_hub_refuses_is_one_error(hub: HubServer, here: Path) -> None:
    config = vision_model()["config.json"]
    hub.add("owner/name", {"config.json": config, "pytorch_model.bin": b"\x80\x04"})
    with pytest.raises(
        UsageError, match=r"base model owner/name cannot be fetched: .*pickle"
    ) as got:
        find_base(PART)
    assert got.value.code == "pickle_only"
    assert "model.base=DIR" in got.value.hint
