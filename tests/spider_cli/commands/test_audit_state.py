"""A state that cannot be had: an audit does without it where nobody chose a file that is wrong."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from spider_cli.commands import audit_run
from spider_cli.commands.audit_options import Asked
from spider_cli.errors import UsageError

ANYTHING: Any = None


@pytest.mark.parametrize(
    ("named", "code", "goes_on"),
    [
        (None, "state_unusable", True),
        (None, "state_full", True),
        (None, "state_locked", True),
        ("mine.sqlite", "state_locked", True),
        ("mine.sqlite", "state_unusable", False),
        (None, "state_foreign", False),
        (None, "state_damaged", False),
    ],
)
def test_an_audit_goes_on_without(
    named: str | None,
    code: str,
    goes_on: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tried: list[str | None] = []

    def opened(common: Any, asked: Asked, auditor: Any) -> Any:
        tried.append(asked.state)
        if asked.state == named:
            raise UsageError("the file is like that", code=code)
        return contextlib.nullcontext("another")

    monkeypatch.setattr(audit_run, "_state", opened)
    with contextlib.ExitStack() as stack:
        if not goes_on:
            with pytest.raises(UsageError, match="like that"):
                audit_run._state_or_passing(ANYTHING, Asked(state=named), ANYTHING, stack)
            assert capsys.readouterr().err == ""
            return
        found: Any = audit_run._state_or_passing(ANYTHING, Asked(state=named), ANYTHING, stack)
        assert found == "another"
        [_, passing] = tried
        assert passing is not None and Path(passing).parent.is_dir()
    assert not Path(passing).parent.exists()
    assert "the file is like that: what this audit finds is not kept" in capsys.readouterr().err
