"""The door: quick, light, and honest about its commands."""

import ast
import importlib.util
import json
import os
import subprocess
import sys
from math import inf
from pathlib import Path
from typing import Any

import pytest
import typer

import spider_cli
from spider_cli.app import COMMANDS, load

HEAVY = ("torch", "transformers", "numpy", "PIL", "huggingface_hub", "scipy", "pycocotools")
OURS = [name for name, (module, _) in COMMANDS.items() if module.startswith("spider_cli.")]


def seconds(*command: str, enough: float = 0) -> float:
    """Processor seconds, the better of two: on an idle machine the wall clock says the same.

    Args:
        enough: so few at the first attempt need no second.
    """
    times: list[float] = []
    while len(times) < 2 and min(times, default=inf) > enough:
        before = os.times()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)
        after = os.times()
        times.append(sum(after[2:4]) - sum(before[2:4]))  # of the children, user and system
    return min(times)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_is_there(name: str) -> None:
    module, summary = COMMANDS[name]
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert summary.endswith(".")
    assert load(name).name == name


def test_every_command_is_listed() -> None:
    """A file in commands/ that defines a Typer app is in the list."""
    modules = {module for module, _ in COMMANDS.values()}
    for package in ("spider_cli.commands", "trainer.commands"):
        spec = importlib.util.find_spec(package)
        assert spec is not None and spec.submodule_search_locations
        for file in Path(spec.submodule_search_locations[0]).glob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            targets = [
                t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets
            ]
            if any(isinstance(target, ast.Name) and target.id == "app" for target in targets):
                assert f"{package}.{file.stem}" in modules


def test_help_lists_the_commands(spider: Any) -> None:
    run = spider("--help")
    assert run.code == 0
    assert run.err == ""
    for name, (_, summary) in COMMANDS.items():
        assert f" {name} " in run.out
        assert summary in run.out


@pytest.mark.skipif(os.name == "nt", reason="no processor times of children")
def test_help_is_quick() -> None:
    """Under 0.4 s where `python -c pass` takes 0.05."""
    bare = seconds(sys.executable, "-c", "pass")
    limit = 0.4 * max(bare / 0.05, 1.0)
    assert seconds(sys.executable, "-m", "spider_cli", "--help", enough=limit) < limit


@pytest.mark.skipif(os.name == "nt", reason="no processor times of children")
def test_a_cold_score_is_quick(photo: Path) -> None:
    """At most 2.5 times what importing torch and transformers takes."""
    imports = seconds(sys.executable, "-c", "import torch, transformers")
    score = (sys.executable, "-m", "spider_cli", "score", str(photo), "--json")
    cold = seconds(*score, enough=2.5 * imports)
    print(f"imports {imports:.2f} s, cold score {cold:.2f} s, {cold / imports:.2f} times")
    assert cold <= 2.5 * imports


@pytest.mark.parametrize(
    "args", [["--help"], ["--version"], [], ["nothing"], *([name, "--help"] for name in OURS)]
)
def test_nothing_heavy_is_imported(args: list[str]) -> None:
    code = (
        "import json, sys, atexit\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        "from spider_cli.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, timeout=60)
    modules = set(json.loads(done.stderr.decode().splitlines()[-1]))
    assert "typer" in modules
    assert not modules & set(HEAVY)
    assert not {name for name in modules if name.startswith("spider_cli.commands.")} - {
        "spider_cli.commands.interrupt",
        *(module for name, (module, _) in COMMANDS.items() if name in args),
        *(f"spider_cli.commands.{name}" for name in ("options", "running", "progress", "startup")),
        *(f"spider_cli.commands.{name}" for name in ("audit_options", "engine_options")),
    }


def test_version(spider: Any) -> None:
    assert spider("--version").out == f"spider {spider_cli.__version__}\n"


def test_no_command_is_bad_usage_with_help(spider: Any) -> None:
    run = spider()
    assert run.code == 2
    assert "describe" in run.out


def test_misspelt_command(spider: Any) -> None:
    run = spider("scoer", "a.jpg")
    assert run.code == 2
    assert run.out == ""
    assert "'score'" in run.errors[0]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion(spider: Any, shell: str) -> None:
    done = spider("", env={"_SPIDER_COMPLETE": f"source_{shell}"})
    assert "spider" in done.out
    env = {"_SPIDER_COMPLETE": f"complete_{shell}", "COMP_WORDS": "spider sc", "COMP_CWORD": "1"}
    env |= {"_TYPER_COMPLETE_ARGS": "spider sc", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    assert "score" in spider(env=env).out


def test_completion_of_a_commands_flags(spider: Any) -> None:
    env = {"_SPIDER_COMPLETE": "complete_bash", "COMP_CWORD": "2"}
    env |= {"COMP_WORDS": "spider ground --dist"}
    assert "--distortion" in spider(env=env).out


def test_a_missing_training_extra_is_one_line(tmp_path: Any, spider: Any) -> None:
    """A package `trainer` without spider's commands stands before ours on the path."""
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "__init__.py").touch()
    path = os.pathsep.join((str(tmp_path), str(Path(spider_cli.__file__).parent.parent)))
    run = spider("train", "--help", env={"PYTHONPATH": path}, cwd=tmp_path)
    assert run.code == 2
    assert len(run.errors) == 1
    assert "spider-iqa[train]" in run.err
    assert "Traceback" not in run.err


def test_command_modules_expose_an_app() -> None:
    for module, _ in COMMANDS.values():
        assert isinstance(importlib.import_module(module).app, typer.Typer)
