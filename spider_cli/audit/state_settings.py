"""What a record depends on besides the photo and the model's revision."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spider_cli.auditor import Auditor

__all__ = ["settings_of"]


def settings_of(auditor: "Auditor", *, device: str, dtype: str) -> str:
    """All besides the photo and the model's revision that a record depends on, as JSON.

    The model's name, which is in the record; the device and the number format as they were asked
    for, because last digits differ; ``--quantize`` and ``--max-pixels`` where they are of account;
    whether the model is asked as a base; the segmenter's revision; spider's own release. Neither
    the batch size nor the number of GPUs, which no answer depends on.

    Args:
        auditor: a server's model must have been opened, so that its name is known.
        device: as asked for.
        dtype: as asked for.
    """
    from spider_cli import __version__
    from spider_cli.served import is_served
    from spider_cli.weights import bundled_segmenter
    from spider_cli.weights.revision import revision_of

    served = is_served(auditor.model)
    folder = auditor.folder.find_segmenter(auditor.plan)[0] if not served else bundled_segmenter()
    return json.dumps(
        {
            "model": auditor.model,
            "device": device,
            "dtype": dtype,
            "quantize": auditor.quantize,
            "max_pixels": auditor.max_pixels,
            "untuned": auditor.untuned,
            "segmenter": revision_of(folder),
            "spider": __version__,
        },
        sort_keys=True,
    )
