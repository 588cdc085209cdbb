"""Effects of faults of no family."""

__all__ = ["OTHER_EFFECTS", "PLURAL", "UNKNOWN_EFFECTS"]

OTHER_EFFECTS: dict[str, tuple[str, ...]] = {
    "lens flare": (
        "lays a glow and coloured discs over the scene",
        "hides detail behind bright spots",
        "sends rays across the shadows | dark",
        "dilutes the colours around the lamp | colourful",
    ),
    "chromatic aberration": (
        "draws coloured seams along the edges",
        "sets red and blue apart",
        "puts coloured seams on the fine texture{of} | textured",
        "makes white outlines look tinted | bright",
    ),
    "moire": (
        "covers fine patterns with coloured waves",
        "lays wavy stripes over the surfaces",
        "makes the even areas{of} shimmer | flat",
        "mixes waves into the fine texture{of} | textured",
    ),
    "ghosting": (
        "repeats the outlines beside themselves",
        "lays a pale copy over the scene",
    ),
    "colour cast": (
        "tints everything in one hue",
        "shifts the whites towards one hue",
        "makes grey surfaces look dyed | grey",
    ),
    "dust spots": (
        "leave round shadows on the surfaces",
        "show as grey discs in even areas | flat",
    ),
    "scratches": ("cut thin lines through the picture", "run as pale threads over the surfaces"),
    "watermark": ("covers the picture with foreign lettering", "lies over the scene like a stamp"),
    "light leak": ("spills a coloured glow into the frame", "lets a glow creep in from the rim"),
    "red eye": ("makes the pupils glow", "gives the eyes an uncanny look"),
    "hot pixels": ("show as single glowing points", "put isolated points into the shadows | dark"),
    "lens distortion": ("bends straight lines", "makes straight lines bulge"),
    "rolling shutter": ("slants what moves", "makes upright things lean"),
    "ringing": ("repeats the edges as ripples", "lays echoes beside the outlines"),
}
"""Plain name of a fault of no family -> its effects."""

UNKNOWN_EFFECTS: tuple[str, ...] = (
    "disturbs the look of the picture",
    "draws the eye away from the scene",
)
"""Of faults whose name is not known here."""

PLURAL = frozenset({"dust spots", "scratches", "hot pixels"})
"""Names that take a plural verb."""
