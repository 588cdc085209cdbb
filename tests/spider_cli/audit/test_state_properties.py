"""Whatever happens to files: a record is known exactly where these bytes were judged."""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from spider_cli.audit.state import State
from spider_cli.shots import Shot
from tests.spider_cli.audit.judged import SETTINGS, failed, found, judged, told

NAMES = ["a.jpg", "a.dng", "b.jpg", "b.png", "c.dng"]
"""Two of them may be a pair; one may be a RAW file by itself."""

name = st.sampled_from(NAMES)
data = st.sampled_from([b"one", b"two", b"2wo", b"longer"])
steps = st.one_of(
    st.tuples(st.just("write"), name, data),
    st.tuples(st.just("touch"), name, st.sampled_from([1_600_000_000, 1_700_000_000])),
    st.tuples(st.just("move"), name, name),
    st.tuples(st.just("copy"), name, name),
    st.tuples(st.just("delete"), name, name),
    st.tuples(st.just("judge"), name, name),
    st.tuples(st.just("fail"), name, name),
    st.tuples(st.just("change in hand"), name, data),
    st.tuples(st.just("reopen"), name, name),
)


def key(one: Shot) -> tuple[str, bool]:
    return told(one), one.photo.path.suffix == ".dng"


@given(st.lists(steps, max_size=14))
@settings(max_examples=40, deadline=None)
def test_known_is_what_was_judged(todo: list[tuple[str, str, object]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder, file = Path(place) / "shoot", Path(place) / "state.sqlite"
        folder.mkdir()
        state, done = State(file, SETTINGS, "1f2e"), set[tuple[str, bool]]()
        try:
            for step, which, what in todo:
                path = folder / which
                if step == "write":
                    assert isinstance(what, bytes)
                    path.write_bytes(what)
                elif step == "reopen":
                    state.close()
                    state = State(file, SETTINGS, "1f2e")
                elif path.exists():
                    change(state, folder, path, step, what, done)
                for one in found(*sorted(folder.iterdir())):
                    record = state.known(one)
                    assert (record is not None) == (key(one) in done)
                    assert record is None or record == judged(one)
        finally:
            state.close()


def change(
    state: State, folder: Path, path: Path, step: str, what: object, done: set[tuple[str, bool]]
) -> None:
    if step == "touch":
        assert isinstance(what, int)
        os.utime(path, (what, what))
    elif step == "move":
        path.replace(folder / str(what))
    elif step == "copy" and what != path.name:
        shutil.copyfile(path, folder / str(what))
    elif step == "delete":
        path.unlink()
    if step not in ("judge", "fail", "change in hand"):
        return
    (one,) = (s for s in found(*sorted(folder.iterdir()))
              if path in (s.photo.path, s.raw and s.raw.path))  # fmt: skip
    if state.known(one) is not None:
        return
    if step == "judge":
        assert state.keep(one, judged(one))
        done.add(key(one))
    elif step == "fail":
        assert not state.keep(one, failed(one))
    else:
        assert isinstance(what, bytes)
        record = judged(one)
        same = path.read_bytes() == what
        path.write_bytes(what)
        if state.keep(one, record):  # only where nothing changed after all
            assert same
            done.add(key(one))
