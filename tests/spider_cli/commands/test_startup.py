import gc
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from spider_cli.commands.startup import hide_torchao, loading_first, show_torchao


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_the_collector_is_off_for_the_first_item_only() -> None:
    seen = list(loading_first(gc.isenabled() for _ in range(3)))
    assert seen == [False, True, True]
    assert gc.isenabled()


def test_it_comes_back_after_an_error_and_without_items() -> None:
    def broken() -> Iterator[int]:
        raise ValueError("broken")
        yield 1

    with pytest.raises(ValueError, match="broken"):
        list(loading_first(broken()))
    assert gc.isenabled()
    assert list(loading_first(iter([]))) == []
    assert gc.isenabled()


def test_torchao_is_hidden_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torchao", raising=False)
    assert find_spec("torchao") is not None
    hide_torchao()
    hide_torchao()
    assert find_spec("torchao") is None
    show_torchao(quietly=False)
    show_torchao(quietly=False)
    assert find_spec("torchao") is not None


def test_what_is_imported_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchao", gc)
    hide_torchao()
    assert sys.modules["torchao"] is gc


def test_a_plain_start_leaves_torchao_and_scipy_alone(photo: Path) -> None:
    assert find_spec("scipy") is not None
    code = (
        "import sys\n"
        "from spider_cli.__main__ import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    there = [name in sys.modules for name in ('transformers', 'scipy')]\n"
        "    print(sys.modules.get('torchao'), *there, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "score", str(photo)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == ["None True False"]


def test_what_transformers_may_have_seen_stays_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks once whether scipy is there, and imports parts of it later."""

    def seen() -> list[bool]:
        return list(loading_first((find_spec("scipy") is not None for _ in range(2)), ["scipy"]))

    monkeypatch.delitem(sys.modules, "scipy", raising=False)
    monkeypatch.delitem(sys.modules, "transformers", raising=False)
    assert seen() == [False, True]
    monkeypatch.setitem(sys.modules, "transformers", gc)
    assert seen() == [True, True]
    monkeypatch.setitem(sys.modules, "scipy", gc)
    assert seen() == [True, True]
    assert sys.modules["scipy"] is gc


def test_the_client_of_s3_is_out_of_sight_while_models_load() -> None:
    """In a process of its own: here it may have been imported."""
    code = (
        "import sys\n"
        "from importlib.util import find_spec\n"
        "from spider_cli.commands.startup import loading_first\n"
        "there = find_spec('boto3')\n"
        "found = list(loading_first([find_spec('boto3')] for _ in range(2)))\n"
        "assert found == [[None], [there]], found\n"
        "assert 'boto3' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
