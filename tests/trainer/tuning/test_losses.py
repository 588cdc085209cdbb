"""Losses against values computed by hand, and that a batch's loss is the sum over its parts."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from spider_cli.errors import UsageError
from spider_cli.lmm import LanguageModel, load_language_model
from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION
from tests.trainer.tuning.small_data import ANSWER, grounding, photo
from trainer.tuning.collate import Collator
from trainer.tuning.encode import IGNORED, ChatEncoder, Encoded
from trainer.tuning.losses import (
    AnswerLoss,
    answer_terms,
    check_losses,
    divergence,
    fidelity,
    mean_terms,
    predicting,
)
from trainer.tuning.opinions import level_probabilities, on_five
from trainer.tuning.recipe import Losses

ALL = Losses(soft_positions=0.7, soft_levels=2.0, fidelity=1.5)
OFF = Losses()


# --- opinions -----------------------------------------------------------------------------------


def test_soft_labels_by_hand() -> None:
    """4 of 5 with a deviation of 0.8: the density of N(4, 0.8) at 5, 4, 3, 2, 1, repaired.

    Densities 0.228311, 0.498678, 0.228311, 0.021911, 0.000441; their sum A = 0.977652, weighed by
    the levels B = 3.865463. alpha = (4 - 3) / (B - 3 A) = 1.072378, beta = (1 - alpha A) / 5 =
    -0.009683: 0.235153, 0.525088, 0.235153, 0.013814, -0.009210. With 0 for the last one they sum
    to 1.009208, by which they are divided.
    """
    wanted = (0.233008, 0.520297, 0.233008, 0.013688, 0.0)
    assert level_probabilities(0.75, 0.2) == pytest.approx(wanted, abs=2e-6)


@pytest.mark.parametrize("mos", [0.0, 0.1, 0.4999, 0.5, 0.62, 0.99, 1.0])
@pytest.mark.parametrize("std", [None, 0.0, 0.049, 0.1, 0.2, 0.3])
def test_soft_labels_keep_the_opinion(mos: float, std: float | None) -> None:
    found = level_probabilities(mos, std)
    assert sum(found) == pytest.approx(1)
    assert min(found) >= 0
    mean = sum(k * p for k, p in zip((5, 4, 3, 2, 1), found, strict=True))
    assert mean == pytest.approx(on_five(mos), abs=0.11)


def test_narrow_opinions_are_split_between_neighbours() -> None:
    assert level_probabilities(0.65, 0.049) == pytest.approx((0, 0.6, 0.4, 0, 0))
    assert level_probabilities(0.65, None) == pytest.approx((0, 0.6, 0.4, 0, 0))
    assert level_probabilities(0.65, 0.051) != pytest.approx((0, 0.6, 0.4, 0, 0), abs=1e-3)
    # A bell at the end of the scale cannot have its mean there.
    assert level_probabilities(1.0, 0.25) == pytest.approx((1, 0, 0, 0, 0))


def test_the_middle_of_the_scale_is_no_jump() -> None:
    at, beside = level_probabilities(0.5, 0.25), level_probabilities(0.50001, 0.25)
    assert at == pytest.approx(beside, abs=1e-4)
    assert at == pytest.approx(at[::-1])


# --- terms --------------------------------------------------------------------------------------


def test_divergence_by_hand() -> None:
    log_p = torch.log(torch.tensor([[0.5, 0.25], [0.2, 0.8]]))
    shares = torch.tensor([[0.25, 0.75], [0.0, 1.0]])
    wanted = [0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.25), math.log(1 / 0.8)]
    assert divergence(log_p, shares).tolist() == pytest.approx(wanted)
    same = torch.tensor([[0.3, 0.7]])
    assert float(divergence(same.log(), same)) == pytest.approx(0, abs=1e-6)


def test_fidelity_by_hand() -> None:
    scores, means = torch.tensor([4.0, 3.0]), torch.tensor([2.0, 5.0])
    p, g = (1 + math.erf(0.5)) / 2, (1 + math.erf(-1.5)) / 2
    wanted = 1 - math.sqrt(p * g + 1e-8) - math.sqrt((1 - p) * (1 - g) + 1e-8)
    two = fidelity(scores, means, torch.tensor([0, 0]))
    assert float(two) == pytest.approx(2 * wanted, rel=1e-5)
    assert float(fidelity(scores, means, torch.tensor([0, 1]))) == 0  # no pair
    assert float(fidelity(scores[:1], means[:1], torch.tensor([0]))) == 0
    right = fidelity(torch.tensor([4.0, 3.0]), torch.tensor([4.0, 3.0]), torch.tensor([0, 0]))
    assert float(right) == pytest.approx(0, abs=1e-6)
    three = fidelity(
        torch.tensor([4.0, 9.0, 3.0]), torch.tensor([2.0, 1.0, 5.0]), torch.tensor([0, 1, 0])
    )
    assert float(three) == pytest.approx(float(two))


def hand_made() -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Two rows over a vocabulary of 12: live at 2-4 and 1-2; soft at (0, 3), (1, 1), (1, 2)."""
    logits = torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[IGNORED, IGNORED, 3, 4, 5], [IGNORED, 7, 8, IGNORED, IGNORED]])
    targets = {
        "place_at": torch.tensor([[0, 3]]),
        "place_tokens": torch.tensor([[4, 6]]),
        "place_shares": torch.tensor([[0.2, 0.8]]),
        "level_at": torch.tensor([[1, 1], [1, 2]]),
        "level_tokens": torch.tensor([[7, 8, 9, 10, 11], [8, 7, 9, 10, 11]]),
        "level_shares": torch.tensor([[0.5, 0.5, 0, 0, 0], [0, 0.1, 0.2, 0.3, 0.4]]),
        "level_mean": torch.tensor([4.5, 2.0]),
        "level_part": torch.tensor([0, 0]),
    }
    return logits, labels, targets


