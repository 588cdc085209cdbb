"""How many of a cluster's processors and GPUs each step of a run takes."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Sizes", "sizes_for"]

_MODEL_SHARE, _DECODER_SHARE, _LISTING_SHARE = 0.4, 0.08, 0.02
"""Of a processor, where models run on processors. Decoding takes about a tenth of the time of
judging, and listing next to nothing. All together take half of what there is: an engine counts, it
does not measure, and when a machine dies the others must have room for its actors."""
_DECODERS_OF_GPU = 4
"""A GPU sees photos faster than one processor decodes them."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What each step asks the engine for."""

    workers: int
    """Model actors; each loads the model once."""
    worker_cpus: float
    worker_gpus: float
    decoders: int
    decoder_cpus: float
    decoder_threads: int
    listing_cpus: float


def sizes_for(
    resources: Mapping[str, float],
    *,
    device: str,
    workers: int | None,
    decoders: int | None,
    served: bool = False,
) -> Sizes:
    """Sizes from what a cluster has.

    With GPUs: a worker on each, and four processors that decode for it. Without: a worker on each
    processor, which decodes on the side.

    Args:
        resources: of the whole cluster, as the engine says: "CPU", "GPU".
        device: as asked for; "cpu" leaves GPUs alone.
        workers: asked for.
        decoders: asked for.
        served: the model is a server's: workers only ask it.
    """
    cpus = max(1.0, resources.get("CPU", 1.0))
    gpus = int(resources.get("GPU", 0)) if device in ("auto", "cuda") and not served else 0
    if gpus:
        count = workers or gpus
        room = max(1, int(cpus) - 1)
        helpers = decoders or max(1, min(_DECODERS_OF_GPU * count, room))
        share = _down(min(1.0, 0.5 * cpus / helpers))
        return Sizes(count, 0.0, min(1.0, gpus / count), helpers, share, 2, _LISTING_SHARE)
    count = workers or max(1, int(cpus))
    helpers = decoders or max(1, (count + 1) // 2)
    # More than there is room for would wait for ever: everyone gets a smaller share.
    squeeze = min(
        1.0,
        cpus / (count * _MODEL_SHARE + helpers * _DECODER_SHARE + _LISTING_SHARE),
    )
    return Sizes(
        count,
        _down(_MODEL_SHARE * squeeze),
        0.0,
        helpers,
        _down(_DECODER_SHARE * squeeze),
        2,
        _down(_LISTING_SHARE * squeeze),
    )


def _down(share: float) -> float:
    """The engine counts in steps of 1/10,000."""
    return max(0.0001, int(share * 10_000) / 10_000)
