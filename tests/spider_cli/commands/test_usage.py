"""Exit code 2: everything that can be known before a photo is opened is said before."""

import os
from pathlib import Path
from typing import Any

import pytest

CASES: list[tuple[list[str], str, str]] = [
    # arguments after the photo, what the error says, what the hint says
    (["score", "--bogus"], "--bogus", "score --help"),
    (["score", "--device", "abacus"], "abacus", "score --help"),
    (["score", "--dtype", "int3"], "int3", "score --help"),
    (["score", "--quantize", "int2"], "int2", "score --help"),
    (["score", "--device-map", "evenly"], "evenly", "score --help"),
    (["score", "--device-map", "auto", "--device", "cpu"], "--device cpu excludes it", ""),
    (["score", "--batch-size", "0"], "batch-size", "score --help"),
    (["score", "--batch-size", "many"], "many", "score --help"),
    (["score", "--fail-under", "nan"], "from 0 to 100, not nan", ""),
    (["score", "--fail-under", "-1"], "from 0 to 100, not -1", ""),
    (["score", "--model", "/no/such/model"], "/no/such/model", "nano"),
    (["score", "--model", ""], "no model", "nano"),
    (["score", "--output", "records"], "extension", ".jsonl"),
    (["score", "--output", "records.xml"], "extension", ".jsonl"),
    (["score", "--output", "no/such/folder/r.csv"], "r.csv", ""),
    (["describe", "--box", "1,2,3"], "malformed box '1,2,3'", "x1,y1,x2,y2"),
    (["describe", "--box", "30,0,10,10"], "inverted box '30,0,10,10'", ""),
    (["describe", "--box", "0,0,9,9", "--region", "top left"], "exclude each other", ""),
    (["describe", "--region", "the cat"], "the cat", "Qwen3-VL-8B-Instruct"),
    (["describe", "--region", ""], "--region is empty", ""),
    (["refer"], "needs at least one --box", "x1,y1,x2,y2"),
    (["refer", "--box", "5,5,5,9"], "empty box '5,5,5,9'", ""),
    (["refer", "--box", "0,0,9,9", "--box", "a,b,c,d"], "malformed box 'a,b,c,d'", ""),
    (["ground", "--distortion", "nosie"], "unknown distortion 'nosie'", "did you mean 'noise'"),
    (["ground", "--first", "blurr"], "unknown distortion 'blurr'", "did you mean 'blur'"),
    (["ground", "--last", "xyzzy"], "unknown distortion 'xyzzy'", "oversharpen"),
    (["ground", "--order", "blur"], "two distortions, not 'blur'", "blur,noise"),
    (["ground", "--order", "blur,noise,blur"], "two distortions", "blur,noise"),
    (["ground", "--order", "blur,blur"], "two different distortions", ""),
    (["ground", "--order", "blur,niose"], "unknown distortion 'niose'", "'noise'"),
    (["ground", "--most", "--least"], "--most and --least exclude each other", "one question"),
    (["ground", "--most", "--order", "blur,noise"], "--order and --most exclude", ""),
    (["ground", "--order", "blur,noise", "--first", "blur"], "--order and --first exclude", ""),
    (["ground", "--first", "blur", "--last", "noise"], "--first and --last exclude", ""),
    (["ground", "--first", "blur", "--distortion", "blur"], "--first and --distortion", ""),
    (["ground", "--question", "Where?", "--least"], "--question and --least exclude", ""),
    (["ground", "--question", " "], "--question is empty", ""),
    (["ground", "--out", ""], "--out is empty", ""),
]


@pytest.mark.parametrize(("args", "said", "hint"), CASES, ids=lambda value: str(value)[:40])
def test_bad_usage(inside: Any, photo: Path, args: list[str], said: str, hint: str) -> None:
    command, *flags = args
    run = inside(command, photo, *flags)
    assert run.code == 2
    assert run.out == ""
    assert len(run.errors) == 1
    assert said in run.errors[0]
    assert hint in run.err
    assert "Traceback" not in run.err


@pytest.mark.parametrize("command", ["describe", "score", "ground"])
def test_no_photo_at_all(inside: Any, tmp_path: Path, command: str) -> None:
    (tmp_path / "notes.txt").write_text("no photo", encoding="utf-8")
    for args in ((), (tmp_path,), (tmp_path / "*.jpg",), ("-",)):
        run = inside(command, *args)
        assert run.code == 2, args
        assert len(run.errors) == 1
        assert run.out == ""


def test_unwritable_targets(inside: Any, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "there.jsonl").write_text("kept", encoding="utf-8")
    (tmp_path / "folder.csv").mkdir()
    for args in (
        ("ground", photo, "--out", tmp_path / "file"),
        ("ground", photo, "--out", tmp_path / "file" / "deep"),
        ("ground", photo, "--out", "/proc/nowhere"),
        ("score", photo, "--output", tmp_path / "file" / "r.csv"),
        ("score", photo, "--output", tmp_path / "folder.csv"),
        ("score", photo, "--output", tmp_path / "there.jsonl"),
    ):
        run = inside(*args)
        assert run.code == 2, args
        assert str(args[3]) in run.errors[0]
    assert (tmp_path / "there.jsonl").read_text(encoding="utf-8") == "kept"
    assert {path.name for path in tmp_path.iterdir()} == {"file", "there.jsonl", "folder.csv"}


def test_a_folder_without_permission(inside: Any, photo: Path, tmp_path: Path) -> None:
    # Root may write into any folder of a disk, but nobody makes one in /proc.
    root = os.name != "nt" and os.geteuid() == 0
    closed = Path("/proc") if root else tmp_path
    mode = closed.stat().st_mode
    if not root:
        closed.chmod(0o500)
    try:
        run = inside("ground", photo, "--out", closed / "heat")
        assert run.code == 2
        assert str(closed / "heat") in run.errors[0]
    finally:
        if not root:
            closed.chmod(mode)


@pytest.mark.parametrize(
    "args",
    [
        ("score", "--model", "/no/such/model"),
        ("score", "--output", "/no/such/folder/r.csv"),
        ("refer", "--box", "9,9,1,1"),
        ("describe", "--region", "the cat"),
        ("ground", "--order", "blur"),
        ("ground", "--out", "/proc/nowhere"),
    ],
)
def test_no_photo_is_opened(audited: Any, photo: Path, args: tuple[str, ...]) -> None:
    audit = audited(args[0], photo, *args[1:])
    assert audit.run.code == 2
    assert not [path for path in audit.opened if photo.name in path]
    assert not [path for path in audit.opened if "torch" in path]
    assert audit.sockets == ()
