"""The report as files: whole or not at all, never over anything, flat in memory."""

import base64
import hashlib
import json
import re
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from spider_cli.audit.entry import Entry, Preview
from spider_cli.audit.report.page import write_html
from spider_cli.errors import UsageError
from tests.spider_cli.audit.report.makers import HOSTILE, SCRIPT, entry, failure, preview


def some(count: int) -> list[Entry]:
    return [entry(f"shoot/IMG_{n}.jpg", float(n)) for n in range(count)]


def data(page: Path, block: str = "shots") -> object:
    found = re.search(rf'id="{block}">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_a_page_that_needs_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    written = write_html(target, some(3), title=HOSTILE)
    assert (written.page, written.pictures, written.photos) == (target, None, 3)
    assert names(tmp_path) == {"report.html"}
    html = target.read_text("utf-8")
    assert len(re.findall(r'<script type="text/plain" id="(?:thumb|large|heat)-\d">', html)) == 9
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";") if " " in rule.strip())
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for tag in ("style", "script"):
        [own] = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    # Nothing on the page names anything elsewhere, or carries a style or script of its own.
    assert not re.search(r"(?:src|href)=[\"'](?!data:,|#)", html)
    assert not re.search(r"<[^>]* (?:style|on\w+)=", html)
    assert "<img src=x" not in html


def test_past_a_size_the_pictures_lie_beside_it(tmp_path: Path) -> None:
    odd = "a #1 100% 'x'.html"
    for limit in ({"most_photos": 2}, {"most_bytes": 1000}):
        folder = tmp_path / next(iter(limit))
        folder.mkdir()
        shots = [*some(3), failure("x.jpg")]
        written = write_html(folder / odd, shots, title="t", **limit)  # type: ignore[arg-type]
        assert written.pictures == folder / "a #1 100% 'x'-files"
        page = data(folder / odd, "page-data")
        assert isinstance(page, dict)
        assert page["files"] == "a%20%231%20100%25%20%27x%27-files/"
        cards = data(folder / odd)
        assert isinstance(cards, list)
        told = {card["picture"]["file"] for card in cards if "picture" in card}
        held = {path.name.partition(".")[0] for path in written.pictures.iterdir()}
        assert told == held
        assert len(list(written.pictures.iterdir())) == 9
        assert '<script type="text/plain"' not in (folder / odd).read_text("utf-8")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("mine")
    with pytest.raises(FileExistsError, match=r"report\.html"):
        write_html(target, some(1), title="t")
    assert target.read_text() == "mine"
    target.unlink()
    (tmp_path / "report-files").mkdir()
    with pytest.raises(FileExistsError, match="report-files"):
        write_html(target, some(2), title="t", most_photos=1)
    assert names(tmp_path) == {"report-files"}


def test_a_new_report_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    target, folder = tmp_path / "report.html", tmp_path / "report-files"
    write_html(target, some(3), title="one", most_photos=1)
    (folder / "mine.jpg").write_text("mine")
    before = names(folder)
    changed = [entry("b.jpg", shows=lambda: preview((200, 10, 10)))]
    write_html(target, [*changed, *some(1)], title="two", overwrite=True, most_photos=1)
    assert "two" in target.read_text("utf-8")
    assert "mine.jpg" in names(folder)
    assert len(names(folder)) == 7
    assert names(folder) & before == {"mine.jpg", *(n for n in before if n.startswith("00002"))}
    assert len(names(folder) - before) == 3  # another picture has another name
    write_html(target, some(1), title="three", overwrite=True)
    assert names(folder) == {"mine.jpg"}
    (folder / "mine.jpg").unlink()
    write_html(target, some(1), title="four", overwrite=True)
    assert names(tmp_path) == {"report.html"}


@pytest.mark.parametrize("most", [1, 100])
def test_what_breaks_off_leaves_nothing(most: int, tmp_path: Path) -> None:
    def breaking() -> Iterator[Entry]:
        yield from some(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_html(tmp_path / "report.html", breaking(), title="t", most_photos=most)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("most", [1, 100])
def test_a_page_that_appears_meanwhile_stays(most: int, tmp_path: Path) -> None:
    target = tmp_path / "report.html"

    def slow() -> Iterator[Entry]:
        yield from some(3)
        target.write_text("theirs")

    with pytest.raises(FileExistsError):
        write_html(target, slow(), title="t", most_photos=most)
    assert names(tmp_path) == {"report.html"}
    assert target.read_text() == "theirs"


def test_a_folder_that_takes_no_files(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        write_html(tmp_path / "none" / "report.html", some(1), title="t")


@pytest.mark.parametrize("most", [10, 1000])
def test_pictures_are_never_together_in_memory(most: int, tmp_path: Path) -> None:
    big = 400_000
    jpeg = preview().jpeg

    def shows() -> Preview:
        return Preview(jpeg + bytes(big), None)  # what follows a JPEG's end is passed over

    shots = (entry(f"{n}.jpg", shows=shows) for n in range(60))
    write_html(tmp_path / "warm.html", some(2), title="t")
    tracemalloc.start()
    try:
        write_html(tmp_path / "r.html", shots, title="t", most_photos=most)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.*")) > 60 * big
    assert peak < 12 * big


def test_hostile_texts_end_nothing(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    shots = [
        entry(f"shoot/{HOSTILE}", words=SCRIPT, lens=SCRIPT, camera=SCRIPT, flagged=(SCRIPT,)),
        failure(f"shoot/{SCRIPT}", SCRIPT, SCRIPT),
    ]
    write_html(target, shots, title=SCRIPT)
    html = target.read_text("utf-8")
    assert "<script>alert" not in html
    assert html.count("</script>") == html.count("<script")
    assert "\u2028" not in html
    assert "\u202e" not in html
    cards = data(target)
    assert isinstance(cards, list)
    assert cards[0]["photo"] == f"shoot/{HOSTILE}"


def test_without_jinja(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UsageError, match="Jinja2") as raised:
        write_html(tmp_path / "report.html", some(1), title="t")
    assert raised.value.hint == "pip install 'spider-iqa[report]'"
    assert raised.value.code == "missing_extra"
    assert names(tmp_path) == set()


def test_an_empty_shoot(tmp_path: Path) -> None:
    write_html(tmp_path / "report.html", [], title="")
    assert data(tmp_path / "report.html") == []
