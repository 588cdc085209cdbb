"""What a region shows, in a short noun phrase, from a model that sees."""

import re
from typing import Protocol

from spider_cli.phrases import ALL_WELL, DENIAL, EVENT, REST, WHOLE
from trainer.chat_model import Chat, open_chat, side_by_side
from trainer.naming import noun_phrase, sayable
from trainer.region_pictures import OUTLINE, cut_out, outlined
from trainer.replies import UnfitError, ask_until, object_in, schema_of
from trainer.truth import BoolMask, Pixels

__all__ = ["PLACES", "ChatLabeller", "Labeller", "clean_label", "open_labeller", "plain_label"]

PLACES = re.compile(
    r"\b(?:left|right|top|bottom|upper|lower|cent(?:re|er)|central|middle|corner|above|below|"
    r"(?:left|right|top|bottom)[- ]?most|underneath|beneath)\b",
    re.IGNORECASE,
)
"""Words that say where something is."""
_MOST_WORDS, _MOST_CHARACTERS = 5, 40
_EMPTY = frozenset(
    {
        *("region", "area", "part", "section", "portion", "patch", "spot", "outline", "shape"),
        *("object", "thing", "item", "image", "photo", "photograph", "picture", "scene", "frame"),
        *("unknown", "unclear", "none", "nothing", "something", "anything", "na"),
    }
)
"""Words that name nothing by themselves."""
_PROMPT = f"""\
On the left is a photo in which one region is outlined in {OUTLINE}; beside it, that region cut out.
What does the region show? Answer with a short noun phrase of one to four words, such as "the sky",
"the brown dog" or "the wooden table". Do not say where it is, how large it is, or how sharp, bright
or noisy the photo is there, and do not mention the outline. If it shows nothing that has a name,
leave the phrase empty. Answer with JSON alone: {{"label": "..."}}"""


class Labeller(Protocol):
    """Names regions."""

    @property
    def name(self) -> str:
        """Which model this is."""
        ...

    def label(self, pixels: Pixels, mask: BoolMask) -> str:
        """What a region shows, such as "the sky"; "" where nothing usable can be said.

        Args:
            pixels: the untouched photo, (height, width, 3) uint8 RGB.
            mask: (height, width) bool, not empty.
        """
        ...


class ChatLabeller:
    """A labeller that asks a chat model.

    Args:
        chat: a model that sees.
        tries: replies at most, each time told what was wrong with the one before.
    """

    def __init__(self, chat: Chat, *, tries: int = 3) -> None:
        self.chat = chat
        self.tries = tries
        self.name = chat.name

    def label(self, pixels: Pixels, mask: BoolMask) -> str:
        picture = side_by_side([outlined(pixels, [mask]), cut_out(pixels, mask)])
        reply = ask_until(
            self.chat,
            [{"role": "user", "content": _PROMPT}],
            _label_in,
            images=[picture],
            schema=schema_of(label={"type": "string"}),
            tries=self.tries,
        )
        return reply.value or ""


def open_labeller(text: str) -> Labeller:
    """The labeller that a command line names; see `chat_model.open_chat`."""
    return ChatLabeller(open_chat(text))


def _label_in(reply: str) -> str:
    label = object_in(reply).get("label")
    if not isinstance(label, str):
        raise UnfitError('it has no text under "label"')
    return clean_label(label)


def clean_label(text: str) -> str:
    """A noun phrase as answers use it: "The Sky." becomes "the sky"; "" stays "".

    Raises:
        UnfitError: it is no short phrase; it tells a place, a size, a fault or a degree, which
            would be read as part of an answer; or it says nothing.
    """
    plain = plain_label(text)
    if not plain:
        return ""
    words = plain.split()
    if not re.fullmatch(r"[a-z][a-z' -]*", plain):
        raise UnfitError(f'"{plain[:60]}" is not a phrase of plain English words')
    if len(words) > _MOST_WORDS or len(plain) > _MOST_CHARACTERS:
        raise UnfitError(f"it is longer than {_MOST_WORDS} words or {_MOST_CHARACTERS} characters")
    if all(word in _EMPTY for word in words):
        raise UnfitError(f'"{plain}" does not say what is there')
    place = PLACES.search(plain)
    if place:
        raise UnfitError(f'"{place.group()}" says where it is')
    for pattern in (EVENT, WHOLE, REST, DENIAL, ALL_WELL):
        found = pattern.search(plain)
        if found:
            raise UnfitError(
                f'"{found.group()}" may be read as a fault, a size or a degree; use other words'
            )
    phrase = noun_phrase(f"the {plain}")
    if not sayable(phrase):
        raise UnfitError(f'"{plain}" is not a plain noun phrase')
    return phrase


def plain_label(label: str) -> str:
    """A label in lower case, without its article and what may stand around it."""
    text = " ".join(label.replace("\u2019", "'").lower().strip(" \t\r\n\"'`.,;:!").split())
    return re.sub(r"^(?:the|an?|this|that|some)\s+", "", text)
