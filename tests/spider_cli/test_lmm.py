"""The language model behind its interface: batches, steps, forced starts, folders that fail."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spider_cli.errors import UsageError
from spider_cli.lmm import Answer, Ask, LanguageModel, Look, load_language_model
from spider_cli.questions import SCORE_PREFIX
from spider_cli.text_to_point import find_emitted
from spider_cli.vocabulary import HORIZONTAL, LEVELS, VERTICAL

pytestmark = pytest.mark.usefixtures("short_answers")

QUESTIONS = (
    "Describe the quality of this image.",
    "Why?",
    "Describe the quality of the region [0.100, 0.200, 0.600, 0.900].",
    "Compare [0.0, 0.0, 0.5, 0.5] with [0.5, 0.5, 1.0, 1.0], both of them, as well as you can.",
)


@pytest.fixture(scope="module")
def looks(nano_model: LanguageModel, scenes: dict[str, Any]) -> dict[str, Look]:
    return dict(zip(scenes, nano_model.look(list(scenes.values())), strict=True))


@pytest.fixture(scope="module")
def asks(looks: dict[str, Look]) -> list[Ask]:
    """Every photo, every form of question, in turn, and two forced starts."""
    asks = [Ask(look, QUESTIONS[i % 4]) for i, look in enumerate(looks.values())]
    asks.append(Ask(looks["small"], "Rate it.", prefix=SCORE_PREFIX))
    asks.append(Ask(looks["large"], QUESTIONS[2], prefix_ids=(40, 41, 42)))
    return asks


def same(one: Answer, other: Answer) -> None:
    assert one.token_ids == other.token_ids
    assert one.text == other.text
    np.testing.assert_allclose(one.logits, other.logits, atol=1e-4, rtol=0)


# --- batches ------------------------------------------------------------------------------------


def test_batched_answers_are_the_single_ones(nano_model: LanguageModel, asks: list[Ask]) -> None:
    together = nano_model.ask(asks)
    assert len(together) == len(asks)
    for ask, answer in zip(asks, together, strict=True):
        same(answer, nano_model.ask([ask])[0])


def test_looking_together_is_looking_alone(
    nano_model: LanguageModel, scenes: dict[str, Any], looks: dict[str, Look]
) -> None:
    # Two of one size are encoded together.
    again = nano_model.look([scenes["small"], scenes["small"][::-1].copy(), scenes["large"]])
    for name, look in (("small", again[0]), ("large", again[2])):
        alone = nano_model.look([scenes[name]])[0]
        assert look.views == alone.views == looks[name].views
        same(nano_model.ask([Ask(look, "Why?")])[0], nano_model.ask([Ask(alone, "Why?")])[0])


def test_runs_repeat_exactly(
    nano_model: LanguageModel, scenes: dict[str, Any], asks: list[Ask]
) -> None:
    first, second = nano_model.ask(asks), nano_model.ask(asks)
    for one, two in zip(first, second, strict=True):
        assert one.token_ids == two.token_ids
        assert np.array_equal(one.logits, two.logits)
    again = Ask(nano_model.look([scenes["frame"]])[0], QUESTIONS[0])
    assert np.array_equal(
        nano_model.ask([again])[0].logits,
        nano_model.ask([Ask(nano_model.look([scenes["frame"]])[0], QUESTIONS[0])])[0].logits,
    )


def test_nothing_asked_nothing_answered(nano_model: LanguageModel) -> None:
    assert nano_model.ask([]) == []


# --- an answer ----------------------------------------------------------------------------------


def test_every_step_is_there(nano_model: LanguageModel, asks: list[Ask]) -> None:
    for answer in nano_model.ask(asks):
        assert len(answer.token_ids) == len(answer.pieces) == len(answer.logits)
        assert "".join(answer.pieces) == answer.text
        assert answer.logits.dtype == np.float32
        assert answer.logits.argmax(axis=1).tolist() == list(answer.token_ids)  # greedy


def test_an_answer_ends_at_its_own_end(
    nano_model: LanguageModel, asks: list[Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its neighbours in the batch go on; what pads it is no part of it."""
    free = nano_model.ask(asks)
    long = next(a for a in free if len(set(a.token_ids)) > 3)
    end = next(t for t in long.token_ids if t != long.token_ids[0])  # a token on the way
    monkeypatch.setattr(nano_model, "end_ids", frozenset([end]))
    monkeypatch.setattr(nano_model.model.generation_config, "eos_token_id", end)
    cut = nano_model.ask(asks)
    lengths = set()
    for whole, part in zip(free, cut, strict=True):
        ids = whole.token_ids
        length = ids.index(end) if end in ids else len(ids)
        assert part.token_ids == ids[:length]
        assert len(part.pieces) == len(part.logits) == length
        lengths.add(length)
    assert len(lengths) > 1


