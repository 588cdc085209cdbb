"""spider audit: one shoot, judged by a process, then run again and again with what it can do."""

import json
import os
import subprocess
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.bad_folder import snapshot
from tests.spider_cli.commands.conftest import PATIENCE, SPIDER, environment, picture

VALID = jsonschema.Draft202012Validator(
    json.loads(files("spider_cli").joinpath("schema/records.schema.json").read_text("utf-8"))
)
ODD = os.fsdecode(b"odd '\"\n \xf0\x9f\x98\x80\xff.jpg")


@pytest.fixture(scope="module")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair, a good photo in a folder of its own, one with an odd name, and two broken ones."""
    folder = tmp_path_factory.mktemp("audit") / "shoot"
    (folder / "sub").mkdir(parents=True)
    picture(160, 120).save(folder / "IMG_1.JPG", quality=90)
    (folder / "IMG_1.CR2").write_bytes(b"no RAW, but nobody looks at it")
    picture(90, 140, seed=1).save(folder / "sub" / "b.png")
    (folder / ODD).write_bytes((folder / "IMG_1.JPG").read_bytes()[:-2] + b"\xff\xd9")
    (folder / "empty.jpg").touch()
    (folder / "cut.jpg").write_bytes((folder / "IMG_1.JPG").read_bytes()[:700])
    return folder


@pytest.fixture(scope="module")
def audit(inside: Any, shoot: Path) -> Callable[..., Any]:
    """Audit that shoot, or what is named, from its parent folder, with a cache of its own."""

    def run(*args: str | Path, paths: tuple[str, ...] = ("shoot",), by: Any = inside) -> Any:
        env = {"SPIDER_CACHE": str(shoot.parent / "cache"), "SPIDER_DEVICE": "cpu"}
        return by("audit", *paths, *args, env=env, cwd=shoot.parent)

    return run


@pytest.fixture(scope="module")
def first(audit: Any, spider: Any, shoot: Path) -> Any:
    """The first run, which judges, and what the folder held before it."""
    before = snapshot(shoot)
    return audit("--json", "--fail-under", "100", "--flag", "any:mild", by=spider), before


def test_one_valid_record_a_shot(first: Any, shoot: Path) -> None:
    run, before = first
    assert run.code == 3
    for record in run.records:
        VALID.validate(record)
    assert [record["photo"] for record in run.records] == [
        "shoot/cut.jpg",
        "shoot/empty.jpg",
        "shoot/IMG_1.JPG",
        "shoot/odd '\"\n \U0001f600\\xff.jpg",
        "shoot/sub/b.png",
    ]
    assert [record.get("error", {}).get("code") for record in run.records] == [
        *("truncated", "empty_file", None, None, None)
    ]
    assert run.records[2]["raw"] == "shoot/IMG_1.CR2"
    assert len(run.errors) == 2
    assert "5 photos: 3 judged now, 0 known before, 2 failed" in run.err
    assert "of 3 scored below 100" in run.err
    assert snapshot(shoot) == before


def test_the_next_run_judges_nothing_and_says_the_same(first: Any, audit: Any) -> None:
    run = audit("--json", "--fail-under", "100", "--flag", "any:mild")
    assert run.out == first[0].out
    assert "0 judged now, 3 known before" in run.err


def test_paths_byte_for_byte(first: Any, shoot: Path) -> None:
    """Of a pair both; of failures none."""
    run = subprocess.run(
        [*SPIDER, "audit", "shoot", "--list", "flagged", "--flag", "any", "--print0", "-q"],
        env=environment({"SPIDER_CACHE": str(shoot.parent / "cache"), "SPIDER_DEVICE": "cpu"}),
        cwd=shoot.parent,
        capture_output=True,
        timeout=PATIENCE,
    )
    flagged = {one["photo"]: one["flagged"] for one in first[0].records if "score" in one}
    pair = [b"shoot/IMG_1.JPG", b"shoot/IMG_1.CR2"] if flagged["shoot/IMG_1.JPG"] else []
    odd = [os.fsencode(f"shoot/{ODD}")] if [n for n in flagged if "odd" in n and flagged[n]] else []
    other = [b"shoot/sub/b.png"] if flagged["shoot/sub/b.png"] else []
    assert run.stdout == b"".join(path + b"\0" for path in (*pair, *odd, *other))
    assert run.returncode == 3


def test_lines_of_ones_own_form(first: Any, audit: Any) -> None:
    scores = {one["photo"]: one["score"] for one in first[0].records if "score" in one}
    lines = audit(
        *("--format", r"{score:.3f}\t{name}{error_code}", "--sort", "score", "-q"),
        paths=("shoot/IMG_1.JPG", "shoot/sub", "shoot/empty.jpg"),
    )
    both = ("shoot/IMG_1.JPG", "shoot/sub/b.png")
    best = sorted(both, key=lambda one: scores[one], reverse=True)
    assert lines.out.splitlines() == [
        *(f"{scores[one]:.3f}\t{Path(one).name}" for one in best),
        "\tempty.jpgempty_file",
    ]


def test_a_dry_run(first: Any, audit: Any, shoot: Path) -> None:
    before = snapshot(shoot)
    args = ("--xmp", "--dry-run", "--link-to", "nowhere", "-q", "--flag", "pixelate:severe")
    run = audit(*args, paths=("shoot/IMG_1.JPG",))
    # IMG_1.xmp would be the RAW file's, which was not named.
    assert run.out.startswith("shoot/IMG_1.JPG.xmp: new: rating ")
    assert "would link: shoot/IMG_1.JPG" in run.out
    assert snapshot(shoot) == before
    assert not (shoot.parent / "nowhere").exists()


def test_the_state(first: Any, audit: Any) -> None:
    status = json.loads(audit("--status", "--json").out)
    assert (status["known"], status["to_do"]) == (3, 2)
    assert status["kept"][0]["model"]


def test_everything_at_the_end(first: Any, audit: Any, shoot: Path) -> None:
    """Reports, pictures, copies and ratings of one run; the second finds its own and goes on."""
    reports = [f"shoot/report{kind}" for kind in (".html", ".csv", ".jsonl", ".parquet")]
    args = [part for report in reports for part in ("--report", report)]
    args += ["--out", "shoot/heat", "--copy-to", "shoot/best", "--xmp", "--flag", "noise:severe"]
    before = snapshot(shoot)
    run = audit(*args, "--force")
    assert run.code == 3, run.err
    for report in reports:
        assert (shoot.parent / report).stat().st_size > 500
    said = [json.loads(line) for line in (shoot / "report.jsonl").read_text("utf-8").splitlines()]
    for record in said:
        VALID.validate(record)
    assert [record["photo"] for record in said] == [one["photo"] for one in first[0].records]
    files = said[2]["region"]["files"]
    assert (shoot.parent / files["overlay"]).read_bytes().startswith(b"\x89PNG")
    kept = [one for one in said if "error" not in one and not one["flagged"]]
    for one in kept:
        inside = Path(one["photo"]).relative_to("shoot")
        assert os.path.lexists(shoot / "best" / inside) or "\\xff" in one["photo"]
    assert (shoot / "IMG_1.xmp").exists()
    assert not list(shoot.glob("IMG_1.*.xmp"))
    again = audit(*args, "--force", "--json")
    assert [one["photo"] for one in again.records] == [one["photo"] for one in said]
    assert "0 judged now, 3 known before" in again.err
    assert "0 files copied" in again.err
    undone = audit("--undo", paths=())
    assert undone.code == 0
    assert "shoot/IMG_1.xmp: removed" in undone.out
    assert not [path for path in shoot.rglob("*.xmp") if "best" not in path.parts]
    after = snapshot(shoot)
    photos = {name: told for name, told in before.items() if told[0] is not None}
    assert {name: after[name] for name in photos} == photos


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--flag", "blurr"], "unknown distortion 'blurr'"),
        (["--format", "{skore}"], "there is no field 'skore'"),
        (["--sort", "skore"], "there is no such order"),
        (["--report", "x.xyz"], "the extension says the format"),
        (["--output", "x.csv", "--report", "./x.csv"], "--output and --report both name x.csv"),
        (["--list", "keepers", "--json"], "--list and --json exclude each other"),
        (["--copy-to", "a", "--link-to", "b"], "--copy-to and --link-to exclude each other"),
        (["--print0"], "--print0 ends what"),
        (["--dry-run"], "--dry-run has nothing to show"),
        (["--undo", "--xmp"], "--undo and --xmp exclude each other"),
        (["--fail-under", "101"], "--fail-under is a score from 0 to 100"),
        (["--min-free", "lots"], "'lots' is no size"),
        (["--out", "/proc/none/here"], "cannot write into --out"),
        (["--overwrite-ratings"], "--overwrite-ratings goes with --xmp"),
    ],
)
def test_what_does_not_go(args: list[str], said: str, tmp_path: Path) -> None:
    """Said before anything is looked at, and nothing is left behind."""
    from typer.testing import CliRunner

    from spider_cli.app import app
    from spider_cli.errors import UsageError

    (tmp_path / "a.jpg").touch()
    done = CliRunner().invoke(app, ["audit", str(tmp_path), *args], standalone_mode=False)
    assert done.exception is not None
    told = getattr(done.exception, "message", "") or done.exception.format_message()  # type: ignore[attr-defined]
    assert said in told
    assert isinstance(done.exception, UsageError) or args[0] == "--min-free"
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]
