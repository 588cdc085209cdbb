"""Frames as large as a camera's, with faults that a thumbnail does not show, or with none.

A camera's frame is soft at 100% although nothing is wrong with it: lens, mosaic and JPEG see to
that. So every frame goes through all three, and half of them through nothing else. The others get
noise, a missed focus or a moved camera of a few pixels, which are gone when the frame is shrunk to
640 pixels.
"""

import hashlib
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from spider_cli.errors import PhotoError, UsageError
from spider_cli.questions import describe_question
from trainer.annotate import MIN_CHANGE
from trainer.datasets.schema import Item
from trainer.datasets.store import sha256_of
from trainer.describing import describe
from trainer.distortions import distort, family_of, severity_of
from trainer.distortions.light import to_light, to_pixels
from trainer.distortions.sensor import high_iso
from trainer.evaluate.benchmark import Benchmark, Opened
from trainer.evaluate.cases import Case, cases_of
from trainer.opencv import resized
from trainer.rows import QA
from trainer.sources import LabelledPhoto, load_pixels, read_collection
from trainer.truth import Applied, Pixels, Sample
from trainer.wording import Wording

__all__ = ["FAULTS", "FRAMES", "MEGAPIXELS", "Frame", "camera_frame", "of_camera"]

FRAMES = 120
"""How many, where nobody says."""
MEGAPIXELS = 24.0
FAULTS: dict[str, dict[str, tuple[float, float]]] = {
    "noise": {
        "high_iso": (1.3, 2.3),
        "noise_gaussian_rgb": (1.3, 2.6),
        "noise_gaussian_ycrcb": (1.3, 2.6),
    },
    "focus": {"defocus": (2.2, 3.4), "blur_lens": (2.2, 3.4)},
    "motion": {"hand_shake": (2.2, 3.0), "blur_motion": (1.8, 2.6)},
}
"""Fault -> its types, and the levels between which their strength is drawn: seen at 100%, and gone
where ten pixels become one."""
_MOST_ENLARGED = 2.0
_SOFT = (0.7, 1.3)
"""Sigma in pixels of all that softens a clean frame, between which it is drawn."""
_SOFT_OF_ENLARGED = 0.45
"""Sigma in pixels that enlarging by 1 would bring, of a photo that is sharp at 100%."""
_ELECTRONS = 20_000.0
"""A full well at the lowest ISO: noise that nobody sees."""
_QUALITY = (90, 97)
_CROP = 384
_BLANK = np.full((32, 32, 3), 128, np.uint8)


@dataclass(frozen=True, slots=True)
class Frame:
    """What one frame will be."""

    number: int
    photo: LabelledPhoto
    source: str
    """Path of the photo, relative to the folder that was given."""
    size: tuple[int, int]
    """Width and height in pixels."""
    fault: Applied | None
    seed: int

    @property
    def id(self) -> str:
        return f"{self.number:04d}"


def of_camera(
    folders: Sequence[Path], *, size: int = FRAMES, seed: int = 0, megapixels: float = MEGAPIXELS
) -> Benchmark:
    """Frames of `megapixels` from the photos in `folders`, made when they are asked for.

    Photos that would have to be enlarged more than twice, or have so little texture that a missed
    focus cannot be seen, are left out.

    Args:
        size: frames; half are clean, the others share the three faults.
        seed: of the photos' order and of every draw.

    Raises:
        UsageError: no folder, or no photo that will do.
    """
    found = [(folder, one) for folder in folders for one in read_collection([folder])]
    pixels = megapixels * 1e6
    usable: list[tuple[LabelledPhoto, str, tuple[int, int]]] = []
    small = plain = 0
    for folder, photo in found:
        shown = load_pixels(photo.path)
        scale = (pixels / (shown.shape[0] * shown.shape[1])) ** 0.5
        if scale > _MOST_ENLARGED:
            small += 1
        elif not _textured(shown, scale):
            plain += 1
        else:
            wide = (round(shown.shape[1] * scale), round(shown.shape[0] * scale))
            usable.append((photo, photo.path.relative_to(folder).as_posix(), wide))
    if not usable:
        raise UsageError(
            f"none of the {len(found)} photos in {', '.join(map(str, folders)) or 'no folder'} "
            f"makes a frame of {megapixels:g} megapixels",
            hint=f"give --photos DIR with photos of at least {megapixels / 4:g} megapixels",
            code="no_photos",
        )
    order = np.random.default_rng([seed, 11]).permutation(len(usable))
    frames = [_planned(number, [usable[i] for i in order], seed) for number in range(size)]
    made = {frame.id: frame for frame in frames}

    def photos(wanted: Collection[str]) -> Iterator[Opened]:
        for name, frame in made.items():
            if name in wanted:
                yield _opened(frame)

    left = [f"{small} photos are too small"] if small else []
    left += [f"{plain} photos are too plain"] if plain else []
    return Benchmark(
        "camera",
        "",
        _digest([photo.path for photo, _, _ in usable], size, seed, megapixels),
        [_case(frame) for frame in frames],
        photos,
        tuple(left),
    )


