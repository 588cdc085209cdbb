"""nano on two processes, where one has patches to teach and the other answers: as on one, but for
what is dropped at random."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainer.tuning import small_data as small
from tests.trainer.tuning.nano.test_run import SETTINGS
from tests.trainer.tuning.small_runs import losses
from trainer.tuning.phases import tune_phases
from trainer.tuning.recipe import phases_of


def test_two_processes_learn_as_one(tmp_path: Path) -> None:
    rows = [small.grounding(), small.referring()]
    photos = small.write(tmp_path / "photos", [small.item(n, rows) for n in range(6)])
    scored = [small.item(n, [small.scored()], mos=n / 8) for n in range(8)]
    opinion = small.write(tmp_path / "opinion", scored)
    paths = [f"data.{i}.path={one}" for i, one in enumerate((photos, photos, photos, opinion))]
    settings = [*paths, *SETTINGS, "run.micro_batch=1", "new.dropout=0"]
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    launch += [f"--master-port={port}", "-m", "spider_cli", "train", "stage1", "nano"]
    launch += ["--out", str(tmp_path / "two"), "--quiet"]
    launch += [part for one in settings for part in ("--set", one)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        launch, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'two' / 'model'}\n"
    tune_phases(phases_of("nano", settings), tmp_path / "one", quiet=True)
    for phase in ("eyes", "words"):
        found, expected = losses(tmp_path / "two" / phase), losses(tmp_path / "one" / phase)
        assert len(found) == 4
        assert found == pytest.approx(expected, rel=1e-3)
