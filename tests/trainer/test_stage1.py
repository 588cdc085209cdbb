"""Stage 1: what is taught is what is asked at run time, question by question."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from spider_cli.lmm import Ask, LanguageModel
from spider_cli.nano.eyes import NanoEyes
from trainer import stage1 as module
from trainer.features import Lesson
from trainer.packing import Row
from trainer.stage1 import (
    Packed,
    Stage1Config,
    answer_loss,
    draw_rows,
    embed_readings,
    pack_batch,
    stage1,
)


@pytest.fixture
def all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row of a lesson, in its order."""
    monkeypatch.setattr(module, "draw_rows", lambda lesson, *_: list(lesson.rows))


def pack(tiny: Any, batch: list[Lesson]) -> Packed:
    config = tiny.model.config
    return pack_batch(
        batch,
        np.random.default_rng(0),
        rows=Stage1Config().rows,
        image_token=config.image_token_id,
        statistics=config.statistics,
    )


def logits_of(model: Any, packed: Packed) -> torch.Tensor:
    """(B, T, vocabulary), the way `answer_loss` computes them."""
    embeds = model.get_input_embeddings()(packed.ids).clone()
    config = model.config
    holes = (packed.ids == config.image_token_id) | (packed.ids == config.region_token_id)
    embeds[holes] = embed_readings(model, packed.features)
    hidden = model.language_model.model(
        inputs_embeds=embeds,
        attention_mask=packed.mask,
        position_ids=packed.positions,
        use_cache=False,
    ).last_hidden_state
    return model.language_model.lm_head(hidden)


def alone(model: Any, lesson: Lesson, index: int) -> tuple[torch.Tensor, Row]:
    """(answer tokens, vocabulary): logits of one row's answer, nothing else in the context."""
    row, boxes = lesson.rows[index]
    readings = [*lesson.photo, *(one for box in boxes for one in box)]
    features = model.embed_readings(readings)
    count = sum(len(r.cells) + model.config.statistics for r in lesson.photo)
    ids = torch.tensor([[model.config.image_token_id] * count + list(row.ids)])
    out = model(input_ids=ids, attention_mask=torch.ones_like(ids), image_features=features)
    return out.logits[0, count + row.answer - 1 : -1], row


# --- layout -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("all_rows")
def test_only_answers_are_taught(tiny: Any, taught: list[Lesson]) -> None:
    packed = pack(tiny, taught)
    told = []
    for b, lesson in enumerate(taught):
        start = sum(len(r.cells) + tiny.model.config.statistics for r in lesson.photo)
        for row, _ in lesson.rows:
            assert packed.ids[b, start : start + len(row.ids)].tolist() == list(row.ids)
            told += [(b, start + i - 1) for i in range(row.answer, len(row.ids))]
            start += len(row.ids)
    assert packed.where.tolist() == [list(one) for one in told]
    # Each is predicted from the token before it: from the answer mark on, up to the end mark.
    for (b, at), pair, share in zip(
        packed.where.tolist(), packed.targets.tolist(), packed.shares.tolist(), strict=True
    ):
        assert int(packed.ids[b, at + 1]) in pair
        assert sum(share) == pytest.approx(1)
    assert sum(int(p[0]) == 3 for p in packed.targets) == sum(len(x.rows) for x in taught)


@pytest.mark.usefixtures("all_rows")
def test_all_turns_stand_right_after_the_photo(tiny: Any, taught: list[Lesson]) -> None:
    packed = pack(tiny, taught)
    count = sum(len(r.cells) + tiny.model.config.statistics for r in taught[0].photo)
    assert packed.positions[0, :count].tolist() == list(range(count))
    start = count
    for row, _ in taught[0].rows:
        own = packed.positions[0, start : start + len(row.ids)].tolist()
        assert own == list(range(count, count + len(row.ids)))
        start += len(row.ids)


