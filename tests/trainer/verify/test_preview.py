"""The page: whole, self-contained, safe with strangers' text, and at work in a real browser."""

import json
import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spider_cli.errors import UsageError
from trainer.commands.data.preview import preview
from trainer.preview import preview_data

TRAIN = "data/train-00000.parquet"
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title=1\">"
VOID = {"meta", "img", "input"}


class Page(HTMLParser):
    """Elements of a page; an error where tags do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_what_is_on_it(pristine: Path) -> None:
    html, shown = preview_data(pristine)
    assert shown == 7
    page = Page(html)
    said = " ".join("".join(page.text).split())
    assert len(page.all("article")) == 7
    assert "7 of 7 photos" in said
    assert "bottom right, the saucer" in said
    assert "severe blur blur gaussian 4.5 then severe noise noise gaussian rgb 4" in said
    assert "Which region was distorted by blur first and then by noise?" in said
    assert "The region on the top left shows severe blur, then severe noise." in said
    assert "mild lens flare" in said
    assert "nothing is wrong" in said
    assert len(page.all("li")) == 48 + 7  # questions and regions
    assert len([one for one in page.all("button") if "data-box" in one]) == 48


def test_it_needs_nothing_from_outside(pristine: Path) -> None:
    page = Page(preview_data(pristine)[0])
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "a", "form")
        for name in ("src", "href", "srcset", "style", "action", "background"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:image/jpeg;base64,")
        assert not [name for name in attributes if name.startswith("on")]
    (policy,) = [one["content"] for one in page.all("meta") if one.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")


def test_strangers_text_stays_text(spoiled: Any) -> None:
    def write(rows: list[dict[str, Any]]) -> None:
        rows[0].update(id=HOSTILE, source=HOSTILE)
        rows[0]["regions"][0]["label"] = HOSTILE
        rows[0]["regions"][0]["distortions"][0].update(type=HOSTILE, severity=HOSTILE)
        rows[0]["rows"][0].update(
            question=HOSTILE + "{{ 7 * 7 }}\x00\x1b", answer=HOSTILE, task=HOSTILE, spans=[]
        )
        rows[0]["rows"][1].update(options=[HOSTILE], answer="x" * 5000)

    spoiled.edit(TRAIN, write)
    plain = Page(preview_data(spoiled.folder)[0])
    assert len(plain.all("script")) == 1
    assert len(plain.all("img")) == 7
    assert "{{ 7 * 7 }}\N{REPLACEMENT CHARACTER}" in "".join(plain.text)
    assert "x" * 3000 + "..." in "".join(plain.text)
    assert "".join(plain.text).count(HOSTILE) >= 8


def test_the_same_seed_shows_the_same_photos(pristine: Path) -> None:
    one, shown = preview_data(pristine, count=4, seed=5)
    assert shown == 4
    assert one == preview_data(pristine, count=4, seed=5)[0]
    pages = {preview_data(pristine, split="train", count=2, seed=seed)[0] for seed in range(6)}
    assert len(pages) > 1
    assert all(len(Page(html).all("article")) == 2 for html in pages)


def test_masks_are_drawn_where_they_are(pristine: Path) -> None:
    page = Page(preview_data(pristine, split="train")[0])
    paths = [one["d"] for one in page.all("path")]
    # Two of every region: the line, and the dark one under it.
    pairs = re.findall(r"([\d.]+),([\d.]+)", paths[2] or "")
    corners = [(float(x), float(y)) for x, y in pairs]
    sides = [f(one[axis] for one in corners) for f in (min, max) for axis in (0, 1)]
    assert sides == pytest.approx([92, 70, 150, 120], abs=0.3)


def test_the_command(pristine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "page.html"
    preview(pristine, out, None, 48, 0, False)
    assert capsys.readouterr().err.startswith(f"spider: 7 photos on {out} (")
    before = out.read_bytes()
    with pytest.raises(UsageError, match="exists"):
        preview(pristine, out, None, 48, 0, False)
    preview(pristine, out, "test", 48, 0, True)
    assert out.read_bytes() != before
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize(
    ("where", "split", "said"),
    [
        ("page.html", "dev", "has no split 'dev'"),
        ("no/page.html", None, "no folder"),
        (".", None, "exists"),
    ],
)
def test_what_cannot_be_shown_is_said(
    where: str, split: str | None, said: str, pristine: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        preview(pristine, tmp_path / where, split, 48, 0, False)
    assert not list(tmp_path.iterdir())


def test_damaged_data_is_said(spoiled: Any, tmp_path: Path) -> None:
    spoiled.edit(TRAIN, lambda rows: rows[0].update(image={"bytes": b"x", "path": None}))
    with pytest.raises(UsageError, match=r"train-00000\.parquet is damaged") as raised:
        preview_data(spoiled.folder)
    assert "spider data verify" in raised.value.hint


# --- in a browser -------------------------------------------------------------------------------

Browser = Callable[..., str]


@pytest.fixture(scope="module")
def browser(tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """Chromium without a window: opens a file, and gives what has become of the page."""
    program = tool("chromium")
    profile = tmp_path_factory.mktemp("profile")

    def run(file: Path, *flags: str) -> str:
        done = subprocess.run(
            [
                program,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                f"--user-data-dir={profile}",
                *flags,
                file.as_uri(),
            ],
            capture_output=True,
            timeout=120,
            check=True,
        )
        return done.stdout.decode()

    return run


PROBE = """
const seen = {};
const visible = () => [...document.querySelectorAll("article")].filter(one => !one.hidden).length;
const rows = () => [...document.querySelectorAll(".rows li")].filter(one => !one.hidden).length;
seen.all = [visible(), rows()];
document.querySelector('nav button[data-task="ground_dao"]').click();
seen.dao = [visible(), rows()];
document.querySelector('nav button[data-split="test"]').click();
seen.none = [visible(), document.getElementById("none").hidden];
document.querySelector('nav button[data-task=""]').click();
seen.test = [visible(), document.getElementById("none").hidden];
document.querySelector('nav button[data-split=""]').click();
const button = document.querySelectorAll(".rows button")[3];
button.click();
const article = button.closest("article"), box = article.querySelector(".box");
seen.box = ["x", "y", "width", "height", "visibility"].map(name => box.getAttribute(name));
seen.meant = article.querySelectorAll(".meant").length + article.querySelectorAll(".away").length;
button.click();
seen.after = [box.getAttribute("visibility"), article.querySelectorAll(".meant").length];
document.getElementById("masks").click();
seen.masks = getComputedStyle(article.querySelector(".region")).display;
seen.wide = document.documentElement.scrollWidth <= innerWidth;
seen.sizes = [...document.images].every(one => one.complete && one.naturalWidth > 0);
document.title = JSON.stringify(seen);
"""


def test_filters_and_questions_work(pristine: Path, tmp_path: Path, browser: Browser) -> None:
    html = preview_data(pristine)[0]
    # The page's own rules would forbid the probe; and far pictures would not be loaded.
    html = re.sub(r"<meta http-equiv=.*?>", "", html).replace(' loading="lazy"', "")
    probe = f"<script>addEventListener('load', () => {{{PROBE}}})</script></body>"
    file = tmp_path / "page.html"
    file.write_text(html.replace("</body>", probe), encoding="utf-8")
    dom = browser(file, "--window-size=500,900", "--dump-dom")
    found = re.search(r"<title>(.*?)</title>", dom)
    assert found is not None
    seen = json.loads(found[1])
    assert seen["all"] == [7, 48]
    assert seen["dao"] == [2, 4]
    assert seen["none"] == [0, False]
    assert seen["test"] == [3, True]
    assert seen["box"] == ["8", "8", "65", "53", "visible"]
    assert seen["meant"] == 2
    assert seen["after"] == ["hidden", 0]
    assert seen["masks"] == "none"
    assert seen["wide"] is True
    assert seen["sizes"] is True


def test_hostile_text_does_nothing(spoiled: Any, tmp_path: Path, browser: Browser) -> None:
    spoiled.edit(TRAIN, lambda rows: rows[0]["rows"][0].update(question=HOSTILE, task=HOSTILE))
    html = preview_data(spoiled.folder)[0]
    file = tmp_path / "page.html"
    # Even a script that gets onto the page does not run: the page forbids it.
    file.write_text(html.replace("</main>", f"{HOSTILE}</main>"), encoding="utf-8")
    dom = browser(file, "--dump-dom")
    assert "<title>set - spider data preview</title>" in dom
    assert re.search(r"<nav>", dom)  # the page's own script did run
    file.write_text(html, encoding="utf-8")
    assert "<title>set - spider data preview</title>" in browser(file, "--dump-dom")


def test_it_can_be_seen(pristine: Path, tmp_path: Path, browser: Browser) -> None:
    file, shot = tmp_path / "page.html", tmp_path / "shot.png"
    file.write_text(preview_data(pristine)[0], encoding="utf-8")
    browser(file, "--window-size=1200,1000", "--hide-scrollbars", f"--screenshot={shot}")
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    assert pixels.shape == (1000, 1200, 3)
    # The outline of the first region, in its colour, as styles apply.
    red = np.abs(pixels - (0xFF, 0x5C, 0x7A)).max(axis=2) < 12
    assert red.sum() > 200
