"""The wording of training questions and of visual effects.

Every pool starts with what is asked at run time; that wording is drawn half of the time, so that a
small model knows it best. `{box}` and `{place}` stand for the region, the rest for families' nouns.
"""

from typing import TypeVar

import numpy as np

from spider_cli import questions

__all__ = ["EFFECTS", "POOLS", "draw", "pick"]

T = TypeVar("T")

CANONICAL_SHARE = 0.5
_ANY_BOX = questions.box_phrase((0, 0, 1, 1), 1, 1)

POOLS: dict[str, tuple[str, ...]] = {
    "describe": (
        questions.describe_question(),
        "What is the quality of this image?",
        "Describe the distortions in this image and where they are.",
        "What is wrong with this photo?",
        "How good is the quality of this picture, and why?",
        "Which parts of the image are distorted, and how?",
        "Assess the visual quality of the image.",
    ),
    "describe_place": (
        questions.describe_region_question("top left").replace("top left", "{place}"),
        "What is the quality of the region on the {place}?",
        "How does the region on the {place} look?",
        "What is wrong with the region on the {place}?",
        "Which distortions affect the region on the {place}?",
        "Assess the quality on the {place} of the image.",
        "Tell me about the quality of the {place} part.",
    ),
    "describe_box": (
        questions.describe_region_question(_ANY_BOX).replace(_ANY_BOX, "{box}"),
        "What is the quality of the region {box}?",
        "How does the region {box} look?",
        "What is wrong with the region {box}?",
        "Assess the quality of the area {box}.",
        "Tell me about the quality inside {box}.",
    ),
    "refer_short": (
        questions.refer_question("{box}", long=False),
        "Name the distortions in the region {box} in a few words.",
        "What distorts the region {box}? Keep it short.",
        "List the distortions inside {box}.",
        "Which distortions are in {box}? Just list them.",
        "Briefly, what is wrong with the area {box}?",
    ),
    "refer_long": (
        questions.refer_question("{box}", long=True),
        "Name the distortions in the region {box} and their visual effects.",
        "What distorts the region {box}, and how does it look because of that?",
        "List the distortions inside {box} and explain each.",
        "Explain in detail which distortions affect the area {box}.",
        "Which distortions are in {box}, and what is their effect?",
    ),
    "most": (
        questions.ground_question(extreme="most"),
        "Which region has the most severe degradation?",
        "Where is the image degraded the most?",
        "Find the region of the worst quality.",
        "Which part of the photo is distorted the most?",
        "Locate the most degraded region.",
        "Where does the quality suffer the most?",
    ),
    "least": (
        questions.ground_question(extreme="least"),
        "Which of the distorted regions has the mildest degradation?",
        "Where is the image degraded, but the least?",
        "Find the distorted region of the best quality.",
        "Which distorted part of the photo suffers the least?",
        "Locate the least degraded of the distorted regions.",
    ),
    "most_family": (
        questions.ground_question(extreme="most", family="blur").replace("blur", "{noun}"),
        "Where is the {noun} the strongest?",
        "Find the region with the most severe {noun}.",
        "Which part of the image suffers the most from {noun}?",
        "Locate the strongest {noun}.",
        "Which region is affected the most by {noun}?",
    ),
    "least_family": (
        questions.ground_question(extreme="least", family="blur").replace("blur", "{noun}"),
        "Where is the {noun} present, but the weakest?",
        "Find the region with the mildest {noun}.",
        "Which of the parts with {noun} suffers the least from it?",
        "Locate the weakest {noun}.",
        "Which region with {noun} is affected the least by it?",
    ),
    "order": (
        questions.ground_question(order=("blur", "noise"))
        .replace("blur", "{first}")
        .replace("noise", "{second}"),
        "Which region shows {first} and then {second}?",
        "Find the region where {second} was added after {first}.",
        "Where did {first} come before {second}?",
        "Locate the region degraded by {first}, then by {second}.",
        "In which region was {first} followed by {second}?",
    ),
    "first": (
        questions.ground_question(first="blur").replace("blur", "{noun}"),
        "Which region was distorted by {noun} first?",
        "Find the region whose first distortion is {noun}.",
        "Where was {noun} added first?",
        "Locate the region whose degradation starts with {noun}.",
        "Which region has {noun} as its first distortion?",
    ),
    "last": (
        questions.ground_question(last="blur").replace("blur", "{noun}"),
        "Which region was distorted by {noun} last?",
        "Find the region whose last distortion is {noun}.",
        "Where was {noun} added last?",
        "Locate the region whose degradation ends with {noun}.",
        "Which region has {noun} as its last distortion?",
    ),
}
"""Task or sub-task -> wordings, the run-time one first."""

EFFECTS: dict[str, tuple[str, ...]] = {
    "blur": ("smears fine detail", "softens the edges", "hides small structures"),
    "noise": ("adds grain to flat areas", "covers the surfaces with specks"),
    "compression": ("leaves blocks and ringing around edges", "breaks the surfaces into blocks"),
    "brighten": ("washes out the highlights", "makes the light areas lose detail"),
    "darken": ("hides detail in the shadows", "makes the objects hard to see"),
    "contrast strengthen": ("drives light and shade apart", "swallows the middle tones"),
    "contrast weaken": ("makes everything look flat", "lays a grey veil over the scene"),
    "saturate strengthen": ("makes the colours glaring", "gives the colours an unnatural glow"),
    "saturate weaken": ("makes the colours pale", "drains the colours"),
    "oversharpen": ("draws halos along the edges", "makes the edges harsh"),
    "pixelate": ("breaks the detail into squares", "turns edges into steps"),
    "quantization": ("turns smooth tones into steps", "leaves only a few tones"),
}
"""Family -> what it does to the picture, to follow "which". No positional words, no severities."""


def pick(options: tuple[T, ...], rng: np.random.Generator, first_share: float) -> T:
    """The first option with chance `first_share`, else any of the others."""
    if len(options) == 1 or rng.random() < first_share:
        return options[0]
    return options[1 + int(rng.integers(len(options) - 1))]


def draw(pool: str, rng: np.random.Generator, **values: str) -> str:
    """A question of the pool, with its blanks filled."""
    return pick(POOLS[pool], rng, CANONICAL_SHARE).format(**values)
