"""Which tokenizers have the positional words, and how their closed sets are told apart."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from spider_cli.errors import UsageError
from spider_cli.rules import PAPER, rule_named
from trainer.grounding_stage.words import SURFACES, check_words

FOLDER = Path("a/model")


def by_words(*words: str) -> PreTrainedTokenizerFast:
    """A tokenizer of whole words; all others are unknown."""
    known = {word: number for number, word in enumerate(("[UNK]", "The", "region", *words))}
    made = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]")


def test_every_set_in_every_form(tiny: Any) -> None:
    rules = [PAPER, rule_named("mask-first"), rule_named("thirds")]
    found = check_words(tiny.processor.tokenizer, rules, FOLDER)
    assert len(found) == 2 * 2 * len(SURFACES)
    by_form = {one.words: one for one in found}
    spaced = by_form[" left", " right"]
    assert (spaced.axis, spaced.told) == ("horizontal", "one token")
    assert [len(one) for one in spaced.tokens] == [1, 1]
    assert by_form["Top", "Bottom"].told in ("first token", "all tokens")
    assert by_form[" left", " middle", " right"].told == "all tokens"
    assert by_form[" left", " right"].to_json()["told_apart_by"] == "one token"


def test_words_that_are_unknown_in_some_forms() -> None:
    words = by_words("on", "the", "top", "bottom", "left", "right")
    found = {one.words: one for one in check_words(words, [PAPER], FOLDER)}
    assert found[" top", " bottom"].told == "one token"
    assert found["Left", "Right"].told == "nothing"
    assert found["Left", "Right"].tokens == ((), ())


def test_a_word_that_is_missing() -> None:
    with pytest.raises(UsageError, match="cannot emit the positional word 'bottom'") as caught:
        check_words(by_words("on", "the", "top", "left", "right"), [PAPER], FOLDER)
    assert caught.value.code == "model_unfit"
    assert str(FOLDER) in caught.value.message


def test_words_that_are_alike() -> None:
    class Deaf:
        unk_token_id = None

        def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
            return {"input_ids": [7] * len(text.split())}

        def decode(self, ids: list[int], **_: Any) -> str:
            return self.said

        def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
            return ["?"] * len(ids)

        said = "top"

    with pytest.raises(UsageError, match="bottom"):
        check_words(Deaf(), [PAPER], FOLDER)