@pytest.mark.usefixtures("all_rows")
def test_who_sees_whom(tiny: Any, taught: list[Lesson]) -> None:
    """The photo itself; a turn the photo and itself; nothing what comes later."""
    packed = pack(tiny, taught[:1])
    mask = packed.mask[0, 0]
    count = sum(len(r.cells) + tiny.model.config.statistics for r in taught[0].photo)
    assert not mask.triu(1).any()
    assert torch.equal(mask[:count, :count], torch.ones(count, count, dtype=torch.bool).tril())
    start = count
    for row, _ in taught[0].rows:
        end = start + len(row.ids)
        assert mask[start:end, :count].all()
        assert not mask[start:end, count:start].any()
        assert mask[end - 1, start:end].all()
        start = end


@pytest.mark.usefixtures("all_rows")
def test_questions_do_not_see_each_other(tiny: Any, taught: list[Lesson]) -> None:
    """Change one question: no other's logits move."""
    model = tiny.model
    lesson = taught[0]
    row, boxes = lesson.rows[0]
    other = [40 + i % 7 for i in range(len(row.ids))]
    changed = dataclasses.replace(row, ids=tuple(other))
    rows = ((changed, boxes), *lesson.rows[1:])
    count = sum(len(r.cells) + model.config.statistics for r in lesson.photo)
    end = count + len(row.ids)
    with torch.inference_mode():
        before = logits_of(model, pack(tiny, [lesson]))[0]
        after = logits_of(model, pack(tiny, [Lesson(lesson.photo, rows)]))[0]
    assert torch.equal(before[:count], after[:count])
    assert torch.equal(before[end:], after[end:])
    assert not torch.allclose(before[count:end], after[count:end], atol=1e-2)


@pytest.mark.usefixtures("all_rows")
def test_neighbours_in_a_batch_do_not_matter(tiny: Any, taught: list[Lesson]) -> None:
    short = Lesson(taught[1].photo, taught[1].rows[:1])
    with torch.inference_mode():
        own = logits_of(tiny.model, pack(tiny, [short]))[0]
        batched = logits_of(tiny.model, pack(tiny, [taught[0], short]))[1]
    torch.testing.assert_close(batched[: len(own)], own, atol=1e-4, rtol=0)


# --- the loss -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("all_rows")
def test_packed_loss_is_the_loss_of_each_question_alone(tiny: Any, taught: list[Lesson]) -> None:
    losses = []
    with torch.inference_mode():
        for lesson in taught:
            for index in range(len(lesson.rows)):
                logits, row = alone(tiny.model, lesson, index)
                log_p = logits.double().log_softmax(dim=1)
                for step, place in enumerate(range(row.answer, len(row.ids))):
                    shares = row.soft.get(place, {row.ids[place]: 1.0})
                    losses.append(-sum(p * float(log_p[step, t]) for t, p in shares.items()))
        together = float(answer_loss(tiny.model, pack(tiny, taught)))
    assert together == pytest.approx(sum(losses) / len(losses), abs=1e-4)


@pytest.mark.usefixtures("all_rows")
def test_a_soft_target_is_least_at_its_own_distribution(tiny: Any, taught: list[Lesson]) -> None:
    """Cross-entropy of a split (0.6, 0.4): its entropy at best, and no less."""
    packed = pack(tiny, taught)
    soft = packed.shares[:, 1] > 0
    assert soft.any()
    shares = packed.shares[soft].double()
    logits = torch.full((len(shares), 50), -30.0, dtype=torch.double)
    logits[:, :2] = shares.log()
    loss = -(logits.log_softmax(dim=1)[:, :2] * shares).sum(dim=1)
    entropy = -(shares * shares.log()).sum(dim=1)
    torch.testing.assert_close(loss, entropy, atol=1e-6, rtol=0)


@pytest.mark.usefixtures("all_rows")
def test_readings_in_groups_are_readings_one_by_one(tiny: Any, taught: list[Lesson]) -> None:
    packed = pack(tiny, taught)
    with torch.inference_mode():
        torch.testing.assert_close(
            embed_readings(tiny.model, packed.features),
            tiny.model.embed_readings(packed.features),
            atol=1e-5,
            rtol=0,
        )