def loss_of(logits: torch.Tensor, labels: torch.Tensor, targets: Any, weights: Losses) -> float:
    kept = predicting(labels)
    terms = answer_terms(logits[:, kept], kept, labels, targets, weights)
    return float(sum(term.weight * term.sum for term in terms.values()))


def test_plain_loss_is_cross_entropy_on_live_labels() -> None:
    logits, labels, targets = hand_made()
    assert predicting(labels).tolist() == [0, 1, 2, 3]
    wanted = F.cross_entropy(
        logits[:, :-1].reshape(-1, 12), labels[:, 1:].reshape(-1), reduction="sum"
    )
    assert loss_of(logits, labels, targets, OFF) == pytest.approx(float(wanted), rel=1e-6)
    assert loss_of(logits, labels, {}, ALL) == pytest.approx(float(wanted), rel=1e-6)


def test_soft_steps_are_taught_softly_alone() -> None:
    logits, labels, targets = hand_made()
    log_p = logits.log_softmax(-1)
    hard = {(r, t): -float(log_p[r, t - 1, labels[r, t]]) for r, t in
            ((0, 2), (0, 3), (0, 4), (1, 1), (1, 2))}  # fmt: skip
    place = 0.2 * (math.log(0.2) - float(log_p[0, 2, 4]))
    place += 0.8 * (math.log(0.8) - float(log_p[0, 2, 6]))
    only = loss_of(logits, labels, targets, Losses(soft_positions=0.7))
    assert only == pytest.approx(sum(hard.values()) - hard[0, 3] + 0.7 * place, rel=1e-5)
    levels = 0.0
    for number, (row, step) in enumerate(((1, 1), (1, 2))):
        tokens, shares = targets["level_tokens"][number], targets["level_shares"][number]
        for token, share in zip(tokens.tolist(), shares.tolist(), strict=True):
            if share:
                levels += share * (math.log(share) - float(log_p[row, step - 1, token]))
    only = loss_of(logits, labels, targets, Losses(soft_levels=2.0))
    assert only == pytest.approx(hard[0, 2] + hard[0, 3] + hard[0, 4] + 2 * levels, rel=1e-5)


