"""Visual effects: there are some for every type, they fit, and they are read as nothing at all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.phrases import EFFECT, EVENT, OTHER_NAMES, REST, WHOLE
from spider_cli.reading import parse_distortions
from spider_cli.results import Distortion
from spider_cli.vocabulary import FAMILIES, HORIZONTAL, SEVERITIES, VERTICAL
from trainer.distortions import AUTHENTIC, TYPES
from trainer.effect_words import EFFECTS, OTHER_EFFECTS, UNKNOWN_EFFECTS
from trainer.effects import CONTENT, content_of, effect_of, effects_of, is_plural
from trainer.truth import Applied

KINDS = [
    *(Applied(family, kind, 3, "moderate") for family, kinds in TYPES.items() for kind in kinds),
    *(Applied(family, kind, 3, "moderate", other) for kind, (family, other) in AUTHENTIC.items()),
    *(Applied(family, "", 3, "moderate") for family in FAMILIES),
    *(Applied("", "", 3, "moderate", name) for name in OTHER_NAMES),
]
"""Every type there is, families without a type, faults of no family."""
LINES = sorted(
    {
        line
        for lines in (*EFFECTS.values(), *OTHER_EFFECTS.values(), UNKNOWN_EFFECTS)
        for line in lines
    }
)


def test_every_type_has_effects_of_its_own() -> None:
    named = {kind for kinds in TYPES.values() for kind in kinds}
    named |= {kind for kind, (family, _) in AUTHENTIC.items() if family}
    assert {*named, *FAMILIES} == set(EFFECTS)
    assert set(OTHER_EFFECTS) == set(OTHER_NAMES)
    for applied in KINDS:
        effects = effects_of(applied)
        assert len(effects) >= 2 and not effects[0].fits, applied
        assert len({effect.text for effect in effects}) == len(effects)
        assert all(effect.fits <= set(CONTENT) for effect in effects), applied
    assert effects_of(Applied("", "", 3, "moderate", "unheard of"))


def test_types_differ() -> None:
    for family, kinds in TYPES.items():
        texts = [tuple(effect.text for effect in effects_of(Applied(family, kind, 3, "moderate")))
                 for kind in kinds]  # fmt: skip
        assert len(set(texts)) == len(texts), family


@pytest.mark.parametrize("line", LINES)
def test_an_effect_is_read_as_nothing(line: str) -> None:
    for label in ("", " of the sky"):
        text = line.partition(" | ")[0].replace("{of}", label)
        assert "{" not in text and "," not in text and text == text.strip() and text[-1] != "."
        # Not even a word that a reader would react to, a verb aside.
        events = [event for event in EVENT.finditer(text) if event.lastgroup != "verb"]
        assert not events, [event.group() for event in events]
        assert not (WHOLE.search(text) or REST.search(text) or EFFECT.search(text))
        assert not {*text.split()} & {*VERTICAL, *HORIZONTAL, *SEVERITIES}


@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
    st.integers(0, 999),
    st.sampled_from(["; ", ". ", ", and ", ", "]),
)
def test_sentences_with_effects_name_the_distortion_alone(
    faults: list[Applied], seed: int, joint: str
) -> None:
    rng = np.random.default_rng(seed)
    everything = frozenset(CONTENT)
    items = [(f"severe {one.noun}", effect_of(one, everything, rng)) for one in faults]
    expected = tuple(dict.fromkeys(Distortion(a.family, "severe") for a in faults if a.family))
    others = tuple(dict.fromkeys(one.other for one in faults if one.other))
    for between in (", which ", " "):
        text = joint.join(f"{name}{between}{effect}" for name, effect in items)
        assert parse_distortions(text) == (expected, others), text


def test_effects_fit_the_content() -> None:
    rng = np.random.default_rng(0)
    applied = Applied("noise", "noise_impulse", 3, "moderate")
    fitting = {effect.text for effect in effects_of(applied) if effect.fits <= {"flat"}}
    drawn = [effect_of(applied, frozenset({"flat"}), rng) for _ in range(400)]
    plain = {text.replace("{of}", "") for text in fitting}
    assert set(drawn) == plain
    usual = effects_of(applied)[0].text
    assert 0.4 < drawn.count(usual) / 400 < 0.6
    assert max(drawn.count(text) for text in plain - {usual}) < drawn.count(usual)


def test_effects_may_call_the_thing_by_its_name() -> None:
    rng = np.random.default_rng(0)
    applied = Applied("blur", "blur_gaussian", 3, "moderate")
    drawn = {effect_of(applied, frozenset({"textured"}), rng, "the grass") for _ in range(300)}
    assert {"wipes away the texture of the grass", "wipes away the texture"} <= drawn
    assert not any("of the grass" in effect_of(applied, frozenset(), rng) for _ in range(50))


def test_plural_names_take_plural_verbs() -> None:
    for name in OTHER_NAMES:
        applied = Applied("", "", 3, "moderate", name)
        for effect in effects_of(applied):
            assert effect.text.split()[0].endswith("s") != is_plural(applied), effect.text


def plain(value: tuple[int, int, int], height: int = 90, width: int = 120) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def chequered(low: int, high: int, cell: int = 8) -> np.ndarray:
    y, x = np.mgrid[:256, :256] // cell
    grey = np.where((x + y) % 2, high, low).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ("pixels", "content"),
    [
        (plain((128, 128, 128)), {"flat", "grey"}),
        (plain((40, 40, 40)), {"flat", "grey", "dark"}),
        (plain((0, 0, 0)), {"flat", "grey", "dark", "black"}),
        (plain((255, 255, 255)), {"flat", "grey", "bright", "white"}),
        (plain((220, 40, 40)), {"flat", "colourful"}),
        (chequered(60, 190), {"textured", "grey"}),
    ],
)
def test_content_by_hand(pixels: np.ndarray, content: set[str]) -> None:
    assert content_of(pixels) == content
    assert content <= set(CONTENT)


def test_content_is_the_regions_alone() -> None:
    pixels = np.concatenate([chequered(60, 190), np.full((256, 200, 3), 20, np.uint8)], axis=1)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[30:220, 280:430] = True
    assert content_of(pixels, mask) == {"flat", "grey", "dark"}
    assert content_of(pixels, ~mask & (np.arange(456) < 250)) == {"textured", "grey"}
    speck = np.zeros(pixels.shape[:2], bool)
    speck[100, 300] = True
    assert "dark" in content_of(pixels, speck)
    # A thread one pixel wide has no cell to itself.
    thread = np.zeros(pixels.shape[:2], bool)
    thread[10:250, 350] = True
    assert "dark" in content_of(pixels, thread)


def test_content_sees_through_fine_distortions() -> None:
    rng = np.random.default_rng(0)
    for pixels, expected in ((plain((128, 128, 128), 512, 512), {"flat", "grey"}),
                             (chequered(60, 190, 24), {"textured", "grey"})):  # fmt: skip
        noisy = pixels + rng.normal(0, 20, (*pixels.shape[:2], 1))
        assert content_of(np.clip(noisy, 0, 255).astype(np.uint8)) == expected


def test_severity_plays_no_part() -> None:
    one = Applied("blur", "blur_lens", 1.2, "mild")
    assert effects_of(one) == effects_of(replace(one, level=5.0, severity="severe"))
