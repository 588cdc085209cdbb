"""What an engine says when it cannot go on: one line, and what spider said if it did."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from spider_cli.engines import ray_engine
from spider_cli.errors import UsageError

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


def test_another_version_of_ray_or_python() -> None:
    said = RuntimeError(
        "Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.12.1\n"
        "This process on node 10.0.0.1 was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
    )
    error = ray_engine._not_joined("10.0.0.9:6379", said)
    assert error.code == "other_version"
    assert "10.0.0.9:6379" in error.message and "Ray: 2.9.0" in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ObjectStoreFullError", "no room in its object store"),
        ("OutOfDiskError", "no room on the disk"),
        ("OutOfMemoryError", "ran out of memory"),
        ("ActorUnschedulableError", "no machine of the cluster"),
    ],
)
def test_no_room(name: str, words: str) -> None:
    from ray import exceptions

    error = ray_engine.stopped(getattr(exceptions, name)("first line\nsecond line"))
    assert words in error.message
    assert "\n" not in error.message
    assert "what was committed is kept" in error.hint


def test_what_spider_said_on_another_machine() -> None:
    said = UsageError("s3://b/l.csv has no column 'x'", hint="--column", code="no_column")
    for error in (caused(said), wrapped(said)):
        told = ray_engine.stopped(error)
        assert (told.message, told.hint, told.code) == (said.message, said.hint, said.code)


def caused(said: UsageError) -> Exception:
    error = RuntimeError("a long\ntraceback")
    error.__cause__ = said
    return error


def wrapped(said: UsageError) -> Exception:
    """As Ray wraps the exception of a task."""
    error = RuntimeError("a long\ntraceback")
    error.cause = said  # type: ignore[attr-defined]
    return error


def test_an_actor_that_could_not_begin_has_text_alone() -> None:
    text = (
        "The actor died because of an error raised in its creation task, ray::MapWorker()\n"
        '  File "x.py", line 1, in <module>\n'
        "spider_cli.errors.UsageError: a machine of the cluster has other weights as nano: ffff\n"
    )
    told = ray_engine.stopped(RuntimeError(text))
    assert told.message == "a machine of the cluster has other weights as nano: ffff"


def test_anything_else_is_its_last_line() -> None:
    told = ray_engine.stopped(RuntimeError("a\nlong\ntraceback: why\n\n"))
    assert told.message == "the engine stopped: traceback: why"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--workers", "2"], "--workers goes with --engine ray"),
        (["--column", "x"], "--column goes with --engine ray"),
        (["--engine", "ray", "--output", "o", "--top", "3"], "--top does not go with"),
        (["--engine", "ray", "--output", "o", "--csv"], "--csv does not go with"),
        (["--engine", "ray", "--output", "o", "-"], "a list on standard input"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, args: list[str], said: str) -> None:
    from spider_cli.commands.audit import app

    paths = [] if args[-1] == "-" else [str(tmp_path)]
    done = CliRunner().invoke(app, [*paths, *args], standalone_mode=False)
    assert said in str(done.exception)


def test_ray_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "ray" else found(name)
    )
    with pytest.raises(UsageError) as caught:
        ray_engine.check_ray()
    assert caught.value.hint == "pip install 'spider-iqa[ray]'"