def test_the_second_positional_word_is_taught_at_the_first() -> None:
    """Among its own two tokens: neither is to be said there. Words apart, or of two rows, are not
    one behind the other."""
    logits, labels, targets = hand_made()
    targets |= {
        "place_at": torch.tensor([[0, 2], [0, 3], [1, 1], [1, 2], [1, 4]]),
        "place_tokens": torch.tensor([[3, 5], [4, 6], [7, 9], [8, 10], [7, 9]]),
        "place_shares": torch.tensor([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1], [0.3, 0.7], [1, 0]]),
    }
    labels[1, 3:] = torch.tensor([1, 7])
    ahead = 0.0
    for row, step, (one, other), share in ((0, 1, (4, 6), 0.2), (1, 0, (8, 10), 0.3)):
        log_p = logits[row, step, [one, other]].log_softmax(0)
        ahead += share * (math.log(share) - float(log_p[0]))
        ahead += (1 - share) * (math.log(1 - share) - float(log_p[1]))
    without = loss_of(logits, labels, targets, Losses(soft_positions=0.7))
    weights = Losses(soft_positions=0.7, positions_ahead=3.0)
    found = loss_of(logits, labels, targets, weights)
    assert found == pytest.approx(without + 3 * ahead, rel=1e-5)
    kept = predicting(labels)
    terms = answer_terms(logits[:, kept], kept, labels, targets, weights)
    assert (terms["ahead"].weight, terms["ahead"].steps) == (3.0, 2)


def test_fault_words_count_more_and_the_log_tells_terms_apart() -> None:
    logits, labels, targets = hand_made()
    targets["fault_at"] = torch.tensor([[0, 2], [1, 1]])
    log_p = logits.log_softmax(-1)
    faults = -float(log_p[0, 1, 3] + log_p[1, 0, 7])
    plain = loss_of(logits, labels, targets, OFF)
    found = loss_of(logits, labels, targets, Losses(fault_words=3.0))
    assert found == pytest.approx(plain + 3 * faults, rel=1e-5)
    kept = predicting(labels)
    weights = Losses(fault_words=3.0, soft_positions=0.7)
    terms = answer_terms(logits[:, kept], kept, labels, targets, weights)
    assert {name: (one.weight, one.steps) for name, one in terms.items()} == {
        "answers": (1.0, 4),  # the fifth step is taught softly
        "faults": (3.0, 2),
        "places": (0.7, 1),
    }
    assert mean_terms([[6.0, 0, 1, 0, 0, 0, 0, 0], [3, 0, 4, 0, 0, 0, 0, 0]]) == {
        "answers": 2,
        "places": 0.25,
    }


def test_fidelity_reads_the_closed_set() -> None:
    logits, labels, targets = hand_made()
    scores = []
    for number, (row, step) in enumerate(((1, 1), (1, 2))):
        chosen = logits[row, step - 1, targets["level_tokens"][number]].softmax(0)
        scores.append(float((chosen * torch.tensor([5.0, 4, 3, 2, 1])).sum()))
    pairs = fidelity(torch.tensor(scores), targets["level_mean"], targets["level_part"])
    plain = loss_of(logits, labels, targets, OFF)
    found = loss_of(logits, labels, targets, Losses(fidelity=1.5))
    assert found == pytest.approx(plain + 1.5 * float(pairs), rel=1e-5)


def test_the_best_answer_to_soft_targets_is_the_targets() -> None:
    """Descent on the loss ends at P(right) = x / W: hard labels do not pull at it."""
    _, labels, targets = hand_made()
    logits = torch.zeros(2, 5, 12, requires_grad=True)
    kept = predicting(labels)
    weights = Losses(soft_positions=0.3, soft_levels=0.3)
    optimiser = torch.optim.Adam([logits], lr=0.3)
    for _ in range(300):
        optimiser.zero_grad()
        terms = answer_terms(logits[:, kept], kept, labels, targets, weights)
        torch.stack([term.weight * term.sum for term in terms.values()]).sum().backward()
        optimiser.step()
    told = logits.detach().softmax(-1)
    assert told[0, 2, [4, 6]].tolist() == pytest.approx([0.2, 0.8], abs=0.02)
    assert told[1, 0, [7, 8]].tolist() == pytest.approx([0.5, 0.5], abs=0.02)
    assert float(told[0, 1, 3]) > 0.97


