"""What is learnt: exactly the answer and its end, after exactly the prompt of run time."""

import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from spider_cli.budget import chat_budget
from spider_cli.chat import ChatEyes
from spider_cli.chat_processors import load_processor
from spider_cli.chat_prompt import ChatPrompt
from spider_cli.errors import UsageError
from spider_cli.lmm import Ask, LanguageModel, load_language_model
from spider_cli.questions import PROBE_PREFIX, SCORE_PREFIX, SCORE_QUESTION
from spider_cli.vocabulary import HORIZONTAL, LEVELS, VERTICAL
from tests.trainer.tuning.small_data import ANSWER, grounding, photo
from trainer.rows import Span
from trainer.tuning.base import Base
from trainer.tuning.encode import IGNORED, ChatEncoder, Encoded, TooLong
from trainer.tuning.materials import _chat_encoder

SIZES = [(60, 80), (200, 90), (3, 700), (30, 1500)]
QUESTION = "Which region is degraded the most?"
PROBS = (0.05, 0.6, 0.3, 0.05, 0.0)


@pytest.fixture(scope="module", params=["qwen3_vl", "qwen2_5_vl", "smolvlm", "internvl"])
def model(request: pytest.FixtureRequest, tiny_checkpoint: Callable[[str], Path]) -> LanguageModel:
    return load_language_model(tiny_checkpoint(request.param), device="cpu", dtype=torch.float32)


def encoder_of(model: LanguageModel, **options: Any) -> ChatEncoder:
    """From a processor of its own, as training has it."""
    processor = load_processor(model.folder)
    options = {"max_length": 4096} | options
    ends = model.model.generation_config.eos_token_id
    return ChatEncoder(processor, processor.tokenizer, ends=ends, **options)


@pytest.fixture(scope="module")
def encoder(model: LanguageModel) -> ChatEncoder:
    return encoder_of(model)


def live(encoded: Encoded) -> list[int]:
    return [token for token in encoded.labels.tolist() if token != IGNORED]


def text_of(model: LanguageModel, tokens: Any) -> str:
    return str(model.eyes.tokenizer.decode(tokens, clean_up_tokenization_spaces=False))


# --- the prompt ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("question", [QUESTION, "What of <image>, <|image_pad|> and <|im_end|>?"])
def test_the_prompt_is_that_of_run_time(
    model: LanguageModel, encoder: ChatEncoder, size: tuple[int, int], question: str
) -> None:
    pixels = photo(1, *size)
    [look] = model.look([pixels])
    asked = model.eyes.inputs([Ask(look, question)])
    encoded = encoder.encode(pixels, question, ANSWER)
    length = asked["input_ids"].shape[1]
    assert set(asked) == set(encoded.inputs)
    for name, value in asked.items():
        taught = encoded.inputs[name]
        if value.shape == asked["input_ids"].shape:
            assert torch.equal(taught[:, :length], value), name
            assert taught.shape == (1, len(encoded.labels)), name
        else:
            assert torch.equal(taught, value), name
    assert (encoded.labels[:length] == IGNORED).all()
    assert (encoded.labels[length:] != IGNORED).all()


def test_as_much_of_a_photo_is_shown_as_at_run_time(model: LanguageModel) -> None:
    kind = model.model.config.model_type
    base = Base("there", model.folder, "", kind=kind)

    def made_with(most: int | None) -> ChatPrompt:
        recipe: Any = SimpleNamespace(
            run=SimpleNamespace(long_rows="drop"), model=SimpleNamespace(max_pixels=most)
        )
        return _chat_encoder(recipe, load_processor(model.folder), base, 4096).prompt

    made = made_with(None)
    eyes: Any = model.eyes
    assert isinstance(eyes, ChatEyes)
    assert made.max_pixels == eyes.prompt.max_pixels == chat_budget(kind)
    assert made.views(1900, 1500) == eyes.prompt.views(1900, 1500)
    small = ChatEyes(model.model, load_processor(model.folder), max_pixels=20_000)
    assert made_with(20_000).views(1900, 1500) == small.prompt.views(1900, 1500)


def test_a_forced_start_is_the_start_of_what_was_taught(
    model: LanguageModel, encoder: ChatEncoder
) -> None:
    """How scores are read."""
    [look] = model.look([photo(0)])
    asked = model.eyes.inputs([Ask(look, SCORE_QUESTION, prefix=SCORE_PREFIX)])["input_ids"]
    encoded = encoder.encode(photo(0), SCORE_QUESTION, f"{SCORE_PREFIX} good.", (), PROBS)
    length = asked.shape[1]
    assert torch.equal(encoded.inputs["input_ids"][:, :length], asked)
    assert encoded.level is not None
    assert encoded.level.at == length


