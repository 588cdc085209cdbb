"""A folder of photos as nobody would wish it: broken, hostile, oddly named; and what is said of
each."""

import hashlib
import io
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ExifTags import IFD, Base

from tests.dng import dng, mosaic

__all__ = ["LONG", "SCRIPT", "BadFolder", "snapshot", "write_bad_folder"]

Pixels = npt.NDArray[np.uint8]

SCRIPT = b'"><img src=x onerror=alert(1)>'
LONG = b"n" * 247 + b".jpg"
"""A photo whose name leaves no room for a longer one."""


@dataclass(frozen=True)
class BadFolder:
    """What `write_bad_folder` wrote."""

    folder: Path
    expected: dict[bytes, str | None] = field(default_factory=dict)
    """Path inside the folder -> the code of its error, None for a photo that can be judged."""
    vanishing: dict[bytes, int] = field(default_factory=dict)
    """Those of `expected` that go when they are opened for the n-th time, as whoever opens them
    must see to."""
    growing: tuple[bytes, ...] = ()
    """Those that grow by a byte whenever they are opened, likewise."""

    def add(self, name: bytes, content: bytes, code: str | None = None) -> Path:
        path = self.path(name)
        path.write_bytes(content)
        self.expected[name] = code
        return path

    def path(self, name: bytes) -> Path:
        return self.folder / os.fsdecode(name)

    @property
    def changing(self) -> frozenset[bytes]:
        """Those that are not the same afterwards."""
        return frozenset((*self.vanishing, *self.growing))

    def unlock(self) -> None:
        """Let who cleans up in."""
        for name in (b"closed", b"closed.jpg"):
            if (path := self.path(name)).exists():
                path.chmod(0o755)


def write_bad_folder(folder: Path) -> BadFolder:
    """Write it; a few seconds and less than a megabyte.

    Args:
        folder: is made. File permissions in it stop whoever looks, but for root.
    """
    folder.mkdir(parents=True)
    bad = BadFolder(
        folder,
        vanishing={b"vanishes-1.jpg": 1, b"vanishes-2.jpg": 2, b"vanishes-3.jpg": 3},
        growing=(b"grows.jpg",),
    )
    _broken(bad)
    _lying(bad)
    _huge(bad)
    _named(bad)
    _no_files(bad)
    photo = _saved("JPEG", _scene(5))
    bad.add(b"vanishes-1.jpg", photo, "not_found")
    bad.add(b"vanishes-2.jpg", photo, "not_found")
    bad.add(b"vanishes-3.jpg", photo)  # it was decoded by then
    bad.add(b"grows.jpg", photo)
    return bad


def snapshot(
    folder: Path, *, but: frozenset[bytes] = frozenset()
) -> dict[bytes, tuple[object, ...]]:
    """What a folder holds: bytes, links, modes, dates of the last change to content or attributes.

    Args:
        but: paths inside it that are passed over.
    """
    found: dict[bytes, tuple[object, ...]] = {}
    for path in _below(os.fsencode(folder)):
        name = os.path.relpath(path, os.fsencode(folder))
        if name in but:
            continue
        status = os.lstat(path)
        content: object = None
        if stat.S_ISLNK(status.st_mode):
            content = Path(os.fsdecode(path)).readlink()
        elif stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(Path(os.fsdecode(path)).read_bytes()).hexdigest()
        dates = (status.st_mtime_ns, status.st_ctime_ns)
        if stat.S_ISDIR(status.st_mode) and but:
            dates = (0, 0)  # what vanishes in it changes them
        found[name] = (content, status.st_mode, status.st_ino, *dates)
    return found


def _below(folder: bytes) -> Iterator[bytes]:
    for entry in os.scandir(folder):
        yield entry.path
        if entry.is_dir(follow_symlinks=False) and os.access(entry.path, os.R_OK | os.X_OK):
            yield from _below(entry.path)


def _scene(seed: int, size: tuple[int, int] = (48, 40)) -> Pixels:
    """(height, width, 3): noise on a slope, so that files are long enough to be cut."""
    width, height = size
    rng = np.random.default_rng([9, seed])
    slope = np.linspace(40, 215, width)[None, :, None]
    pixels: Pixels = (slope + rng.normal(0, 20, (height, width, 3))).clip(0, 255).astype(np.uint8)
    return pixels


def _saved(kind: str, pixels: Pixels, **more: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **more)
    return out.getvalue()


