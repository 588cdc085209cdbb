"""Stage 2 on tiny checkpoints of other families, and on an adapter of stage 1."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from spider_cli.auditor import Auditor
from spider_cli.results import Grounding
from spider_cli.rules import PAPER, rule_named
from tests.trainer.tuning.small_data import grounding, item, photo, write
from tests.trainer.tuning.test_adapters import exported
from trainer.stage2 import Settings, Stage2

pytestmark = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"
)
RULES = ("thirds", "points-2", "negative-least", "mask-agreement")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny matrices: more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage2") / "data"
    items = [item(n, [grounding()], mos=(n + 1) / 4) for n in range(3)]
    return write(folder, [], validation=items)


@pytest.fixture(scope="module")
def small_segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from trainer.new_nano import new_segmenter
    from trainer.package import save_segmenter

    folder = tmp_path_factory.mktemp("segmenter") / "small"
    save_segmenter(new_segmenter(width=32, side=128), folder)
    return folder


@contextlib.contextmanager
def silent(label: str, total: int) -> Iterator[Any]:
    yield lambda: None


def stage2(model: Path, data: Path, segmenter: Path, choose: str) -> dict[str, Any]:
    settings = Settings(
        model=str(model), data=data, segmenter=str(segmenter), rules=RULES, choose=choose,
        device="cpu",
    )  # fmt: skip
    Stage2(settings).run(silent).write()
    value: dict[str, Any] = json.loads((model / "grounding.json").read_text(encoding="utf-8"))
    return value


def check(model: Path, value: dict[str, Any], segmenter: Path, choose: str) -> None:
    assert value["data"]["questions"] == 3
    assert sum(value["answers"][one] for one in ("place", "whole", "nothing")) == 3
    assert set(value["rules"]) == {"paper", *RULES}
    assert (model / "scoring.json").is_file()
    auditor = Auditor(str(model), device="cpu")
    assert auditor.plan.rule == rule_named(choose)
    assert auditor.grounding_notices == ()
    assert auditor._segmenter_found[0] == segmenter.resolve()
    question = grounding().question
    for rule in (None, PAPER):
        [record] = auditor.ground([photo(0)], question, rule=rule)
        assert isinstance(record.outcome, Grounding)


@pytest.mark.parametrize("family", ["qwen3_vl", "smolvlm"])
def test_other_families(
    family: str,
    tiny_checkpoint: Any,
    data: Path,
    small_segmenter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 8)
    model = Path(shutil.copytree(tiny_checkpoint(family), tmp_path / "model"))
    weights = (model / "model.safetensors").read_bytes()
    value = stage2(model, data, small_segmenter, "negative-least")
    check(model, value, small_segmenter, "negative-least")
    assert (model / "model.safetensors").read_bytes() == weights
    spaced = next(one for one in value["words"] if one["words"] == [" left", " right"])
    assert spaced["told_apart_by"] == "one token"


def test_an_adapter(
    tiny_qwen3vl: Path,
    data: Path,
    small_segmenter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Settings go beside the adapter; the base stays as it is."""
    monkeypatch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 8)
    base, adapter, _ = exported(tiny_qwen3vl, tmp_path)
    value = stage2(adapter, data, small_segmenter, "mask-agreement")
    check(adapter, value, small_segmenter, "mask-agreement")
    assert not (base / "grounding.json").exists()
