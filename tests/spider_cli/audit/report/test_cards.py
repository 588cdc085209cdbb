"""What the page is told of a shot, and how strangers' texts get there."""

import base64
import json
import os
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.audit.report.cards import card
from spider_cli.audit.report.facts_line import exif_line, moment
from spider_cli.audit.report.paths import Places, true_path, url_of
from spider_cli.audit.report.text import plain, safe_json
from spider_cli.audit.report.thumbs import Saved
from spider_cli.audit.stars import Thresholds
from tests.spider_cli.audit.report.makers import HOSTILE, SCRIPT, entry, facts, failure


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3)))
def test_json_means_nothing_to_html(value: object) -> None:
    made = safe_json(value)
    assert json.loads(made) == value
    assert made.isascii()
    assert not set("<>&") & set(made)


def test_json_ends_no_script() -> None:
    class Reader(HTMLParser):
        tags: list[str] = []  # noqa: RUF012 - one reader only
        data = ""

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.tags.append(tag)

        def handle_data(self, data: str) -> None:
            self.data += data

    reader = Reader()
    texts = [SCRIPT, "<!--<script>", HOSTILE, "\ud800"]
    reader.feed(f'<script type="application/json">{safe_json(texts)}</script>')
    assert reader.tags == ["script"]
    assert json.loads(reader.data) == texts


def test_what_is_shown_of_a_name() -> None:
    family = "\N{MAN}\u200d\N{WOMAN}\u200d\N{BOY}"
    assert plain(f"Jos\u00e9 {family}.jpg") == f"Jos\u00e9 {family}.jpg"
    assert plain("a\nb\x1b[31m\u202egpj\x00") == "a\ufffdb\ufffd[31m\ufffdgpj\ufffd"
    assert plain("x" * 700) == "x" * 600 + "\N{HORIZONTAL ELLIPSIS}"


@given(st.binary(min_size=1).filter(lambda raw: b"\0" not in raw))
def test_links_lead_to_the_file(raw: bytes) -> None:
    url = url_of(os.fsdecode(raw))
    assert unquote_to_bytes(url.removeprefix(".") if raw.startswith(b"//") else url) == raw
    assert not set("\"'<>?#:& \n\\") & set(url)


@pytest.mark.parametrize(
    "name", ["a b.jpg", "100%.jpg", "a:b.jpg", "what?#1.jpg", HOSTILE, "javascript:alert(1).jpg",
             "\u00e9\U0001f600.jpg", "new\nline.jpg", "a&amp;b.jpg"],
)  # fmt: skip
def test_links_from_the_page_to_the_photo(name: str, tmp_path: Path) -> None:
    page = tmp_path / "out" / "deep"
    link = Places(page, tmp_path).link(Path("shoot") / name.replace("/", "_"))
    assert link is not None
    found = urljoin(f"{page.as_uri()}/report.html", link)
    assert found == (tmp_path / "shoot" / name.replace("/", "_")).as_uri()


def test_a_name_that_a_browser_would_run_has_no_link(tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path)
    assert places.link(Path("photo.JPG")) == "photo.JPG"
    assert places.link(Path("photo.CR3")) == "photo.CR3"
    for name in ("photo.html", "photo.svg", "photo", "photo.xhtml"):
        assert places.link(Path(name)) is None


def test_names_that_are_no_utf8_survive() -> None:
    raw = b"shoot/caf\xe9.jpg"
    shot = entry("shoot/caf\\xe9.jpg", record={"photo_b64": base64.b64encode(raw).decode()})
    assert os.fsencode(true_path(shot.record.photo, shot.record.photo_b64)) == raw
    told = card(1, shot, None, Places(Path(), Path()), Thresholds())
    assert told["name"] == "caf\\xe9.jpg"
    assert base64.b64decode(told["photo_b64"]) == raw
    assert base64.b64decode(told["sidecar"]) == b"shoot/caf\xe9.xmp"
    assert told["link"] == "shoot/caf%E9.jpg"


def test_a_card(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.xmp").write_text("theirs")
    shot = entry(
        "IMG_1.jpg", 61.234, [("blur", "mild"), ("noise", "moderate"), ("blur", "severe")],
        flagged=("blur:severe",), burst=3, pick=False,
        record={"raw": "IMG_1.CR2"}, taken="2026-11-28T14:03:09.42",
    )  # fmt: skip
    told = card(
        2, shot, Saved("00002-0a", True, (90, 60), 1), Places(tmp_path, tmp_path), Thresholds()
    )
    assert json.loads(safe_json(told))
    assert told["faults"] == [
        ["blur", "severe", "severe blur"],
        ["noise", "moderate", "moderate noise"],
    ]
    assert (told["score"], told["stars"], told["burst"], told["pick"]) == (61.23, 4, 3, False)
    assert told["picture"] == {"file": "00002-0a", "heat": True, "size": [90, 60]}
    assert told["point"] == [0.75, 0.25]
    assert (told["raw"], told["raw_link"]) == ("IMG_1.CR2", "IMG_1.CR2")
    assert (told["sidecar"], told["sidecar_there"]) == (
        base64.b64encode(b"IMG_1.xmp").decode(),
        True,
    )
    assert told["taken"] == "2026-11-28T14:03:09.42"


def test_a_card_without_a_score_or_without_anything(tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path)
    worded = card(1, entry(score=None), None, places, Thresholds())
    assert (worded["score"], worded["stars"], worded["levels"]) == (None, None, None)
    assert worded["level"] == "fair"
    lost = card(2, failure("gone/x.jpg", SCRIPT), None, places, Thresholds())
    assert lost["error"][0] == plain(SCRIPT)
    assert "score" not in lost
    assert "picture" not in lost


def test_the_line_of_facts() -> None:
    known = facts(
        taken="2026-11-08T14:03:09.42", camera="Canon EOS R6", lens=SCRIPT, exposure=0.004,
        aperture=2.8, iso=800, focal_length=50.0,
    )  # fmt: skip
    assert exif_line(known) == [
        ("Taken", "8 Nov 2026, 14:03:09"),
        ("Camera", "Canon EOS R6"),
        ("Lens", plain(SCRIPT)),
        ("Exposure", "1/250 s"),
        ("Aperture", "f/2.8"),
        ("Sensitivity", "ISO 800"),
        ("Focal length", "50 mm"),
        ("Size", "6000 \u00d7 4000"),
    ]
    odd = facts(taken="yesterday", exposure=float("nan"), aperture=float("inf"), iso=-3)
    assert exif_line(odd) == [("Size", "6000 \u00d7 4000")]
    assert ("Exposure", "2.5 s") in exif_line(facts(exposure=2.5))


@pytest.mark.parametrize(
    ("taken", "when"),
    [
        ("2026-11-28T14:03:09.42", datetime(2026, 11, 28, 14, 3, 9)),
        ("2026-13-28T14:03:09", None),
        ("2026-11-28", None),
        ("", None),
        (None, None),
    ],
)
def test_moments(taken: str | None, when: datetime | None) -> None:
    assert moment(taken) == when
