"""What the page hands out: paths byte by byte, tables that no spreadsheet runs, sidecars."""

import csv
import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spider_cli.audit.report.page import write_html
from spider_cli.audit.xmp_document import open_document, read_values
from spider_cli.audit.xmp_terms import LABEL, MODEL, RATING, REASONS, REVISION, SCORE, WROTE_RATING
from spider_cli.outputs.csv import neutral
from tests.spider_cli.audit.report.conftest import Open
from tests.spider_cli.audit.report.makers import HOSTILE, SCRIPT, entry, failure

if TYPE_CHECKING:
    from playwright.sync_api import Page

RAW = b"s/caf\xe9.jpg"
NAMES = [
    *("-rf.jpg", "=1+2.jpg", "it's $(x) `y`.jpg", "new\nline.jpg"),
    *(HOSTILE, "\U0001f600 \u202egpj.jpg"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("odd")


@pytest.fixture(scope="module")
def page(opened: Open, folder: Path) -> "Iterator[Page]":
    """A report of oddly named photos, all with three stars; its export is open."""
    shots = [entry(name, 77.5, [("blur", "severe")], flagged=("=cmd",)) for name in NAMES]
    shots.append(entry("s/caf\\xe9.jpg", record={"photo_b64": "cy9jYWbpLmpwZw=="}))
    shots.append(entry("s/IMG_1.jpg", 20.0, record={"raw": "s/IMG_1.CR2", "revision": SCRIPT}))
    shots.append(failure("s/broken.jpg", "@SUM(1)"))
    (folder / "s").mkdir()
    (folder / "s" / "IMG_1.xmp").write_text("theirs")
    write_html(folder / "report.html", shots, title="odd", root=folder)
    with opened(folder / "report.html") as page:
        page.keyboard.press("ArrowRight")
        page.check("#f-next")
        page.locator(".picture").first.focus()
        for _ in range(8):
            page.keyboard.press("3")
        page.keyboard.press("x")
        page.click("#show-export")
        yield page


def exported(page: "Page", form: str, which: str = "kept") -> bytes:
    page.select_option("#e-which", which)
    page.select_option("#e-form", form)
    with page.expect_download() as coming:
        page.click("#e-download")
    return Path(coming.value.path()).read_bytes()


def expected() -> list[bytes]:
    paths = [name.encode() for name in NAMES] + [RAW, b"s/IMG_1.jpg", b"s/IMG_1.CR2"]
    return [b"./" + path if path.startswith(b"-") else path for path in paths]


def test_paths_for_xargs(page: "Page") -> None:
    assert exported(page, "nul").split(b"\0") == [*expected(), b""]
    page.uncheck("#e-raw")
    assert exported(page, "nul").split(b"\0")[-2] == b"s/IMG_1.jpg"
    page.check("#e-raw")
    assert exported(page, "nul", "rejected") == b"s/broken.jpg\0"


def test_paths_for_a_shell(page: "Page", tmp_path: Path) -> None:
    program = shutil.which("bash")
    assert program is not None
    words = exported(page, "shell").replace(b"\n", b" ")
    script = tmp_path / "script"
    script.write_bytes(b"printf '%s\\0' " + words)
    done = subprocess.run([program, str(script)], capture_output=True, check=True)
    assert done.stdout.split(b"\0") == [*expected(), b""]


def test_a_list_of_lines_holds_no_line_breaks(page: "Page") -> None:
    page.select_option("#e-which", "kept")
    page.select_option("#e-form", "lines")
    assert page.inner_text("#e-said").startswith("1 path holds a line break")
    assert page.is_disabled("#e-download")
    assert page.is_disabled("#e-copy")
    assert exported(page, "lines", "rejected") == b"s/broken.jpg\n"


def test_a_table_that_no_spreadsheet_runs(page: "Page") -> None:
    text = exported(page, "csv", "chosen").decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["photo"] for row in rows] == [
        *(neutral(name) for name in NAMES), "s/caf\\xe9.jpg", "s/IMG_1.jpg", "s/broken.jpg",
    ]  # fmt: skip
    assert rows[0]["photo"] == "'-rf.jpg"
    assert rows[0]["flags"] == "'=cmd"
    assert rows[-1]["error"] == "'@SUM(1)"
    assert rows[6]["photo_b64"] == "cy9jYWbpLmpwZw=="
    assert (rows[0]["choice"], rows[-1]["choice"]) == ("3", "-1")
    assert (rows[0]["score"], rows[0]["faults"], rows[0]["pick"]) == ("77.5", "severe blur", "true")


def test_sidecars(page: "Page") -> None:
    page.select_option("#e-form", "xmp")
    with zipfile.ZipFile(io.BytesIO(exported(page, "xmp", "chosen"))) as file:
        assert file.testzip() is None
        held = {info.orig_filename: file.read(info) for info in file.infolist()}
    # zipfile reads names that are not marked as UTF-8 as code page 437.
    stems = [name.removesuffix(".jpg") for name in NAMES]
    odd = b"s/caf\xe9.xmp".decode("cp437")
    assert set(held) == {*(f"{stem}.xmp" for stem in stems), odd, "s/broken.xmp"}
    assert "1 photo has one already" in page.inner_text("#e-said")
    values = read_values(open_document(held["-rf.xmp"]).xml)
    assert values[RATING] == "3"
    assert values[LABEL] == "Yellow"
    assert values[SCORE] == "77.50"
    assert values[REASONS] == ("severe blur",)
    assert (values[MODEL], values[REVISION]) == ("nano", "0123abcd")
    assert WROTE_RATING not in values
    failed = read_values(open_document(held["s/broken.xmp"]).xml)
    assert (failed[RATING], failed[LABEL]) == ("-1", "Red")
    assert SCORE not in failed
    page.check("#e-over")
    with zipfile.ZipFile(io.BytesIO(exported(page, "xmp", "kept"))) as file:
        theirs = read_values(open_document(file.read("s/IMG_1.xmp")).xml)
    assert theirs[RATING] == "3"
    assert theirs[REVISION] == SCRIPT.strip()
    page.uncheck("#e-over")


def test_exiftool_reads_them(page: "Page", tool: Callable[[str], str], tmp_path: Path) -> None:
    program = tool("exiftool")
    with zipfile.ZipFile(io.BytesIO(exported(page, "xmp"))) as file:
        (tmp_path / "a.xmp").write_bytes(file.read("=1+2.xmp"))
    done = subprocess.run(
        [program, "-s3", "-XMP-xmp:Rating", "-XMP-xmp:Label", str(tmp_path / "a.xmp")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["3", "Yellow"]


def test_paths_that_lead_out_of_the_zip_do_not(page: "Page") -> None:
    made = page.evaluate(
        """paths => zipNames(paths.map(one => bytesOf(one, null))).map(textOf)""",
        ["/home/a/x.xmp", "/home/b/../x.xmp", "/home/a/../../x.xmp", "/home/./a//y.xmp"],
    )
    assert made == ["a/x.xmp", "b/x.xmp", "2/a/x.xmp", "a/y.xmp"]


def test_copying(page: "Page") -> None:
    page.evaluate(
        """() => {
            window.copied = [];
            Object.defineProperty(navigator, "clipboard", {
                configurable: true,
                value: { writeText: async text => { window.copied.push(text) } },
            });
        }"""
    )
    page.select_option("#e-which", "rejected")
    page.select_option("#e-form", "lines")
    page.click("#e-copy")
    assert page.inner_text("#e-said") == "Copied."
    assert page.evaluate("window.copied") == ["s/broken.jpg\n"]
    assert page.input_value("#e-text") == "s/broken.jpg\n"
    page.select_option("#e-which", "kept")
    page.select_option("#e-form", "nul")
    assert page.is_disabled("#e-copy")


def test_spiders_own_stars(page: "Page") -> None:
    page.keyboard.press("Escape")
    page.locator(".picture").first.focus()
    page.uncheck("#f-next")
    page.locator(".picture").first.focus()
    page.keyboard.press("0")
    page.click("#show-export")
    page.click("#e-suggest")
    assert page.inner_text("#e-said") == "1 photo has spider's stars now."
    assert page.evaluate("choiceOf(shots[0])") == 5
    assert page.is_disabled("#e-suggest")
