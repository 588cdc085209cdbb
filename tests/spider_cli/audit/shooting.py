"""Bursts as a camera held by hand would shoot them, from photos and made-up scenes."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from spider_cli.audit.facts import look_of
from spider_cli.audit.focus import focus_of
from spider_cli.results import Audited, Description, Grounding, Record, Score
from spider_cli.shot_facts import Facts

__all__ = ["facts_in", "frame", "made_up", "real_scenes", "record_with"]

_SIDE = 480
_MARGIN = 0.08
_SKIMAGE = (
    *("astronaut.png", "brick.png", "camera.png", "coins.png", "grass.png", "moon.png"),
    *("motorcycle_left.png", "retina.jpg", "page.png", "hubble_deep_field.jpg"),
)


def real_scenes(photos: Path) -> Iterator[tuple[str, Image.Image]]:
    """Name and picture of the photos that ship, and of those that scikit-image brings."""
    import skimage

    data = Path(skimage.__file__).parent / "data"
    for path in (*sorted(photos.glob("*.jpg")), *(data / name for name in _SKIMAGE)):
        with Image.open(path) as image:
            image.thumbnail((_SIDE, _SIDE))
            yield path.stem, image.convert("RGB")


def made_up(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """A scene of soft light, hard shapes and texture; no two seeds are alike."""
    rng = np.random.default_rng([7, seed])
    coarse = rng.integers(0, 256, (4, 6 * size[0] // 640, 3)).astype(np.uint8)
    light = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(light)
    for _ in range(14 * size[0] // 640):
        x, y = rng.integers(0, size[0]), rng.integers(0, size[1])
        across, down = rng.integers(20, 160, 2)
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape((int(x), int(y), int(x + across), int(y + down)), fill=colour)
    grain = rng.normal(0, 6, (size[1], size[0], 1))
    return Image.fromarray((np.asarray(light) + grain).clip(0, 255).astype(np.uint8))


def frame(
    scene: Image.Image,
    rng: np.random.Generator,
    *,
    shift: float = 0.015,
    stops: float = 0.3,
    blur: float = 0.0,
) -> Image.Image:
    """A photo of a scene: its middle, moved, turned and zoomed a little, in JPEG.

    Args:
        shift: of the frame's sides, at most.
        stops: of exposure, at most.
        blur: pixels, of a Gaussian.
    """
    width, height = scene.size
    zoom = 1 + rng.uniform(-0.01, 0.01)
    across, down = (side * (1 - 2 * _MARGIN) / zoom for side in scene.size)
    x, y = (side * (0.5 + rng.uniform(-shift, shift)) for side in (width, height))
    turned = scene.rotate(rng.uniform(-0.4, 0.4), Image.Resampling.BICUBIC)
    box = (x - across / 2, y - down / 2, x + across / 2, y + down / 2)
    size = (round(width * 0.84), round(height * 0.84))
    shot = turned.resize(size, Image.Resampling.BICUBIC, box=box)
    if blur:
        shot = shot.filter(ImageFilter.GaussianBlur(blur))
    light = (np.asarray(shot) / 255) ** 2.2 * 2 ** rng.uniform(-stops, stops)
    noisy = 255 * light.clip(0, 1) ** (1 / 2.2) + rng.normal(0, 2, light.shape)
    out = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=88)
    return Image.open(out)


def facts_in(shot: Image.Image) -> Facts:
    """What is known of a photo by its pixels, and that camera A took it."""
    pixels = np.asarray(shot.convert("RGB"))
    height, width = pixels.shape[:2]
    return Facts(width, height, camera="A", look=look_of(pixels), focus=focus_of(pixels))


def record_with(name: str, facts: Facts, score: float = 50.0) -> Record:
    """The record of a photo that a model has scored so."""
    levels = {"excellent": 0.0, "good": 0.0, "fair": 1.0, "poor": 0.0, "bad": 0.0}
    outcome = Audited(
        score=Score(score, "fair", levels),
        description=Description("How?", "Fine.", ()),
        region=Grounding("Where?", "Nowhere.", None, False, None, 0.0, None, False),
        why="nothing is wrong",
        facts=facts,
    )
    return Record("audit", name, "nano", "1f2e", 0.1, (), outcome)
