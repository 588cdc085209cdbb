"""Rows together are what they are alone: padding is never seen, pixels go to their own row."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from spider_cli.lmm import LanguageModel, load_language_model
from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION
from tests.trainer.tuning.small_data import ANSWER, grounding, photo
from trainer.tuning.collate import Collator, Notes
from trainer.tuning.encode import IGNORED, ChatEncoder, Encoded

PROBS = (0.05, 0.6, 0.3, 0.05, 0.0)


@pytest.fixture(scope="module", params=["qwen3_vl", "qwen2_5_vl", "smolvlm", "internvl"])
def model(request: pytest.FixtureRequest, tiny_checkpoint: Callable[[str], Path]) -> LanguageModel:
    return load_language_model(tiny_checkpoint(request.param), device="cpu", dtype=torch.float32)


@pytest.fixture(scope="module")
def rows(model: LanguageModel) -> list[Encoded]:
    """Photos of different numbers of patches, answers of different lengths."""
    processor = model.eyes.processor  # type: ignore[attr-defined]
    encoder = ChatEncoder(processor, processor.tokenizer, 4096)
    score = f"{SCORE_PREFIX} good."
    made = [
        encoder.encode(photo(1, 60, 80), "Which region?", ANSWER, grounding().spans),
        encoder.encode(photo(2, 300, 90), SCORE_QUESTION, score, (), PROBS),
        encoder.encode(photo(3, 50, 50), "Why?", "Severe noise, mild blur and more besides."),
    ]
    made[1] = replace(made[1], mean=3.5, part=2)
    return [replace(row, id=f"set:{number}") for number, row in enumerate(made)]


def pad_of(model: LanguageModel) -> int:
    return int(model.eyes.tokenizer.pad_token_id)


def test_shapes_and_padding(model: LanguageModel, rows: Sequence[Encoded]) -> None:
    batch = Collator(pad_of(model))(rows)
    longest = max(len(row.labels) for row in rows)
    for name, value in batch.items():
        if name in ("input_ids", "attention_mask", "labels", "mm_token_type_ids"):
            assert value.shape == (3, longest)
    for number, row in enumerate(rows):
        length = len(row.labels)
        for name in ("input_ids", "attention_mask"):
            assert torch.equal(batch[name][number, :length], row.inputs[name][0])
        assert torch.equal(batch["labels"][number, :length], row.labels)
        assert (batch["labels"][number, length:] == IGNORED).all()
        assert (batch["attention_mask"][number, length:] == 0).all()
        assert (batch["input_ids"][number, length:] == pad_of(model)).all()
    assert set(batch) == {*rows[0].inputs, "labels", "targets", "notes"}


@torch.no_grad()
def test_together_is_alone(model: LanguageModel, rows: Sequence[Encoded]) -> None:
    """The same logits wherever something is learnt."""
    collate = Collator(pad_of(model))

    def logits(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        inputs = {k: v for k, v in batch.items() if k not in ("labels", "targets", "notes")}
        found: torch.Tensor = model.model(**inputs, use_cache=False).logits
        return found

    together = logits(collate(rows))
    for number, row in enumerate(rows):
        alone = logits(collate([row]))[0]
        live = (row.labels != IGNORED).nonzero()[:, 0] - 1
        torch.testing.assert_close(together[number][live], alone[live], atol=1e-4, rtol=1e-4)
    swapped = logits(collate(rows[::-1]))
    torch.testing.assert_close(swapped[2, :30], together[0, :30], atol=1e-4, rtol=1e-4)


def test_soft_targets_know_their_row(model: LanguageModel, rows: Sequence[Encoded]) -> None:
    targets = Collator(pad_of(model))(rows)["targets"]
    assert targets["place_at"].tolist() == [[0, soft.at] for soft in rows[0].places]
    assert targets["place_tokens"].tolist() == [list(soft.tokens) for soft in rows[0].places]
    assert targets["place_shares"].tolist() == [
        pytest.approx([1 - s.value, s.value]) for s in grounding().spans
    ]
    assert rows[1].level is not None
    assert targets["level_at"].tolist() == [[1, rows[1].level.at]]
    assert targets["level_shares"].tolist() == [pytest.approx(PROBS)]
    assert (targets["level_mean"].tolist(), targets["level_part"].tolist()) == ([3.5], [2])
    faults = [[number, at] for number, row in enumerate(rows) for at in row.faults]
    assert targets["fault_at"].tolist() == faults
    [plain] = [replace(row, faults=()) for row in rows[2:]]
    assert Collator(pad_of(model))([plain])["targets"] == {}


def test_notes(model: LanguageModel, rows: Sequence[Encoded]) -> None:
    changed = [rows[0], replace(rows[1], cut=3), replace(rows[2], dropped=("set:8", "set:9"))]
    notes = Collator(pad_of(model))(changed)["notes"]
    total = sum(len(row.labels) for row in rows)
    assert notes == Notes(("set:0", "set:1", "set:2"), total, dropped=2, truncated=1)
