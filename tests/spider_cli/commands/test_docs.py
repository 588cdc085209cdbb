"""The pages about the command line say what it does."""

import json
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from spider_cli.errors import ExitCode
from spider_cli.outputs.csv import COLUMNS, columns_of
from spider_cli.outputs.writers import EXTENSIONS

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_commands_page_is_up_to_date() -> None:
    command = [sys.executable, str(DOCS / "generate_commands.py"), "--check"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr.decode()


def test_every_exit_code_is_documented() -> None:
    table = page("commands.md").partition("## Exit codes")[2]
    for code in (*(int(code) for code in ExitCode), 70):
        assert f"| {code} | " in table


def test_every_field_is_documented() -> None:
    schema = json.loads(
        files("spider_cli").joinpath("schema/records.schema.json").read_text("utf-8")
    )
    text = page("json.md")
    for fields in _properties(schema):
        for name in fields:
            assert f"`{name}`" in text or f'"{name}"' in text, name


def _properties(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for part in schema for found in _properties(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema["properties"]] if isinstance(schema.get("properties"), dict) else []
    return own + [found for part in schema.values() for found in _properties(part)]


def test_every_column_is_documented_in_order() -> None:
    text = page("json.md")
    for command, columns in COLUMNS.items():
        assert ", ".join(f"`{column}`" for column in columns) in text
        shared = [column for column in columns_of(command) if column not in columns]
        assert all(f"`{column}`" in text for column in shared)


def test_every_extension_is_documented() -> None:
    for extension in EXTENSIONS:
        assert f"`--output FILE{extension}`" in page("json.md")


def test_every_error_code_of_a_photo_is_documented() -> None:
    """Codes that the sources give to PhotoError are in the table."""
    package = ROOT / "spider_cli"
    text = page("json.md")
    found = set()
    for file in ("photos.py", "photo_errors.py", "boxes.py", "feed.py", "outputs/pictures.py"):
        source = (package / file).read_text(encoding="utf-8")
        found |= set(re.findall(r'code="([a-z_]+)"', source))
        found |= set(re.findall(r'failure\(\s*source,\s*"([a-z_]+)"', source))
    for code in found - {"bad_box"}:
        assert f"`{code}`" in text, code
    assert len(found) > 8
