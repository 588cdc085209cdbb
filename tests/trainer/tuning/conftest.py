"""Tiny random checkpoints of the families that the recipes are for, by name."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_qwen3vl(tiny_checkpoint: Callable[[str], Path]) -> Path:
    return tiny_checkpoint("qwen3_vl")


@pytest.fixture(scope="session")
def tiny_qwen25vl(tiny_checkpoint: Callable[[str], Path]) -> Path:
    return tiny_checkpoint("qwen2_5_vl")


@pytest.fixture(scope="session")
def tiny_smolvlm(tiny_checkpoint: Callable[[str], Path]) -> Path:
    return tiny_checkpoint("smolvlm")


@pytest.fixture(scope="session")
def tiny_internvl(tiny_checkpoint: Callable[[str], Path]) -> Path:
    return tiny_checkpoint("internvl")


@pytest.fixture(scope="session")
def tiny_phi(tiny_checkpoint: Callable[[str], Path]) -> Path:
    return tiny_checkpoint("phi")
