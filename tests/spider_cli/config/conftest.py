"""Folders with files of settings, and the command line in this process."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Place:
    """A home folder, a project's folder in it, and where the user's file is."""

    home: Path
    project: Path
    user: Path

    def write(self, *, project: str | None = None, user: str | None = None) -> None:
        if project is not None:
            (self.project / "spider.toml").write_text(project, encoding="utf-8")
        if user is not None:
            self.user.write_text(user, encoding="utf-8")


@dataclass(frozen=True)
class Said:
    """What the command line did."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        [line] = [one for one in self.err.splitlines() if one.startswith("spider: error: ")]
        return line.removeprefix("spider: error: ")

    @property
    def warnings(self) -> list[str]:
        return [one for one in self.err.splitlines() if one.startswith("spider: warning: ")]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Work in a project's folder below a home folder; files of settings count again."""
    home = tmp_path / "home"
    project = home / "photos" / "saturday"
    project.mkdir(parents=True)
    for name in [name for name in os.environ if name.startswith("SPIDER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    user = home / "own.toml"
    user.touch()
    monkeypatch.setenv("SPIDER_CONFIG", str(user))
    monkeypatch.chdir(project)
    return Place(home, project, user)


@pytest.fixture
def spider(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Said]:
    """The command line in this process: for what ends before a model is loaded."""
    from typer.main import get_command

    from spider_cli.__main__ import _explain
    from spider_cli.app import app

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # --offline leaves it behind

    def run(*args: str) -> Said:
        try:
            code = get_command(app).main(list(args), prog_name="spider", standalone_mode=False)
        except Exception as error:
            code = _explain(error)
        told = capfd.readouterr()
        return Said(int(code or 0), told.out, told.err)

    return run
