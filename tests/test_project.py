"""The house rules: who imports whom, what is never used, and what the package holds."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import spider_cli

ROOT = Path(__file__).parents[1]
PACKAGES = ("spider_cli", "trainer")
HEAVY = {"torch", "transformers", "numpy", "PIL", "huggingface_hub", "tokenizers", "ray", "pyarrow"}
FORBIDDEN_MODULES = {
    *("torchvision", "pickle", "cPickle", "dill", "joblib", "shelve", "marshal"),
    *("subprocess", "pty", "pexpect", "sh"),
}
FORBIDDEN_CALLS = {"os.system", "os.popen", "eval", "exec", "np.load", "numpy.load"}
MOST_LINES = 450


def python_files(*folders: str) -> list[Path]:
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    assert files
    return files


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imports(nodes: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and top name of all that is imported, wherever in the file."""
    for node in ast.walk(nodes):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name.partition(".")[0]) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.partition(".")[0]


def calls(nodes: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(nodes) if isinstance(node, ast.Call))


def where(file: Path, line: int, what: str) -> str:
    return f"{file.relative_to(ROOT)}:{line}: {what}"


def test_spider_cli_never_imports_trainer() -> None:
    found = [
        where(file, line, f"imports {name}")
        for file in python_files("spider_cli")
        for line, name in imports(tree(file))
        if name == "trainer"
    ]
    assert found == []


def test_only_the_door_names_modules_of_trainer() -> None:
    found = [
        where(file, node.lineno, repr(node.value))
        for file in python_files("spider_cli")
        if file.name != "app.py"
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"trainer(\.\w+)+", node.value)
    ]
    assert found == []


def test_what_is_never_imported() -> None:
    found = [
        where(file, line, f"imports {name}")
        for file in python_files(*PACKAGES)
        for line, name in imports(tree(file))
        if name in FORBIDDEN_MODULES
    ]
    assert found == []


def test_what_is_never_called() -> None:
    found = [
        where(file, call.lineno, ast.unparse(call.func))
        for file in python_files(*PACKAGES)
        for call in calls(tree(file))
        if ast.unparse(call.func) in FORBIDDEN_CALLS
        or (isinstance(call.func, ast.Attribute) and call.func.attr == "cuda")
    ]
    assert found == []


def test_torch_load_reads_tensors_only_and_only_to_train() -> None:
    # The ImageNet weights that training starts from come as a .pth; everything else is safetensors.
    found = [
        where(file, call.lineno, ast.unparse(call))
        for file in python_files(*PACKAGES)
        for call in calls(tree(file))
        if ast.unparse(call.func) == "torch.load"
        and (
            file.is_relative_to(ROOT / "spider_cli")
            or "weights_only=True" not in map(ast.unparse, call.keywords)
        )
    ]
    assert found == []


def test_code_of_model_folders_is_never_trusted_unasked() -> None:
    """Only a recipe's `model.remote_code` may, which is off unless the user sets it."""
    asked = ("False", "remote_code", "base.remote_code")
    found = [
        where(file, call.lineno, "trust_remote_code")
        for file in python_files(*PACKAGES)
        for call in calls(tree(file))
        for keyword in call.keywords
        if keyword.arg == "trust_remote_code" and ast.unparse(keyword.value) not in asked
    ]
    assert found == []


def test_files_are_short() -> None:
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in python_files(*PACKAGES, "tests")
    }
    assert {file: lines for file, lines in lengths.items() if lines >= MOST_LINES} == {}


def light_modules() -> list[str]:
    light = ["spider_cli", "spider_cli.app", "spider_cli.errors", "spider_cli.vocabulary"]
    commands = sorted((ROOT / "spider_cli" / "commands").glob("*.py"))
    return light + [f"spider_cli.commands.{file.stem}" for file in commands if file.stem[0] != "_"]


