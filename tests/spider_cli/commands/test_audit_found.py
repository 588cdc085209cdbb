"""Which shots an audit looks at: pairs, whatever is installed, and nothing that audits wrote."""

import os
from pathlib import Path
from typing import Any

import pytest

from spider_cli.audit.choosing import Choice
from spider_cli.audit.copying import Copier
from spider_cli.audit.flags import ANY_SEVERE
from spider_cli.audit.reports import planned_reports
from spider_cli.commands.audit_found import found_shots
from spider_cli.commands.audit_plan import AuditPlan
from spider_cli.commands.options import Common
from spider_cli.errors import UsageError
from spider_cli.extras import HEIC, RAW, Extra
from tests.spider_cli.test_extras import install, touch


def plan(
    *, pictures: str | None = None, copies: str | None = None, report: str | None = None
) -> AuditPlan:
    return AuditPlan(
        flags=ANY_SEVERE,
        choice=Choice(),
        listed=None,
        template=None,
        reports=planned_reports([report] if report else [], overwrite=True),
        pictures=None if pictures is None else Path(pictures),
        copier=None if copies is None else Copier(Path(copies)),
    )


def found(plan: AuditPlan, *paths: str) -> tuple[list[tuple[str, ...]], str]:
    context: Any = None
    shots, waiting = found_shots(Common(context=context, paths=list(paths)), plan)
    names = [
        tuple(str(one.path) for one in (shot.photo, shot.raw) if one is not None) for shot in shots
    ]
    return names, str(waiting) if waiting else ""


@pytest.mark.parametrize(
    ("present", "shots", "waits"),
    [
        (
            (RAW, HEIC),
            [("s/a.jpg", "s/a.CR2"), ("s/b.heic", "s/b.CR2"), ("s/c.CR2",), ("s/d.heic",)],
            "",
        ),
        ((HEIC,), [("s/a.jpg", "s/a.CR2"), ("s/b.heic", "s/b.CR2"), ("s/d.heic",)], "1 camera RAW"),
        ((RAW,), [("s/a.jpg", "s/a.CR2"), ("s/b.CR2",), ("s/c.CR2",)], "2 HEIC (.heic) photos"),
        ((), [("s/a.jpg", "s/a.CR2")], "2 HEIC (.heic) and 2 camera RAW (.cr2) photos wait"),
    ],
)
def test_pairs_whatever_is_installed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    present: tuple[Extra, ...],
    shots: list[tuple[str, ...]],
    waits: str,
) -> None:
    install(monkeypatch, *present)
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "s/a.CR2", "s/a.jpg", "s/b.CR2", "s/b.heic", "s/c.CR2", "s/d.heic")
    names, waiting = found(plan(), "s")
    assert names == shots
    assert waiting.startswith(waits)
    assert bool(waiting) == bool(waits)


def test_a_photo_named_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "s/a.jpg", "s/b.jpg")
    assert found(plan(), "s/b.jpg", "s")[0] == [("s/b.jpg",), ("s/a.jpg",)]


def test_what_audits_wrote_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    touch(
        tmp_path,
        *("a.jpg", "heat/a.jpg.mask.png", "best/a.jpg", "r-files/1.jpg", "heater/b.jpg"),
    )
    ours = plan(pictures="./heat", copies=os.fspath(tmp_path / "best"), report="r.html")
    assert found(ours, ".")[0] == [("a.jpg",), ("heater/b.jpg",)]
    # What is named is meant.
    assert found(ours, "best", "a.jpg")[0] == [("best/a.jpg",), ("a.jpg",)]
    assert found(ours, "heat/a.jpg.mask.png")[0] == [("heat/a.jpg.mask.png",)]


def test_pictures_of_earlier_audits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known by the mark in their folder, whichever folder is named; photos beside them are not."""
    monkeypatch.chdir(tmp_path)
    pictures = ("heat/a.jpg.overlay.png", "heat/sub/a.jpg.heatmap.png", "a.jpg.mask.png")
    touch(tmp_path, "heat/.spider-audit", "heat/photo.png", *pictures)
    everywhere = [("a.jpg.mask.png",), ("heat/photo.png",)]
    assert found(plan(), ".")[0] == everywhere
    assert found(plan(), "heat")[0] == [("heat/photo.png",)]
    touch(tmp_path, ".spider-audit")
    assert found(plan(), ".")[0] == everywhere[1:]


def test_nothing_else_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "heat/a.jpg.mask.png")
    with pytest.raises(UsageError, match="but those that audits wrote themselves") as caught:
        found(plan(pictures="heat"), ".")
    assert caught.value.code == "no_photos"
