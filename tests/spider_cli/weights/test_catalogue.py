"""Short names and what they stand for."""

import tomllib
from importlib.resources import files

import pytest

from spider_cli.errors import UsageError
from spider_cli.weights.catalogue import CATALOGUE, Reference, entry_of, reference_to


def test_the_names_that_are_promised() -> None:
    models = {entry.name for entry in CATALOGUE if entry.kind == "model"}
    segmenters = {entry.name for entry in CATALOGUE if entry.kind == "segmenter"}
    assert models == {
        *("nano", "qwen3-vl-8b", "qwen3-vl-4b", "qwen3-vl-2b"),
        *("qwen2.5-vl-7b", "qwen2.5-vl-3b", "phi", "internvl3", "smolvlm"),
    }
    assert segmenters >= {"nano", "sam-b", "sam-l", "sam-h"}
    assert any(name.startswith("sam2-") for name in segmenters)


def test_only_nano_is_tuned() -> None:
    assert {entry.name for entry in CATALOGUE if entry.tuned} == {"nano"}
    for entry in CATALOGUE:
        assert entry.licence and entry.size > 0 and entry.parameters > 0
        assert bool(entry.repository) == (entry.name != "nano")


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("qwen3-vl-8b", "qwen3-vl-8b"),
        ("qwen3-vl-2b", "qwen3-vl-2b"),
        ("qwen2.5-vl-7b", "qwen2.5-vl-7b"),
        ("internvl3", "internvl"),
        ("smolvlm", "smolvlm"),
        ("phi", "phi"),
    ],
)
def test_a_name_means_what_its_recipe_trains(name: str, recipe: str) -> None:
    entry, file = entry_of(name), files("trainer") / "recipes" / f"{recipe}.toml"
    model = tomllib.loads(file.read_text(encoding="utf-8"))["model"]
    assert entry is not None
    assert (entry.repository, entry.revision) == (model["base"], model.get("revision"))


@pytest.mark.parametrize(
    ("name", "revision", "meant"),
    [
        ("qwen3-vl-8b", None, ("Qwen/Qwen3-VL-8B-Instruct", None)),
        ("phi", None, ("microsoft/Phi-4-multimodal-instruct", "refs/pr/70")),
        ("phi", "main", ("microsoft/Phi-4-multimodal-instruct", "main")),
        ("sam-b", None, ("facebook/sam-vit-base", None)),
        ("owner/name.x_y-z", None, ("owner/name.x_y-z", None)),
        ("owner/name@v1", None, ("owner/name", "v1")),
        ("owner/name@refs/pr/7", None, ("owner/name", "refs/pr/7")),
        ("owner/name", "v2", ("owner/name", "v2")),
        ("nano", None, None),
        ("no-such", None, None),
        ("./owner/name", None, None),
        ("~/name", None, None),
        ("../name", None, None),
        ("a/b/c", None, None),
        ("owner/", None, None),
        ("owner/..", None, None),
        ("owner/na me", None, None),
        ("own--er/name", None, None),
        ("C:\\models/x", None, None),
        ("", None, None),
    ],
)
def test_references(name: str, revision: str | None, meant: tuple[str, str | None] | None) -> None:
    found = reference_to(name, revision)
    assert (found and (found.repository, found.revision)) == meant


def test_two_revisions_are_one_too_many() -> None:
    with pytest.raises(UsageError, match="two revisions"):
        reference_to("owner/name@v1", "v2")


def test_a_reference_says_its_revision() -> None:
    assert str(Reference("x", "owner/name", "v1")) == "owner/name at revision v1"
    assert str(Reference("x", "owner/name")) == "owner/name"