def test_the_door_and_the_commands_import_nothing_heavy() -> None:
    code = f"""
import importlib, sys
for name in {light_modules()!r}:
    importlib.import_module(name)
    heavy = {HEAVY!r} & set(sys.modules)
    assert not heavy, f"{{name}} imports {{heavy}}"
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def project() -> dict[str, Any]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found: dict[str, Any] = tomllib.loads(text)["project"]
    return found


def pins() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(one.name): one for one in wanted}


def test_ranges_in_the_project_and_pins_in_the_constraints() -> None:
    pinned = {name: next(iter(one.specifier)) for name, one in pins().items()}
    assert {one.operator for one in pinned.values()} == {"=="}
    extras = project()["optional-dependencies"]
    texts = [*project()["dependencies"], *extras["train"], *extras["dev"]]
    for wanted in map(Requirement, texts):
        assert all(one.operator in (">=", "<", "!=") for one in wanted.specifier), wanted
        pin = pinned[canonicalize_name(wanted.name)]
        assert pin.version in wanted.specifier, f"constraints.txt pins {wanted.name}{pin}"


def test_nothing_pulls_torchvision() -> None:
    assert "torchvision" not in pins()
    extras = project()["optional-dependencies"].values()
    texts = [*project()["dependencies"], *(one for extra in extras for one in extra)]
    assert "torchvision" not in {canonicalize_name(Requirement(one).name) for one in texts}


def test_the_version_is_the_same_everywhere() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    latest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    citation = re.search(
        r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert latest and latest[1] == spider_cli.__version__
    assert citation and citation[1] == spider_cli.__version__
    assert version("spider-iqa") == spider_cli.__version__


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    from hatchling.builders.wheel import WheelBuilder

    folder = tmp_path_factory.mktemp("wheel")
    built = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(next(iter(built)))


def test_the_wheel_holds_both_packages_and_the_weights(wheel: zipfile.ZipFile) -> None:
    held = set(wheel.namelist())
    tops = {
        name.partition("/")[0] for name in held if not re.match(r"[^/]+\.(dist-info|data)/", name)
    }
    assert tops == set(PACKAGES)
    lacking = [
        name
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
        for name in [file.relative_to(ROOT).as_posix()]
        if name not in held
    ]
    assert lacking == []
    for name in ("config.json", "model.safetensors", "segmenter/model.safetensors", "README.md"):
        assert f"spider_cli/weights/nano/{name}" in held
    assert "spider_cli/py.typed" in held


def test_the_wheel_has_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    facts = f"spider_iqa-{spider_cli.__version__}.dist-info"
    assert "spider = spider_cli.__main__:main" in wheel.read(f"{facts}/entry_points.txt").decode()
    assert wheel.read(f"{facts}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_the_wheel_brings_the_manual(
    wheel: zipfile.ZipFile, tmp_path: Path, tool: Callable[[str], str]
) -> None:
    """Installed under a prefix, man finds the pages by the path to the program beside them."""
    data = f"spider_iqa-{spider_cli.__version__}.data/data/"
    pages = [name for name in wheel.namelist() if name.startswith(data)]
    assert {name.removeprefix(data) for name in pages} == {
        f"share/man/man1/{page.name}" for page in (ROOT / "docs" / "man").iterdir()
    }
    wheel.extractall(tmp_path, pages)
    prefix = tmp_path / data
    (prefix / "bin").mkdir()
    kept = {name: value for name, value in os.environ.items() if name != "MANPATH"}
    path = os.pathsep.join([str(prefix / "bin"), kept["PATH"]])
    for name in ("spider", "spider-audit"):
        done = subprocess.run(
            [tool("man"), "-w", name], env=kept | {"PATH": path}, capture_output=True, text=True
        )
        assert done.stdout.strip() == str(prefix / "share" / "man" / "man1" / f"{name}.1"), done


def test_the_bundled_weights_are_at_most_40_megabytes() -> None:
    weights = sorted((ROOT / "spider_cli" / "weights").rglob("*.safetensors"))
    assert len(weights) >= 2
    assert sum(file.stat().st_size for file in weights) <= 40_000_000


def test_photos_are_small_and_credited() -> None:
    folder = ROOT / "docs" / "photos"
    credited = (folder / "CREDITS.md").read_text(encoding="utf-8")
    photos = sorted(folder.glob("*.jpg"))
    assert photos
    for photo in photos:
        assert photo.stat().st_size <= 200_000, photo.name
        assert f"`{photo.name}`" in credited, photo.name
