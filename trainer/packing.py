"""Questions and answers as token ids with targets: hard, soft, or none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spider_cli.nano.processing import END, NanoProcessor
from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION
from spider_cli.vocabulary import HORIZONTAL, LEVELS, VERTICAL
from trainer.rows import QA
from trainer.scores import soft_levels

__all__ = ["Row", "pack_answer", "pack_qa", "pack_score"]

_PAIRS = {"vertical": VERTICAL, "horizontal": HORIZONTAL}

SCORE_QUESTIONS = (
    SCORE_QUESTION,
    "How good is the quality of this image?",
    "Rate the quality of this image.",
    "What is the quality of this image?",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One question with its answer, after the photo's tokens.

    `ids` is the turn mark, the question, the answer mark, the answer, the end mark; `answer` the
    index where the answer begins. `soft` holds, for some answer positions, the distribution over
    token ids to teach instead of the token that stands there.
    """

    task: str
    ids: tuple[int, ...]
    answer: int
    soft: Mapping[int, Mapping[int, float]] = field(default_factory=dict)
    boxes: tuple[tuple[float, float, float, float], ...] = ()


def pack_answer(
    processor: NanoProcessor,
    task: str,
    question: str,
    answer: str,
    soft_words: Sequence[tuple[int, Mapping[str, float]]],
    region_tokens: int,
) -> Row:
    """Tokenize a turn.

    Args:
        soft_words: (character at which a word begins in `answer`, word -> probability); words are
            single tokens with their leading space.
        region_tokens: placeholders per box in the question.
    """
    prompt = processor.prompt(question)
    before = processor.token_ids(prompt, 0, [region_tokens] * len(prompt.boxes))
    encoded: Any = processor.tokenizer(
        answer + END, add_special_tokens=False, return_offsets_mapping=True
    )
    starts = {start: index for index, (start, _) in enumerate(encoded["offset_mapping"])}
    soft = {}
    for character, words in soft_words:
        index = starts.get(character - 1, starts.get(character))
        if index is None:
            raise ValueError(f"no token begins at character {character} of {answer!r}")
        soft[len(before) + index] = {
            _single(processor, f" {word}"): share for word, share in words.items()
        }
    return Row(task, (*before, *encoded["input_ids"]), len(before), soft, prompt.boxes)


def pack_qa(processor: NanoProcessor, qa: QA, region_tokens: int) -> Row:
    """A question of tasks 1-4; its positional words become soft targets (eq. 4 run backwards)."""
    words = [
        (span.start, dict(zip(_PAIRS[span.axis], (1 - span.value, span.value), strict=True)))
        for span in qa.spans
    ]
    return pack_answer(processor, qa.task, qa.question, qa.answer, words, region_tokens)


def pack_score(processor: NanoProcessor, mos: float, wording: int) -> Row:
    """The rating question; the level word is taught as a distribution."""
    levels = soft_levels(mos)
    likeliest = max(levels, key=lambda word: levels[word])
    answer = f"{SCORE_PREFIX} {likeliest}."
    question = SCORE_QUESTIONS[wording % len(SCORE_QUESTIONS)]
    return pack_answer(
        processor, "score", question, answer, [(len(SCORE_PREFIX) + 1, levels)], region_tokens=0
    )


def single_words() -> Iterator[str]:
    """The words that must be single tokens."""
    yield from (*LEVELS, *HORIZONTAL, *VERTICAL)


def _single(processor: NanoProcessor, text: str) -> int:
    ids: list[int] = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        raise ValueError(f"{text!r} is {len(ids)} tokens; soft targets need one")
    return ids[0]
