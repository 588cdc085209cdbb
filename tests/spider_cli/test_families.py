"""Chat models of every family: what is kept of a photo answers as photo and question together."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spider_cli.auditor import Auditor
from spider_cli.boxes import BoxSpec
from spider_cli.lmm import Ask, LanguageModel, Look
from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION
from spider_cli.vocabulary import LEVELS
from spider_cli.zero_shot import LEAD, instructed
from tests.tiny_models import FAMILIES

pytestmark = pytest.mark.usefixtures("short_answers")

NEAR = 1e-4
"""How far probabilities may be apart in float32."""
NEAR_HALF = 0.05
"""The same in bfloat16, which keeps eight bits of a number."""
TYPED = (
    "Why?",
    "\n What of the left half?",
    "  Is <image> or <|image_pad|> here?",
    "<|im_end|>\n<|im_start|>system",
    "\u96ea \U0001f600",
)


@pytest.fixture(scope="module", params=list(FAMILIES))
def folder(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_checkpoint: Callable[[str], Path],
    nano_folder: Path,
) -> Path:
    made = tmp_path_factory.mktemp("family") / request.param
    shutil.copytree(tiny_checkpoint(request.param), made)
    shutil.copytree(nano_folder / "segmenter", made / "segmenter")
    return made


@pytest.fixture(scope="module")
def auditor(folder: Path) -> Auditor:
    return Auditor(str(folder), device="cpu")


@pytest.fixture(scope="module")
def model(auditor: Auditor) -> LanguageModel:
    return auditor.load()


@pytest.fixture(scope="module")
def photos(scenes: dict[str, Any]) -> list[Any]:
    return [scenes[name] for name in ("small", "odd", "tall", "thin")]


@pytest.fixture(scope="module")
def looks(model: LanguageModel, photos: list[Any]) -> list[Look]:
    return model.look(photos)


@pytest.fixture(scope="module")
def asks(looks: list[Look]) -> list[Ask]:
    """With the instructions and without, with forced starts, of photos of four shapes."""
    asks = [
        Ask(look, instructed("describe", "Describe the quality of this image.")) for look in looks
    ]
    asks += [Ask(looks[0], instructed("ground", "Where is the noise?")), Ask(looks[1], "Why?")]
    asks.append(Ask(looks[2], SCORE_QUESTION, prefix=SCORE_PREFIX))
    return asks


def probabilities(logits: Any) -> Any:
    return torch.as_tensor(logits).double().softmax(dim=-1).numpy()


def test_it_keeps_what_it_made_of_a_photo(model: LanguageModel) -> None:
    assert model.eyes.shares
    assert model.eyes.lead == LEAD  # none of them was tuned


@pytest.mark.parametrize("question", TYPED)
def test_tokens_are_those_of_the_familys_processor(
    model: LanguageModel, looks: list[Look], question: str
) -> None:
    for look in looks[:2]:
        for ask in (
            Ask(look, question),
            Ask(look, LEAD + question),
            Ask(look, question, prefix=SCORE_PREFIX),
        ):
            whole = model.eyes.inputs([ask])["input_ids"][0].tolist()
            assert model.eyes.row(ask)[0] == whole


def test_photos_go_in_as_the_familys_processor_puts_them(
    model: LanguageModel, looks: list[Look]
) -> None:
    """Several of different sizes in a batch: padded alike, and the photos the same."""
    opening = model.eyes.opening(looks)
    whole = model.eyes.inputs([Ask(look, f"{LEAD}?") for look in looks])
    length = opening["input_ids"].shape[1]
    assert set(opening) == set(whole)
    for name, value in whole.items():
        if value.shape == whole["input_ids"].shape:
            assert torch.equal(value[:, :length], opening[name]), name
        else:
            assert torch.equal(value, opening[name]), name


def test_kept_is_fresh(model: LanguageModel, asks: list[Ask]) -> None:
    kept = model.ask(asks)
    with torch.inference_mode():
        tokens, steps = model._afresh(asks, 16)
    for answer, ids, logits in zip(kept, tokens, steps, strict=True):
        length = len(answer.token_ids)
        assert list(answer.token_ids) == ids[:length]
        gap = np.abs(probabilities(answer.logits) - probabilities(logits[:length]))
        assert gap.max() <= NEAR


def test_together_is_alone(
    model: LanguageModel, asks: list[Ask], photos: list[Any], looks: list[Look]
) -> None:
    together = model.ask(asks)
    place = {look: number for number, look in enumerate(looks)}
    for ask, answer in zip(asks, together, strict=True):
        [look] = model.look([photos[place[ask.look]]])
        [alone] = model.ask([Ask(look, ask.question, prefix=ask.prefix)])
        assert alone.token_ids == answer.token_ids
        gap = np.abs(probabilities(answer.logits) - probabilities(alone.logits))
        assert gap.max() <= NEAR


def test_scores_are_the_softmax_of_the_raw_logits(
    auditor: Auditor, model: LanguageModel, photos: list[Any], looks: list[Look]
) -> None:
    """By hand, from the model's own forward pass over photo and question."""
    ask = [
        Ask(look, instructed("score", SCORE_QUESTION), prefix=SCORE_PREFIX) for look in looks[:2]
    ]
    ids = [model.encode(f" {word}")[0] for word in LEVELS]
    for record, one in zip(auditor.score(photos[:2]), ask, strict=True):
        with torch.inference_mode():
            logits = model.model(**model.eyes.inputs([one])).logits[0, -1, ids]
        expected = dict(zip(LEVELS, probabilities(logits), strict=True))
        assert record.outcome.levels == pytest.approx(expected, abs=NEAR)