@pytest.mark.usefixtures("all_rows")
def test_what_is_taught_is_what_is_asked(
    tiny: Any, taught: list[Lesson], turns: dict[str, tuple[str, str]], draw: Any
) -> None:
    """The same photo and question at run time: the same tokens, and logits up to the half
    precision of what lessons store."""
    eyes = NanoEyes(tiny.model, tiny.processor)
    model = LanguageModel(model=tiny.model, eyes=eyes, folder=Path(), revision="")
    look = model.look([draw(96, 128, 0)])[0]
    asks = [Ask(look, question) for question, _ in turns.values()]
    lesson = taught[0]
    count = sum(len(r.cells) + tiny.model.config.statistics for r in lesson.photo)
    for index, ask in enumerate(asks):
        row = lesson.rows[index][0]
        ids = eyes.inputs([ask])["input_ids"][0].tolist()
        assert ids[count:] == list(row.ids[: row.answer])
        assert ids[:count] == [tiny.model.config.image_token_id] * count
        with torch.inference_mode():
            taught_row = alone(tiny.model, lesson, index)[0][0].numpy()
        np.testing.assert_allclose(model.next_logits([ask])[0], taught_row, atol=0.02)


# --- drawing ------------------------------------------------------------------------------------


def test_rows_are_drawn_by_task(taught: list[Lesson]) -> None:
    lesson = Lesson(taught[0].photo, taught[0].rows * 4)
    wanted = {"describe": 1, "refer_short": 2, "refer_long": 9, "ground_sid": 1, "score": 0}
    drawn = draw_rows(lesson, np.random.default_rng(0), wanted)
    tasks = [row.task for row, _ in drawn]
    # As many of each as are wanted and there.
    assert sorted(tasks) == ["describe", *["refer_long"] * 4, *["refer_short"] * 2]
    again = draw_rows(lesson, np.random.default_rng(0), wanted)
    assert [row.task for row, _ in again] == tasks


# --- training -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("all_rows")
def test_a_few_steps_lower_the_loss(tiny: Any, taught: list[Lesson]) -> None:
    model = tiny.fresh()
    model.vision_encoder.requires_grad_(False)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=3e-3)
    packed = pack(tiny, taught)
    losses = []
    for _ in range(12):
        loss = answer_loss(model, packed)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]
    # It came through the projector too: gradients reach what reads the image.
    assert all(p.grad is not None for p in model.projector.parameters())


def test_stage1_runs_and_leaves_its_weights(
    tiny: Any, taught: list[Lesson], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.fresh()
    seen = {n: p.clone() for n, p in model.vision_encoder.named_parameters()}
    first = {n: p.clone() for n, p in model.projector.named_parameters()}
    steps = iter(range(100))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(steps)))
    # The clock ticks once a look at it: 2 in a step, and 21 steps make a line in the log.
    stage1(model, taught, taught[:1], taught, tmp_path, Stage1Config(minutes=45 / 60, batch=2))
    for name, parameter in model.vision_encoder.named_parameters():
        assert torch.equal(parameter, seen[name])
    assert any(not torch.equal(p, first[n]) for n, p in model.projector.named_parameters())
    assert all(p.requires_grad for p in model.parameters())
    assert not model.training
    weights = load_file(tmp_path / "language.safetensors")
    own = dict(model.named_parameters())
    fixed = ("vision_encoder.", "projector.readout.")  # what the dense stage taught
    assert set(weights) == {n for n in own if not n.startswith(fixed)}
    for name, value in first.items():
        if name.startswith("readout."):
            assert torch.equal(own[f"projector.{name}"], value)
    for name, value in weights.items():
        assert torch.equal(value, own[name])
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [20]


def test_a_loss_that_is_no_number_stops(tiny: Any, taught: list[Lesson], tmp_path: Path) -> None:
    model = tiny.fresh()
    with torch.no_grad():
        model.projector.cells[1].weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="step 0"):
        stage1(model, taught, [], [], tmp_path, Stage1Config(minutes=1, batch=1))
