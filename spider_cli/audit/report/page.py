"""The report as files: one HTML page that needs nothing else, or a page with a folder of pictures.

What the page is made of lies in ``pages/``: a template, a style, and scripts that are joined into
one. All texts come from strangers. They are escaped; and the page's own rules (a content security
policy) forbid it to load anything from elsewhere, or to run any script but its own.
"""

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from spider_cli.audit.entry import Entry
from spider_cli.audit.report.cards import card
from spider_cli.audit.report.charts import charts
from spider_cli.audit.report.paths import Places, url_of
from spider_cli.audit.report.placing import exists, pictures_folder, place
from spider_cli.audit.report.tally import Tally
from spider_cli.audit.report.text import plain, safe_json
from spider_cli.audit.report.thumbs import HEAT, LARGE, THUMB, Saved, save_pictures
from spider_cli.audit.stars import Labels, Thresholds
from spider_cli.audit.xmp_terms import PREFIXES
from spider_cli.errors import UsageError
from spider_cli.outputs.files import temporary_folder
from spider_cli.results import Failure
from spider_cli.vocabulary import SEVERITIES

if TYPE_CHECKING:
    import jinja2

__all__ = ["MOST_BYTES", "MOST_PHOTOS", "Written", "write_html"]

MOST_PHOTOS = 300
"""Reports of more photos have their pictures in a folder."""
MOST_BYTES = 40_000_000
"""So have those whose page would hold more bytes of pictures than this, in base64."""

_SCRIPTS = ("base", "choices", "filters", "grid", "view", "zip", "export", "main")


@dataclass(frozen=True, slots=True)
class Written:
    """What a report has become."""

    page: Path
    pictures: Path | None
    """The folder beside it; None: the page holds them."""
    photos: int


def write_html(
    target: Path,
    entries: Iterable[Entry],
    *,
    title: str,
    overwrite: bool = False,
    root: Path | None = None,
    thresholds: Thresholds | None = None,
    labels: Labels | None = None,
    most_photos: int = MOST_PHOTOS,
    most_bytes: int = MOST_BYTES,
) -> Written:
    """Write the report of a shoot.

    Its pictures are loaded one by one and are never together in memory. The page and, past
    `most_photos` or `most_bytes`, its pictures' folder (``NAME-files`` beside ``NAME.html``) appear
    when they are whole, or not at all. Over an older report new pictures are laid beside its own;
    those are taken away once the new page is in place.

    Args:
        entries: run through once, and shown in their order.
        title: what the page is called; anybody's text.
        overwrite: replace an older report.
        root: the folder that relative paths of photos are relative to; None: the working folder.
        thresholds: which stars the page suggests for a score.
        labels: the colours of the sidecars that the page exports.
        most_photos: photos whose pictures go into the page.
        most_bytes: bytes of pictures, in base64, that go into the page.

    Raises:
        UsageError: Jinja2 is not installed (``missing_extra``).
        FileExistsError: the page, or the folder of its pictures, is there already.
        OSError: a file cannot be written.
    """
    environment = _environment()
    for path in () if overwrite else (target, pictures_folder(target)):
        if os.path.lexists(path):
            raise exists(path)
    places = Places(target.parent, Path.cwd() if root is None else root)
    with temporary_folder(target.parent) as stage:
        gathered = _gather(entries, stage, places, thresholds or Thresholds())
        inside = gathered.tally.photos <= most_photos and gathered.bytes * 4 / 3 <= most_bytes
        pictures = None if inside else pictures_folder(target)
        page = stage / "page.html"
        with page.open("xb") as stream:
            _write_page(
                environment, stream, gathered, pictures, title=title, labels=labels or Labels()
            )
        place(page, target, gathered.pictures, pictures, overwrite=overwrite)
    return Written(target, pictures, gathered.tally.photos)


@dataclass(slots=True)
class _Gathered:
    """A shoot's photos on disk, and what little of them stays in memory."""

    cards: Path
    """A line of JSON for each photo."""
    pictures: Path
    tally: Tally = field(default_factory=Tally)
    failed: list[dict[str, str]] = field(default_factory=list)
    saved: list[tuple[int, Saved]] = field(default_factory=list)
    bytes: int = 0


