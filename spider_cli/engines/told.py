"""What a run tells each of its steps: plain values."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spider_cli.audit.flags import Flag

__all__ = ["Told"]


@dataclass(frozen=True)
class Told:
    """What every step is told."""

    run: str
    """What tells this run from others."""
    version: str
    """Of spider, where the run was started."""
    revision: str
    """Of the model, there."""
    settings: str
    base: str
    """The folder from which the model may be named."""
    auditor: dict[str, Any]
    """The arguments of `Auditor`."""
    device: str
    dtype: str
    max_decode_pixels: int
    batch_size: int
    threads: int
    flags: "tuple[Flag, ...]" = ()
    pictures: str | None = None
    share: float = 1.0
    served: bool = False
