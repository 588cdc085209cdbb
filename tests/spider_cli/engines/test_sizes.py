"""What a run asks of a cluster always fits into it."""

import hypothesis
import pytest
from hypothesis import strategies as st

from spider_cli.engines.sizes import sizes_for

COUNT = st.none() | st.integers(1, 40)


@hypothesis.given(st.integers(1, 200), st.integers(0, 16), COUNT, COUNT, st.booleans())
def test_it_fits(cpus: int, gpus: int, workers: int | None, decoders: int | None, on: bool) -> None:
    has = {"CPU": float(cpus), "GPU": float(gpus)}
    sizes = sizes_for(has, device="auto" if on else "cpu", workers=workers, decoders=decoders)
    asked = sizes.workers * sizes.worker_cpus + sizes.decoders * sizes.decoder_cpus
    assert asked + sizes.listing_cpus <= cpus + 0.06
    assert sizes.workers * sizes.worker_gpus <= gpus + 1e-9
    assert sizes.workers == workers or workers is None
    assert sizes.decoders == decoders or decoders is None
    assert (sizes.worker_gpus > 0) == (on and gpus > 0)


@pytest.mark.parametrize(
    ("has", "workers"), [({"CPU": 2.0}, 2), ({"CPU": 16.0, "GPU": 2.0}, 2), ({}, 1)]
)
def test_as_many_workers_as_there_are_gpus_or_processors(
    has: dict[str, float], workers: int
) -> None:
    sizes = sizes_for(has, device="auto", workers=None, decoders=None)
    assert sizes.workers == workers
    assert sizes_for(has, device="auto", workers=None, decoders=None, served=True).worker_gpus == 0
