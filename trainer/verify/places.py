"""Positional words: those of answers with their spans, and those questions ask by."""

import re
from collections.abc import Sequence

from spider_cli.vocabulary import HORIZONTAL, VERTICAL
from trainer.labeller import plain_label
from trainer.placed import placed_distortions
from trainer.regions import position_words
from trainer.truth import Region
from trainer.verify.faults import telling
from trainer.verify.findings import Record, shown
from trainer.verify.subject import Photo

__all__ = ["check_places", "check_question_place"]

_PAIR = re.compile(rf"\b({'|'.join(VERTICAL)})[\s-]+({'|'.join(HORIZONTAL)})\b", re.IGNORECASE)
_WORD = re.compile(rf"\b({'|'.join((*VERTICAL, *HORIZONTAL))})\b", re.IGNORECASE)
_NEAR = 1e-4
"""Of the photo's side: spans hold what the point is divided by it, to float precision."""
_CLEAN_PART = 0.08
"""Share of a quarter or half of the photo that may be distorted where it counts as clean."""


def check_places(record: Record, task: str, answer: str, region: int | None, photo: Photo) -> None:
    """The answer's places and spans are those of the regions it means."""
    meant: tuple[Region, ...] = ()
    if region is not None:
        meant = (photo.regions[region],)
    elif task == "describe":
        meant = photo.regions
    said = len(record.report.found)
    _check_words(record, task, answer, region, meant, photo)
    if task == "describe" and len(record.report.found) == said:
        _check_faults_there(record, answer, photo)
    if len(record.report.found) > said:
        return  # spans of other words are others
    spans = record.records("spans")
    if spans is not None:
        said = len(record.report.found)
        for span in spans:
            _check_span(span, answer, meant, photo)
        if meant and len(record.report.found) == said:
            _check_all_spanned(record, spans, answer)


def _check_words(
    record: Record,
    task: str,
    answer: str,
    region: int | None,
    meant: Sequence[Region],
    photo: Photo,
) -> None:
    """Every "top left" in the answer is a region's place; regions that must be named are."""
    if task != "describe" and not task.startswith("ground_"):
        return
    places = [_place(one, photo) for one in meant]
    named = [(m[1].lower(), m[2].lower()) for m in _PAIR.finditer(answer)]
    for words in dict.fromkeys(named):
        if words not in places:
            expected = " or ".join(dict.fromkeys(" ".join(place) for place in places))
            record.report.say(
                "answer",
                "wrong_place_word",
                f"says {shown(' '.join(words))}, expected "
                + (
                    f"{shown(expected)}, where " + ("regions are" if region is None else "it is")
                    if places
                    else "no place: no region is meant"
                ),
            )
    for index, words in enumerate(places):
        if words not in named and all(other in places for other in named):
            number = index if region is None else region
            record.report.say(
                "answer",
                "no_place_word",
                f"does not say {shown(' '.join(words))}, where regions[{number}] is",
            )
            break


def _check_faults_there(record: Record, answer: str, photo: Photo) -> None:
    """What the answer puts in a place is at that place, and all of it."""
    missing = [(one, _place(one, photo), set(_told(one))) for one in photo.regions]
    for placed in placed_distortions(answer):
        said = [word for word in (placed.vertical, placed.horizontal) if word]
        if not said or placed.whole:
            continue
        faults = {(one.family, one.severity) for one in placed.distortions}
        faults |= {(name, "") for name in placed.other}
        there = [entry for entry in missing if set(said) <= set(entry[1])]
        wrong = faults.difference(*(_told(region) for region, _, _ in there))
        if wrong:
            record.report.say(
                "answer",
                "wrong_place_word",
                f"puts {_in_words(wrong)} on the {' '.join(said)}, where "
                + ("no region shows it" if there else "no region is"),
            )
            return
        for _, _, left in there:
            left -= faults
    for index, (_, place, left) in enumerate(missing):
        if left:
            record.report.say(
                "answer",
                "wrong_place_word",
                f"does not put {_in_words(left)} on the {' '.join(place)}, where "
                f"regions[{index}] shows it",
            )
            return


def _told(region: Region) -> set[tuple[str, str]]:
    """Families with their strongest severities, and other faults without, as answers tell them."""
    families, others = telling(region.distortions)
    return {*families.items(), *((name, "") for name in others)}


def _in_words(faults: set[tuple[str, str]]) -> str:
    return ", ".join(sorted(f"{severity} {name}".strip() for name, severity in faults))


