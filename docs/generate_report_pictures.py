"""Take the report's pictures for the docs: `python docs/generate_report_pictures.py`.

A small shoot is made of the photos that ship, whole and in parts, some with faults. `spider audit`
judges it with nano, bursts and all, and Debian's Chromium takes the pictures by Playwright
(`apt-get install chromium`). Each is at most 300 KB.
"""

import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageEnhance, ImageFilter
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
PICTURES = HERE / "pictures"
CHROMIUM = "/usr/bin/chromium"
MOST_BYTES = 300_000
DAY = "2026:11:28"
ZOOM, PORTRAIT = "RF24-70mm F2.8 L IS USM", "RF85mm F1.2 L USM"

Part = tuple[float, float, float, float]


def part(picture: Image.Image, box: Part) -> Image.Image:
    """The part inside a box of shares of the width and height."""
    left, top, right, bottom = box
    width, height = picture.size
    return picture.crop(
        (round(left * width), round(top * height), round(right * width), round(bottom * height))
    )


def soft(picture: Image.Image, box: Part, radius: float) -> Image.Image:
    """Out of focus inside a box."""
    left, top, right, bottom = box
    width, height = picture.size
    mask = Image.new("L", picture.size, 0)
    inside = (
        round(left * width),
        round(top * height),
        round(right * width),
        round(bottom * height),
    )
    mask.paste(255, inside)
    blurred = picture.filter(ImageFilter.GaussianBlur(radius))
    return Image.composite(blurred, picture, mask.filter(ImageFilter.GaussianBlur(6)))


def squeezed(picture: Image.Image, quality: int) -> Image.Image:
    """Through a JPEG of a low quality."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return Image.open(out).convert("RGB")


def shoot() -> Iterator[tuple[str, str, str, Image.Image]]:
    """The shoot: number, time, lens and picture of each photo."""
    coffee, cat, rocket = (
        Image.open(HERE / "photos" / f"{name}.jpg").convert("RGB")
        for name in ("coffee", "chelsea", "rocket")
    )
    brightness, contrast, colour = (
        ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color,
    )  # fmt: skip
    yield "4101", "08:12:40", ZOOM, rocket
    yield "4102", "08:12:41", ZOOM, part(rocket, (0.01, 0, 0.99, 0.98))
    moved = part(rocket, (0.02, 0.01, 1, 0.99))
    yield "4103", "08:12:42", ZOOM, moved.filter(ImageFilter.GaussianBlur(2.5))
    yield "4110", "09:05:10", ZOOM, brightness(rocket).enhance(1.9)
    yield "4117", "10:21:03", ZOOM, cat
    yield "4118", "10:21:04", ZOOM, part(cat, (0.01, 0.01, 0.99, 0.99))
    yield "4119", "10:21:05", ZOOM, part(cat, (0.02, 0.01, 1, 0.99))
    yield "4131", "10:40:30", ZOOM, squeezed(cat, 7)
    yield "4138", "11:02:10", PORTRAIT, brightness(cat).enhance(0.35)
    yield "4140", "12:15:00", PORTRAIT, coffee
    yield "4144", "12:18:44", PORTRAIT, contrast(coffee).enhance(0.4)
    yield "4150", "12:30:12", PORTRAIT, soft(part(coffee, (0, 0, 0.9, 0.85)), (0.5, 0.1, 1, 0.9), 5)
    yield "4163", "13:11:09", PORTRAIT, colour(coffee).enhance(2.4)
    yield "4170", "14:02:33", ZOOM, part(rocket, (0.25, 0, 0.7, 1))


def save(folder: Path) -> None:
    """Write the shoot's files, with what a camera writes into them; one is cut short."""
    for number, time, lens, picture in shoot():
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R6"
        more = exif.get_ifd(0x8769)
        more |= {0x9003: f"{DAY} {time}", 0x829A: 1 / 250, 0x829D: 2.8, 0x8827: 800}
        more |= {0x920A: 50.0, 0xA434: lens}
        picture.save(folder / f"IMG_{number}.jpg", quality=93, exif=exif)
    whole = (folder / "IMG_4170.jpg").read_bytes()
    (folder / "IMG_4171.jpg").write_bytes(whole[: len(whole) // 2])


def judged(folder: Path) -> Path:
    """The report of the shoot in `folder`."""
    report = folder.parent / "saturday.html"
    command = ("audit", folder.name, "--flag", "blur:severe", "--report", report.name)
    subprocess.run(
        [sys.executable, "-m", "spider_cli", *command, "--state", "state.sqlite", "--quiet"],
        cwd=folder.parent,
        stdout=subprocess.DEVNULL,
        check=False,  # 3: the photo that is cut short failed, as it should
    )
    return report


def shot(page: Any, name: str) -> None:
    """Save what is to be seen."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    file = PICTURES / f"{name}.jpg"
    picture.save(file, quality=88, subsampling=0, optimize=True)
    assert file.stat().st_size <= MOST_BYTES, (file, file.stat().st_size)
    print(file, file.stat().st_size)


def take(report: Path) -> None:
    """The grid by day and by night, and a photo large, with its heatmap."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            size = {"width": 1280, "height": 860}
            page = browser.new_page(viewport=size, color_scheme=scheme)
            page.goto(report.as_uri())
            for photo, choice in (("4110", "4"), ("4138", "x"), ("4140", "3")):
                page.get_by_role("button", name=f"IMG_{photo}.jpg").first.focus()
                page.keyboard.press(choice)
            page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
            page.wait_for_timeout(500)
            shot(page, f"report-{scheme}")
        page.get_by_role("button", name="IMG_4140.jpg").first.click()
        page.wait_for_timeout(500)
        shot(page, "report-photo")
        browser.close()


def main() -> None:
    """Make the shoot, judge it, take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "Saturday, 28 November"
        photos.mkdir()
        save(photos)
        take(judged(photos))


if __name__ == "__main__":
    main()
