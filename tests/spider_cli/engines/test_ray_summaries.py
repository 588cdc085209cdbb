"""The driver of a run on Ray does not remember each block."""

from typing import Any, ClassVar

import pytest

from spider_cli.engines.ray_engine import joined

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own
BLOCKS = 40


def test_no_statistics_of_blocks_are_kept(cluster: Any) -> None:
    with joined(cluster.address, quiet=True):
        from ray.data import DataContext
        from ray.data import range as numbers
        from ray.data._internal.execution.execution_callback import ExecutionCallback

        class Counting(ExecutionCallback):  # type: ignore[misc]
            kept: ClassVar[list[int]] = []

            def on_execution_step(self, executor: Any) -> None:
                steps = [vars(step).get("_output_blocks_stats") for step in executor._topology]
                self.kept.append(sum(len(kept) for kept in steps if kept is not None))

        def most_kept() -> int:
            Counting.kept.clear()
            numbers(BLOCKS, override_num_blocks=BLOCKS).materialize()
            return max(Counting.kept)

        context = DataContext.get_current()
        ours = context.custom_execution_callback_classes
        context.custom_execution_callback_classes = [*ours, Counting]
        assert most_kept() == 0
        context.custom_execution_callback_classes = [Counting]
        assert most_kept() >= BLOCKS  # what a run would gather
        context.custom_execution_callback_classes = ours