def _check_all_spanned(record: Record, spans: Sequence[Record], answer: str) -> None:
    """Every place that the answer names has the spans of its two words."""
    there = {span.value.get("start") for span in spans if isinstance(span.value.get("start"), int)}
    for match in _PAIR.finditer(answer):
        missing = [match[i] for i in (1, 2) if match.start(i) not in there]
        if missing:
            record.report.say(
                "spans",
                "wrong_span",
                f"have none for {shown(' '.join(missing))} at character "
                f"{match.start(1 if match[1] in missing else 2)}",
            )
            return


def _check_span(span: Record, answer: str, meant: Sequence[Region], photo: Photo) -> None:
    start, end = span.integer("start"), span.integer("end")
    axis, value = span.text("axis"), span.number("value")
    if start is None or end is None or axis is None or value is None:
        return
    if axis not in ("vertical", "horizontal"):
        span.report.say("axis", "wrong_span", f"is {shown(axis)}, expected vertical or horizontal")
        return
    words = VERTICAL if axis == "vertical" else HORIZONTAL
    if not 0 <= start < end <= len(answer):
        span.report.say(
            "start", "wrong_span", f"{start} to {end} is outside the answer's {len(answer)} "
            "characters",
        )  # fmt: skip
        return
    word = answer[start:end]
    if word not in words or answer[start - 1 : start] != " ":
        span.report.say(
            "start",
            "wrong_span",
            f"{start} to {end} points at {shown(word)}, expected {words[0]} or {words[1]} after a "
            "space",
        )
        return
    values = [
        one.point[1] / photo.height if axis == "vertical" else one.point[0] / photo.width
        for one in meant
    ]
    fitting = [one for one, v in zip(meant, values, strict=True) if abs(v - value) <= _NEAR]
    if not fitting:
        expected = " or ".join(f"{v:.4f}" for v in values) or "none, as no region is meant"
        side = "y / height" if axis == "vertical" else "x / width"
        span.report.say(
            "value", "wrong_span", f"is {value:.4f}, expected {expected} ({side} of the point)"
        )
    elif all(word not in _place(one, photo) for one in fitting):
        span.report.say(
            "value",
            "wrong_span",
            f"is {value:.4f} for the word {word!r}, but that region is on the "
            f"{' '.join(_place(fitting[0], photo))}",
        )


def check_question_place(
    record: Record,
    subtask: str,
    question: str,
    region: int | None,
    empty: bool,
    photo: Photo,
) -> None:
    """A question by place or by name means the row's region, and no other."""
    if subtask == "label":
        _check_label(record, question, region, photo)
        return
    words = {word.lower() for word in _WORD.findall(question)}
    if not words:
        record.report.say("question", "no_place_word", f"names no place: {shown(question)}")
        return
    here = [i for i, one in enumerate(photo.regions) if words <= set(_place(one, photo))]
    place = " ".join(sorted(words, key=lambda word: word in HORIZONTAL))
    if region is not None and here != [region]:
        own = " ".join(_place(photo.regions[region], photo))
        others = [f"regions[{i}]" for i in here if i != region]
        said = f"asks about the {place}"
        if region not in here:
            said += f", but regions[{region}] is on the {own}"
        else:
            said += f", where {' and '.join(others)} is too"
        record.report.say("question", "wrong_place_word", said)
    elif region is None and empty and not photo.whole:
        share = _distorted_share(words, photo)
        if here or share > _CLEAN_PART:
            record.report.say(
                "question",
                "place_not_clean",
                f"asks about the {place} as clean, but {share:.0%} of it is distorted",
            )


def _check_label(record: Record, question: str, region: int | None, photo: Photo) -> None:
    if region is None:
        record.report.say("region", "no_target", "is -1, expected the region asked about by name")
        return
    label = photo.regions[region].label
    plain = plain_label(label)
    same = [i for i, one in enumerate(photo.regions) if plain_label(one.label) == plain]
    if plain and len(same) > 1:
        other = next(i for i in same if i != region)
        record.report.say(
            "question",
            "wrong_label",
            f"asks about {shown(label)}, as regions[{other}] is called, too",
        )
    elif not plain or plain not in question.lower():
        record.report.say(
            "question",
            "wrong_label",
            f"does not ask about {shown(label)}, the label of regions[{region}]: {shown(question)}",
        )


def _place(region: Region, photo: Photo) -> tuple[str, str]:
    return position_words(region.box, photo.width, photo.height)


def _distorted_share(words: set[str], photo: Photo) -> float:
    """Share of the quarter or half that the words name that is under a mask, 0-1."""
    x, y = photo.width // 2, photo.height // 2
    rows = slice(y if "bottom" in words else 0, y if "top" in words else photo.height)
    columns = slice(x if "right" in words else 0, x if "left" in words else photo.width)
    return float(sum(one.mask[rows, columns].mean() for one in photo.regions))
