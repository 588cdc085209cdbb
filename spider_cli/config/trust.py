"""What a project's file may set. It may come with a stranger's folder of photos, so: nothing that
sends, writes, deletes, reads elsewhere or uses up the machine, whatever it says.

An option that is on neither list is not taken from a project's file; a test sees to it that each
option of each command is on one.
"""

from types import MappingProxyType
from typing import Any

__all__ = ["ALLOWED", "REFUSED", "refusal"]

ALLOWED = frozenset(
    {
        # what is asked
        *("box", "region", "long", "most", "least", "distortion", "order", "first", "last"),
        *("question", "rule"),
        # how it is computed
        *("device", "dtype", "quantize", "device-map", "batch-size", "max-pixels", "tuned"),
        *("model", "offline", "recursive", "null"),
        # what counts, and how it is told
        *("fail-under", "flag", "only-flagged", "top", "sort", "best-of-burst"),
        *("sidecars", "labels", "json", "csv", "quiet", "debug"),
        # what is measured, and how much of it
        *("split", "tasks", "limit", "scale", "size", "seed", "baselines", "peers", "side"),
        *("regions", "edges", "count", "all", "words", "points", "negative", "mask-choice"),
        *("choose", "recall", "dry-run", "skip-bad"),
    }
)

_SENDS = "it could send photos or words about them to another machine"
_WRITES = "it says what is written, and where"
_DESTROYS = "it lets files be replaced or removed"
_READS = "it names files to read"
_FETCHES = "it says what is downloaded"
_USES_UP = "it could use up the machine"
_PIPES = "it changes what a pipe gets"
_MODES = "it makes the command do something else"

REFUSED = MappingProxyType(
    {
        **dict.fromkeys(("allow-upload", "judge", "labeller", "rewriter"), _SENDS),
        **dict.fromkeys(("engine", "ray-address"), _SENDS),
        **dict.fromkeys(("output", "out", "report", "copy-to", "link-to", "state"), _WRITES),
        **dict.fromkeys(("xmp", "merge", "tensorboard"), _WRITES),
        **dict.fromkeys(("shards", "shard-size", "out-share"), _WRITES),
        **dict.fromkeys(("force", "yes", "overwrite-ratings"), _DESTROYS),
        **dict.fromkeys(
            ("photos", "encoder", "recipe", "card", "data", "segmenter", "scores", "masks"), _READS
        ),
        **dict.fromkeys(("config", "images", "predictions", "criteria", "against"), _READS),
        "column": _READS,
        **dict.fromkeys(("dir", "remote-code", "revision"), _FETCHES),
        **dict.fromkeys(("max-decode-pixels", "min-free", "jobs", "workers"), _USES_UP),
        **dict.fromkeys(("threads", "decoders"), _USES_UP),
        **dict.fromkeys(("list", "print0", "format"), _PIPES),
        **dict.fromkeys(("undo", "status", "fresh", "watch", "resume", "set"), _MODES),
    }
)
"""Option -> why not."""


def refusal(key: str, value: Any) -> str | None:
    """Why a project's file may not set an option to this value; None where it may."""
    if key not in ALLOWED:
        return REFUSED.get(key, "it is not known to be harmless")
    if key == "offline" and value is not True:
        return "it could only take back what you said"
    if key == "model":
        from spider_cli.weights.catalogue import entry_of

        entry = entry_of(str(value))
        if entry is None or entry.kind != "model":
            return "it may choose among the names of spider models list, no server and no folder"
    return None
