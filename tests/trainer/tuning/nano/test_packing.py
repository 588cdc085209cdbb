"""A packed photo teaches exactly what the model is asked at run time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spider_cli.lmm import Ask, LanguageModel
from spider_cli.nano.eyes import NanoEyes
from spider_cli.nano.modeling import NanoForConditionalGeneration
from spider_cli.nano.processing import NanoProcessor
from spider_cli.questions import SCORE_PREFIX
from spider_cli.text_to_point import AXES
from spider_cli.vocabulary import FAMILIES, LEVELS
from tests.trainer.tuning import small_data as small
from trainer.rows import QA
from trainer.truth import Sample
from trainer.tuning.encode import IGNORED
from trainer.tuning.losses import AnswerLoss, mean_terms
from trainer.tuning.nano.collate import PhotoCollator
from trainer.tuning.nano.encode import PhotoEncoder
from trainer.tuning.nano.patches import patch_loss, patch_targets
from trainer.tuning.recipe import Losses

ROWS = (small.grounding(), small.referring(), small.scored())


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> "tuple[Any, NanoProcessor]":
    from trainer.new_nano import new_nano, train_tokenizer

    corpus = [text for row in ROWS for text in (row.question, row.answer)] * 50
    tokenizer = train_tokenizer(corpus, size=400)
    model = new_nano(tokenizer, hidden=48, layers=2, seed=1).eval()
    return model, NanoProcessor(tokenizer, model.config)


def frame(height: int, width: int) -> Any:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def half() -> Any:
    """A 64 x 96 photo whose left part is noisy, with a border that crosses patches."""
    noisy = small.region(64, 96)
    mask = np.zeros((64, 96), bool)
    mask[8:64, :40] = True
    return Sample(frame(64, 96), (replace(noisy, mask=mask, box=(0, 8, 40, 64)),))


def batch_of(encoder: PhotoEncoder, *photos: Any, rows: Any = ROWS, **options: Any) -> Any:
    collate = PhotoCollator(encoder.pad_id, rates=True)
    return collate([encoder.encode(one, rows, **options) for one in photos])


def test_only_answers_and_their_ends_are_live(nano: Any) -> None:
    _, processor = nano
    packed = PhotoEncoder(processor, 400, dense=False).encode(frame(60, 80), ROWS)
    live = packed.labels[packed.labels != IGNORED].tolist()
    told = processor.tokenizer.decode(live)
    assert told == "".join(f"{row.answer}<end>" for row in ROWS)


@pytest.mark.parametrize("size", [(60, 80), (700, 900)])
def test_each_question_is_answered_as_if_it_were_asked_alone(
    nano: Any, size: tuple[int, int]
) -> None:
    """The second size has 100% tiles and close looks at boxes."""
    model, processor = nano
    pixels = frame(*size)
    batch = batch_of(PhotoEncoder(processor, 400, dense=False), pixels, frame(60, 80))
    inputs = {k: v for k, v in batch.items() if k not in ("labels", "targets", "notes")}
    with torch.no_grad():
        logits = model(**inputs, use_cache=False).logits
    asked = LanguageModel(model=model, eyes=NanoEyes(model, processor), folder=Path(), revision="")
    look = asked.look([pixels])[0]
    live = (batch["labels"][0] != IGNORED).long()
    starts = [i for i in range(1, len(live)) if live[i] and not live[i - 1]]
    assert len(starts) == len(ROWS)
    for row, start in zip(ROWS, starts, strict=True):
        alone = asked.next_logits([Ask(look, row.question)])[0]
        np.testing.assert_allclose(logits[0, start - 1].numpy(), alone, atol=2e-5)


def test_soft_words_stand_where_they_are_said(nano: Any) -> None:
    _, processor = nano
    shares = (0.1, 0.6, 0.2, 0.1, 0.0)
    encoder = PhotoEncoder(processor, 400, dense=False)
    packed = encoder.encode(frame(60, 80), ROWS, softly=True, level_probs=shares)
    said = processor.tokenizer.convert_ids_to_tokens
    words = [[one.lstrip("Ġ") for one in said(list(soft.tokens))] for soft in packed.places]
    assert words == [list(AXES["vertical"]), list(AXES["horizontal"])]
    assert [soft.shares for soft in packed.places] == [(0.75, 0.25), (0.8, 0.2)]
    assert packed.level is not None
    assert packed.level.shares == shares
    for soft, word in ((packed.places[0], "top"), (packed.level, "good")):
        assert said(int(packed.labels[soft.at])) == f"Ġ{word}"
    assert [one.lstrip("Ġ") for one in said(list(packed.level.tokens))] == list(LEVELS)
    assert SCORE_PREFIX in ROWS[2].answer


def test_words_that_name_faults_are_known(nano: Any) -> None:
    _, processor = nano
    packed = PhotoEncoder(processor, 400, dense=False).encode(frame(60, 80), ROWS)
    told = processor.tokenizer.decode([int(packed.labels[at]) for at in packed.faults])
    assert told.lower().split() == ["severe", "noisesevere", "noise"]


def test_patches_know_what_the_mask_says(nano: Any) -> None:
    _, processor = nano
    sample = half()
    view = processor.views(sample.pixels)[0]
    targets = patch_targets(sample, view)
    noise = FAMILIES.index("noise")
    assert targets.severity.shape == (12, 3, 4, 6)
    share = sample.regions[0].mask.reshape(4, 16, 6, 16).mean(axis=(1, 3))
    inside = torch.from_numpy(share >= 0.5)
    assert inside.any()
    assert torch.equal(targets.severity[noise, 2] == 1, inside)
    assert targets.severity.sum() == 3 * inside.sum()
    np.testing.assert_allclose(targets.weight.numpy(), np.abs(2 * share - 1), atol=1e-6)


def test_perfect_patches_cost_nothing_and_wrong_ones_do(nano: Any) -> None:
    _, processor = nano
    sample = half()
    targets = patch_targets(sample, processor.views(sample.pixels)[0])
    told = torch.cat([targets.severity.flatten(0, 1) * 2 - 1, torch.zeros(12, 4, 6)]) * 50
    assert patch_loss(told, targets) < 1e-6
    assert patch_loss(-told, targets) > 100


def test_the_loss_reaches_every_part_and_falls(nano: Any) -> None:
    """Ten steps on two photos: answers, soft words, patches and overviews together."""
    import copy

    model: NanoForConditionalGeneration = copy.deepcopy(nano[0]).train()
    encoder = PhotoEncoder(nano[1], 400, dense=True)
    weights = Losses(soft_positions=2, soft_levels=2, dense_patches=1, dense_levels=2)
    sample = half()
    batch = batch_of(
        encoder, sample.pixels, sample.pixels, softly=True, level_probs=(0.2,) * 5, sample=sample
    )
    assert batch["patches"] == batch["levels"] == [0, 1]
    live = float((batch["labels"] != IGNORED).sum())
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    costs = []
    for step in range(10):
        loss = AnswerLoss(weights)(model, batch, live)
        loss.backward()
        if not step:
            silent = [name for name, one in model.named_parameters() if one.grad is None]
            assert silent == []
        optimiser.step()
        optimiser.zero_grad()
        costs.append(float(loss.detach()))
    assert costs[-1] < 0.5 * costs[0]


def test_a_batch_costs_what_its_photos_cost_apart(nano: Any) -> None:
    model, processor = nano
    encoder = PhotoEncoder(processor, 400, dense=True)
    weights = Losses(soft_positions=2, soft_levels=2, dense_patches=1, dense_levels=2)
    samples = [half(), Sample(frame(64, 64))]
    photos = [
        encoder.encode(one.pixels, ROWS, softly=True, level_probs=(0.2,) * 5, sample=one)
        for one in samples
    ]
    loss = AnswerLoss(weights)
    with torch.no_grad():
        collate = PhotoCollator(encoder.pad_id, rates=True)
        together = loss(model, collate(photos), 1.0)
        apart = sum(loss(model, collate([one]), 1.0) for one in photos)
    assert together == pytest.approx(float(apart), rel=1e-5)


def test_patches_can_be_taught_without_a_question(nano: Any) -> None:
    model, processor = nano
    encoder = PhotoEncoder(processor, 400, dense=True)
    sample = half()
    silent = encoder.encode(sample.pixels, (), sample=sample)
    asked = encoder.encode(sample.pixels, ROWS, sample=sample)
    collate = PhotoCollator(encoder.pad_id)
    loss = AnswerLoss(Losses(dense_patches=1))
    with torch.no_grad():
        alone = loss(model, collate([silent]), 1.0)
        both = loss(model, collate([silent, asked]), 1.0)
        other = loss(model, collate([asked]), 1.0)
    assert alone > 0
    assert both == pytest.approx(float(alone + other), rel=1e-5)


def test_overviews_learn_their_levels_and_the_words_hear_of_them(nano: Any) -> None:
    """What the statistics tell becomes what was given, and it is among the photo's tokens."""
    import copy

    model: NanoForConditionalGeneration = copy.deepcopy(nano[0]).requires_grad_(False)
    assert model.projector.levels is not None
    model.projector.levels.requires_grad_(True)
    encoder = PhotoEncoder(nano[1], 400, dense=False)
    shares = torch.tensor([(0.0, 0.1, 0.7, 0.2, 0.0), (0.6, 0.4, 0.0, 0.0, 0.0)])
    scored = (small.scored(),)
    photos = [
        encoder.encode(frame(64, 96) // shade, scored, level_probs=one.tolist())
        for shade, one in zip((1, 4), shares, strict=True)
    ]
    unknown = encoder.encode(frame(64, 64), scored)
    batch = PhotoCollator(encoder.pad_id, rates=True)([photos[0], unknown, photos[1]])
    assert batch["levels"] == [0, 2]
    torch.testing.assert_close(batch["targets"]["view_levels"], shares)
    glimpses = model.look([photo.sight.views[0] for photo in photos if photo.sight])
    readings = [model.read_view(one) for one in glimpses]
    before = model.projector.many(readings)
    optimiser = torch.optim.Adam(model.projector.levels.parameters(), lr=1e-3)
    loss = AnswerLoss(Losses(dense_levels=1))
    costs = []
    for _ in range(30):
        optimiser.zero_grad()
        loss(model, batch, 1.0).backward()
        optimiser.step()
        costs.append(mean_terms(loss.take().tolist())["views"])
    assert costs[-1] < 0.1 * costs[0]
    told = model.level_logits(glimpses).softmax(dim=1)
    torch.testing.assert_close(told, shares, atol=0.15, rtol=0)
    changed = (model.projector.many(readings) - before).abs().amax(dim=2) > 0
    count = model.config.statistics
    assert changed[:, -count:].all()
    assert not changed[:, :-count].any()


def test_rows_that_do_not_fit_are_left_out_and_counted(nano: Any) -> None:
    _, processor = nano
    long = QA("describe", "Describe it.", "Severe noise. " * 60, ())
    packed = PhotoEncoder(processor, 250, dense=False).encode(frame(60, 80), (*ROWS, long))
    assert len(packed.dropped) == 1
    told = processor.tokenizer.decode(packed.labels[packed.labels != IGNORED].tolist())
    assert told == "".join(f"{row.answer}<end>" for row in ROWS)
