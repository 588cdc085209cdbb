"""Task 3: the region meant is the one asked for, by total, by one distortion or by order."""

import re
from collections.abc import Callable, Sequence

from spider_cli.reading import parse_distortions
from trainer.grounding_answers import MIN_GAP
from trainer.truth import Applied, Region
from trainer.verify.asked import asked, mentioned
from trainer.verify.faults import in_words, telling, truth_in_words
from trainer.verify.findings import shown
from trainer.verify.subject import Photo, Row

__all__ = ["check_grounding"]

_ROUNDING = 1e-6
Plan = tuple[str, ...]
"""Names of what was applied, in order: families, or faults of no family."""
_PART: dict[str, Callable[[Plan], Plan]] = {
    "both": lambda plan: plan,
    "first": lambda plan: plan[:1],
    "last": lambda plan: plan[-1:],
}
_FORWARD = re.compile(r"\b(?:then|followed by|before)\b", re.IGNORECASE)
_BACKWARD = re.compile(r"\b(?:after|following|on top of|over|preceded|earlier)\b", re.IGNORECASE)
_ORDER_WORDS = {"both": "in that order", "first": "as the first", "last": "as the last"}


def check_grounding(row: Row, photo: Photo) -> bool:
    """Check a grounding row of a photo whose regions were understood.

    Returns:
        The row's target is the one that is asked for.
    """
    said = len(row.record.report.found)
    _check_asked(row, photo)
    if len(row.record.report.found) > said:
        return False
    _check_target_fields(row, photo)
    return True


def _check_asked(row: Row, photo: Photo) -> None:
    """Hold the target against the question."""
    meanings = asked(row.question)
    own = [one for one in meanings if (one.task, one.subtask) == (row.task, row.subtask)]
    if meanings and not own:
        said = " or ".join(f"{one.task}/{one.subtask}" for one in meanings)
        row.say("question", "wrong_question", f"asks {said}, expected {row.task}/{row.subtask}")
        return
    names = own[0].names if own else mentioned(row.question)
    if row.region is None and not row.empty and not photo.whole:
        told = truth_in_words(row.truth, row.other)
        row.say("region", "no_target", f"is -1, but the truth is {told}, and all of the photo "
                "shows nothing: expected a region's index")  # fmt: skip
        return
    {"ground_hyd": _check_total, "ground_sid": _check_family, "ground_dao": _check_order}[row.task](
        row, photo, names, bool(own)
    )


def _check_target_fields(row: Row, photo: Photo) -> None:
    if row.region is None:
        for field, value in (("box", row.box), ("point", row.point)):
            if value is not None:
                row.say(field, "wrong_target", "is there, expected none: no region is meant")
        return
    region = photo.regions[row.region]
    if row.box != region.box:
        row.say(
            "box",
            "wrong_target",
            f"is {_listed(row.box)}, expected {_listed(region.box)}, the box of "
            f"regions[{row.region}]",
        )
    if row.point is None or max(
        abs(a - b) for a, b in zip(row.point, region.point, strict=True)
    ) > 0.01:  # fmt: skip
        row.say(
            "point",
            "wrong_target",
            f"is {_listed(row.point)}, expected {_listed(region.point)}, the point of "
            f"regions[{row.region}]",
        )


# --- HyD-G --------------------------------------------------------------------------------------


def _check_total(row: Row, photo: Photo, names: Plan, sure: bool) -> None:
    if row.region is None:
        if row.empty and (photo.regions or photo.whole):
            row.say(
                "region",
                "not_absent",
                "is -1 and the truth is nothing, but the photo shows "
                f"{in_words(*telling(photo.all_shown))}",
            )
        return
    totals = {i: region.total for i, region in enumerate(photo.regions)}
    _check_extreme(row, totals, "a total level")


def _check_extreme(row: Row, levels: dict[int, float], what: str) -> bool:
    """The target has the most, or the least, and by enough to be seen."""
    target = row.region
    assert target is not None
    sign = -1 if row.subtask == "least" else 1
    others = {i: level for i, level in levels.items() if i != target}
    if not others:
        return True
    rival = max(others, key=lambda i: sign * others[i])
    ahead = sign * (levels[target] - others[rival])
    if ahead >= MIN_GAP - _ROUNDING:
        return True
    here = f"regions[{target}] has {what} of {levels[target]:.2f}, regions[{rival}] "
    here += f"{others[rival]:.2f}"
    if ahead < 0:
        row.say(
            "region",
            "not_the_extreme",
            f"is {target}, expected {rival} for the {row.subtask}: {here}",
        )
    else:
        row.say(
            "region",
            "no_fair_extreme",
            f"is {target}, not clearly the {row.subtask}: {here}, expected {MIN_GAP} apart",
        )
    return False


# --- SiD-G --------------------------------------------------------------------------------------


