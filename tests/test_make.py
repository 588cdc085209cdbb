"""The Makefile: sets up once, torch first, from the index it is told."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

Plan = Callable[..., list[str]]


@pytest.fixture
def plan(tool: Callable[[str], str]) -> Plan:
    """The commands that make would run, by a Python of any age; nothing is run."""
    make = tool("make")

    def show(*args: str) -> list[str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        env.pop("TORCH_INDEX", None)
        done = subprocess.run(
            [make, "-n", *args], cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return show


def installs(commands: list[str]) -> list[str]:
    said = [command.partition("install ")[2] for command in commands if " -m pip " in command]
    return [" ".join(one.split()) for one in said]


@pytest.mark.parametrize("target", ["demo", "test"])
def test_a_first_run_sets_up_with_torch_first(plan: Plan, tmp_path: Path, target: str) -> None:
    commands = plan(target, f"VENV={tmp_path / 'venv'}")
    assert installs(commands) == [
        "--no-compile -c constraints.txt torch",
        "--no-compile -c constraints.txt -e '.[train,dev]'",
    ]
    # Else every process would compile them again where Python is told to write no bytecode.
    # What is there already is compiled while the rest is fetched, and then what came.
    [early, compiled] = [command for command in commands if "-m compileall" in command]
    assert early.partition(" & ")[0].endswith(f"{tmp_path / 'venv'}/lib")
    assert f"{tmp_path / 'venv'}/lib spider_cli trainer" in compiled
    assert commands.index(compiled) > max(n for n, one in enumerate(commands) if " -m pip " in one)


@pytest.mark.parametrize("target", ["demo", "test"])
def test_a_second_run_starts_at_once(plan: Plan, tmp_path: Path, target: str) -> None:
    (tmp_path / ".installed").touch()
    assert installs(plan(target, f"VENV={tmp_path}")) == []


def test_a_set_up_older_than_the_pins_is_done_again(plan: Plan, tmp_path: Path) -> None:
    stamp = tmp_path / ".installed"
    stamp.touch()
    before = (ROOT / "constraints.txt").stat().st_mtime - 1
    os.utime(stamp, (before, before))
    assert len(installs(plan("demo", f"VENV={tmp_path}"))) == 2


def test_torch_comes_from_the_index_that_is_named(plan: Plan, tmp_path: Path) -> None:
    commands = plan("install", f"VENV={tmp_path / 'venv'}", "TORCH_INDEX=https://torch.example/cpu")
    assert installs(commands) == [
        "--no-compile --no-deps --index-url https://torch.example/cpu -c constraints.txt torch",
        "--no-compile -c constraints.txt -e '.[train,dev]'",
    ]


def test_the_checks_are_those_that_the_project_names(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / ".installed").touch()
    commands = "\n".join(plan("test", f"VENV={tmp_path}"))
    for check in ("ruff check", "ruff format --check", "mypy", "pytest"):
        assert f"python -m {check}" in commands


def test_prove_smoke_wants_a_folder(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / ".installed").touch()
    commands = plan("prove-smoke", f"VENV={tmp_path}", "PHOTOS=some/photos")
    assert commands[-1] == f"{tmp_path}/bin/spider eval smoke --photos some/photos"


def test_peers_come_without_what_they_would_replace(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / ".installed").touch()
    told = installs(plan("peers", f"VENV={tmp_path}"))
    assert told == ["--no-deps -c constraints.txt pypiqe"]


def test_the_benchmark_measures_every_part(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / ".installed").touch()
    (tmp_path / ".peers").touch()
    given = ["PHOTOS=a b", "OPINION=own/labels.csv", "ORIGINALS=big", "OUT=out", "MODEL=mine"]
    commands = " ".join(" ".join(plan("benchmark", f"VENV={tmp_path}", *given)).split())
    spider = f"{tmp_path}/bin/spider"
    for part in (
        f"{spider} data build a b --out out/data --size 400",
        f"{spider} eval out/data --model mine --peers image-quality-ai,cleanvision",
        f"{spider} eval own/labels.csv --model mine \\ --peers all --out out/opinion",
        f"{spider} eval camera --photos big --size 120 --model mine",
        "PROVE_ORIGINALS='big' PROVE_COUNT=200 PROVE_MODEL='mine' PROVE_OUT='out/speed'",
        f"{spider} eval release out/photos out/opinion out/camera",
    ):
        assert part in commands
    assert "outside" not in commands
    given += ["OUTSIDE=lab.csv", "OUTSIDE_PHOTOS=lab"]
    more = " ".join(" ".join(plan("benchmark", f"VENV={tmp_path}", *given)).split())
    assert f"{spider} eval lab.csv --photos lab --model mine --peers all" in more
