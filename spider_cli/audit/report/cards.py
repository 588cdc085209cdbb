"""A shot as the page's script gets it: plain JSON values, texts ready to be shown."""

import base64
import math
import os
from typing import Any

from spider_cli.audit.entry import Entry
from spider_cli.audit.report.facts_line import exif_line, moment
from spider_cli.audit.report.paths import Places, true_path
from spider_cli.audit.report.text import plain
from spider_cli.audit.report.thumbs import Saved
from spider_cli.audit.stars import Thresholds
from spider_cli.results import Audited, Distortion, Failure, Grounding, Record, Score
from spider_cli.vocabulary import NOUNS, SEVERITIES

__all__ = ["card", "faults_of", "photo_name", "score_of"]


def card(
    number: int,
    entry: Entry,
    saved: Saved | None,
    places: Places,
    thresholds: Thresholds,
) -> dict[str, Any]:
    """All that the page says of one shot.

    Names stand here twice: for showing, without anything odd, and as they are (or as base64 of
    their bytes), for lists of paths.
    """
    record = entry.record
    photo = true_path(record.photo, record.photo_b64)
    raw = None if record.raw is None else true_path(record.raw, record.raw_b64)
    sidecar, there = places.sidecar(photo, raw)
    out: dict[str, Any] = {
        "n": number,
        "name": plain(photo_name(record)),
        "shown": plain(record.photo),
        "photo": record.photo,
        "photo_b64": record.photo_b64,
        "raw": record.raw,
        "raw_b64": record.raw_b64,
        "link": places.link(photo),
        "raw_link": None if raw is None else places.link(raw),
        "sidecar": base64.b64encode(sidecar).decode("ascii"),
        "sidecar_there": there,
        "model": record.model,
        "revision": record.revision,
        "flags": [plain(one) for one in entry.flagged],
        "burst": entry.burst,
        "pick": entry.pick,
        "read_as": None if record.read_as is None else plain(record.read_as),
    }
    if saved is not None:
        out["picture"] = {"file": saved.stem, "heat": saved.heat, "size": list(saved.size)}
    if isinstance(record.outcome, Failure):
        error = record.outcome
        return out | {"error": [plain(error.message), plain(error.hint), plain(error.code)]}
    assert isinstance(record.outcome, Audited)
    return out | _judged(record.outcome, thresholds)


def photo_name(record: Record) -> str:
    """The last part of the path."""
    return record.photo.replace(os.sep, "/").rstrip("/").rpartition("/")[2] or record.photo


def faults_of(found: Audited) -> list[Distortion]:
    """What is wrong with the photo: each family once, at its worst; the worst first."""
    worst: dict[str, Distortion] = {}
    for one in found.description.distortions:
        known = worst.get(one.family)
        if known is None or _badness(one) > _badness(known):
            worst[one.family] = one
    return sorted(worst.values(), key=_badness, reverse=True)


def score_of(found: Audited) -> float | None:
    """0-100; None where there are words alone."""
    if isinstance(found.score, Score) and math.isfinite(found.score.score):
        return found.score.score
    return None


def _judged(found: Audited, thresholds: Thresholds) -> dict[str, Any]:
    score = score_of(found)
    stars = None if score is None else thresholds.stars(score)
    taken = moment(found.facts.taken)
    region = found.region
    out: dict[str, Any] = {
        "score": None if score is None else round(score, 2),
        "level": plain(found.score.level),
        "levels": _levels(found),
        "stars": stars,
        "faults": [
            [one.family, one.severity, f"{one.severity} {NOUNS.get(one.family, one.family)}"]
            for one in faults_of(found)
        ],
        "other": [plain(one) for one in found.description.other],
        "why": plain(found.why),
        "words": plain(found.description.answer),
        "where": plain(region.answer),
        "whole": isinstance(region, Grounding) and region.whole,
        "point": None,
        "area": None,
        "taken": None if taken is None else (found.facts.taken or ""),
        "exif": exif_line(found.facts),
    }
    if isinstance(region, Grounding):
        out["area"] = region.area
        if region.point is not None and found.facts.width > 0 and found.facts.height > 0:
            x, y = region.point[0] / found.facts.width, region.point[1] / found.facts.height
            out["point"] = [round(min(max(x, 0), 1), 4), round(min(max(y, 0), 1), 4)]
    return out


def _levels(found: Audited) -> list[tuple[str, float]] | None:
    if not isinstance(found.score, Score):
        return None
    return [(plain(word), round(share, 4)) for word, share in found.score.levels.items()]


def _badness(one: Distortion) -> int:
    return SEVERITIES.index(one.severity) if one.severity in SEVERITIES else -1
