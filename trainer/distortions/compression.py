"""Compression: JPEG and JPEG 2000."""

import io
import math

import cv2
import numpy as np
from PIL import Image

from trainer.distortions.kinds import Kind, Pixels

__all__ = ["KINDS"]


def jpeg(pixels: Pixels, quality: float, rng: np.random.Generator) -> Pixels:
    """Baseline JPEG with halved chroma; `quality` 1-100, rounded."""
    options = [cv2.IMWRITE_JPEG_QUALITY, max(1, round(quality))]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise RuntimeError(f"OpenCV could not encode a {pixels.shape} photo as JPEG")
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def jpeg2000(pixels: Pixels, quality: float, rng: np.random.Generator) -> Pixels:
    """JPEG 2000 with about the decibels that `jpeg` leaves this photo at the same `quality`.

    A ratio would let smooth photos off, and decibels alike for all would wreck them.
    """
    # Of luma: JPEG at its worst shifts colours, which this codec doesn't. They cost 2 here.
    before, after = (
        cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (pixels, jpeg(pixels, quality, rng))
    )
    error = cv2.norm(before, after, cv2.NORM_L2SQR) / before.size
    decibels = 10 * math.log10(255**2 / max(error, 0.1)) - 2
    height, width = pixels.shape[:2]
    data = io.BytesIO()
    Image.fromarray(pixels).save(
        data,
        "JPEG2000",
        quality_mode="dB",
        quality_layers=[decibels],
        irreversible=True,
        mct=1,  # luma and chroma, as photos are coded
        # A level of the wavelet needs two pixels to work on.
        num_resolutions=min(6, int(math.log2(min(height, width)))),
    )
    return np.asarray(Image.open(data).convert("RGB"), dtype=np.uint8)


KINDS: dict[str, Kind] = {
    "compression_jpeg": Kind(jpeg, (95.0, 25.0, 12.0, 5.0), geometric=True),
    "compression_jpeg2000": Kind(jpeg2000, (95.0, 25.0, 12.0, 5.0), geometric=True),
}
