"""Questions and answers: form, reading, targets, boxes, places; grounding has its own module."""

from collections.abc import Sequence

import numpy as np

from spider_cli.questions import box_fractions, box_phrase
from spider_cli.reading import parse_distortions, says_nothing, says_whole
from spider_cli.results import Box
from trainer.boxes import CLEAN_SHARE, OTHER_SHARE, OWN_SHARE
from trainer.datasets.schema import row_id
from trainer.truth import Applied
from trainer.verify.faults import in_words, telling, truth_in_words
from trainer.verify.findings import Record, shown
from trainer.verify.grounding import check_grounding
from trainer.verify.outside import check_outside
from trainer.verify.places import check_places, check_question_place
from trainer.verify.subject import Photo, Row, read_row

__all__ = ["check_rows"]

_ROUNDED = 2
"""Pixels by which a box's sides are off when it is drawn: shares are of every fourth pixel."""
_OUTSIDE = ("score", "choice", "chat")


def check_rows(records: Sequence[Record], photo: Photo) -> None:
    """Check all questions of a photo."""
    for index, record in enumerate(records):
        row = read_row(record, row_id(photo.id, index), photo)
        if row is None:
            continue
        if row.task in _OUTSIDE:
            check_outside(row.task, row.answer, record, photo.mos)
            continue
        read_as_told = _check_reading(row)
        if not photo.sound or _in_doubt(row, photo):
            continue
        if row.empty and photo.scene in ("authentic", "unknown"):
            row.say(
                "truth",
                "not_known",
                f"is nothing, but in a photo of scene {photo.scene} nothing is known to be clean",
            )
            continue
        if row.task.startswith("ground_") and not check_grounding(row, photo):
            continue  # of another region all else would be wrong, too
        shown_here = _meant(row, photo)
        if shown_here is not None and row.task != "ground_sid":
            _check_truth(row, shown_here)
        if read_as_told:
            check_places(row.record, row.task, row.answer, row.region, photo)
            _check_extent(row)
        if not row.task.startswith("ground_"):
            _check_box(row, photo)
            _check_subtask(row, shown_here)
            if row.subtask in ("place", "label"):
                check_question_place(
                    row.record, row.subtask, row.question, row.region, row.empty, photo
                )


def _in_doubt(row: Row, photo: Photo) -> bool:
    """What the row is about is wrong itself."""
    alone = row.region is not None and not row.task.startswith("ground_")
    return row.region in photo.doubted if alone else bool(photo.doubted)


def _check_reading(row: Row) -> bool:
    """The answer reads as the truth."""
    read, others = parse_distortions(row.answer)
    said = {one.family: one.severity for one in read}
    told = {one.family: one.severity for one in row.truth}
    if said != told or set(others) != set(row.other):
        row.say(
            "answer",
            "answer_not_truth",
            f"reads as {in_words(said, set(others))}, expected "
            f"{truth_in_words(row.truth, row.other)}: {shown(row.answer)}",
        )
        return False
    return True


def _check_extent(row: Row) -> None:
    """It says "the whole image", and "nothing", where and only where that is meant."""
    if row.empty and not says_nothing(row.answer):
        row.say(
            "answer",
            "answer_not_clean",
            f"does not say that nothing is wrong, as the truth is: {shown(row.answer)}",
        )
    whole = row.region is None and not row.empty
    whole = whole and (row.task.startswith("ground_") or row.subtask == "whole")
    if whole and not says_whole(row.answer):
        row.say(
            "answer",
            "answer_not_whole",
            f"does not say that all of the image is meant: {shown(row.answer)}",
        )
    if row.region is not None and says_whole(row.answer):
        row.say(
            "answer",
            "answer_not_whole",
            f"means all of the image, expected regions[{row.region}]: {shown(row.answer)}",
        )


def _meant(row: Row, photo: Photo) -> tuple[Applied, ...] | None:
    """What is wrong with what the row is about; None where that cannot be said."""
    if row.task == "describe":
        return photo.all_shown
    if row.region is not None:
        return photo.regions[row.region].distortions
    if row.empty or photo.scene == "unknown":
        return () if row.empty and not photo.whole else None
    if not photo.whole:
        row.say(
            "region",
            "no_target",
            f"is -1, but the truth is {truth_in_words(row.truth, row.other)}, and all of the "
            "photo shows nothing: expected a region's index",
        )
        return None
    return photo.whole


def _check_truth(row: Row, shown_here: Sequence[Applied]) -> None:
    families, others = telling(shown_here)
    told = {one.family: one.severity for one in row.truth}
    if told != families or set(row.other) != others:
        what = "the photo" if row.region is None else f"regions[{row.region}]"
        row.say(
            "truth",
            "truth_not_shown",
            f"is {truth_in_words(row.truth, row.other)}, expected {in_words(families, others)}, "
            f"as {what} shows",
        )


def _check_subtask(row: Row, shown_here: Sequence[Applied] | None) -> None:
    expected = row.subtask
    if row.task == "describe":
        pass
    elif row.task.startswith("refer_") and shown_here is not None:
        expected = ("clean", "one", "two")[min(len(shown_here), 2)]
    elif row.task == "describe_region" and row.subtask == "box" and row.box is None:
        row.say("box", "wrong_box", "is empty, expected the box that is asked about")
    if expected != row.subtask:
        row.say("subtask", "wrong_subtask", f"is {row.subtask}, expected {expected}")


def _check_box(row: Row, photo: Photo) -> None:
    """The box is the one in the question, and lies where the truth is."""
    said = box_fractions(row.question)
    if row.task.startswith("refer_") and row.box is None:
        row.say("box", "wrong_box", "is empty, expected the box that is asked about")
    if row.box is None:
        return
    phrase = box_phrase(row.box, photo.width, photo.height)
    if said is None or phrase not in row.question:
        row.say(
            "question",
            "question_box",
            f"does not ask about the row's box, {phrase}: {shown(row.question)}",
        )
    x1, y1, x2, y2 = row.box
    slack = _rim_share(row.box)
    shares = [float(np.mean(region.mask[y1:y2, x1:x2])) for region in photo.regions]
    if row.region is not None:
        own = shares.pop(row.region)
        if own < OWN_SHARE - slack:
            row.say(
                "box",
                "box_off_region",
                f"lies on regions[{row.region}] with {own:.0%} of its pixels, expected at least "
                f"{OWN_SHARE:.0%}",
            )
        if sum(shares) > OTHER_SHARE + slack:
            row.say(
                "box",
                "box_on_others",
                f"lies on other regions with {sum(shares):.0%} of its pixels, expected at most "
                f"{OTHER_SHARE:.0%}",
            )
    elif row.empty and (photo.whole or sum(shares) > CLEAN_SHARE + slack):
        share = 1.0 if photo.whole else sum(shares)
        row.say(
            "box",
            "box_not_clean",
            f"is distorted in {share:.0%} of its pixels, but the truth is that it is clean",
        )


def _rim_share(box: Box) -> float:
    """Share of a box that lies at its sides, no deeper than what is lost when it is drawn."""
    x1, y1, x2, y2 = box
    inner = max(0, x2 - x1 - 2 * _ROUNDED) * max(0, y2 - y1 - 2 * _ROUNDED)
    return 1 - inner / ((x2 - x1) * (y2 - y1))
