"""What a model's card says of where it comes from, for every kind of base."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trainer.tuning.base import NANO, NEW, Base
from trainer.tuning.card import model_card
from trainer.tuning.recipe import Recipe, load_recipe, phases_of

COUNTS = [{"rows": 7}] * 4


def card_of(recipe: Recipe, base: Base, **changes: Any) -> str:
    given: dict[str, Any] = {"licence": "", "adapter": False, "step": 3, "steps": 9, "figures": {}}
    counts = COUNTS[: len(recipe.data)]
    return model_card(recipe, base, counts=counts, **(given | changes))


def python_of(card: str) -> str:
    return card.split("```python\n")[1].split("```")[0]


@pytest.fixture
def fresh(tmp_path: Path) -> Base:
    return Base(NEW, tmp_path / "base", "abc", kind=NANO)


def test_a_model_from_nothing_has_no_base(fresh: Base) -> None:
    card = card_of(load_recipe("nano"), fresh)
    assert "base_model" not in card.split("---")[1]
    assert "random weights, the encoder's trunk from ImageNet" in card
    assert "of 9, 16 photos each" in card
    assert "Apache-2.0" in card.split("## Licence")[1].split("##")[0]
    assert "soft_positions, soft_levels, dense_patches" in card
    bare = card_of(load_recipe("nano", ["new.imagenet=false"]), fresh)
    assert "ImageNet" not in bare and "Apache" not in bare


def test_what_it_says_of_loading_nano_is_enough(fresh: Base, tmp_path: Path) -> None:
    """In a process of its own, where nobody has registered nano's classes yet."""
    import subprocess
    import sys

    from spider_cli.weights import nano

    code = python_of(card_of(load_recipe("nano"), fresh)).replace('"DIR"', repr(nano_folder(nano)))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr


def nano_folder(package: Any) -> str:
    [place] = package.__path__
    return str(place)


def test_the_class_that_loads_the_base_is_named() -> None:
    base = Base("owner/name", Path("cache"), "abc", kind="phi4_multimodal")
    card = card_of(load_recipe("phi"), base, adapter=True, loader="AutoModelForMultimodalLM")
    code = python_of(card)
    assert "import AutoModelForMultimodalLM" in code
    assert "AutoModelForMultimodalLM.from_pretrained('owner/name', revision='abc')" in code
    assert 'base_model: "owner/name"' in card
    assert "--model DIR\n" in card
    shown = load_recipe("phi", ["model.max_pixels=401408"])
    for adapter in (True, False):
        assert "--model DIR --max-pixels 401408\n" in card_of(shown, base, adapter=adapter)


def test_phases_tell_of_those_before(tmp_path: Path) -> None:
    (_, eyes), (_, words) = phases_of("nano")
    before = tmp_path / "eyes" / "model"
    before.mkdir(parents=True)
    own = replace(words, model=replace(words.model, base=str(before)))
    card = card_of(own, Base(str(before), before, "abc", kind=NANO), earlier=[eyes])
    assert "base_model" not in card.split("---")[1]
    assert "ImageNet, tuned by nano/eyes to revision `abc`" in card
    assert "## Recipe nano/eyes" in card and "## Recipe nano/words" in card
    assert "Apache-2.0" in card
