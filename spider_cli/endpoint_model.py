"""A model behind an address, asked the way a loaded one is (`spider_cli.lmm`)."""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import numpy as np

from spider_cli import lmm
from spider_cli.endpoint import Endpoint, data_url, with_images
from spider_cli.endpoint_errors import not_asked_back
from spider_cli.endpoint_start import Found, after_start, begun, find_way
from spider_cli.errors import PhotoError, UsageError
from spider_cli.evidence import Asked, Fault, Unreadable
from spider_cli.json_client import RequestError
from spider_cli.lmm import Answer, Ask, Look, Pixels, Prepared
from spider_cli.logprobs import Step, aligned, closed_set_at
from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION
from spider_cli.results import Score, View, WordedScore
from spider_cli.scoring import score_from_levels
from spider_cli.text_to_point import Emitted, closed_set, find_emitted, surface_like
from spider_cli.together import together
from spider_cli.vocabulary import LEVELS

__all__ = ["EndpointAnswer", "EndpointModel", "EndpointScorer"]

Chi = tuple[float, ...]
Item = TypeVar("Item")
Result = TypeVar("Result")

_FEW_TOKENS = 24
"""Room for one word, and for some that a talkative model says before it."""
_STRIKES = 3
"""Requests that fail one after the other before the run is given up."""
_DENIED = re.compile(r"\b(?:not|never|hardly|far from|neither|nor)\b|n['\u2019]t\b", re.IGNORECASE)
_NO_LOGPROBS = "the server gives no log-probabilities"
_MISSPELT = "the server's log-probabilities do not spell its answer"
_NOT_LISTED = "the server's likeliest tokens hold none of the words"


@dataclass(frozen=True, slots=True)
class EndpointAnswer(Answer):
    """An answer with the server's list of likeliest tokens at each step instead of logits."""

    steps: tuple[Step, ...] = ()
    """One a piece; none where the server gives no log-probabilities."""
    missing: str = _NO_LOGPROBS
    """Why there are none."""

    def listed_at(self, step: int) -> Step:
        """The likeliest tokens of a step.

        Raises:
            Unreadable: there are none.
        """
        if not self.steps:
            raise Unreadable(self.missing)
        if len(self.steps[step].listed) < 2:
            raise Unreadable(_NO_LOGPROBS)
        return self.steps[step]


