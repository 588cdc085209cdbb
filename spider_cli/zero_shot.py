"""Instructions for chat models that were never tuned for spider, so that they answer in its forms.

A tuned model gets its question as it is. A base gets the names it is to use first (the same text
for all tasks but scoring, so that what the model makes of it can be shared), then the question,
then the form of the answer. The question stays word for word, and forced starts of answers follow
as they do otherwise.
"""

from typing import Literal, TypeAlias

from spider_cli.questions import SCORE_PREFIX, box_fractions
from spider_cli.vocabulary import LEVELS, NOUNS, SEVERITIES

__all__ = ["LEAD", "MEANINGS", "NAMES", "Task", "instructed"]

Task: TypeAlias = Literal["describe", "refer_short", "refer_long", "ground", "score"]

MEANINGS: dict[str, str] = {
    "blur": "out of focus, or smeared by movement",
    "noise": "grain or speckles",
    "compression": "blocks and smudges of JPEG",
    "brighten": "too bright, highlights lost",
    "darken": "too dark, shadows lost",
    "contrast strengthen": "harsh contrast",
    "contrast weaken": "flat, hazy or washed out",
    "saturate strengthen": "colours too vivid",
    "saturate weaken": "colours faded",
    "oversharpen": "hard edges with halos",
    "pixelate": "coarse square pixels",
    "quantization": "bands instead of smooth tones",
}
"""Family -> what it looks like."""
_GRADES: dict[str, str] = {
    "mild": "just visible",
    "moderate": "plain to see",
    "severe": "spoils the picture",
}
_GRADED = ", ".join(f"{one} ({_GRADES[one]})" for one in SEVERITIES[:-1])
_GRADED += f" or {SEVERITIES[-1]} ({_GRADES[SEVERITIES[-1]]})"
_CLEAN = "No region shows visible distortion."

NAMES = "\n".join(
    [
        "Judge the technical quality of this photo by these distortions:",
        *(f"- {NOUNS[family]}: {meaning}" for family, meaning in MEANINGS.items()),
        f"Each is {_GRADED}.",
        "What was meant, like night or a soft background, is no distortion.",
    ]
)
"""First for all tasks but scoring."""
LEAD = f"{NAMES}\n\n"
"""With which all questions but that of scoring begin."""
_BOX = (
    "Numbers in brackets are a region: left, top, right and bottom edge, as fractions of the "
    "photo's width and height."
)
_LISTED = 'such as "severe noise, mild blur", or "none"'
_SAID = f'Begin with "Distortions:" and the list, {_LISTED}. Then say in one or two sentences '
_FORMS: dict[Task, str] = {
    "describe": f"{_SAID}where they are and what they do to the picture.",
    "refer_short": f"Answer with the list alone, {_LISTED}.",
    "refer_long": f"{_SAID}what they do to it.",
    "ground": (
        "Answer in one sentence, with top or bottom and left or right for the place: "
        '"The region on the top left, the tree, shows mild blur." or '
        '"The region on the bottom right, the floor, shows severe noise." '
        'If it is all of the photo: "The whole image shows severe noise." '
        f'If it is none: "{_CLEAN}"'
    ),
    "score": (
        f'Answer "{SCORE_PREFIX}" and one of the words {", ".join(LEVELS[:-1])} or {LEVELS[-1]}.'
    ),
}


def instructed(task: Task, question: str) -> str:
    """What a base is asked.

    Args:
        task: "describe" for all of the photo and for a region.
        question: of `spider_cli.questions`, or any free question.
    """
    if task == "score":
        return f"{question} {_FORMS[task]}"
    box = f"\n{_BOX}" if box_fractions(question) is not None else ""
    return f"{LEAD}{question}{box}\n{_FORMS[task]}"