def _broken(bad: BadFolder) -> None:
    """Whole files of every kind, cut in the middle."""
    from importlib.util import find_spec

    scene = _scene(1)
    whole = {
        kind.lower(): _saved(kind.upper(), scene)
        for kind in ("jpeg", "png", "tiff", "webp", "gif", "bmp", "avif")
    }
    if find_spec("rawpy"):
        whole["dng"] = dng(mosaic(scene))
    if find_spec("pillow_heif"):
        import pillow_heif

        out = io.BytesIO()
        pillow_heif.from_pillow(Image.fromarray(scene)).save(out)
        whole["heic"] = out.getvalue()
    for kind, content in whole.items():
        bad.add(b"cut." + kind.encode(), content[: len(content) // 2], "truncated")
    bad.add(b"empty.jpg", b"", "empty_file")
    bad.add(b"zeros.jpg", bytes(4096), "not_an_image")
    flipped = bytearray(whole["png"])
    flipped[flipped.index(b"IDAT") + 40] ^= 0xFF
    bad.add(b"flipped.png", bytes(flipped), "unreadable")
    bad.add(b"start.jpg", whole["jpeg"][:3], "truncated")


def _lying(bad: BadFolder) -> None:
    """Files that are not what their names say."""
    bad.add(b"text.jpg", b"Dear all,\n\nthe photos are in the other folder.\n", "not_an_image")
    bad.add(b"page.png", b"<!doctype html><script>alert(1)</script>", "not_an_image")
    bad.add(b"document.jpg", b"%PDF-1.7\n", "unsupported")
    bad.add(b"layers.jpg", b"8BPS\0\1" + bytes(60), "unsupported")
    bad.add(b"png-inside.jpg", _saved("PNG", _scene(2)))
    bad.add(b"jpeg-inside.png", _saved("JPEG", _scene(3)))
    exif = Image.Exif()
    exif.update({Base.Make: "=cmd()|x", Base.Model: SCRIPT.decode()})
    exif.get_ifd(IFD.Exif).update(
        {Base.LensModel: b"\x1b[2J\xff\0lens", Base.DateTimeOriginal: "2026:11:28 14:03:09\r\n=1"}
    )
    bad.add(b"exif.jpg", _saved("JPEG", _scene(4), exif=exif))


def _huge(bad: BadFolder) -> None:
    """More pixels than anybody has memory for; and few bytes that unpack to many."""

    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    def png(width: int, height: int, bits: int, pixels: bytes) -> bytes:
        header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
        parts = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(parts)

    bad.add(b"huge.png", png(100_000, 100_000, 8, b""), "too_large")
    rows = zlib.compress(bytes(16_000 * (16_000 // 8 + 1)), 9)
    bad.add(b"bomb.png", png(16_000, 16_000, 1, rows), "too_large")
    content = bytearray(_saved("JPEG", _scene(1)))
    start = content.index(b"\xff\xc0")
    content[start + 5 : start + 9] = struct.pack(">HH", 65500, 65500)
    bad.add(b"huge.jpg", bytes(content), "too_large")


def _named(bad: BadFolder) -> None:
    """Names that trip shells, pages, spreadsheets and terminals; some of photos, some of none."""
    photo = _saved("JPEG", _scene(6))
    for name in (
        SCRIPT,
        b"=cmd()|x",
        b"-rf",
        b"new\nline",
        "emoji 🕷️".encode(),
        b"not utf-8 \xff\xfe",
    ):
        bad.add(name + b".jpg", photo)
    bad.add(LONG, photo)
    for name in (
        b"--help",
        b"'quo\"ted'",
        b"$(touch pwned) `id`; a & b | c",
        b"\x1b]0;title\x07\x1b[31mred",
        "turned \u202egpj.exe".encode(),
        b"*[a-z]?",
        b"{score} %s \\x41",
        b" blank ",
        b"@SUM(1+1)",
        b"\t\r",
        b"<script>alert(2)<\xff",
    ):
        bad.add(name + b".jpg", b"", "empty_file")


def _no_files(bad: BadFolder) -> None:
    """What stands where a photo might, and folders that lead nowhere, or back."""
    os.mkfifo(bad.path(b"pipe.jpg"))
    bad.expected[b"pipe.jpg"] = "unreadable"
    bad.path(b"folder.jpg").mkdir()
    bad.add(b"folder.jpg/inside.jpg", _saved("JPEG", _scene(7)))
    for name, target in (
        (b"dangling.jpg", "nowhere.jpg"),
        (b"itself.jpg", "itself.jpg"),
    ):
        bad.path(name).symlink_to(target)
        bad.expected[name] = "not_found"
    bad.path(b"device.jpg").symlink_to("/dev/zero")
    bad.expected[b"device.jpg"] = "unreadable"
    bad.path(b"folder.jpg/up").symlink_to("..")
    bad.path(b"round").symlink_to("folder.jpg/up/round")
    bad.add(b"closed.jpg", b"x", "unreadable").chmod(0)
    bad.path(b"closed").mkdir()
    bad.path(b"closed/a.jpg").write_bytes(b"x")
    bad.path(b"closed").chmod(0)
    bad.expected[b"closed"] = "unreadable"