def _gather(
    entries: Iterable[Entry], stage: Path, places: Places, thresholds: Thresholds
) -> _Gathered:
    gathered = _Gathered(stage / "cards", stage / "pictures")
    gathered.pictures.mkdir()
    with gathered.cards.open("x", encoding="ascii") as lines:
        for number, entry in enumerate(entries, 1):
            preview = entry.preview()
            saved = None
            if preview is not None:
                saved = save_pictures(preview, number, gathered.pictures)
            if saved is not None:
                gathered.saved.append((number, saved))
                gathered.bytes += saved.bytes
            gathered.tally.add(entry)
            outcome = entry.record.outcome
            if isinstance(outcome, Failure):
                texts = {"message": outcome.message, "hint": outcome.hint}
                texts["photo"] = entry.record.photo
                gathered.failed.append({name: plain(text) for name, text in texts.items()})
            lines.write(safe_json(card(number, entry, saved, places, thresholds)) + "\n")
    return gathered


# --- the page -----------------------------------------------------------------------------------


def _environment() -> "jinja2.Environment":
    try:
        import jinja2
    except ModuleNotFoundError as error:
        raise UsageError(
            "an HTML report needs Jinja2",
            hint="pip install 'spider-iqa[report]'",
            code="missing_extra",
        ) from error
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _part(name: str) -> str:
    return (files("spider_cli.audit.report") / "pages" / name).read_text("utf-8")


def _write_page(
    environment: "jinja2.Environment",
    stream: BinaryIO,
    gathered: _Gathered,
    pictures: Path | None,
    *,
    title: str,
    labels: Labels,
) -> None:
    from markupsafe import Markup

    style = _part("report.css")
    script = "\n".join(_part(f"{name}.js") for name in _SCRIPTS)
    where = None if pictures is None else f"{url_of(pictures.name)}/"
    about = {
        "files": where,
        "severities": SEVERITIES,
        "labels": {stars: colour for stars in range(-1, 6) if (colour := labels.colour(stars))},
        "spaces": {prefix: uri for uri, prefix in PREFIXES.items()},
    }
    pieces = environment.get_template("report.html.j2").generate(
        title=plain(title) or "Audit",
        facts=_facts(gathered.tally),
        files=where,
        charts=charts(gathered.tally),
        failed=gathered.failed,
        severities=SEVERITIES,
        # Our own files, and JSON and base64 in which no character means anything to HTML: all else
        # is escaped.
        page=Markup(safe_json(about)),
        shots=(Markup(line) for line in _lines(gathered.cards)),
        blocks=_blocks(gathered) if pictures is None else (),
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )
    for piece in pieces:
        stream.write(piece.encode("utf-8"))


def _facts(tally: Tally) -> list[str]:
    """The line under the title."""
    told = ["1 photo" if tally.photos == 1 else f"{tally.photos:,} photos"]
    if tally.scored:
        told.append(f"mean score {tally.sum_of_scores / tally.scored:.0f}")
    if tally.flagged:
        told.append(f"{tally.flagged:,} flagged")
    if tally.bursts:
        told.append("1 burst" if len(tally.bursts) == 1 else f"{len(tally.bursts):,} bursts")
    if tally.failed:
        told.append(f"{tally.failed:,} failed")
    if tally.models:
        told.append(f"judged by {', '.join(plain(model, 80) for model in sorted(tally.models))}")
    now = datetime.now()
    return [*told, f"{now.day} {now:%B %Y}"]


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="ascii") as lines:
        for line in lines:
            yield line.rstrip("\n")


def _blocks(gathered: _Gathered) -> Iterator[tuple[str, Any]]:
    """The pictures as base64, one by one: the blocks' ids, and what is in them."""
    from markupsafe import Markup

    for number, saved in gathered.saved:
        for kind, ending in (("thumb", THUMB), ("large", LARGE), ("heat", HEAT)):
            if kind != "heat" or saved.heat:
                data = (gathered.pictures / f"{saved.stem}{ending}").read_bytes()
                yield f"{kind}-{number}", Markup(base64.b64encode(data).decode("ascii"))


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
