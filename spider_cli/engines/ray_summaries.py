"""Keeps Ray Data from gathering what it would sum up at the end of a run, for nobody here."""

from typing import Any

from ray.data._internal.execution.execution_callback import ExecutionCallback

__all__ = ["NoSummaries"]


class NoSummaries(ExecutionCallback):  # type: ignore[misc]
    """Drops statistics of blocks that are done.

    Each step of a plan keeps some of every block that it ever made: 4 KB a batch, all steps
    together, or 25 GB of the driver for fifty million photos. Ray has no switch for it. Should a
    release keep them elsewhere, memory grows again, and nothing else changes.
    """

    def on_execution_step(self, executor: Any) -> None:
        """Called from time to time by the thread that deals blocks, which alone adds to them."""
        for step in getattr(executor, "_topology", ()):
            kept = getattr(step, "_output_blocks_stats", None)
            if isinstance(kept, list):
                kept.clear()