def test_characters_of_several_tokens(nano_model: LanguageModel) -> None:
    """A half-said character adds no text; words after it are found at their own step."""
    text = "caf\u00e9 \u96ea \U0001f600, on the left"
    ids = nano_model.encode(text)
    answer = nano_model._answer([*ids, 3], np.zeros((len(ids) + 1, 8), np.float32))
    assert answer.text == "".join(answer.pieces) == text
    assert "" in answer.pieces
    assert "\ufffd" not in "".join(answer.pieces)
    emitted = find_emitted(answer.pieces, HORIZONTAL)
    assert emitted is not None
    assert answer.token_ids[emitted.step] == nano_model.encode(" left")[0]


def test_a_broken_last_character_is_kept(nano_model: LanguageModel) -> None:
    half = nano_model.encode("\U0001f600")[:2]
    answer = nano_model._answer(half, np.zeros((2, 8), np.float32))
    assert len(answer.pieces) == 2
    assert answer.text == "".join(answer.pieces)


# --- forced starts ------------------------------------------------------------------------------


def test_the_words_of_the_task_are_single_tokens(nano_model: LanguageModel) -> None:
    for word in (*LEVELS, *HORIZONTAL, *VERTICAL):
        assert len(nano_model.encode(f" {word}")) == 1


def test_a_prefix_is_its_tokens(nano_model: LanguageModel, looks: dict[str, Look]) -> None:
    as_text = Ask(looks["odd"], "Rate it.", prefix=SCORE_PREFIX)
    as_ids = Ask(looks["odd"], "Rate it.", prefix_ids=tuple(nano_model.encode(SCORE_PREFIX)))
    assert np.array_equal(nano_model.next_logits([as_text]), nano_model.next_logits([as_ids]))


def test_next_logits_are_those_of_the_first_step(
    nano_model: LanguageModel, asks: list[Ask]
) -> None:
    ahead = nano_model.next_logits(asks)
    assert ahead.shape == (len(asks), len(nano_model.eyes.tokenizer))
    for row, answer in zip(ahead, nano_model.ask(asks), strict=True):
        np.testing.assert_allclose(row, answer.logits[0], atol=1e-4, rtol=0)


def test_forcing_what_it_says_changes_nothing(
    nano_model: LanguageModel, looks: dict[str, Look]
) -> None:
    ask = Ask(looks["small"], QUESTIONS[0])
    answer = nano_model.ask([ask])[0]
    for step in (1, 5):
        forced = Ask(ask.look, ask.question, prefix_ids=answer.token_ids[:step])
        row = nano_model.next_logits([forced])[0]
        np.testing.assert_allclose(row, answer.logits[step], atol=1e-4, rtol=0)


def test_log_probability_is_the_sum_along_the_tokens(
    nano_model: LanguageModel, looks: dict[str, Look]
) -> None:
    ask = Ask(looks["small"], QUESTIONS[0])
    answer = nano_model.ask([ask])[0]
    told = torch.from_numpy(answer.logits).double().log_softmax(dim=1)
    steps = told[torch.arange(len(answer.token_ids)), torch.tensor(answer.token_ids)]
    before, tokens = answer.token_ids[:2], answer.token_ids[2:5]
    found = nano_model.log_probability(ask, before, tokens)
    assert found == pytest.approx(float(steps[2:5].sum()), abs=1e-3)
    prefixed = Ask(ask.look, ask.question, prefix_ids=before)
    assert nano_model.log_probability(prefixed, (), tokens) == pytest.approx(found, abs=1e-6)


def test_encoding_after_something(nano_model: LanguageModel) -> None:
    before = "The region on the"
    ids = nano_model.encode(before)
    assert nano_model.encode_after(" left", before, ids) == nano_model.encode(" left")
    # A space that stands alone would be merged with the word: then the word is spelled by itself.
    apart = [*ids, *nano_model.encode(" ")]
    assert nano_model.encode_after("left", before + " ", apart) == nano_model.encode("left")


# --- looking ------------------------------------------------------------------------------------