def _check_family(row: Row, photo: Photo, names: Plan, sure: bool) -> None:
    told = (*(one.family for one in row.truth), *row.other)
    if not row.empty and (len(told) != 1 or (names and told[0] not in names)):
        asked_for = names[0] if names else "one distortion"
        row.say(
            "truth",
            "wrong_family",
            f"is {truth_in_words(row.truth, row.other)}, but the question asks for {asked_for}",
        )
        return
    name = told[0] if told else (names[0] if len(names) == 1 else "")
    if not name:
        row.say("question", "no_family", f"names no single distortion: {shown(row.question)}")
        return
    held = {
        i: one
        for i, region in enumerate(photo.regions)
        for one in region.distortions
        if _name(one) == name
    }
    everywhere = [one for one in photo.whole if _name(one) == name]
    if row.region is not None:
        if row.region not in held:
            row.say(
                "region",
                "not_a_holder",
                f"is {row.region}, which shows no {name}"
                + (f"; regions[{min(held)}] does" if held else ""),
            )
            return
        if _check_extreme(row, {i: one.level for i, one in held.items()}, f"{name} at a level"):
            _check_severity(row, held[row.region])
    elif row.empty:
        if held or everywhere:
            where = f"regions[{min(held)}]" if held else "all of the photo"
            row.say("region", "not_absent", f"is -1 and the truth is nothing, but {where} "
                    f"shows {name}")  # fmt: skip
    elif not everywhere:
        row.say("region", "no_target", f"is -1, but all of the photo shows no {name}")
    else:
        _check_severity(row, everywhere[0])


def _check_severity(row: Row, shown_here: Applied) -> None:
    if row.truth and row.truth[0].severity != shown_here.severity:
        where = "the photo" if row.region is None else f"regions[{row.region}]"
        row.say(
            "truth",
            "truth_not_shown",
            f"is {truth_in_words(row.truth, row.other)}, expected {shown_here.severity} "
            f"{_name(shown_here)}, as {where} shows",
        )


# --- DAO-G --------------------------------------------------------------------------------------


def _check_order(row: Row, photo: Photo, names: Plan, sure: bool) -> None:
    part = _PART[row.subtask]
    expected = 2 if row.subtask == "both" else 1
    if len(names) != expected:
        row.say(
            "question",
            "no_family",
            f"names {len(names)} distortions, expected {expected}: {shown(row.question)}",
        )
        return
    # A wording that is none of ours may name the second first ("added after").
    keys = {names} if sure else {names, names[::-1]}
    plans = [_plan_of(region.distortions) for region in photo.regions]
    whole = _plan_of(photo.whole)
    words = f"{', then '.join(names)} {_ORDER_WORDS[row.subtask]}"
    holders = [i for i, region in enumerate(photo.regions) if _may_be(region, part, keys)]
    if row.region is not None:
        _check_order_target(row, photo.regions[row.region], plans[row.region], keys, words)
        rivals = [i for i in holders if i != row.region]
        if row.region in holders and rivals:
            row.say(
                "region",
                "not_the_only",
                f"is {row.region}, but regions[{rivals[0]}] shows {words}, too",
            )
    elif row.empty:
        if holders or part(whole) in keys:
            where = f"regions[{holders[0]}]" if holders else "all of the photo"
            row.say("region", "not_absent", f"is -1 and the truth is nothing, but {where} "
                    f"shows {words}")  # fmt: skip
    elif part(whole) not in keys or len(whole) != 2:
        row.say(
            "question",
            "wrong_order",
            f"asks for {words}, but the photo shows {', then '.join(whole)}",
        )


def _check_order_target(row: Row, region: Region, plan: Plan, keys: set[Plan], words: str) -> None:
    if len(plan) != 2 or not region.ordered:
        row.say(
            "region",
            "no_order",
            f"is {row.region}, which shows {', then '.join(plan) or 'nothing'}: no order of two",
        )
        return
    if _PART[row.subtask](plan) not in keys:
        row.say(
            "region",
            "wrong_order",
            f"is {row.region}, asked for {words}, but it shows {', then '.join(plan)}",
        )
        return
    # The answer must tell the order, too; where it tells it backwards ("after") it is not read.
    found, others = parse_distortions(row.answer)
    read = (*(one.family for one in found), *others)
    forward = _FORWARD.search(row.answer) and not _BACKWARD.search(row.answer)
    if forward and set(read) == set(plan) and read != plan:
        row.say(
            "answer",
            "wrong_order",
            f"says {', then '.join(read)}, expected {', then '.join(plan)}",
        )


def _may_be(region: Region, part: Callable[[Plan], Plan], keys: set[Plan]) -> bool:
    """The question may mean the region: where its order is not known, any order will do."""
    plan = _plan_of(region.distortions)
    if region.ordered or len(plan) < 2:
        return part(plan) in keys
    return any(set(key) <= set(plan) for key in keys)


def _plan_of(applied: Sequence[Applied]) -> Plan:
    return tuple(_name(one) for one in applied)


def _name(applied: Applied) -> str:
    return applied.family or applied.other


def _listed(values: Sequence[float] | None) -> str:
    return "none" if values is None else f"[{', '.join(f'{v:g}' for v in values)}]"
