"""HEIC and other HEIF photos, by pillow-heif."""

from typing import Any, BinaryIO

from PIL import Image

from spider_cli.decoders import CheckSize, DecoderError, check_length
from spider_cli.decoders.code_points import is_hdr, profile
from spider_cli.structure import looks_cut

__all__ = ["open_heif"]


def open_heif(file: BinaryIO, check: CheckSize) -> tuple[Image.Image, tuple[str, ...]]:
    """Decode the main picture of a file.

    The container says how it is to be turned, and the decoder does so; an orientation in the EXIF
    data beside is none of ours, and is left out. 10 and 12 bits become 8, or of grey 16. Colours
    described by code points instead of a profile get the profile that says the same.

    Returns:
        The picture, upright, and what had to be decided.

    Raises:
        EOFError: the file is cut; the decoder would leave the lost tiles black, and say nothing.
        DecoderError: it lacks a codec for the file, or the file is larger than it takes.
        Exception: whatever the decoder stumbles over.
    """
    import pillow_heif

    if looks_cut(file):
        raise EOFError
    check_length(file)
    try:
        held = pillow_heif.open_heif(file)
        picture = held[held.primary_index]
        check(picture.size)
        image = picture.to_pillow()
    except SyntaxError as error:  # which is how pillow-heif says that it lacks something
        what = "is a HEIF photo of a kind that pillow-heif cannot read"
        raise DecoderError("unsupported", what, "Convert it to JPEG or PNG.") from error
    except RuntimeError as error:
        if "limit" not in str(error):
            raise
        what = "holds more than its header says, or than libheif takes"
        raise DecoderError("too_large", what, "Convert it to JPEG or PNG.") from error
    notes = [] if len(held) == 1 else [f"main picture of {len(held)}"]
    info: dict[str, Any] = picture.info
    icc, points = info.get("icc_profile"), info.get("nclx_profile")
    if icc is None and points is not None:
        primaries, transfer = points["color_primaries"], points["transfer_characteristics"]
        icc = profile(primaries, transfer)
        if is_hdr(transfer):
            notes.append("it is HDR; shown as on an ordinary screen")
    image.info = {"icc_profile": icc}
    return image, tuple(notes)