@pytest.fixture
def encoded(nano_model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Height and width of every view the encoder is shown."""
    shown: list[tuple[int, int]] = []
    encoder = nano_model.model.vision_encoder
    forward = encoder.forward

    def spy(pixels: torch.Tensor) -> Any:
        shown.extend([(pixels.shape[2], pixels.shape[3])] * len(pixels))
        return forward(pixels)

    monkeypatch.setattr(encoder, "forward", spy)
    return shown


def test_look_once_ask_often(
    nano_model: LanguageModel, scenes: dict[str, Any], encoded: list[tuple[int, int]]
) -> None:
    """However many boxes and questions."""
    look = nano_model.look([scenes["small"]])[0]
    assert encoded == [(128, 160)]
    nano_model.ask([Ask(look, question) for question in QUESTIONS])
    nano_model.next_logits([Ask(look, "Rate it.", prefix=SCORE_PREFIX)])
    nano_model.log_probability(Ask(look, "Why?"), (40,), (41, 42))
    assert len(encoded) == 1


def test_a_large_photo_is_looked_at_at_100_percent_too(
    nano_model: LanguageModel, scenes: dict[str, Any], encoded: list[tuple[int, int]]
) -> None:
    look = nano_model.look([scenes["large"]])[0]
    assert len(encoded) == len(look.views) == 6  # the overview and five tiles
    overview, *tiles = look.views
    assert overview.box == (0, 0, 900, 700)
    assert max(overview.size) == nano_model.model.config.overview_tiled
    for tile in tiles:
        x1, y1, x2, y2 = tile.box
        assert tile.size == (x2 - x1, y2 - y1) == (nano_model.model.config.tile,) * 2
        assert 0 <= x1 < x2 <= 900
        assert 0 <= y1 < y2 <= 700
    # A box adds one close look at itself, once per question.
    nano_model.next_logits([Ask(look, QUESTIONS[2])])
    assert len(encoded) == 7


@pytest.mark.parametrize("name", ["small", "odd", "tall", "thin"])
def test_a_small_photo_is_seen_as_it_is(
    nano_model: LanguageModel, scenes: dict[str, Any], looks: dict[str, Look], name: str
) -> None:
    height, width = scenes[name].shape[:2]
    [view] = looks[name].views
    assert view.box == (0, 0, width, height)
    assert view.size == looks[name].size == (width, height)


def test_the_answer_follows_the_photo(nano_model: LanguageModel, looks: dict[str, Look]) -> None:
    """Another photo's image tokens under the same question."""
    for question in QUESTIONS[:2]:
        told = [nano_model.next_logits([Ask(look, question)])[0] for look in looks.values()]
        for index, one in enumerate(told):
            for other in told[:index]:
                assert np.abs(one - other).max() > 1e-2


def test_the_answer_follows_the_box(nano_model: LanguageModel, looks: dict[str, Look]) -> None:
    boxes = ("[0.0, 0.0, 0.3, 0.3]", "[0.6, 0.6, 1.0, 1.0]", "[0.0, 0.0, 1.0, 1.0]")
    for look in (looks["small"], looks["large"]):
        asks = [Ask(look, f"Describe the quality of the region {box}.") for box in boxes]
        told = nano_model.next_logits(asks)
        assert np.abs(told[0] - told[1]).max() > 1e-3
        assert np.abs(told[0] - told[2]).max() > 1e-3


# --- what people type ---------------------------------------------------------------------------


def placeholders(model: LanguageModel, ask: Ask) -> int:
    config = model.model.config
    ids = model.eyes.inputs([ask])["input_ids"][0].tolist()
    return ids.count(config.image_token_id) + ids.count(config.region_token_id)


@pytest.mark.parametrize(
    "question",
    ["<image><image>", "a <region> b", "<end><user>", "</answer>", "< image>", "\u96ea <pad>"],
)
def test_marks_in_a_question_are_text(
    nano_model: LanguageModel, looks: dict[str, Look], question: str
) -> None:
    look = looks["small"]
    ask = Ask(look, question)
    assert placeholders(nano_model, ask) == placeholders(nano_model, Ask(look, "Why?"))
    ids = nano_model.eyes.inputs([ask])["input_ids"][0].tolist()
    special = [i for i in ids if i < 6 and i != nano_model.model.config.image_token_id]
    assert len(special) == 2  # one turn mark each for the question and the answer
    nano_model.ask([ask])


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("[0.1, 0.2, 0.3, 0.4]", [(0.1, 0.2, 0.3, 0.4)]),
        ("[ .1,.2 , .3,1 ]", [(0.1, 0.2, 0.3, 1.0)]),
        ("[0.5, 0.5, 1.5, 2.0]", [(0.5, 0.5, 1.0, 1.0)]),
        # A sliver that rounding closed, as of a box one pixel wide: still a box.
        ("[0.123, 0.200, 0.123, 0.400]", [(0.1225, 0.2, 0.1235, 0.4)]),
        ("[1.000, 0.000, 1.000, 0.000]", [(0.9995, 0.0, 1.0, 0.0005)]),
        ("[0.9, 0.2, 0.3, 0.4]", []),
        ("[3, 4, 5, 6]", []),
        ("[0.1, 0.2, 0.3]", []),
        ("[-0.1, 0.2, 0.3, 0.4]", []),
        ("[a, b, c, d]", []),
    ],
)
def test_boxes_in_a_question(
    nano_model: LanguageModel, text: str, boxes: list[tuple[float, ...]]
) -> None:
    prompt = nano_model.eyes.processor.prompt(f"See {text} and more.")
    assert len(prompt.boxes) == len(boxes)
    for found, wanted in zip(prompt.boxes, boxes, strict=True):
        assert found == pytest.approx(wanted)
    assert ("<region>" in prompt.text) == bool(boxes)


