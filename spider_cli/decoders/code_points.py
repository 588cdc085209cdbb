"""Colours described by code points (ITU-T H.273) instead of a profile: the profile that says the
same."""

import struct
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["is_hdr", "profile"]

Curve = npt.NDArray[np.float64]

_PQ, _HLG = 16, 18

_D65, _DCI = (0.3127, 0.3290), (0.314, 0.351)
_PRIMARIES = {  # x and y of red, green, blue, white
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _DCI),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
}
_SCREEN_WHITE = 203.0
"""Candelas per square metre; highlights are brighter (ITU-R BT.2408)."""


def is_hdr(transfer: int) -> bool:
    """Whether a transfer characteristic reaches beyond an ordinary screen's white."""
    return transfer in (_PQ, _HLG)


def profile(primaries: int, transfer: int) -> bytes | None:
    """An ICC profile for H.273's code points, or None where they are sRGB's, or nothing we know.

    BT.709's curve counts as sRGB's: screens show both alike. HDR is brought into an ordinary
    screen's range, channel by channel: unchanged up to middle tones, highlights rolled off.
    """
    curve = _CURVES.get(transfer, _srgb)
    known = _PRIMARIES.get(primaries, _PRIMARIES[1])
    if curve is _srgb and known is _PRIMARIES[1]:
        return None
    levels = np.linspace(0, 1, 4096)
    table = np.rint(np.clip(curve(levels), 0, 1) * 65535).astype(">u2")
    return _icc(_to_d50(known), table)


def _srgb(v: Curve) -> Curve:
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def _gamma(power: float) -> Callable[[Curve], Curve]:
    return lambda v: v**power


def _pq(v: Curve) -> Curve:
    root = v ** (1 / 78.84375)
    light = (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (
        1 / 0.1593017578125
    )
    return _rolled_off(light * 10_000 / _SCREEN_WHITE)


def _hlg(v: Curve) -> Curve:
    scene = np.where(v <= 0.5, v**2 / 3, (np.exp((v - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    return _rolled_off(scene**1.2 * 1_000 / _SCREEN_WHITE)


def _rolled_off(light: Curve) -> Curve:
    """Light, 1 being white, bent towards 1 from 0.6 on."""
    knee = 0.6
    over = np.maximum(light - knee, 0)
    return np.minimum(light, knee) + (1 - knee) * (1 - np.exp(-over / (1 - knee)))


_CURVES: dict[int, Callable[[Curve], Curve]] = {
    4: _gamma(2.2), 5: _gamma(2.8), 8: _gamma(1.0), 17: _gamma(2.6), _PQ: _pq, _HLG: _hlg
}  # fmt: skip


def _to_d50(points: tuple[tuple[float, float], ...]) -> Curve:
    """(3, 3): the columns are XYZ of red, green and blue, for an eye adapted to D50 (Bradford)."""
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in points]).T
    colours, white = xyz[:, :3], xyz[:, 3]
    colours = colours * np.linalg.solve(colours, white)
    cones = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    d50 = np.array([0.9642, 1.0, 0.8249])
    scale = np.diag((cones @ d50) / (cones @ white))
    adapted: Curve = np.linalg.solve(cones, scale @ cones) @ colours
    return adapted


def _icc(colours: Curve, table: npt.NDArray[np.uint16]) -> bytes:
    """A matrix profile of version 2: three colours, and one curve for all three."""

    def xyz(values: Curve) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(v) * 65536) for v in values))

    text = b"spider\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    curve = b"curv\0\0\0\0" + struct.pack(">I", len(table)) + table.tobytes()
    parts = [
        (b"desc", description),
        (b"cprt", b"text\0\0\0\0none\0"),
        (b"wtpt", xyz(np.array([0.9642, 1.0, 0.8249]))),
        (b"rXYZ", xyz(colours[:, 0])),
        (b"gXYZ", xyz(colours[:, 1])),
        (b"bXYZ", xyz(colours[:, 2])),
        (b"rTRC", curve),
    ]
    shared = (b"gTRC", b"bTRC")
    at = 128 + 4 + 12 * (len(parts) + len(shared))
    entries, body = [], b""
    for tag, content in parts:
        entries.append(struct.pack(">4sII", tag, at + len(body), len(content)))
        body += content + bytes(-len(content) % 4)
    last = entries[-1][4:]
    entries += [tag + last for tag in shared]
    header = struct.pack(
        ">I4xI4s4s4s12x4s4x4x4x8x4x3i",
        at + len(body),
        0x02100000,
        b"mntr",
        b"RGB ",
        b"XYZ ",
        b"acsp",
        63190,  # D50, which all such profiles speak of
        65536,
        54061,
    )
    return header.ljust(128, b"\0") + struct.pack(">I", len(entries)) + b"".join(entries) + body
