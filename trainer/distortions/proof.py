"""Measure the distortions on photos: ``python -m trainer.distortions.proof --photos DIR``.

For every type it prints, level by level, the mean SSIM, PSNR and CIEDE2000 against the untouched
photo, the share of photos on which SSIM falls at each step, and the time of a call. It ends with an
error unless both means fall at every step, level 1 is visible, and the median type is quick.
Every level of every photo draws anew: nothing is owed to levels that share a draw.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from spider_cli.errors import UsageError
from trainer.distortions import AUTHENTIC, TYPES, distort, family_of, other_of
from trainer.distortions.fidelity import Reference, colour_difference, psnr
from trainer.distortions.kinds import Pixels
from trainer.opencv import resized
from trainer.sources import load_pixels, read_collection

__all__ = ["LEVELS", "Measured", "broken_claims", "main", "measure", "milliseconds", "read_photos"]

LEVELS = (1, 2, 3, 4, 5)
SIDE = 512
"""Long side of the photos measured: levels hold for about 512-640 pixels."""
QUICK = 15.0
"""Milliseconds that the median type may take for 512 x 512 pixels on one core."""
MOST_ALIKE, LEAST_COLOUR = 0.97, 2.0
"""Level 1 is visible at a mean SSIM of at most the one, or CIEDE2000 of at least the other."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One type, over all photos. Lists go by level, 1 to 5, or by step, 1-2 to 4-5."""

    kind: str
    answers_to: str
    """Its family, or the plain name of a fault of no family."""
    ssim: list[float]
    psnr: list[float]
    ciede2000: list[float]
    ssim_falls: list[float]
    """Share of photos, 0-1, on which SSIM falls at the step."""
    psnr_falls: list[float]
    metric: str
    """"SSIM" or "PSNR": the one whose weakest step holds on more photos."""
    milliseconds: float

    @property
    def ordered(self) -> bool:
        """Mean SSIM and mean PSNR both fall at every step."""
        return all(step < 0 for means in (self.ssim, self.psnr) for step in np.diff(means))

    @property
    def visible(self) -> bool:
        """Level 1 can be seen."""
        return self.ssim[0] <= MOST_ALIKE or self.ciede2000[0] >= LEAST_COLOUR


def read_photos(folder: Path, count: int) -> list[Pixels]:
    """`count` photos spread evenly over a folder's sorted paths, shrunk to a long side of 512.

    Raises:
        UsageError: the folder holds fewer.
    """
    found = [photo.path for photo in read_collection([folder])]
    if not 0 < count <= len(found):
        raise UsageError(
            f"{folder} holds {len(found)} photos, {count} were asked for",
            hint="Name another folder with --photos, or fewer with --count.",
            code="too_few_photos",
        )
    chosen = [found[round(i)] for i in np.linspace(0, len(found) - 1, count)]
    return [_shrunk(load_pixels(path)) for path in chosen]


