"""`spider audit` over a hostile folder: every photo ends as a result or an error with a reason, and
the folder is as it was."""

import base64
import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.bad_folder import LONG, SCRIPT, BadFolder, snapshot, write_bad_folder
from tests.conftest import lacking
from tests.spider_cli.audit.test_state_trouble import disk
from tests.spider_cli.commands.conftest import PATIENCE, Run, environment

# Files that go, or grow, at the moment when they are opened.
UNSTEADY = """
import json, os, sys
vanishing, growing = json.loads(os.environ["UNSTEADY"])
def meddle(event, args):
    if event != "open" or isinstance(args[0], int):
        return
    name = os.path.basename(os.fsdecode(args[0]))
    if name in vanishing:
        vanishing[name] -= 1
        if vanishing[name] == 0:
            os.unlink(args[0])
    elif name in growing:
        os.truncate(args[0], os.stat(args[0]).st_size + 1)
sys.addaudithook(meddle)
from spider_cli.__main__ import main
main()
"""

IMPATIENT = """
from spider_cli.audit.state import State
State.__init__.__kwdefaults__["patience"] = 0.2
from spider_cli.__main__ import main
main()
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="such names and files are not had there")

KINDS = ("html", "csv", "jsonl", "parquet", "txt")


def commoner() -> list[str]:
    """What makes file permissions count for a program that root starts."""
    if os.name == "nt" or os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        lacking("setpriv", "apt-get install util-linux")
    rights = "-dac_override,-dac_read_search"
    return [setpriv, f"--bounding-set={rights}", f"--inh-caps={rights}"]


def audit(
    *args: str | Path, cwd: Path, program: str | None = None, env: Mapping[str, str] = {}
) -> Run:
    python = [sys.executable, *(["-m", "spider_cli"] if program is None else ["-c", program])]
    own = {"SPIDER_CACHE": str(cwd / "cache")} | dict(env)
    done = subprocess.run(
        [*commoner(), *python, "audit", *map(os.fspath, args)],
        cwd=cwd,
        env=environment(own),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def true_name(record: Mapping[str, Any]) -> bytes:
    """The path of a record's photo in the folder ``shoot``, as the system has it."""
    given = record.get("photo_b64")
    name = base64.b64decode(given) if given else record["photo"].encode()
    assert isinstance(name, bytes)
    return name.removeprefix(b"shoot/")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the hostile one in it, ``shoot``, and what an audit of it wrote, ``out``."""
    place = tmp_path_factory.mktemp("hostile")
    (place / "out").mkdir()
    yield place
    for path in (place / "shoot" / "closed", place / "shoot" / "closed.jpg"):
        if path.exists():
            path.chmod(0o755)


@pytest.fixture(scope="module")
def bad(place: Path) -> BadFolder:
    return write_bad_folder(place / "shoot")


@pytest.fixture(scope="module")
def before(bad: BadFolder) -> dict[bytes, tuple[object, ...]]:
    return snapshot(bad.folder, but=bad.changing)


@pytest.fixture(scope="module")
def ran(place: Path, bad: BadFolder, before: object) -> Run:
    unsteady = json.dumps(
        [
            {os.fsdecode(name): times for name, times in bad.vanishing.items()},
            [os.fsdecode(name) for name in bad.growing],
        ]
    )
    reports = [part for kind in KINDS for part in ("--report", f"out/all.{kind}")]
    return audit(
        *("shoot", "--json", "--state", "out/state.sqlite", "--out", "out/heat", *reports),
        cwd=place,
        program=UNSTEADY,
        env={"UNSTEADY": unsteady},
    )


def test_every_photo_ends_as_a_result_or_an_error(bad: BadFolder, ran: Run) -> None:
    assert ran.code == 3, ran.err
    told = {true_name(one): one.get("error", {}).get("code") for one in ran.records}
    # Nothing is called so that more can be called so, too.
    assert told == bad.expected | {LONG: "cannot_write"}
    assert len(ran.records) == len(told), "each once"
    for one in ran.records:
        if "error" in one:
            error = one["error"]
            assert error["message"].isprintable() and error["message"], error
        else:
            assert 0 <= one["score"] <= 100
            assert one["facts"]["width"] > 0 and one["why"]
    assert "Traceback" not in ran.err
    assert len(ran.errors) == sum("error" in one for one in ran.records)
    assert ran.err.replace("\n", "").isprintable()


def test_nothing_of_the_users_is_changed(
    bad: BadFolder, before: dict[bytes, tuple[object, ...]], ran: Run
) -> None:
    assert len(before) > 50
    assert snapshot(bad.folder, but=bad.changing) == before


def test_a_snapshot_tells_every_change(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"a")
    first = snapshot(tmp_path)
    assert snapshot(tmp_path) == first
    os.utime(photo, (1, 1))
    second = snapshot(tmp_path)
    photo.chmod(0o600)
    third = snapshot(tmp_path)
    (tmp_path / "link").symlink_to("a.jpg")
    assert first != second != third != snapshot(tmp_path)


def test_metadata_are_text_and_no_more(ran: Run) -> None:
    (facts,) = (one["facts"] for one in ran.records if true_name(one) == b"exif.jpg")
    assert facts["camera"] == f"=cmd()|x {SCRIPT.decode()}"
    assert facts["lens"] == "[2Jÿ"
    assert facts["taken"] is None


def test_every_report_has_every_photo(place: Path, bad: BadFolder, ran: Run) -> None:
    assert {one.name for one in (place / "out").glob("all.*")} == {f"all.{kind}" for kind in KINDS}
    lines = (place / "out" / "all.jsonl").read_text(encoding="utf-8").splitlines()
    assert {true_name(json.loads(line)) for line in lines} == set(bad.expected)
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(place / "out" / "all.parquet")
    assert table.num_rows == len(bad.expected)
    assert "shoot/new\nline.jpg" in table["photo"].to_pylist()


def test_no_cell_is_a_formula(place: Path, bad: BadFolder, ran: Run) -> None:
    with (place / "out" / "all.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 1 + len(bad.expected)
    assert len({len(row) for row in rows}) == 1
    camera = rows[0].index("camera")
    assert f"'=cmd()|x {SCRIPT.decode()}" in {row[camera] for row in rows}
    for cell in (cell for row in rows for cell in row if cell[:1] in tuple("=+-@\t\r\n")):
        if cell:
            float(cell)  # or it is a number


def test_no_name_is_markup(place: Path, ran: Run) -> None:
    page = (place / "out" / "all.html").read_text(encoding="utf-8")
    assert "onerror=alert(1)" in page, "it is shown"
    assert "<img src=x" not in page
    assert "<script>alert" not in page


def test_pictures_stay_where_they_belong(place: Path, bad: BadFolder, ran: Run) -> None:
    heat = place / "out" / "heat"
    assert (heat / "new\nline.jpg.overlay.png").is_file()
    drawn = {path for path in heat.rglob("*.png") if path.name.endswith(".overlay.png")}
    grounded = [one for one in ran.records if one.get("region", {}).get("files")]
    assert len(drawn) == len(grounded) > 5
    assert {path.name for path in place.iterdir()} <= {"shoot", "out", "cache"}


@pytest.fixture
def shoot(place: Path, tmp_path: Path, photos: Path) -> Path:
    """A folder with two photos in a folder of its own."""
    (tmp_path / "shoot").mkdir()
    for name in ("chelsea.jpg", "rocket.jpg"):
        shutil.copy(photos / name, tmp_path / "shoot" / name)
    return tmp_path


@pytest.mark.parametrize(
    "flags",
    [
        ("--out", "closed/heat"),
        ("--report", "closed/all.html"),
        ("--report", "closed/all.csv"),
        ("--state", "closed/state.sqlite"),
        ("--output", "closed/all.jsonl"),
        ("--copy-to", "closed/keepers"),
    ],
)
def test_a_folder_that_takes_nothing(shoot: Path, flags: tuple[str, str]) -> None:
    (shoot / "closed").mkdir()
    (shoot / "closed").chmod(0o555)
    before = snapshot(shoot / "shoot")
    ran = audit("shoot", *flags, cwd=shoot)
    assert ran.code == 2 and ran.out == ""
    (line,) = ran.errors
    assert "closed" in line
    assert snapshot(shoot / "shoot") == before
    assert not list((shoot / "closed").iterdir())


def test_a_locked_state(shoot: Path) -> None:
    before = snapshot(shoot / "shoot")
    with sqlite3.connect(shoot / "state.sqlite") as other:
        other.execute("BEGIN EXCLUSIVE")
        ran = audit("shoot", "--json", "--state", "state.sqlite", cwd=shoot, program=IMPATIENT)
        other.rollback()
        assert not other.execute("SELECT * FROM sqlite_master").fetchall()
    assert ran.code == 0 and len(ran.records) == 2
    assert ran.errors == [] and "holds state.sqlite locked" in ran.err
    assert snapshot(shoot / "shoot") == before


def test_a_disk_that_is_full(shoot: Path) -> None:
    """Nothing that was found is lost, and nothing is left half written."""
    before = snapshot(shoot / "shoot")
    with disk(shoot / "disk", "1m"):
        with suppress(OSError), (shoot / "disk" / "filler").open("wb", buffering=0) as file:
            for _ in range(300):
                file.write(bytes(4096))
        ran = audit(
            *("shoot", "--json", "--state", "state.sqlite"),
            *("--out", "disk/heat", "--report", "disk/all.html"),
            cwd=shoot,
        )
        assert ran.code == 2 and len(ran.records) == 2
        assert not any("error" in one for one in ran.records)
        pictures, report = ran.errors
        assert "disk/heat" in pictures and "No space left" in pictures
        assert "disk/all.html" in report and "No space left" in report
        assert "Traceback" not in ran.err
        left = {path.name for path in (shoot / "disk").rglob("*") if path.is_file()}
        assert left <= {"filler", ".spider-audit"}
    assert snapshot(shoot / "shoot") == before
