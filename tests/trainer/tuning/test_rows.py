"""Row k of a run depends on k alone, on whatever process it is made; long rows give way."""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from spider_cli.chat_processors import load_processor
from spider_cli.errors import UsageError
from tests.trainer.tuning.small_data import grounding, item, referring, scored, write
from trainer.rows import QA
from trainer.tuning.collate import Collator
from trainer.tuning.encode import IGNORED, ChatEncoder, Encoded
from trainer.tuning.mixture import Mixture
from trainer.tuning.opinions import level_probabilities
from trainer.tuning.recipe import Augment, DataPart, Losses
from trainer.tuning.rows import TrainingRows

SOFT = Losses(soft_positions=1.0, soft_levels=1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten photos with three rows each."""
    rows = [grounding(), referring(), scored()]
    return write(
        tmp_path_factory.mktemp("rows"), [item(n, rows, mos=(n + 1) / 11) for n in range(10)]
    )


@pytest.fixture(scope="module")
def processor(tiny_qwen3vl: Path) -> Any:
    return load_processor(tiny_qwen3vl)


def rows_of(
    processor: Any,
    folder: Path,
    *,
    losses: Losses = SOFT,
    augment: Augment | None = None,
    max_length: int = 4096,
    total: int | None = None,
) -> TrainingRows:
    return TrainingRows(
        Mixture([DataPart(str(folder))], seed=0),
        ChatEncoder(processor, processor.tokenizer, max_length),
        augment=augment or Augment(flip=0.5, sizes=(48, 64)),
        losses=losses,
        seed=0,
        total=total,
    )


def same(one: Encoded, two: Encoded) -> bool:
    pixels = all(torch.equal(value, two.inputs[name]) for name, value in one.inputs.items())
    rest = [replace(row, inputs={}, labels=torch.zeros(1)) for row in (one, two)]
    told = [(r.places, r.level, r.mean, r.part, r.id, r.cut, r.dropped) for r in rest]
    return pixels and torch.equal(one.labels, two.labels) and told[0] == told[1]


def test_a_row_depends_on_its_number_alone(processor: Any, folder: Path) -> None:
    rows = rows_of(processor, folder, total=75)
    assert len(rows) == 75
    assert rows.epoch_at(45) == 1.5
    copy = pickle.loads(pickle.dumps(rows))
    for index in (74, 3, 31, 30, 60):
        assert same(rows[index], copy[index])
    with pytest.raises(IndexError):
        rows[75]
    flips = [rows[index].id == rows[index + 30].id for index in range(30)]
    assert not all(flips)


def test_workers_change_nothing(processor: Any, folder: Path) -> None:
    rows = rows_of(processor, folder, total=16)
    collate = Collator(processor.tokenizer.pad_token_id)
    told = []
    for workers in (0, 2):
        loader = DataLoader(rows, batch_size=4, num_workers=workers, collate_fn=collate)
        told.append(list(loader))
    for one, two in zip(*told, strict=True):
        assert one["notes"] == two["notes"]
        for name in ("input_ids", "labels", "pixel_values"):
            assert torch.equal(one[name], two[name])
        assert set(one["targets"]) == set(two["targets"])


def test_flips_are_said(processor: Any, folder: Path) -> None:
    """The mirrored photo has the mirrored answer and the mirrored target."""
    seen = set()
    for flip in (0.0, 1.0):
        rows = rows_of(processor, folder, augment=Augment(flip=flip))
        for index in range(len(rows)):
            encoded = rows[index]
            if len(encoded.places) == 2:
                live = encoded.labels[encoded.labels != IGNORED]
                answer = processor.tokenizer.decode(live)
                right = encoded.places[1].shares[1]
                seen.add((flip, answer.split()[5], round(right, 6)))
    assert seen == {(0.0, "left", 0.2), (1.0, "right", round(63 / 80, 6))}


def test_soft_targets_where_they_are_asked_for(processor: Any, folder: Path) -> None:
    def told(losses: Losses) -> tuple[int, int]:
        rows = rows_of(processor, folder, losses=losses)
        made = [rows[index] for index in range(30)]
        return sum(bool(row.places) for row in made), sum(row.level is not None for row in made)

    assert told(Losses()) == (0, 0)
    assert told(Losses(soft_positions=1)) == (10, 0)
    assert told(Losses(soft_levels=1)) == (0, 10)
    assert told(Losses(fidelity=1)) == (0, 10)
    rows = rows_of(processor, folder)
    for row in (rows[index] for index in range(30)):
        if row.level is not None:
            mos = (int(row.id.rpartition(":")[2].split("-")[0]) + 1) / 11
            assert row.level.shares == pytest.approx(level_probabilities(mos, 0.15))
            assert row.mean == pytest.approx(1 + 4 * mos)


# --- long rows ----------------------------------------------------------------------------------


def long_answers(folder: Path, count: int, of: int) -> Path:
    """Some rows far longer than the others."""
    long = replace(referring(), answer="Severe noise. " * 60)

    def rows(number: int) -> Sequence[QA]:
        return [long if number < count else referring()]

    return write(folder, [item(n, rows(n)) for n in range(of)])


def test_long_rows_give_way_to_others(processor: Any, tmp_path: Path) -> None:
    folder = long_answers(tmp_path / "set", 4, 12)
    rows = rows_of(processor, folder, max_length=120, total=24)
    made = [rows[index] for index in range(24)]
    assert max(len(row.labels) for row in made) <= 120
    dropped = [name for row in made for name in row.dropped]
    assert len([row for row in made if row.dropped]) == 8
    assert {int(name.rpartition(":")[2][:6]) for name in dropped} <= {0, 1, 2, 3}
    assert not {int(row.id.rpartition(":")[2][:6]) for row in made} & {0, 1, 2, 3}
    again = rows_of(processor, folder, max_length=120, total=24)
    assert all(same(again[index], made[index]) for index in reversed(range(24)))
    notes = Collator(0)(made)["notes"]
    assert notes.dropped == len(dropped)


def test_nothing_fits(processor: Any, tmp_path: Path) -> None:
    folder = long_answers(tmp_path / "set", 3, 3)
    with pytest.raises(UsageError, match=r"fits into run\.max_length") as caught:
        rows_of(processor, folder, max_length=120)[0]
    assert caught.value.code == "too_long"
    assert "augment.sizes" in caught.value.hint


def test_words_are_checked_before_the_first_row(
    processor: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.tuning.encode.LEVELS", ("bad luck", "good", "fair", "poor", "bad"))
    rows_of(processor, folder, losses=Losses())
    with pytest.raises(UsageError, match="cannot tell bad luck, good"):
        rows_of(processor, folder, losses=SOFT)
