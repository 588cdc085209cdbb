"""Three thousand photos scroll smoothly; dark and light can be read; all of it has a name."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spider_cli.audit.entry import Entry
from spider_cli.audit.report.page import write_html
from spider_cli.vocabulary import FAMILIES, SEVERITIES
from tests.spider_cli.audit.report.conftest import Open, until
from tests.spider_cli.audit.report.makers import entry, preview

if TYPE_CHECKING:
    from playwright.sync_api import Page

COUNT = 3000
LONGEST_FRAME = 0.12
"""Seconds of the processor that the page may take for a frame. 0.03 were measured on a machine
whose cores were all busy with other things; 0.01 once all cards are made."""

# A fast flick: a third of the screen a frame. Then through all of it in leaps.
FLICK = """() => new Promise(done => {
    let step = 0;
    const frame = () => {
        step += 1;
        scrollBy(0, 250);
        if (step < 40) requestAnimationFrame(frame);
        else done(step);
    };
    requestAnimationFrame(frame);
})"""
LEAPS = """() => new Promise(done => {
    const height = document.documentElement.scrollHeight, steps = 12;
    let step = 0;
    const frame = () => {
        step += 1;
        scrollTo(0, height * step / steps);
        if (step < steps) requestAnimationFrame(frame);
        else done({ at: scrollY, height });
    };
    requestAnimationFrame(frame);
})"""


def stopwatch(page: "Page") -> Callable[[], float]:
    """Seconds that the page's main thread has worked; waiting for a processor does not count."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")

    return seconds


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("large") / "report.html"
    small = preview(size=(48, 32))

    def shots() -> Iterator[Entry]:
        for n in range(COUNT):
            faults = [(FAMILIES[n % 12], SEVERITIES[n % 3])] if n % 4 else []
            burst = n // 50 + 1 if n % 50 < 5 else None
            when = f"2026-11-28T{6 + n // 300:02}:{n // 5 % 60:02}:00"
            # Pictures take most of the time that making the page takes.
            shown = small if n % 4 == 0 else None
            yield entry(f"shoot/IMG_{n:04}.jpg", n * 37 % 1000 / 10, faults, burst=burst,
                        pick=n % 50 == 0 or burst is None, shows=lambda shown=shown: shown,
                        taken=when, lens=f"lens {n % 9}")  # fmt: skip

    write_html(target, shots(), title="A wedding")
    return target


def test_three_thousand_photos(opened: Open, large: Path) -> None:
    with opened(large) as page:
        assert page.inner_text("#count") == "3,000 photos"
        cards = page.locator(".card").count()
        assert cards == COUNT - 60 * 4
        filled = "document.querySelectorAll('.card .line').length"
        assert page.evaluate(filled) < 200  # what is far away is not made yet
        worked = stopwatch(page)
        start = worked()
        frames = page.evaluate(FLICK)
        assert (worked() - start) / frames < LONGEST_FRAME
        scrolled = page.evaluate(LEAPS)
        assert scrolled["height"] > 100_000
        assert scrolled["at"] > scrolled["height"] - 1500
        until(page, "grid.lastElementChild.querySelector('.line') !== null")
        until(page, "document.images.length > 50 && [...document.images].every(i => i.complete)")
        page.uncheck("#f-stack")
        until(page, f"document.querySelectorAll('.card').length === {COUNT}")
        start = worked()
        page.evaluate("() => { byId('f-sort').value = 'worst'; arrange(); grid.offsetHeight }")
        assert worked() - start < 20 * LONGEST_FRAME
        page.locator(".picture").first.focus()
        page.keyboard.press("End")
        assert page.evaluate("current") == COUNT - 1


def tree(page: "Page", where: str = "body") -> str:
    found: str = page.locator(where).aria_snapshot()
    return found


