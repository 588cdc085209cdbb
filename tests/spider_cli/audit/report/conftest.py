"""Reports in Debian's Chromium, without a window."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from spider_cli.audit.entry import Entry
from spider_cli.audit.report.page import write_html
from tests.spider_cli.audit.report.makers import HOSTILE, SCRIPT, entry, failure, preview

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE = 15.0
"""Seconds."""

Open: TypeAlias = "Callable[..., AbstractContextManager[Page]]"


def until(page: "Page", condition: str) -> None:
    """Wait for an expression to be true. (Playwright's own way is against the page's rules.)"""
    end = time.monotonic() + PATIENCE
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(30)


@pytest.fixture(scope="session")
def browser(tool: Callable[[str], str]) -> "Iterator[Browser]":
    """One browser for all tests of reports."""
    from playwright.sync_api import sync_playwright

    program = tool("chromium")
    with sync_playwright() as playwright:
        # No sandbox: tests may run as root. The page under test is ours.
        one = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture(scope="session")
def opened(browser: "Browser") -> Open:
    """``with opened(file) as page:`` - fails if the page says an error, asks the network for
    anything, or shows a dialog of the browser's own."""

    @contextmanager
    def opened(file: Path, **options: Any) -> "Iterator[Page]":
        trouble: list[str] = []
        inside = f"{file.parent.as_uri()}/"

        def requested(url: str) -> None:
            if not url.startswith(("data:", "blob:", inside)):
                trouble.append(f"request {url}")

        def logged(kind: str, text: str) -> None:
            if kind == "error":
                trouble.append(f"console {text}")

        settings = {"viewport": {"width": 1200, "height": 800}} | options
        with browser.new_context(**settings) as context:
            page = context.new_page()
            page.set_default_timeout(PATIENCE * 1000)
            page.on("dialog", lambda dialog: trouble.append(f"dialog {dialog.message}"))
            page.on("pageerror", lambda error: trouble.append(f"error {error}"))
            page.on("console", lambda said: logged(said.type, said.text))
            page.on("request", lambda request: requested(request.url))
            page.goto(file.as_uri())
            yield page
            assert trouble == []

    return opened


@pytest.fixture(scope="session")
def shoot() -> Sequence[Entry]:
    """Twelve shots: a burst of three, one without a score, one failed, one with hostile texts."""
    hour = "2026-11-28T14:"
    return [
        entry("s/IMG_1.jpg", 80.0, taken=f"{hour}01:00", lens="a lens",
              record={"raw": "s/IMG_1.CR2"}),
        entry("s/IMG_2.jpg", 30.0, [("blur", "severe"), ("noise", "mild")], taken=f"{hour}00:00",
              flagged=("blur:moderate",)),
        entry("s/IMG_10.jpg", 50.0, [("blur", "mild")], taken=f"{hour}02:00"),
        entry("s/B_1.jpg", 60.0, burst=1, pick=False, taken=f"{hour}03:00"),
        entry("s/B_2.jpg", 70.0, burst=1, taken=f"{hour}03:01"),
        entry("s/B_3.jpg", 20.0, [("blur", "severe")], burst=1, pick=False, taken=f"{hour}03:02"),
        entry("s/words.jpg", None, [("noise", "moderate")]),
        failure("s/broken.jpg"),
        entry(f"s/{HOSTILE}", 41.0, [("blur", "moderate")], words=SCRIPT, lens=SCRIPT,
              camera=HOSTILE, flagged=("blur:moderate",)),
        entry("s/caf\\xe9.jpg", 45.0, record={"photo_b64": "cy9jYWbpLmpwZw=="}),
        entry("s/clean.jpg", 95.0, shows=lambda: None),
        entry("s/tall.jpg", 55.0, [("darken", "moderate")], shows=lambda: preview(size=(40, 90)),
              width=4000, height=6000),
    ]  # fmt: skip


@pytest.fixture(scope="session")
def report(shoot: Sequence[Entry], tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("report") / "report.html"
    write_html(target, shoot, title=f"Saturday {HOSTILE}")
    return target
