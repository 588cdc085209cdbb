"""Names of distortions, as DQ-495K, people and we ourselves spell them."""

from pathlib import Path

import pytest

from spider_cli.errors import UsageError
from spider_cli.vocabulary import FAMILIES, NOUNS
from trainer.datasets.entries import Where
from trainer.datasets.fields import Fields
from trainer.datasets.names import distorted
from trainer.distortions import AUTHENTIC, TYPES
from trainer.truth import Applied

RECORD = Fields({"name": "x"}, Where(Path("a.json"), 4))

DQ: dict[str, tuple[str, ...]] = {
    "blur": tuple(
        f"blur_{kind}" for kind in ("gaussian", "motion", "glass", "lens", "zoom", "jitter")
    ),
    "noise": (
        *("noise_gaussian_RGB", "noise_gaussian_YCrCb", "noise_speckle", "noise_poisson"),
        *("noise_spatially_correlated", "noise_impulse"),
    ),
    "compression": ("compression_jpeg", "compression_jpeg_2000"),
    **{
        way: tuple(
            f"brightness_{way}_{how}_{space}"
            for how in ("shfit", "gamma")
            for space in ("HSV", "RGB")
        )
        for way in ("brighten", "darken")
    },
    **{
        f"contrast {way}": (f"contrast_{way}_scale", f"contrast_{way}_stretch")
        for way in ("strengthen", "weaken")
    },
    **{
        f"saturate {way}": (f"saturate_{way}_HSV", f"saturate_{way}_YCrCb")
        for way in ("strengthen", "weaken")
    },
    "oversharpen": ("oversharpen",),
    "pixelate": ("pixelate",),
    "quantization": ("quantization_otsu", "quantization_median", "quantization_hist"),
}


def name(text: str, level: float = 3) -> Applied:
    return distorted(RECORD, "name", text, level)


def test_every_type_of_dq495k_is_one_of_ours() -> None:
    assert sum(map(len, DQ.values())) == 35
    assert set(DQ) == set(FAMILIES)
    for family, kinds in DQ.items():
        found = [name(kind) for kind in kinds]
        assert {one.family for one in found} == {family}
        assert len({one.kind for one in found}) == len(kinds)
        assert {one.kind for one in found} <= set(TYPES[family])


@pytest.mark.parametrize("family", FAMILIES)
def test_families_by_any_spelling(family: str) -> None:
    spellings = (
        family,
        family.replace(" ", "_"),
        family.replace(" ", "-"),
        family.upper(),
        NOUNS[family],
    )
    assert {name(text).family for text in spellings} == {family}


def test_camera_s_faults_and_faults_of_no_family() -> None:
    for kind, (family, other) in AUTHENTIC.items():
        found = name(kind.replace("_", " "))
        assert (found.family, found.kind, found.other) == (family, kind, other)
    assert name("colour cast") == Applied("", "", 3, "moderate", "colour cast")
    assert name("Red-Eye").other == "red eye"


@pytest.mark.parametrize(
    ("level", "severity"),
    [(1, "mild"), (2, "mild"), (3, "moderate"), (4, "severe"), (5, "severe")],
)
def test_levels_in_words(level: float, severity: str) -> None:
    assert name("blur", level).severity == severity


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("blurr", "blur"), ("noise_poison", "noise_poisson"), ("saturate weekn", "saturate weaken")],
)
def test_did_you_mean(text: str, nearest: str) -> None:
    with pytest.raises(UsageError, match=r"a\.json, row 4, name: unknown distortion") as caught:
        name(text)
    assert f"did you mean {nearest!r}" in caught.value.hint


def test_nothing_near() -> None:
    with pytest.raises(UsageError) as caught:
        name("zzz")
    assert "The families are: blur, noise" in caught.value.hint