class EndpointModel:
    """`look` at photos, then `ask`; threads put questions to the server side by side.

    Args:
        endpoint: where it is.
        at_once: requests under way at a time.
        max_pixels: of a photo that is sent; the default for servers (`spider_cli.budget`) when
            None.

    Raises:
        UsageError: the server is away, wants another key, or has no such model.
    """

    def __init__(
        self, endpoint: Endpoint, *, at_once: int = 8, max_pixels: int | None = None
    ) -> None:
        self.endpoint = endpoint
        self.at_once = at_once
        self.max_pixels = max_pixels
        self.found: Found = find_way(endpoint)
        self._lock = threading.Lock()
        self._answered = False
        self._failed = 0

    @property
    def revision(self) -> str:
        """What the server says that it runs."""
        return self.found.revision or "unknown"

    def prepare(self, pixels: Pixels) -> Prepared:
        """Shrink and encode a photo, (height, width, 3) uint8 RGB; on any thread."""
        return Prepared(pixels, self._look(pixels))

    def look(self, photos: Sequence[Pixels | Prepared]) -> list[Look]:
        """Shrink and encode photos, once for all that is asked about them."""
        due = [one for one in photos if not isinstance(one, Prepared)]
        made = iter(together(self._look, due, self.at_once))
        return [one.inputs if isinstance(one, Prepared) else next(made) for one in photos]

    def ask(self, asks: Sequence[Ask]) -> list[Answer | PhotoError]:
        """Answer questions; an answer that failed stands in its place as its error.

        Raises:
            UsageError: the server is away for all of them.
        """
        return together(_told(self._answer), asks, self.at_once)

    def scorer(self, temperature: float, question: str) -> "EndpointScorer":
        """What gives photos their scores; `question` is what is asked."""
        return EndpointScorer(self, temperature, question)

    def words_at(self, asked: Asked, emitted: Emitted, words: Sequence[str]) -> Chi:
        """chi of each word at the step where an answer says one of them.

        Raises:
            Unreadable: the server has not told.
        """
        answer = asked.answer
        assert isinstance(answer, EndpointAnswer)
        return _as_said(answer, emitted, words)

    def words_after(
        self, asks: Sequence[Ask], words: Sequence[str], batch_size: int
    ) -> list[Chi | Fault]:
        """chi of each word after each ask's forced start; a start for which the server has not told
        it, or does not answer, has its error in its place.

        Raises:
            UsageError: the server is away for all of them.
        """
        either = f"{', '.join(words[:-1])} or {words[-1]}"

        def one(ask: Ask) -> Chi | Unreadable:
            plain = f"{ask.question}\nWhere is it? Answer with one word: {either}."
            try:
                return self.choice(ask, words, plain).chi()
            except Unreadable as why:
                return why

        return together(_told(one), asks, self.at_once)

    def likelihoods(self, asks: Sequence[Ask], text: str, batch_size: int) -> NoReturn:
        """Servers tell how likely the words are that they say, not what others would be.

        Raises:
            UsageError: always.
        """
        raise not_asked_back()

    def choice(self, ask: Ask, words: Sequence[str], plain: str) -> "Choice":
        """One of several words: as the forced start goes on, or else asked for.

        Args:
            plain: the question where no answer can be begun.

        Raises:
            PhotoError: no answer.
        """
        if self.found.way is not None:
            return Choice(self._answer(ask, _FEW_TOKENS), words, ask.prefix)
        return Choice(self._answer(Ask(ask.look, plain), _FEW_TOKENS), words, "")

    def _look(self, pixels: Pixels) -> Look:
        url, size = data_url(pixels, self.max_pixels)
        height, width = pixels.shape[:2]
        return Look((width, height), (View(box=(0, 0, width, height), size=size),), url)

    def _answer(self, ask: Ask, most_tokens: int | None = None) -> EndpointAnswer:
        turns = with_images([{"role": "user", "content": ask.question}], [ask.look.payload])
        more: dict[str, Any] = {}
        if ask.prefix and self.found.way is not None:
            turns, more = begun(turns, ask.prefix, self.found.way)
        if self.found.way == "continue":  # those servers follow the model's own settings otherwise
            more["repetition_penalty"] = 1.0
        most = most_tokens or lmm.MAX_NEW_TOKENS
        try:
            reply = self.endpoint.complete(turns, more, most_tokens=most, logprobs=True)
        except RequestError as failed:
            raise self._failure(failed) from failed
        with self._lock:
            self._answered, self._failed = True, 0
            if reply.revision and not self.found.revision:
                self.found = Found(self.found.way, reply.revision)
        text = after_start(reply.text, ask.prefix)
        if not text.strip() and not (ask.prefix and reply.steps):
            raise _silence(reply.thought, most)
        steps, pieces = aligned(reply.steps, text)
        if not text.strip():
            steps, pieces = reply.steps[:1], (text,)
        missing = _MISSPELT if reply.steps else _NO_LOGPROBS
        no_logits = np.empty((0, 0), np.float32)
        return EndpointAnswer(text, (), pieces or (text,), no_logits, steps, missing)

    def _failure(self, failed: RequestError) -> UsageError | PhotoError:
        """A photo's error, or the end of the run where others would fare no better."""
        told = self.endpoint.told(failed)
        refused = failed.status in (200, 400, 413, 415, 422)
        if not (failed.passing or refused):
            return told
        with self._lock:
            self._failed += 1
            if self._failed >= _STRIKES and (failed.passing or not self._answered):
                return told
        return PhotoError(told.message, hint=told.hint, code=told.code)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a model said when it was to say one of several words."""

    answer: EndpointAnswer
    words: Sequence[str]
    start: str
    """Forced start of the answer; "" where the word was asked for."""

    @property
    def text(self) -> str:
        """The answer with its start."""
        return f"{self.start}{self.answer.text}".strip()

    @property
    def word(self) -> str | None:
        """The first of the words that was said, unless it was denied."""
        emitted = self._emitted()
        return None if emitted is None else emitted.word

    def chi(self) -> Chi:
        """Each word's log-probability: right after the start, or where one of them was said.

        Raises:
            Unreadable: the server has not told.
        """
        emitted = self._emitted()
        if self.start:
            first = self.answer.listed_at(0)
            chi = closed_set_at(first, [f" {word}" for word in self.words])
            if chi is not None:
                return chi
        if emitted is None:
            self.answer.listed_at(0)
            raise Unreadable(_NOT_LISTED)
        return _as_said(self.answer, emitted, self.words)

    def _emitted(self) -> Emitted | None:
        emitted = find_emitted(self.answer.pieces, self.words)
        if emitted is None:
            return None
        before = self.answer.text[: emitted.start] + emitted.surface[: -len(emitted.word)]
        return None if _DENIED.search(before) else emitted


class EndpointScorer:
    """Scores by the level words' log-probabilities; by the level word alone where there are none.

    Args:
        model: behind an address.
        temperature: of the closed-set softmax.
        question: what is asked before the answer's forced start.
    """

    def __init__(self, model: EndpointModel, temperature: float, question: str) -> None:
        self.model = model
        self.temperature = temperature
        self.question = question

    def rate(self, looks: Sequence[Look]) -> list[Score | WordedScore | PhotoError]:
        """One score a look, or the photo's error."""
        return together(_told(self._rate), looks, self.model.at_once)

    def _rate(self, look: Look) -> Score | WordedScore:
        either = f"{', '.join(LEVELS[:-1])} or {LEVELS[-1]}"
        plain = f"{SCORE_QUESTION} Answer with one word: {either}."
        choice = self.model.choice(Ask(look, self.question, prefix=SCORE_PREFIX), LEVELS, plain)
        try:
            return score_from_levels(closed_set(choice.chi(), self.temperature))
        except Unreadable as why:
            if choice.word is None:
                raise PhotoError(
                    f"the answer has none of the words {', '.join(LEVELS)}: {choice.text!r}",
                    hint="score with another model",
                    code="no_level",
                ) from why
            return WordedScore(choice.word, choice.text, str(why))


def _as_said(answer: EndpointAnswer, emitted: Emitted, words: Sequence[str]) -> Chi:
    """chi of words, in the form in which the answer says one of them, where it does."""
    forms = [surface_like(word, emitted) for word in words]
    chi = closed_set_at(answer.listed_at(emitted.step), forms)
    if chi is None:
        raise Unreadable(_NOT_LISTED)
    return chi


def _told(
    work: "Callable[[Item], Result]",
) -> "Callable[[Item], Result | PhotoError]":
    """`work` whose failures of one photo are results."""

    def careful(item: Item) -> Result | PhotoError:
        try:
            return work(item)
        except PhotoError as error:
            return error

    return careful


def _silence(thought: bool, most: int) -> PhotoError:
    if thought:
        return PhotoError(
            f"the model thought, and gave no answer within {most} tokens",
            hint="switch its thinking off, at the server",
            code="no_answer",
        )
    return PhotoError("the model said nothing", code="no_answer")