def camera_frame(pixels: Pixels, frame: Frame) -> Pixels:
    """A sharp photo as a camera would have taken it: lens, fault, mosaic, JPEG.

    Args:
        pixels: (height, width, 3) uint8 RGB.

    Returns:
        (height, width, 3) uint8 RGB of the frame's size.
    """
    rng = np.random.default_rng([frame.seed, frame.number])
    scale = frame.size[0] / pixels.shape[1]
    method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    shown = _lens(resized(pixels, frame.size, method), scale, rng)
    fault = frame.fault
    if fault is not None and fault.family == "blur":
        shown = distort(shown, fault.kind, fault.level, rng)
    if fault is not None and fault.kind == "high_iso":
        shown = distort(shown, fault.kind, fault.level, rng)
    else:
        shown = high_iso(shown, _ELECTRONS, rng)
        if fault is not None and fault.family == "noise":
            shown = distort(shown, fault.kind, fault.level, rng)
    out = io.BytesIO()
    Image.fromarray(shown).save(out, "JPEG", quality=int(rng.integers(*_QUALITY, endpoint=True)))
    with Image.open(out) as image:
        return np.asarray(image.convert("RGB"))


def _planned(
    number: int, usable: Sequence[tuple[LabelledPhoto, str, tuple[int, int]]], seed: int
) -> Frame:
    turn, place = divmod(number, len(usable))
    photo, source, wide = usable[place]
    # A turn later the photos that were clean get the faults.
    fault = None
    if (place + turn) % 2:
        rng = np.random.default_rng([seed, 12, number])
        kinds = FAULTS[list(FAULTS)[(number // 2) % len(FAULTS)]]
        kind = list(kinds)[int(rng.integers(len(kinds)))]
        level = round(float(rng.uniform(*kinds[kind])), 2)
        fault = Applied(family_of(kind), kind, level, severity_of(level))
    return Frame(number, photo, source, wide, fault, seed)


def _lens(pixels: Pixels, scale: float, rng: np.random.Generator) -> Pixels:
    """As soft as a good lens leaves it, whatever enlarging did already."""
    there = _SOFT_OF_ENLARGED * max(1.0, scale)
    sigma = max(rng.uniform(*_SOFT) ** 2 - there**2, 0.09) ** 0.5
    light = cv2.GaussianBlur(to_light(pixels), (0, 0), sigma)
    return to_pixels(np.asarray(light, dtype=np.float32))


def _textured(pixels: Pixels, scale: float) -> bool:
    """A missed focus shows in some part of it."""
    height, width = pixels.shape[:2]
    side = min(_CROP, height, width)
    rng = np.random.default_rng(0)
    changes = []
    for down, right in ((1, 1), (1, 2), (2, 1), (2, 2)):
        y = min(max(height * down // 3 - side // 2, 0), height - side)
        x = min(max(width * right // 3 - side // 2, 0), width - side)
        part = pixels[y : y + side, x : x + side]
        near = max(16, round(side * scale))
        part = _lens(resized(part, (near, near), cv2.INTER_CUBIC), scale, rng)
        blurred = distort(part, "defocus", FAULTS["focus"]["defocus"][0], rng)
        changes.append(float(cv2.absdiff(part, blurred).mean()))
    return max(changes) >= MIN_CHANGE


def _opened(frame: Frame) -> Opened:
    try:
        pixels = load_pixels(frame.photo.path)
    except (OSError, PhotoError) as error:
        return Opened((_case(frame),), None, str(error))
    return Opened((_case(frame),), _item(frame, camera_frame(pixels, frame)))


def _item(frame: Frame, pixels: Pixels) -> Item:
    faults = () if frame.fault is None else (frame.fault,)
    sample = Sample(pixels, (), faults)
    # Only the answer is taken, how a right one might be worded: for that it need not see the photo.
    unseen = Sample(_BLANK, (), faults)
    answer = describe(Wording(unseen, np.random.default_rng([frame.seed, frame.number, 1]))).answer
    row = QA(
        "describe",
        describe_question(),
        answer,
        tuple(one.distortion for one in faults),
        subtask="fine" if faults else "soft",
    )
    return Item(
        id=frame.id,
        source=frame.source,
        group=frame.source,
        scene="whole" if faults else "clean",
        sample=sample,
        rows=(row,),
    )


def _case(frame: Frame) -> Case:
    """The frame's question, without its pixels."""
    width, height = frame.size
    blank = np.broadcast_to(np.zeros(3, np.uint8), (height, width, 3))
    return cases_of(_item(frame, blank))[0]


def _digest(paths: Sequence[Path], size: int, seed: int, megapixels: float) -> str:
    sums = [sha256_of(path) for path in paths]
    text = f"camera/1 {size} {seed} {megapixels:g} {' '.join(sums)}"
    return hashlib.sha256(text.encode()).hexdigest()