# --- labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ANSWER, ANSWER),
        ("  Severe noise. \n", "Severe noise."),
        ("Two lines.\nAnd “quotes” - é.", "Two lines.\nAnd “quotes” - é."),
        ("It says <|im_end|> there.", "It says < |im_end|> there."),
    ],
)
def test_live_are_the_answer_and_its_end(
    model: LanguageModel, encoder: ChatEncoder, answer: str, said: str
) -> None:
    encoded = encoder.encode(photo(0), QUESTION, answer)
    tokens = live(encoded)
    end = model.eyes.tokenizer.convert_ids_to_tokens(tokens[-1])
    assert tokens[-1] in model.end_ids
    assert not set(tokens[:-1]) & model.end_ids
    assert text_of(model, tokens) == encoder.prompt.lead + said + end
    where = encoded.labels != IGNORED
    assert torch.equal(encoded.labels[where], encoded.inputs["input_ids"][0][where])


def test_the_answer_follows_as_the_template_writes_it(
    model: LanguageModel, encoder: ChatEncoder
) -> None:
    """A whole conversation rendered by the template has the same tokens."""
    processor = encoder.prompt.processor
    turns = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": QUESTION}]},
        {"role": "assistant", "content": [{"type": "text", "text": ANSWER}]},
    ]
    whole = processor.apply_chat_template(turns, tokenize=False)
    ids = processor.tokenizer(whole, add_special_tokens=False)["input_ids"]
    tokens = live(encoder.encode(photo(0), QUESTION, ANSWER))
    start = next(i for i in range(len(ids)) if ids[i : i + len(tokens)] == tokens)
    assert text_of(model, ids[start + len(tokens) :]).strip() == ""


def test_what_the_model_would_say_is_read_back(model: LanguageModel, encoder: ChatEncoder) -> None:
    """The tokens taught, as if the model had emitted them, are the answer."""
    tokens = live(encoder.encode(photo(0), QUESTION, ANSWER))
    logits = torch.zeros(len(tokens), len(model.eyes.tokenizer)).numpy()
    assert model._answer(tokens, logits).text.strip() == ANSWER


# --- soft targets -------------------------------------------------------------------------------


def test_positional_words(model: LanguageModel, encoder: ChatEncoder) -> None:
    """At the word's own step, on the tokens that grounding reads there."""
    spans = grounding().spans
    encoded = encoder.encode(photo(0), QUESTION, ANSWER, spans)
    assert encoded.level is None
    ids = encoded.inputs["input_ids"][0].tolist()
    for soft, span, words in zip(encoded.places, spans, (VERTICAL, HORIZONTAL), strict=True):
        assert encoded.labels[soft.at] == ids[soft.at] != IGNORED
        assert text_of(model, ids[soft.at]) == f" {ANSWER[span.start : span.end]}"
        said = ANSWER[: span.start - 1]
        forms = [model.encode_after(f" {word}", said, model.encode(said))[0] for word in words]
        assert list(soft.tokens) == forms
        assert soft.shares == (1 - span.value, span.value)


def test_words_at_the_start_and_in_capitals(model: LanguageModel, encoder: ChatEncoder) -> None:
    text = "Left of the tower, at the TOP, is noise."
    spans = (Span(0, 4, "horizontal", 0.25), Span(26, 29, "vertical", 0.125))
    places = encoder.encode(photo(0), QUESTION, text, spans).places
    told = [[text_of(model, token) for token in soft.tokens] for soft in places]
    lead = encoder.prompt.lead
    if len(model.encode(f"{lead}Left")) == 1:
        assert told[0] == [f"{lead}Left", f"{lead}Right"]
    for soft, words in zip(places, (("Left", "Right"), ("TOP", "BOTTOM")), strict=True):
        for token, word in zip(soft.tokens, words, strict=True):
            begun = text_of(model, token).strip()
            assert begun
            assert word.startswith(begun)


def test_level_words(model: LanguageModel, encoder: ChatEncoder) -> None:
    encoded = encoder.encode(photo(0), SCORE_QUESTION, f"{SCORE_PREFIX} fair.", (), PROBS)
    assert encoded.level is not None
    assert [text_of(model, t) for t in encoded.level.tokens] == [f" {word}" for word in LEVELS]
    assert encoded.level.shares == PROBS
    assert encoded.labels[encoded.level.at] == encoded.level.tokens[LEVELS.index("fair")]
    for answer in ("A fair photo.", f"{SCORE_PREFIX} fine.", "It is good."):
        assert encoder.encode(photo(0), SCORE_QUESTION, answer, (), PROBS).level is None


def test_spans_keep_their_words_where_marks_are_spelt_out(
    model: LanguageModel, encoder: ChatEncoder
) -> None:
    mark = "<|im_end|>"
    text = f"  {mark} {ANSWER}"
    by = len(text) - len(ANSWER)
    spans = tuple(Span(s.start + by, s.end + by, s.axis, s.value) for s in grounding().spans)
    encoded = encoder.encode(photo(0), QUESTION, text, spans)
    ids = encoded.inputs["input_ids"][0].tolist()
    assert [text_of(model, ids[soft.at]) for soft in encoded.places] == [" top", " left"]


