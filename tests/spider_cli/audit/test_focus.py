"""The measure of focus: falls with blur, hardly moves with light, and asks for both directions."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter

from spider_cli.audit.focus import focus_of
from tests.spider_cli.audit.shooting import made_up

Pixels = npt.NDArray[np.uint8]

SCENES = ["chelsea.jpg", "coffee.jpg", "rocket.jpg", 1, 2]


def scene_of(photos: Path, name: str | int) -> Image.Image:
    if isinstance(name, int):
        return made_up(name)
    with Image.open(photos / name) as image:
        return image.convert("RGB")


def measured(image: Image.Image) -> float:
    value = focus_of(np.asarray(image))
    assert value is not None and 0 <= value <= 100
    return value


@pytest.mark.parametrize("name", SCENES)
def test_blur_lowers_it_step_by_step(photos: Path, name: str | int) -> None:
    scene = scene_of(photos, name)
    steps = [scene, *(scene.filter(ImageFilter.GaussianBlur(s)) for s in (0.7, 1.2, 2, 3.5))]
    values = [measured(step) for step in steps]
    print(name, values)
    for sharper, softer in pairwise(values):
        assert softer < 0.97 * sharper, values


@pytest.mark.parametrize("name", SCENES)
def test_light_and_noise_count_less_than_a_little_blur(photos: Path, name: str | int) -> None:
    scene = scene_of(photos, name)
    whole, softer = measured(scene), measured(scene.filter(ImageFilter.GaussianBlur(1.2)))
    for stops in (-1, -0.5, 0.5):
        light = (np.asarray(scene) / 255) ** 2.2 * 2.0**stops
        lit = (255 * light.clip(0, 1) ** (1 / 2.2)).astype(np.uint8)
        assert abs(measured(Image.fromarray(lit)) - whole) < 0.5 * (whole - softer)
    noise = np.random.default_rng(1).normal(0, 4, (scene.height, scene.width, 3))

    def grainy(image: Image.Image) -> Image.Image:
        return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))

    assert measured(grainy(scene.filter(ImageFilter.GaussianBlur(1.2)))) < measured(grainy(scene))


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("axis", [0, 1])
def test_a_shake_in_one_direction_lowers_it(photos: Path, name: str | int, axis: int) -> None:
    scene = scene_of(photos, name)
    pixels = np.asarray(scene).astype(np.float32)
    shaken = np.mean([np.roll(pixels, by, axis) for by in range(9)], axis=0)
    assert measured(Image.fromarray(shaken.astype(np.uint8))) < 0.8 * measured(scene)


def test_the_middle_counts_most() -> None:
    """A sharp subject before a soft background beats a soft subject before a sharp one."""
    scene = made_up(5, (960, 720))
    soft = scene.filter(ImageFilter.GaussianBlur(2.5))
    middle = (240, 180, 720, 540)
    subject, background = soft.copy(), scene.copy()
    subject.paste(scene.crop(middle), middle)
    background.paste(soft.crop(middle), middle)
    assert measured(subject) > 1.1 * measured(background)


@pytest.mark.parametrize("shape", [(1, 1), (63, 500), (500, 63)])
def test_small_photos_have_none(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    assert focus_of(rng.integers(0, 256, (*shape, 3), dtype=np.uint8)) is None


def test_plain_photos_have_none() -> None:
    plain: Pixels = np.full((600, 800, 3), 90, np.uint8)
    assert focus_of(plain) is None


def test_nothing_is_written_into_the_photo() -> None:
    pixels = np.array(made_up(1))
    before = pixels.copy()
    pixels.flags.writeable = False
    focus_of(pixels)
    assert (pixels == before).all()
