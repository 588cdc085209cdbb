"""The reporter: tells people and the log how a run goes."""

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

from spider_cli.outputs import messages
from trainer.tuning.log import RunLog
from trainer.tuning.measured import Measured

if TYPE_CHECKING:
    from rich.live import Live

__all__ = ["Reporter", "memory_in_use"]

GIB = 2**30


class Reporter(TrainerCallback):
    """A live line on a terminal, JSON lines in the log; evaluations and the like also in a pipe.

    Args:
        log: where everything goes.
        steps: of the whole run.
        shown: False in processes that are not the first, and under --quiet.
    """

    def __init__(self, log: RunLog, steps: int, *, shown: bool) -> None:
        self.log = log
        self.steps = steps
        self.shown = shown
        self._live: Live | None = None
        self._started = self._since = time.monotonic()
        self._first = self._last_logged = 0
        self._words = ""
        self._too_long = [0, 0]

    def on_train_begin(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        self._started = self._since = time.monotonic()
        self._first = self._last_logged = int(state.global_step)
        if self.shown and sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        self._draw(int(state.global_step))

    def too_long(self) -> None:
        """Say how many rows were, if any."""
        dropped, cut = self._too_long
        if dropped or cut:
            self.say(f"rows longer than run.max_length: {dropped} left out, {cut} cut")

    def close(self) -> None:
        """Take the live line away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, text: str) -> None:
        """A line for people."""
        if not self.shown:
            return
        if self._live is not None:
            self._live.console.print(messages.printable(text), markup=False, highlight=False)
        else:
            messages.plain(text)

    def step(self, step: int, values: dict[str, Any], counts: Sequence[int]) -> None:
        """A line of the log.

        Args:
            values: loss, grad_norm, lr, epoch.
            counts: `Ledger.counts` of all processes together.
        """
        now = time.monotonic()
        seconds = max(now - self._since, 1e-9)
        rows, tokens, dropped, truncated = counts
        self._too_long = [self._too_long[0] + dropped, self._too_long[1] + truncated]
        row = {
            **values,
            "samples_per_second": round(rows / seconds, 3),
            "tokens_per_second": round(tokens / seconds, 1),
            "seconds": round(now - self._started, 3),
            "memory_gib": round(memory_in_use() / GIB, 3),
            "rows_dropped": dropped,
            "rows_truncated": truncated,
        }
        self._since, self._last_logged = now, step
        self.log.add("step", step, **row)
        rate = max(values["lr"].values(), default=0.0)
        self._words = (
            f"loss {values['loss']:.4f}  lr {rate:.2g}  {row['samples_per_second']:.3g} samples/s  "
            f"{row['tokens_per_second']:,.0f} tokens/s  {row['memory_gib']:.1f} GiB"
        )
        self._draw(step)

    def evaluation(self, step: int, measured: Measured, seconds: float, best: bool) -> None:
        """Figures and sample answers."""
        samples = [
            {"question": one.question, "answer": one.answer, "reference": one.reference}
            for one in measured.samples
        ]
        figures = {name: round(value, 6) for name, value in measured.figures.items()}
        self.log.add(
            "evaluation",
            step,
            figures=figures,
            cases=measured.cases,
            failed=measured.failed,
            seconds=round(seconds, 3),
            best=best,
            samples=samples,
        )
        # The loss, and each task's first figure: the log has all.
        first = {name.partition(".")[0]: name for name in reversed(figures)}
        shown = [f"{name} {figures[name]:.3f}" for name in reversed(first.values())]
        self.say(f"step {step}: {', '.join(shown)}{' (best so far)' if best else ''}")
        for one in measured.samples:
            self.say(f"  asked   {one.question}")
            self.say(f"  answers {one.answer}")
            self.say(f"  truth   {one.reference}")
        self.restart_clock()

    def restart_clock(self) -> None:
        """What was done besides training is no part of its pace."""
        self._since = time.monotonic()

    def _draw(self, step: int) -> None:
        if self._live is not None:
            from rich.text import Text

            line = f"step {step}/{self.steps}  {self._words}  {self._left(step)} left"
            self._live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)

    def _left(self, step: int) -> str:
        done = step - self._first
        if not done:
            return "?"
        seconds = round((time.monotonic() - self._started) / done * (self.steps - step))
        minutes, seconds = divmod(max(0, seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def memory_in_use() -> int:
    """Bytes: the most that the GPU's allocator held, or that this process held without a GPU."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) * (1 if sys.platform == "darwin" else 1024)
