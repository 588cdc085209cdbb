"""Real models' answers without their wrapping: markup, reasoning, tables, questions, advice lists.

What is left is plain lines for `reading`. An answer that has none of this stays as it is.
"""

import re

from spider_cli.answer_json import without_json
from spider_cli.phrases import EVENT

__all__ = ["begins_at", "unwrapped"]

_TRIGGER = re.compile(r"[<>{}\[\]|#*`?\n\u25c1\u2022\u2013\u2014:(]")
_CLOSED = re.compile(
    r"(?:<(think|thinking|thought|reasoning|reason)>|\u25c1think\u25b7).*?"
    r"(?:</(?:think|thinking|thought|reasoning|reason)>|\u25c1/think\u25b7)",
    re.DOTALL | re.IGNORECASE,
)
_CLOSING = re.compile(r"</(?:think|thinking|thought|reasoning|reason)>|\u25c1/think\u25b7", re.I)
_OPENING = re.compile(r"(?:<(?:think|thinking|thought|reasoning|reason)>|\u25c1think\u25b7)", re.I)
_ANSWER = re.compile(
    r"(?:<answer>|<\|begin_of_box\|>|\\boxed\{)(.*?)(?:</answer>|<\|end_of_box\|>|\}|$)",
    re.DOTALL | re.IGNORECASE,
)
_FENCE = re.compile(r"^[ \t]*```\w*[ \t]*$", re.MULTILINE)
_TAG = re.compile(r"</?[a-z][a-z0-9]*\s*/?>|<\|[a-z_]+\|>|\$\\?[a-z]*\$", re.IGNORECASE)
_ROW = re.compile(r"^\s*\|(.*)\|?\s*$")
_RULER = re.compile(r"^[\s|:-]*-[\s|:-]*$")
_BULLET = re.compile(r"^\s*(?:[-*+\u2022\u25cf\u25e6\u2013]\s+|\(?\d{1,2}[.)]\s+|>\s*)+")
_NUMBERED = re.compile(r"\((?:\d|[ivx]+|[a-e])\)\s*")
_HEADING = re.compile(r"^\s*(?:#{1,6}\s*(.+)|(?:\*\*|__)(.+?)(?:\*\*|__)\s*:?|([^.!?]{2,40}):)\s*$")
_ADVICE = re.compile(
    r"\W*(?:\d+\W+)?(?:possible |potential |some |my )*(?:suggest|recommend|improvement|tips?\b|"
    r"advice|how to (?:improve|fix)|next steps|what (?:could|can|would) (?:be )?(?:improve|help)|"
    r"ways to|fix(?:es)?\b|editing)",
    re.IGNORECASE,
)
_SEVERITY_LINE = re.compile(
    r"[\n;.,]\s{0,6}(?:[-*+\u2022|]\s*)?[*_]*(?:severity|intensity|strength|degree)(?: level)?[*_]*"
    r"\s*[:=][*_]*\s*",
    re.IGNORECASE,
)
_ENDING = re.compile(r"([?!\n]|\.(?!\d))")
_REPLY = re.compile(r"\W*(?:answer\s*:\W*)?(yes|yeah|yep|no|none|nope|not really)\b", re.IGNORECASE)
_VERDICT = re.compile(
    r"[\W_]*(?:visible |main |list of |the )*distortions[\s*_]*[:=][ \t*_]*", re.I
)
_LONGEST = 10_000
"""Characters read; answers are a few hundred tokens."""


def unwrapped(answer: str) -> str:
    """The statements of an answer as plain lines, in the case they had."""
    text = answer[:_LONGEST]
    if not _TRIGGER.search(text):
        return text
    text = _said_aloud(text)
    text = without_json(_FENCE.sub("", text))
    text = _TAG.sub(" ", text).replace("\u2013", " - ").replace("\u2014", " - ")
    if "|" in text:
        text = _without_tables(text)
    text = _SEVERITY_LINE.sub(" severity: ", _NUMBERED.sub("", text))
    if "\n" in text or text.lstrip()[:1] in "#*-":
        text = "\n".join(_lines(text.split("\n")))
    if "?" in text:
        text = _without_questions(text)
    return _verdict(text)


def begins_at(answer: str) -> int:
    """The character at which an answer begins, after what its reasoning says."""
    closings = list(_CLOSING.finditer(answer))
    return closings[-1].end() if closings else 0


def _said_aloud(text: str) -> str:
    """Without reasoning; of what stands in answer marks, that alone."""
    if "<" not in text and "\u25c1" not in text and "\\boxed" not in text:
        return text
    text = _CLOSED.sub(" ", text)
    closings = list(_CLOSING.finditer(text))  # the template may have opened it
    if closings:
        text = text[closings[-1].end() :]
    opening = _OPENING.search(text)  # it never came to an end
    if opening:
        text = text[: opening.start()]
    boxed = _ANSWER.search(text)
    return boxed.group(1) if boxed else text


def _without_tables(text: str) -> str:
    """Rows as "first cell: the others", headers left out."""
    out: list[str] = []
    header = False
    for line in text.split("\n"):
        row = _ROW.match(line)
        if row is None:
            header = False
            out.append(line)
        elif _RULER.match(line):
            if header:
                out.pop()
            header = False
        else:
            cells = [cell.strip() for cell in row.group(1).split("|")]
            cells = [cell for cell in cells if cell and not re.fullmatch(r"\W*\d{1,2}\W*", cell)]
            out.append(f"{cells[0]}: {', '.join(cells[1:])}" if len(cells) > 1 else " ".join(cells))
            header = True
    return "\n".join(out)


def _lines(lines: list[str]) -> list[str]:
    """Without bullets; a heading that is a distortion stands before its text; lists of advice are
    left out up to the next heading."""
    out: list[str] = []
    waiting = ""
    advising = False
    for line in lines:
        heading = _HEADING.match(line)
        bare = _BULLET.sub("", line)
        inline = re.match(r"\s*(?:\*\*|__)([^*_:]+):?(?:\*\*|__)", bare)
        said = next((g for g in heading.groups() if g), "") if heading else ""
        if heading or inline:
            advising = bool(_ADVICE.match(said or (inline.group(1) if inline else "")))
        if advising:
            continue
        if heading and EVENT.fullmatch(said.strip(" *_:").lower()):
            waiting = said.strip(" *_:")
            continue
        bare = bare.replace("#", "")
        if waiting and bare.strip():
            bare, waiting = f"{waiting}: {bare}", ""
        out.append(bare)
    return [*out, waiting]


def _without_questions(text: str) -> str:
    """Questions are left out; those that the next words answer become "is it noisy: yes"."""
    parts = _ENDING.split(text)
    out = ""
    for index in range(0, len(parts), 2):
        sentence, ending = parts[index], "".join(parts[index + 1 : index + 2])
        if ending != "?":
            out += sentence + ending
        elif _REPLY.match("".join(parts[index + 2 : index + 4]).lstrip("\n")):
            out += f"{sentence.rpartition(':')[2]}: "
        else:
            out += " \n"
    return out


def _verdict(text: str) -> str:
    """Of an answer that begins with "Distortions: ...", that list alone: what it goes on to say is
    about the same."""
    match = _VERDICT.match(text)
    if match is None:
        return text
    listed, _, rest = text[match.end() :].partition("\n")
    if not listed.strip():
        listed, _, _ = rest.lstrip("\n").partition("\n\n")
    return listed