def test_words_of_several_tokens(tiny_qwen3vl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vocabulary of bytes: words are told apart where they first differ, if they can be."""
    processor = bytes_only(tiny_qwen3vl)
    encoder = ChatEncoder(processor, processor.tokenizer, 4096)
    spans = grounding().spans
    encoded = encoder.encode(photo(0), QUESTION, ANSWER, spans)
    decode = processor.tokenizer.decode
    told = [[decode(token) for token in soft.tokens] for soft in encoded.places]
    assert told == [["t", "b"], ["l", "r"]]
    answered = decode(encoded.inputs["input_ids"][0][encoded.places[0].at :])
    assert answered.startswith("top left")
    encoder.check_words()
    monkeypatch.setattr("trainer.tuning.encode.LEVELS", ("bold", "good", "fair", "poor", "bad"))
    with pytest.raises(UsageError, match="cannot tell bold, good") as caught:
        encoder.check_words()
    assert caught.value.code == "model_unfit"
    level = encoder.encode(photo(0), SCORE_QUESTION, f"{SCORE_PREFIX} good.", (), PROBS).level
    assert level is None


def bytes_only(folder: Path) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    processor = load_processor(folder)
    marks = processor.tokenizer.convert_ids_to_tokens(list(range(8)))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({one: n for n, one in enumerate([*marks, *alphabet])}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(marks)
    words = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    words.chat_template = processor.tokenizer.chat_template
    processor.tokenizer = words
    return processor


def test_families_tell_the_words_apart(encoder: ChatEncoder) -> None:
    encoder.check_words()
    assert PROBE_PREFIX in ANSWER


def test_words_that_name_faults_are_known(model: LanguageModel, encoder: ChatEncoder) -> None:
    answer = "On the left: Severe noise and mild contrast weakening. The rest is clean."
    encoded = encoder.encode(photo(0), QUESTION, answer)
    told = model.eyes.tokenizer.decode([int(encoded.labels[at]) for at in encoded.faults])
    words = "".join(told.lower().split())
    assert words == "severenoisemildcontrastweakeningclean"


# --- long rows ----------------------------------------------------------------------------------


def test_long_rows_are_refused(model: LanguageModel, encoder: ChatEncoder) -> None:
    whole = encoder.encode(photo(0), QUESTION, ANSWER)
    length = len(whole.labels)
    fits = encoder_of(model, max_length=length).encode(photo(0), QUESTION, ANSWER)
    assert torch.equal(fits.labels, whole.labels)
    assert fits.cut == 0
    with pytest.raises(TooLong) as caught:
        encoder_of(model, max_length=length - 1).encode(photo(0), QUESTION, ANSWER)
    assert caught.value.tokens == length


def test_long_rows_are_cut(model: LanguageModel, encoder: ChatEncoder) -> None:
    """From the end of the answer: the end mark first, and with it the soft targets."""
    whole = encoder.encode(photo(0), QUESTION, ANSWER, grounding().spans)
    prompt = len(whole.labels) - len(live(whole))
    for kept in range(1, len(live(whole))):
        short = encoder_of(model, max_length=prompt + kept, long_rows="truncate")
        encoded = short.encode(photo(0), QUESTION, ANSWER, grounding().spans)
        assert live(encoded) == live(whole)[:kept]
        assert encoded.cut == len(live(whole)) - kept
        assert encoded.places == tuple(s for s in whole.places if s.at < prompt + kept)
        shapes = {encoded.inputs[n].shape for n in ("input_ids", "attention_mask")}
        assert shapes == {(1, prompt + kept)}
    with pytest.raises(TooLong):  # the photo itself cannot be cut
        encoder_of(model, max_length=prompt, long_rows="truncate").encode(
            photo(0), QUESTION, ANSWER
        )


# --- around -------------------------------------------------------------------------------------


def test_it_can_be_sent_to_a_worker(encoder: ChatEncoder) -> None:
    copy = pickle.loads(pickle.dumps(encoder))
    one, two = (e.encode(photo(0), QUESTION, ANSWER, grounding().spans) for e in (encoder, copy))
    assert one.places == two.places
    assert all(torch.equal(value, two.inputs[name]) for name, value in one.inputs.items())


def test_the_end_where_the_template_has_none(tiny_qwen3vl: Path) -> None:
    """Its own end token then; and of two the one that stops the model."""
    processor = load_processor(tiny_qwen3vl)
    words = processor.tokenizer
    words.chat_template = (
        "{% for m in messages %}{{ m['role'] }}: {% for p in m['content'] %}"
        "{{ '<|image_pad|>' if p['type'] == 'image' else p['text'] }}{% endfor %}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    encoder = ChatEncoder(processor, words, 4096, ends=[0, 2])
    assert encoder.end_id == words.eos_token_id == 2
    assert ChatEncoder(processor, words, 4096, ends=0).end_id == 0
    assert encoder.prompt.lead == ""
