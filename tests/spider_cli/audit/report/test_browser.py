"""The page as a viewer meets it: filters, order, keys, the large view; hostile names do nothing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spider_cli.audit.entry import Entry
from spider_cli.audit.report.page import write_html
from tests.spider_cli.audit.report.conftest import Open, until
from tests.spider_cli.audit.report.makers import HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = "() => [...document.querySelectorAll('#grid .card')].map(c => shots[c.dataset.at].name)"
FOCUS = """() => {
    const one = document.activeElement, card = one.closest('.card');
    return card ? shots[card.dataset.at].name : one.id || one.tagName;
}"""


def names(page: "Page") -> list[str]:
    found: list[str] = page.evaluate(NAMES)
    return found


def settled(page: "Page", act: Callable[[], object]) -> list[str]:
    """The names that are shown after an action on the filters."""
    act()
    if page.evaluate("['search', 'number'].includes(document.activeElement.type)"):
        page.wait_for_timeout(160)  # the page waits 120 ms for the next keystroke
    return names(page)


def test_filters_and_orders(opened: Open, report: Path) -> None:
    with opened(report) as page:
        every = names(page)
        assert every[:4] == ["IMG_1.jpg", "IMG_2.jpg", "IMG_10.jpg", "B_2.jpg"]
        assert len(every) == 10
        assert page.inner_text("#count") == "12 photos"
        choose = page.select_option
        unstacked = settled(page, lambda: page.uncheck("#f-stack"))
        assert len(unstacked) == 12
        worst = settled(page, lambda: choose("#f-sort", "worst"))
        assert worst[:3] == ["B_3.jpg", "IMG_2.jpg", HOSTILE]
        assert worst[-2:] == ["words.jpg", "broken.jpg"]
        assert settled(page, lambda: choose("#f-sort", "best"))[:2] == ["clean.jpg", "IMG_1.jpg"]
        by_name = settled(page, lambda: choose("#f-sort", "name"))
        assert by_name.index("IMG_2.jpg") < by_name.index("IMG_10.jpg")
        assert settled(page, lambda: choose("#f-sort", "time"))[:2] == ["IMG_2.jpg", "IMG_1.jpg"]
        assert settled(page, lambda: choose("#f-sort", "burst"))[:3] == [
            "B_2.jpg", "B_1.jpg", "B_3.jpg",
        ]  # fmt: skip
        choose("#f-sort", "")
        assert settled(page, lambda: choose("#f-family", "blur")) == [
            "IMG_2.jpg", "IMG_10.jpg", "B_3.jpg", HOSTILE,
        ]  # fmt: skip
        assert settled(page, lambda: choose("#f-least", "2")) == ["IMG_2.jpg", "B_3.jpg"]
        assert page.inner_text("#count") == "2 of 12 photos"
        assert settled(page, lambda: page.fill("#f-high", "25")) == ["B_3.jpg"]
        assert settled(page, lambda: page.fill("#f-low", "24")) == []
        assert page.is_visible("#none")
        page.click("#none-reset")
        assert names(page) == every
        assert page.evaluate(FOCUS) == "IMG_1.jpg"
        assert settled(page, lambda: choose("#f-flag", "=blur:moderate")) == ["IMG_2.jpg", HOSTILE]
        assert len(settled(page, lambda: choose("#f-flag", "-"))) == 8
        choose("#f-flag", "")
        for show, count in (("failed", 1), ("judged", 9), ("keepers", 9), ("burst", 1)):
            assert len(settled(page, lambda show=show: choose("#f-show", show))) == count, show
        choose("#f-show", "")
        assert settled(page, lambda: choose("#f-family", "-"))[0] == "IMG_1.jpg"
        choose("#f-family", "")
        assert settled(page, lambda: page.fill("#f-name", "ONERROR")) == [HOSTILE]


def test_keys_in_the_grid(opened: Open, report: Path) -> None:
    with opened(report) as page:
        press = page.keyboard.press
        columns = page.evaluate("columns()")
        press("ArrowRight")  # nothing has the focus: the first photo gets it
        assert page.evaluate(FOCUS) == "IMG_1.jpg"
        press("ArrowRight")
        press("3")
        assert "; 3 stars" in page.evaluate("document.activeElement.getAttribute('aria-label')")
        press("ArrowDown")
        press("ArrowUp")
        press("x")
        assert page.inner_text("#said") == "IMG_2.jpg: rejected"
        assert columns > 2
        press("0")
        press("5")
        press("End")
        assert page.evaluate(FOCUS) == "tall.jpg"
        press("ArrowRight")
        assert page.evaluate(FOCUS) == "tall.jpg"
        press("Home")
        press("x")
        assert page.inner_text("#show-export") == "Export choices (2)"
        assert names(page)[3] == "B_2.jpg"
        for _ in range(3):
            press("ArrowRight")
        press("b")
        assert names(page)[3:6] == ["B_2.jpg", "B_1.jpg", "B_3.jpg"]
        stack = page.locator(".frames")
        assert stack.get_attribute("aria-expanded") == "true"
        assert page.evaluate(FOCUS) == "B_2.jpg"
        stack.click()
        assert names(page)[4] == "words.jpg"
        # Photos that a choice filters out leave, and the focus goes to the one in their place.
        settled(page, lambda: page.select_option("#f-choice", "none"))
        page.locator(".picture").first.focus()
        press("2")
        assert page.evaluate(FOCUS) == "B_2.jpg"
        settled(page, lambda: page.select_option("#f-choice", ""))
        page.check("#f-next")
        page.locator(".picture").first.focus()
        press("4")
        assert page.evaluate(FOCUS) == "IMG_2.jpg"
        press("Control+1")
        assert page.evaluate("[...choices.values()].sort()") == [2, 4, 5]
        page.reload()
        assert page.evaluate("[...choices.values()].sort()") == [2, 4, 5]
        assert page.inner_text("#show-export") == "Export choices (3)"


def test_the_large_view(opened: Open, report: Path) -> None:
    with opened(report) as page:
        press = page.keyboard.press
        page.locator(".picture").nth(1).click()
        assert page.evaluate("view.open && view.matches(':modal')")
        assert page.evaluate(FOCUS) == "v-name"
        assert page.inner_text("#v-name") == "IMG_2.jpg"
        assert page.is_visible("#v-heat")
        assert page.is_visible("#v-point")
        sizes = "['v-photo', 'v-heat'].map(id => byId(id).naturalWidth)"
        until(page, f"{sizes}.every(width => width > 0)")
        assert page.evaluate(sizes) == [96, 48]
        press("h")
        assert page.is_hidden("#v-heat")
        assert page.is_hidden("#v-point")
        assert page.get_attribute("#v-toggle", "aria-pressed") == "false"
        page.click("#v-toggle")
        assert page.is_visible("#v-heat")
        said = page.inner_text(".panel")
        for text in ("severe blur", "30 of 100", "fair: The whole image", "50% of the photo",
                     "28 Nov 2026, 14:00:00", "6000 \u00d7 4000", "2 of 10",
                     "spider's own, by the score: 2 stars"):  # fmt: skip
            assert text in said, text
        press("4")
        assert page.get_attribute("#v-stars [data-choice='4']", "aria-pressed") == "true"
        press("ArrowRight")
        assert page.inner_text("#v-name") == "IMG_10.jpg"
        page.click("#v-stars [data-choice='-1']")
        assert page.evaluate("choiceOf(seen)") == -1
        press("ArrowRight")
        frames = page.locator("#v-burst button")
        assert frames.count() == 3
        frames.nth(2).click()
        assert page.inner_text("#v-name") == "B_3.jpg"
        assert "B_3.jpg" in page.evaluate("document.activeElement.getAttribute('aria-label')")
        # Tab stays inside: after the last thing comes the first, or the browser's own.
        inside = "view.contains(document.activeElement) || document.activeElement === document.body"
        for _ in range(20):
            press("Tab")
            assert page.evaluate(inside)
        page.locator("#v-name").focus()
        press("End")
        assert page.inner_text("#v-name") == "tall.jpg"
        assert page.is_disabled("#v-after")
        box = page.locator("#v-frame").bounding_box()
        assert box is not None
        assert box["width"] / box["height"] == pytest.approx(40 / 90, rel=0.03)
        press("ArrowLeft")
        assert page.inner_text("#v-nothing") == "Its picture could not be made."
        assert page.is_disabled("#v-toggle")
        press("Escape")
        assert not page.evaluate("view.open")
        until(page, f"({FOCUS})() === 'clean.jpg'")  # the browser says that it closed a task later
        page.keyboard.press("Enter")
        assert page.evaluate("view.open")
        page.click("#v-close")
        until(page, f"({FOCUS})() === 'clean.jpg'")


def test_hostile_texts_are_texts(opened: Open, report: Path) -> None:
    with opened(report) as page:
        at = names(page).index(HOSTILE)
        page.locator(".picture").nth(at).click()
        assert page.inner_text("#v-name") == HOSTILE
        said = page.inner_text(".panel")
        assert "</script><script>alert(2)</script>" in said
        href = page.get_attribute("#v-links a", "href")
        assert href is not None
        assert href.endswith("/s/%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E.jpg")
        page.keyboard.press("1")
        page.keyboard.press("Escape")
        page.select_option("#f-family", "blur")
        assert page.evaluate("document.querySelectorAll('[src=x], [onerror]').length") == 0
        assert HOSTILE in page.inner_text("h1")
        page.click("#failures summary")
        assert page.inner_text("#failures td:nth-child(2)") == "the file ends early"
        assert page.inner_text("#failures td:nth-child(3)") == "Copy it again."


def test_what_gets_past_all_escapes_does_nothing(
    browser: "Browser", report: Path, tmp_path: Path
) -> None:
    html = report.read_text("utf-8")
    inserted = f"{HOSTILE}<script>alert(4)</script><style>h1 {{ color: red }}</style>"
    file = tmp_path / "page.html"
    file.write_text(html.replace("<main>", f"<main>{inserted}"), encoding="utf-8")
    said: list[str] = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(file.as_uri())
        assert len(names(page)) == 10  # the page's own script did run
        assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") != (
            "rgb(255, 0, 0)"
        )
        into = "() => { try { document.body.innerHTML += '<b>x</b>' } catch (e) { return e.name } }"
        assert page.evaluate(into) == "TypeError"
    assert said == []


def test_pictures_in_a_folder_load_as_they_come_near(
    opened: Open, shoot: Sequence[Entry], tmp_path: Path
) -> None:
    many = [shoot[0]] * 60
    write_html(tmp_path / "b #1.html", many, title="big", most_photos=1)
    with opened(tmp_path / "b #1.html") as page:
        loaded = "[...document.querySelectorAll('.picture img')].filter(i => i.naturalWidth).length"
        until(page, f"{loaded} > 10")
        assert page.evaluate(loaded) < 60
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        until(page, "byId('v-photo').naturalWidth === 96")
        until(page, "byId('v-heat').naturalWidth === 48")
        page.keyboard.press("Escape")
        page.keyboard.press("End")
        until(page, f"{loaded} > 30")


def test_a_page_without_its_folder_says_so(
    browser: "Browser", shoot: Sequence[Entry], tmp_path: Path
) -> None:
    write_html(tmp_path / "a.html", shoot[:2], title="t", most_photos=1)
    (tmp_path / "a-files").rename(tmp_path / "elsewhere")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto((tmp_path / "a.html").as_uri())
        until(page, "document.querySelectorAll('.reason').length === 2")
        assert "not in the folder" in page.inner_text(".reason")
