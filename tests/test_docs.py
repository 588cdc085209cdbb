"""The pages for readers: their links lead somewhere, their Python and the pipe run."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RUNNABLE = [ROOT / "README.md", ROOT / "docs" / "python.md"]

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    files = [target.partition("#")[0] for target in targets if "://" not in target]
    assert [name for name in files if name and not (page.parent / name).exists()] == []


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_the_python_on_the_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert code
    names: dict[str, object] = {}
    for number, block in enumerate(code, 1):
        # In one namespace, as a reader would type them one after the other.
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)


def test_the_pipe_of_the_readme(photos: Path, tool: Callable[[str], str]) -> None:
    jq = shlex.quote(tool("jq"))
    spider = f"{shlex.quote(sys.executable)} -m spider_cli"
    pipe = f"find docs/photos -name '*.jpg' | {spider} score - --json | {jq} .score"
    done = subprocess.run(
        ["sh", "-c", pipe], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    scores = [float(line) for line in done.stdout.splitlines()]
    assert len(scores) == len(list(photos.glob("*.jpg")))
    assert all(0 <= score <= 100 for score in scores)
