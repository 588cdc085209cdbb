"""Lines on stderr."""

import sys

import pytest

from spider_cli.outputs import messages


def test_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    messages.error("no\nsuch\x1b[2J file \udcff", "look\nagain")
    messages.warning("careful")
    messages.plain("done")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        r"spider: error: no\nsuch\x1b[2J file \udcff",
        r"  hint: look\nagain",
        "spider: warning: careful",
        "spider: done",
    ]


def test_no_stderr_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    messages.error("unheard")


def test_no_traceback_unless_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "_debugging", False)
    for on, shown in ((False, False), (True, True)):
        messages.show_tracebacks(on)
        try:
            raise ValueError("inside")
        except ValueError:
            assert messages.trace() is shown
        assert ("Traceback" in capsys.readouterr().err) is shown
