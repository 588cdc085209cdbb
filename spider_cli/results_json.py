"""Records of an audit read back from their JSON form (docs/json.md)."""

from collections.abc import Mapping
from typing import Any

from spider_cli.results import (
    SCHEMA,
    Audited,
    Box,
    Description,
    Distortion,
    Failure,
    Files,
    Grounding,
    Mask,
    Record,
    Score,
    View,
    WordedGrounding,
    WordedScore,
)
from spider_cli.shot_facts import Facts

__all__ = ["record_from_json"]


def record_from_json(said: Mapping[str, Any]) -> Record:
    """The inverse of `Record.to_json` for records of the command ``audit``, failures too.

    What the form does not hold is not there: notes, arrays, and of seconds the fifth decimal on.

    Args:
        said: JSON values.

    Raises:
        ValueError: it is no such record, or of another version of the form.
    """
    try:
        if said["schema"] != SCHEMA or said["command"] != "audit":
            raise ValueError(f"a record of {said['command']!r} in the form {said['schema']!r}")
        return Record(
            command="audit",
            photo=said["photo"],
            photo_b64=said.get("photo_b64"),
            raw=said.get("raw"),
            raw_b64=said.get("raw_b64"),
            read_as=said.get("read_as"),
            model=said["model"],
            revision=said["revision"],
            untuned=said.get("untuned", False),
            quantize=said.get("quantize"),
            seconds=float(said["seconds"]),
            max_pixels=said["max_pixels"],
            looked_at=tuple(
                View(_box(view["box"]), (view["size"][0], view["size"][1]))
                for view in said["looked_at"]
            ),
            outcome=_failure(said["error"]) if "error" in said else _audited(said),
            flagged=tuple(said.get("flagged", ())),
            burst=said.get("burst"),
            pick=said.get("pick"),
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"no record of an audit: {type(error).__name__} {error}") from error


def _failure(said: Mapping[str, Any]) -> Failure:
    return Failure(said["code"], said["message"], said["hint"])


def _audited(said: Mapping[str, Any]) -> Audited:
    return Audited(
        score=_score(said),
        description=Description(
            question=said["question"],
            answer=said["answer"],
            distortions=tuple(
                Distortion(one["family"], one["severity"]) for one in said["distortions"]
            ),
            other=tuple(said.get("other", ())),
            box=_box_or_none(said.get("box")),
        ),
        region=_region(said["region"]),
        why=said["why"],
        facts=Facts(**said["facts"]),
    )


def _score(said: Mapping[str, Any]) -> Score | WordedScore:
    if said["score"] is None:
        return WordedScore(said["level"], said["score_answer"], said["worded"])
    return Score(float(said["score"]), said["level"], dict(said["levels"]))


def _region(said: Mapping[str, Any]) -> Grounding | WordedGrounding:
    if "worded" in said:
        return WordedGrounding(said["question"], said["answer"], said["worded"])
    point, mask, files = said["point"], said["mask"], said["files"]
    return Grounding(
        question=said["question"],
        answer=said["answer"],
        point=None if point is None else (point[0], point[1]),
        probed=said["probed"],
        box=_box_or_none(said["box"]),
        area=said["area"],
        mask=None if mask is None else Mask((mask["size"][0], mask["size"][1]), mask["counts"]),
        whole=said["whole"],
        files=None if files is None else Files(files["overlay"], files["heatmap"], files["mask"]),
    )


def _box(said: Any) -> Box:
    x1, y1, x2, y2 = said
    return x1, y1, x2, y2


def _box_or_none(said: Any) -> Box | None:
    return None if said is None else _box(said)
