"""docs/shell.md: every line of it runs, as it stands there, and says what it promises."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "shell.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"^\*\*(?P<number>\d+)\. [^*]+\*\*[^\n]*\n\n```sh\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
LINES = {int(found["number"]): found["code"] for found in BLOCK.finditer(PAGE)}
PHOTOS = {"coffee.jpg", "rocket.jpg", "chelsea's.jpg"}
SCORE = r"\d+(\.\d+)?"
PHOTO = r"photos/(coffee\.jpg|rocket\.jpg|it's a folder/chelsea's\.jpg)"
NAME = r"(coffee\.jpg|rocket\.jpg|chelsea's\.jpg)"
FAULT = r"(mild|moderate|severe) [a-z ]+"


@dataclass(frozen=True)
class Shape:
    """What a line prints: each line of it matches `line`, and there are `least` to `most`."""

    line: str
    least: int = 1
    most: int = 1


SHAPES: Mapping[int, Shape] = {
    1: Shape("", 0, 0),
    2: Shape(rf"{SCORE}\t{PHOTO}", 3, 3),
    3: Shape(rf"{PHOTO}: .{{3,}}", 3, 3),
    4: Shape(rf'\{{"photos":3,"mean":{SCORE}\}}'),
    5: Shape(r" *[123] \d{0,2}0", 1, 3),
    6: Shape(rf" *\d {FAULT}", 1, 9),
    7: Shape(PHOTO, 1, 3),
    8: Shape(rf"photos(/it's a folder)?\t[12]\t{SCORE}", 2, 2),
    9: Shape(r" *(2 no camera in its EXIF data|1 Maker Model)", 2, 2),
    10: Shape(rf"{PHOTO}\t\d+,\d+,\d+,\d+", 1, 3),
    11: Shape("", 0, 0),
    12: Shape(r"\d+\ttotal", 0, 1),
    13: Shape("", 0, 0),
    14: Shape(r"card/(cut|empty)\.jpg", 2, 2),
    15: Shape("", 0, 0),
    16: Shape(rf"-.* {PHOTO}", 1, 3),
    17: Shape(rf"\d+ {NAME}", 3, 3),
    18: Shape(rf"\d+\.\d\t({FAULT})?\t{PHOTO}", 3, 3),
    19: Shape(PHOTO, 0, 3),
    20: Shape(PHOTO, 0, 2),
    21: Shape("not good enough: exit code 1"),
    22: Shape(r"[a-z_]+\tcard/(cut|empty)\.jpg", 2, 2),
    23: Shape("untouched"),
    24: Shape(r" *[123] (-1|[1-5])", 1, 3),
    25: Shape(r"(-1|[1-5])\t(Red|Yellow|Green)|.*photos/.*\.xmp: removed", 6, 6),
    26: Shape(r'# no spider\.toml is read|audit\.device = "cpu"  # variable SPIDER_DEVICE', 2, 2),
}


@pytest.fixture(scope="module")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `photos` with three small photos, and one `card` with none that can be read."""
    folder = tmp_path_factory.mktemp("shell")
    inner = folder / "photos" / "it's a folder"
    inner.mkdir(parents=True)
    (folder / "card").mkdir()
    ours = ROOT / "docs" / "photos"
    shutil.copy(ours / "coffee.jpg", folder / "photos")
    shutil.copy(ours / "chelsea.jpg", inner / "chelsea's.jpg")
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", "Model"
    with Image.open(ours / "rocket.jpg") as photo:
        photo.save(folder / "photos" / "rocket.jpg", quality=92, exif=exif)
    whole = (folder / "photos" / "coffee.jpg").read_bytes()
    (folder / "card" / "cut.jpg").write_bytes(whole[: len(whole) // 3])
    (folder / "card" / "empty.jpg").touch()
    return folder


@pytest.fixture(scope="module")
def outputs(
    shoot: Path, tool: Callable[[str], str]
) -> dict[int, "subprocess.CompletedProcess[str]"]:
    """What each line of the page left, run one after the other as a reader would."""
    for name in ("jq", "exiftool"):
        tool(name)
    programs = shoot / "bin"
    programs.mkdir()
    program = programs / "spider"
    program.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m spider_cli "$@"\n', encoding="utf-8"
    )
    program.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SPIDER_")}
    env = kept | {
        "PATH": os.pathsep.join([str(programs), kept["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "HOME": str(shoot / "home"),
        "XDG_CONFIG_HOME": str(shoot / "home" / "config"),
        "SPIDER_CACHE": str(shoot / "cache"),
        "LC_ALL": "C.UTF-8",
    }
    return {
        number: subprocess.run(
            ["bash", "-c", code],
            cwd=shoot,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
        for number, code in sorted(LINES.items())
    }


def test_there_are_enough_and_each_is_checked() -> None:
    assert len(LINES) >= 20
    assert list(LINES) == list(range(1, len(LINES) + 1))
    assert LINES.keys() == SHAPES.keys()
    assert PAGE.count("```sh\n") == len(LINES)


pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this system")


@pytest.mark.parametrize("number", LINES)
def test_a_line_does_what_it_says(
    number: int, outputs: "dict[int, subprocess.CompletedProcess[str]]"
) -> None:
    done, shape = outputs[number], SHAPES[number]
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr, done.stderr
    lines = done.stdout.splitlines()
    assert shape.least <= len(lines) <= shape.most, done.stdout
    for line in lines:
        assert re.fullmatch(shape.line, line), line


def test_what_the_lines_left_behind(
    shoot: Path, outputs: "dict[int, subprocess.CompletedProcess[str]]"
) -> None:
    assert len((shoot / "shoot.jsonl").read_text(encoding="utf-8").splitlines()) == 3
    assert "3 photos: 3 judged now" in outputs[1].stderr
    table = (shoot / "shoot.csv").read_text(encoding="utf-8").splitlines()
    assert len(table) == 3
    links = [one for one in (shoot / "by-level").rglob("*") if one.is_symlink()]
    assert {link.name for link in links} == PHOTOS
    assert all(link.resolve().is_file() for link in links)
    packed = subprocess.run(
        ["tar", "-tzf", "keepers.tar.gz"], cwd=shoot, capture_output=True, text=True, check=True
    )
    assert all(re.fullmatch(PHOTO, line) for line in packed.stdout.splitlines())
    files = {file.name for file in (shoot / "photos").rglob("*") if file.is_file()}
    assert files == PHOTOS  # the sidecars are gone again