def test_four_tasks_in_one_look(
    auditor: Auditor,
    model: LanguageModel,
    photos: list[Any],
    valid_record: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One decoding, one encoding; and each record is that of its own command."""
    photos = photos[:3]
    box = [BoxSpec.parse("0.25,0.25,0.75,0.75")]
    question = "Which part is the noisiest?"
    alone = [
        list(auditor.describe(photos)),
        list(auditor.score(photos)),
        list(auditor.refer(photos, box)),
        list(auditor.ground(photos, question)),
    ]
    encoded: list[int] = []
    prepared = model.eyes.opening

    def counted(looks: Any) -> Any:
        encoded.append(len(looks))
        return prepared(looks)

    monkeypatch.setattr(model.eyes, "opening", counted)
    requests = [
        auditor.to_describe(),
        auditor.to_score(),
        auditor.to_refer(box),
        auditor.to_ground(question),
    ]
    found = list(auditor.together(photos, requests))
    assert sum(encoded) == len(photos)
    assert len(found) == len(photos)
    for records, *single in zip(found, *alone, strict=True):
        for record, other in zip(records, single, strict=True):
            valid_record(record)
            assert record.command == other.command
            assert record.looked_at == other.looked_at
            if record.command == "score":
                assert record.outcome.levels == pytest.approx(other.outcome.levels, abs=NEAR)
            else:
                assert record.outcome.answer == other.outcome.answer
            if record.command == "ground":
                assert record.outcome.point == pytest.approx(other.outcome.point, abs=0.05)


def test_in_half_precision(folder: Path, photos: list[Any]) -> None:
    half = Auditor(str(folder), device="cpu", dtype="bfloat16").load()
    asks = [Ask(look, SCORE_QUESTION, prefix=SCORE_PREFIX) for look in half.look(photos)]
    together = probabilities(half.next_logits(asks))
    with torch.inference_mode():
        fresh = probabilities(np.stack([steps[0] for steps in half._afresh(asks, 1)[1]]))
    assert np.abs(together - fresh).max() <= NEAR_HALF


def test_four_tasks_cost_little_more_than_one(tmp_path: Path) -> None:
    """At full size: make prove-encode-once."""
    from tests.encode_once import TASKS, counted, small_model

    model = small_model(tmp_path, layers=1, hidden=64)
    runs, alone = counted(model, ["describe"])
    all_runs, together = counted(model, list(TASKS))
    assert runs == all_runs == 1
    assert alone < together <= 1.5 * alone
