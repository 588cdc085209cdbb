"""The measure of the distortions: its figures, its claims; how quick they are; the same bytes."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from trainer.distortions import AUTHENTIC, TYPES, distort
from trainer.distortions.fidelity import Reference, colour_difference, psnr
from trainer.distortions.proof import QUICK, broken_claims, main, measure, milliseconds

Pixels = NDArray[np.uint8]
ALL_TYPES = [*(name for names in TYPES.values() for name in names), *AUTHENTIC]


@pytest.fixture(scope="module")
def photo() -> Pixels:
    return np.ascontiguousarray(data.astronaut()[::4, ::4])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("astronaut", "coffee", "chelsea"):
        pixels = getattr(data, name)()[::2, ::2, ::-1]
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.ascontiguousarray(pixels))
    return tmp_path


def digests() -> dict[str, str]:
    """Every type's bytes on a made-up photo, as this process makes them."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    scene = np.asarray(cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC), np.uint8)
    return {
        kind: hashlib.sha256(
            distort(scene, kind, 3.3, np.random.default_rng(1)).tobytes()
        ).hexdigest()
        for kind in ALL_TYPES
    }


def test_figures_are_those_of_scikit_image(photo: Pixels) -> None:
    other = distort(photo, "noise_gaussian_rgb", 2, np.random.default_rng(0))
    reference = Reference(photo)
    expected = structural_similarity(photo, other, channel_axis=2)
    assert reference.ssim(other).mean() == pytest.approx(expected, abs=1e-6)
    assert reference.ssim(other).shape == (photo.shape[0] - 6, photo.shape[1] - 6)
    assert psnr(photo, other) == pytest.approx(peak_signal_noise_ratio(photo, other), abs=1e-3)
    half = slice(None, None, 2)
    expected = deltaE_ciede2000(rgb2lab(photo[half, half]), rgb2lab(other[half, half])).mean()
    assert colour_difference(photo, other) == pytest.approx(expected, abs=0.02)
    assert psnr(photo, photo) == 100
    assert reference.ssim(photo).min() == pytest.approx(1)


def test_the_proof_on_a_few_photos(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds = ["blur_gaussian", "saturate_weaken_ycrcb", "haze"]
    record = folder / "figures.json"
    arguments = ["--photos", str(folder), "--count", "3", "--json", str(record), "--types", *kinds]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "SSIM and PSNR fall at every step" in printed
    assert all(kind in printed for kind in kinds)
    written = json.loads(record.read_text(encoding="utf-8"))
    assert [entry["kind"] for entry in written["types"]] == kinds
    assert written["types"][2]["answers_to"] == "contrast weaken"
    assert all(len(entry["ssim"]) == 5 for entry in written["types"])
    assert written["broken"] == []


def test_a_broken_claim_is_said(photo: Pixels) -> None:
    good = measure("pixelate", [Reference(photo)], seed=7)
    assert good.ordered and good.visible
    assert broken_claims([good]) == []
    swapped = replace(good, psnr=[good.psnr[1], good.psnr[0], *good.psnr[2:]])
    faint = replace(good, ssim=[0.98, *good.ssim[1:]], ciede2000=[1.9, *good.ciede2000[1:]])
    slow = replace(good, milliseconds=QUICK + 1)
    assert broken_claims([swapped]) == ["pixelate: SSIM or PSNR does not fall at every step"]
    assert broken_claims([faint]) == ["pixelate: level 1 cannot be seen"]
    assert broken_claims([slow]) == ["the median type takes 16.0 ms, 15 at most are wanted"]


def test_too_few_photos_and_unknown_types_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--photos", str(folder), "--count", "4"]) == 2
    assert "holds 3 photos, 4 were asked for" in capsys.readouterr().err
    assert main(["--photos", str(folder), "--count", "1", "--types", "blurr"]) == 2
    assert "unknown distortion type 'blurr'" in capsys.readouterr().err


def test_the_median_type_is_quick() -> None:
    # About 2 ms on an idle core, each type the best of three calls: on a busy machine the limit
    # itself is slack enough.
    square = np.ascontiguousarray(data.astronaut())
    times = {kind: milliseconds(kind, square) for kind in ALL_TYPES}
    assert np.median(list(times.values())) < QUICK, times


def test_the_same_bytes_in_another_process_with_other_threads() -> None:
    program = (
        "import runpy, sys, json, cv2; cv2.setNumThreads(int(sys.argv[2]));"
        "print(json.dumps(runpy.run_path(sys.argv[1])['digests']()))"
    )
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    here = digests()
    cv2.setNumThreads(before)
    done = subprocess.run(
        [sys.executable, "-c", program, __file__, "4"],
        env=os.environ | {"PYTHONHASHSEED": "4"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == here