def test_everything_has_a_role_and_a_name(opened: Open, report: Path) -> None:
    with opened(report) as page:
        seen = tree(page)
        for line in (
            'link "Skip to the photos"',
            'search "Filter and sort"',
            'searchbox "Name"',
            'spinbutton "Lowest score"',
            'combobox "Fault"',
            'checkbox "Stack bursts"',
            'list "Photos"',
            'button "IMG_1.jpg; score 80, fair"',
            'button "IMG_2.jpg; score 30, fair; severe blur, mild noise; flagged"',
            'button "broken.jpg; failed: the file ends early"',
            'button "Burst of 3 frames"',
            'img "Scores"',
        ):
            assert line in seen, line
        # No control is without a name, here or in the dialogs.
        unnamed = re.compile(
            r"- (?:button|link|textbox|combobox|checkbox|spinbutton)(?: \[|:|$)", re.M
        )
        assert not unnamed.search(seen)
        page.locator(".picture").nth(3).click()
        inside = tree(page, "#view")
        assert not unnamed.search(inside)
        for line in (
            'dialog "B_2.jpg"', 'button "Heatmap" [pressed]', 'group "Your choice"',
            'button "Reject"', 'button "1 star"', 'button "Next photo"', 'button "Close"',
            'group "Frames of the burst"', 'img "B_2.jpg. The whole image shows it."',
        ):  # fmt: skip
            assert line in inside, line
        page.keyboard.press("Escape")
        page.click("#show-export")
        assert not unnamed.search(tree(page, "#export"))
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.id") == "show-export"


def test_the_order_of_tabs(opened: Open, report: Path) -> None:
    with opened(report) as page:
        order = []
        for _ in range(40):
            page.keyboard.press("Tab")
            where = page.evaluate(
                "(one => one.id || one.className || one.tagName)(document.activeElement)"
            )
            order.append(where)
            if where == "picture":
                break
        assert order[:4] == ["skip", "theme", "show-keys", "show-export"]
        assert order.index("f-name") < order.index("f-sort") < order.index("picture")
        # One stop for the whole grid, however many photos it has.
        page.keyboard.press("Tab")
        assert page.evaluate("grid.contains(document.activeElement)") is False
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.activeElement.className") == "picture"


CONTRASTS = """() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgb = colour => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = colour => colour.slice(0, 3).map(one => one / 255)
        .map(one => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4)
        .reduce((sum, one, at) => sum + one * [.2126, .7152, .0722][at], 0);
    const behind = one => {
        for (; one; one = one.parentElement) {
            const colour = rgb(getComputedStyle(one).backgroundColor);
            if (colour[3] > 200) return colour;
        }
        return rgb("white");
    };
    const low = [];
    for (const one of document.querySelectorAll("body *")) {
        const said = [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        if (!said || !one.checkVisibility() || one.closest("button:disabled")) continue;
        const style = getComputedStyle(one);
        const text = light(rgb(one.closest("svg") ? style.fill : style.color));
        const back = light(behind(one));
        const ratio = (Math.max(text, back) + .05) / (Math.min(text, back) + .05);
        const words = one.textContent.slice(0, 20);
        if (ratio < 4.5) low.push(`${one.className || one.tagName} ${words} ${ratio.toFixed(2)}`);
    }
    return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read(opened: Open, report: Path, scheme: str) -> None:
    with opened(report, color_scheme=scheme) as page:
        backgrounds = "getComputedStyle(document.body).backgroundColor"
        first = page.evaluate(backgrounds)
        bright = sum(map(int, re.findall(r"\d+", first)[:3])) > 382
        assert bright is (scheme == "light")
        assert page.evaluate(CONTRASTS) == []
        page.locator(".picture").nth(1).click()
        page.keyboard.press("3")
        assert page.evaluate(CONTRASTS) == []
        page.keyboard.press("Escape")
        seen: Sequence[str] = [first]
        for label in ("Colours: Light", "Colours: Dark", "Colours: Light or dark: as the system"):
            page.click("#theme")
            assert page.get_attribute("#theme", "aria-label") == label
            seen = [*seen, page.evaluate(backgrounds)]
        assert seen[0] == seen[3] == seen[1 if scheme == "light" else 2]
        assert seen[1] != seen[2]


def test_a_narrow_screen(opened: Open, report: Path) -> None:
    with opened(report, viewport={"width": 390, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator(".picture").first.click()
        assert page.evaluate("view.scrollWidth") <= 390
        box = page.locator("#v-photo").bounding_box()
        assert box is not None
        assert box["width"] > 150