# --- on models ----------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["qwen3_vl", "qwen2_5_vl", "smolvlm", "internvl"])
def model(request: pytest.FixtureRequest, tiny_checkpoint: Callable[[str], Path]) -> LanguageModel:
    return load_language_model(tiny_checkpoint(request.param), device="cpu", dtype=torch.float32)


@pytest.fixture(scope="module")
def rows(model: LanguageModel) -> list[Encoded]:
    processor = model.eyes.processor  # type: ignore[attr-defined]
    encoder = ChatEncoder(processor, processor.tokenizer, 4096)
    made = []
    for number, level in enumerate(("good", "bad")):
        probs = level_probabilities(0.7 - number / 2, 0.2)
        answer = f"{SCORE_PREFIX} {level}."
        scored = encoder.encode(photo(number), SCORE_QUESTION, answer, (), probs)
        made.append(replace(scored, mean=on_five(0.7 - number / 2)))
    for number, size in enumerate(((60, 80), (200, 90))):
        made.append(encoder.encode(photo(number, *size), "Where?", ANSWER, grounding().spans))
    return made


@torch.no_grad()
def test_a_batch_is_the_sum_of_its_parts(model: LanguageModel, rows: list[Encoded]) -> None:
    """However it is split, as long as pairs of photos stay together."""
    collate = Collator(int(model.eyes.tokenizer.pad_token_id))
    live = sum(int((row.labels != IGNORED).sum()) for row in rows)
    for weights in (OFF, ALL):
        loss = AnswerLoss(weights)
        whole = float(loss(model.model, collate(rows), live))
        halves = [loss(model.model, collate(part), live) for part in (rows[:2], rows[2:])]
        assert float(sum(halves)) == pytest.approx(whole, rel=1e-5)
        swapped = [rows[2], rows[0], rows[3], rows[1]]
        assert float(loss(model.model, collate(swapped), live)) == pytest.approx(whole, rel=1e-5)
    # The mean over live tokens is what transformers computes.
    batch = collate(rows)
    inputs = {k: v for k, v in batch.items() if k not in ("targets", "notes")}
    own = float(model.model(**inputs, use_cache=False).loss)
    assert float(AnswerLoss(OFF)(model.model, batch, live)) == pytest.approx(own, rel=1e-5)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_only_the_logits_needed_are_computed(model: LanguageModel, rows: list[Encoded]) -> None:
    """The same loss and gradients as from all of them, for plain models and wrapped ones."""
    from peft import LoraConfig, get_peft_model

    collate = Collator(int(model.eyes.tokenizer.pad_token_id))
    batch = collate(rows)
    shapes = []
    head = model.model.get_output_embeddings()
    hook = head.register_forward_hook(lambda _, __, out: shapes.append(out.shape[1]))
    try:
        found = {}
        for chooses in (True, False):
            loss = AnswerLoss(ALL)
            if not chooses:
                loss._chooses = False
            model.model.zero_grad()
            value = loss(model.model, batch, 1.0)
            value.backward()
            assert loss._chooses is chooses
            gradient = model.model.get_input_embeddings().weight.grad.clone()
            found[chooses] = (float(value.detach()), gradient)
        assert shapes == [len(predicting(batch["labels"])), batch["labels"].shape[1]]
        assert shapes[0] < shapes[1]
        assert found[True][0] == pytest.approx(found[False][0], rel=1e-6)
        torch.testing.assert_close(found[True][1], found[False][1], atol=1e-5, rtol=1e-4)
    finally:
        hook.remove()
        model.model.zero_grad()
    wrapped = get_peft_model(copy.deepcopy(model.model), LoraConfig(target_modules=["q_proj"]))
    loss = AnswerLoss(ALL)
    value = loss(torch.nn.Sequential(wrapped)[0], batch, 1.0)
    assert loss._chooses
    assert float(value.detach()) == pytest.approx(found[True][0], rel=1e-4)


# --- recipes ------------------------------------------------------------------------------------


def test_what_cannot_be_computed_is_refused() -> None:
    check_losses(ALL, 2)
    check_losses(OFF, 1)
    with pytest.raises(UsageError, match=r"run\.micro_batch is 1"):
        check_losses(ALL, 1)
    with pytest.raises(UsageError, match=r"losses\.dense_patches"):
        check_losses(Losses(dense_patches=1.0), 4)