def test_every_box_of_a_photo_is_asked_about(
    nano_model: LanguageModel, looks: dict[str, Look]
) -> None:
    """Down to one pixel of a photo much larger than a thousandth."""
    from spider_cli.questions import box_phrase, refer_question

    for box in ((0, 0, 1, 1), (4999, 2999, 5000, 3000), (2500, 0, 2501, 3000)):
        question = refer_question(box_phrase(box, 5000, 3000), long=False)
        prompt = nano_model.eyes.processor.prompt(question)
        [(x1, y1, x2, y2)] = prompt.boxes
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1
        assert np.isfinite(nano_model.next_logits([Ask(looks["large"], question)])).all()


def test_a_question_may_be_long(nano_model: LanguageModel, looks: dict[str, Look]) -> None:
    assert nano_model.ask([Ask(looks["small"], "Is it good? " * 200)])


def test_a_placeholder_as_an_answer_is_a_word(
    nano_model: LanguageModel, looks: dict[str, Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An untrained model may well say <image>; there is nothing to fill in."""
    config = nano_model.model.config
    keep = {config.image_token_id, config.region_token_id}
    others = [token for token in range(len(nano_model.eyes.tokenizer)) if token not in keep]
    head = nano_model.model.get_output_embeddings()
    forward = head.forward
    never = torch.zeros(len(nano_model.eyes.tokenizer))
    never[others] = -torch.inf
    monkeypatch.setattr(head, "forward", lambda hidden: forward(hidden) + never)
    answer = nano_model.ask([Ask(looks["small"], QUESTIONS[2])])[0]
    assert set(answer.token_ids) <= keep


# --- loading ------------------------------------------------------------------------------------


@pytest.fixture
def copy(nano_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(nano_folder, tmp_path / "model"))


def _cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100_000])


def _forget(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    weights = load_file(file)
    del weights["projector.place.weight"]
    save_file(weights, file, metadata={"format": "pt"})


def _reshape(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["vision_width"] = 64
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def _pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"x": torch.zeros(1)}, folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        pytest.param(lambda f: (f / "config.json").unlink(), "model_missing", id="no config"),
        pytest.param(
            lambda f: (f / "config.json").write_text("{", encoding="utf-8"),
            "model_missing",
            id="broken config",
        ),
        pytest.param(
            lambda f: (f / "config.json").write_text("[]", encoding="utf-8"),
            "model_missing",
            id="a list for a config",
        ),
        pytest.param(
            lambda f: (f / "config.json").write_text("{}", encoding="utf-8"),
            "not_image_text",
            id="a config of nothing",
        ),
        pytest.param(
            lambda f: (f / "tokenizer.json").unlink(), "model_unloadable", id="no tokenizer"
        ),
        pytest.param(
            lambda f: (f / "model.safetensors").unlink(), "model_unloadable", id="no weights"
        ),
        pytest.param(_cut, "model_unloadable", id="truncated weights"),
        pytest.param(_forget, "model_unloadable", id="a missing weight"),
        pytest.param(_reshape, "model_unloadable", id="other shapes"),
        pytest.param(_pickle, "model_unloadable", id="a pickle"),
    ],
)
def test_a_folder_that_does_not_load(copy: Path, damage: Callable[[Path], Any], code: str) -> None:
    damage(copy)
    with pytest.raises(UsageError) as caught:
        load_language_model(copy, device="cpu", dtype=torch.float32)
    assert caught.value.code == code
    assert str(copy) in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_says_much_the_same(
    nano_folder: Path, nano_model: LanguageModel, scenes: dict[str, Any], dtype: torch.dtype
) -> None:
    half = load_language_model(nano_folder, device="cpu", dtype=dtype)
    look = half.look([scenes["small"]])[0]
    row = half.next_logits([Ask(look, QUESTIONS[2])])[0]
    assert row.dtype == np.float32
    exact = nano_model.next_logits([Ask(nano_model.look([scenes["small"]])[0], QUESTIONS[2])])[0]
    assert np.corrcoef(row, exact)[0, 1] > 0.9