def measure(kind: str, photos: Sequence[Reference], seed: int) -> Measured:
    """Measure one type on untouched photos; `seed` is where every draw starts from."""
    similar, signal, colour = (np.empty((len(photos), len(LEVELS))) for _ in range(3))
    for row, photo in enumerate(photos):
        for column, level in enumerate(LEVELS):
            draw = np.random.default_rng([seed, row, level])
            changed = distort(photo.pixels, kind, level, draw)
            similar[row, column] = photo.ssim(changed).mean()
            signal[row, column] = psnr(photo.pixels, changed)
            colour[row, column] = colour_difference(photo.pixels, changed)
    falls = [(np.diff(values, axis=1) < 0).mean(axis=0) for values in (similar, signal)]
    return Measured(
        kind=kind,
        answers_to=family_of(kind) or other_of(kind),
        ssim=similar.mean(axis=0).tolist(),
        psnr=signal.mean(axis=0).tolist(),
        ciede2000=colour.mean(axis=0).tolist(),
        ssim_falls=falls[0].tolist(),
        psnr_falls=falls[1].tolist(),
        metric="SSIM" if falls[0].min() >= falls[1].min() else "PSNR",
        milliseconds=milliseconds(kind, photos[len(photos) // 2].pixels),
    )


def milliseconds(kind: str, pixels: Pixels) -> float:
    """Time of a call, 512 x 512 pixels, one thread: the best of 3, mean of levels 1, 3 and 5."""
    square = resized(pixels, (SIDE, SIDE), cv2.INTER_AREA)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        times = [min(_timed(square, kind, level) for _ in range(3)) for level in (1, 3, 5)]
    finally:
        cv2.setNumThreads(threads)
    return 1000 * statistics.fmean(times)


def broken_claims(measured: Sequence[Measured]) -> list[str]:
    """What the figures contradict, in words; empty when all holds."""
    said = [
        f"{m.kind}: SSIM or PSNR does not fall at every step" for m in measured if not m.ordered
    ]
    said += [f"{m.kind}: level 1 cannot be seen" for m in measured if not m.visible]
    median = statistics.median(m.milliseconds for m in measured)
    if median >= QUICK:
        said.append(f"the median type takes {median:.1f} ms, {QUICK:g} at most are wanted")
    return said


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when every claim holds, 1 when one is broken, 2 for bad arguments."""
    parser = argparse.ArgumentParser("python -m trainer.distortions.proof", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="folder of untouched photos")
    parser.add_argument("--count", type=int, default=50, help="photos to measure on (default 50)")
    parser.add_argument("--seed", type=int, default=7, help="where every draw starts (default 7)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    parser.add_argument("--types", nargs="+", metavar="TYPE", help="only these (default: all)")
    options = parser.parse_args(arguments)
    try:
        kinds = options.types or [*(name for names in TYPES.values() for name in names), *AUTHENTIC]
        for kind in kinds:
            family_of(kind)
        photos = [Reference(pixels) for pixels in read_photos(options.photos, options.count)]
    except UsageError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return 2
    print(_HEAD)
    measured = []
    for kind in kinds:
        measured.append(measure(kind, photos, options.seed))
        print(_row(measured[-1]), flush=True)
    median = statistics.median(m.milliseconds for m in measured)
    print(f"\n{len(measured)} types, {len(photos)} photos; median type {median:.1f} ms a call")
    broken = broken_claims(measured)
    print(
        "\n".join(broken) or "SSIM and PSNR fall at every step, and level 1 is visible: all types"
    )
    if options.json:
        record = {
            "photos": options.photos.name,
            "count": len(photos),
            "long_side": SIDE,
            "seed": options.seed,
            "median_milliseconds": median,
            "broken": broken,
            "types": [asdict(m) for m in measured],
        }
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return int(bool(broken))


_HEAD = (
    f"{'':28}{'mean SSIM, levels 1-5':31}{'mean PSNR, dB':26}{'mean CIEDE2000':25}"
    f"{'SSIM falls on %':18}{'PSNR falls on %':18}metric    ms"
)


def _row(measured: Measured) -> str:
    similar = " ".join(f"{value:.3f}" for value in measured.ssim)
    signal = " ".join(f"{value:4.1f}" for value in measured.psnr)
    colour = " ".join(f"{value:4.1f}" for value in measured.ciede2000)
    falls = [
        " ".join(f"{100 * share:3.0f}" for share in shares)
        for shares in (measured.ssim_falls, measured.psnr_falls)
    ]
    return (
        f"{measured.kind:28}{similar:31}{signal:26}{colour:25}{falls[0]:18}{falls[1]:18}"
        f"{measured.metric:6} {measured.milliseconds:5.1f}"
    )


def _shrunk(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    return resized(pixels, (round(width * scale), round(height * scale)), cv2.INTER_AREA)


def _timed(pixels: Pixels, kind: str, level: float) -> float:
    draw = np.random.default_rng(1)
    start = time.perf_counter()
    distort(pixels, kind, level, draw)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
