"""Which files count, and on which line a value stands."""

import os
from pathlib import Path
from typing import Any

import pytest

from spider_cli.config.files import File, files, project_file, user_file
from spider_cli.errors import UsageError


def test_the_nearest_folder_with_a_file_is_the_project(place: Any) -> None:
    assert project_file() is None
    above = place.home / "photos" / "spider.toml"
    above.touch()
    assert project_file() == above
    place.write(project="")
    assert project_file() == place.project / "spider.toml"


def test_above_the_home_folder_nothing_is_looked_for(place: Any) -> None:
    (place.home.parent / "spider.toml").write_text("no toml", encoding="utf-8")
    assert project_file() is None
    (place.home / "spider.toml").touch()
    assert project_file() == place.home / "spider.toml"


def test_outside_the_home_folder_all_folders_above_are(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = place.home.parent / "mnt" / "card"
    outside.mkdir(parents=True)
    (place.home.parent / "mnt" / "spider.toml").touch()
    monkeypatch.chdir(outside)
    assert project_file() == place.home.parent / "mnt" / "spider.toml"


def test_without_a_home_folder(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    place.write(project="")
    monkeypatch.setattr(Path, "home", homeless)
    assert project_file() == place.project / "spider.toml"


def test_a_working_folder_that_is_gone(place: Any) -> None:
    place.project.rmdir()
    assert project_file() is None


def test_the_files_of_the_audited_folder_do_not_count(place: Any, spider: Any) -> None:
    stranger = place.home / "from-a-stranger"
    stranger.mkdir()
    (stranger / "spider.toml").write_text("nonsense", encoding="utf-8")
    assert "no photo" in spider("score", str(stranger)).error


def test_the_project_comes_before_the_user(place: Any) -> None:
    place.write(project="device = 'cpu'", user="device = 'cuda'")
    assert [(file.layer, file.values["device"]) for file in files()] == [
        ("project", "cpu"),
        ("user", "cuda"),
    ]


def test_the_users_own_file_is_no_projects(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write(project="")
    monkeypatch.setenv("SPIDER_CONFIG", str(place.project / "spider.toml"))
    assert [file.layer for file in files()] == ["user"]


def test_the_usual_place_of_the_users_file(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPIDER_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place.home / "xdg"))
    assert user_file().name == "spider.toml"
    assert files() == []  # it need not be there
    if os.name == "posix":
        assert user_file().is_relative_to(place.home)


def test_a_file_that_is_named_must_be_there(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_CONFIG", str(place.home / "none.toml"))
    with pytest.raises(UsageError, match=r"none\.toml: No such file") as raised:
        files()
    assert raised.value.hint == "SPIDER_CONFIG names it"


@pytest.mark.parametrize(("said", "count"), [("1", 0), ("true", 0), ("0", 2), ("", 2), ("no", 2)])
def test_no_config(place: Any, monkeypatch: pytest.MonkeyPatch, said: str, count: int) -> None:
    place.write(project="device = 'cpu'")
    monkeypatch.setenv("SPIDER_NO_CONFIG", said)
    assert len(files()) == count


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"device = \n", "at line 1, column 10"),
        (b"device = 'a'\ndevice = 'b'\n", "at line 2"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a = " + b"[" * 50_000, "nested too deeply"),
        (b"# " + b"x" * 300_000, "larger than 256 kB"),
    ],
)
def test_what_is_no_file_of_settings(place: Any, data: bytes, said: str) -> None:
    file = place.project / "spider.toml"
    file.write_bytes(data)
    with pytest.raises(UsageError) as raised:
        files()
    assert str(file) in raised.value.message
    assert said in raised.value.message
    assert "\n" not in raised.value.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_not_waited_for(place: Any) -> None:
    os.mkfifo(place.project / "spider.toml")
    with pytest.raises(UsageError, match="no ordinary file"):
        files()


def test_a_folder_of_that_name_is_told(place: Any) -> None:
    (place.project / "spider.toml").mkdir()
    with pytest.raises(UsageError, match="no ordinary file"):
        files()


LINES = '''# a comment

device = "cpu"
text = """
[score]
fail-under = 1
"""

[score]  # the real one
"fail-under" = 60
box = [
  "1,2,3,4",  # [ground]
  "5,6,7,8",
]
csv = true

[ models . download ]
revision = 'x'
[ratings]
thresholds = { one = 10, two = 20 }
labels.one = "Red"
'''


def test_the_line_of_each_value() -> None:
    import tomllib

    for text in (LINES, LINES.replace("\n", "\r\n").replace("\r\n", "\n")):
        file = File("user", Path("/x.toml"), text, tomllib.loads(text))
        where = {
            ("device",): 3,
            ("text",): 4,
            ("score",): 9,
            ("score", "fail-under"): 10,
            ("score", "box"): 11,
            ("score", "csv"): 15,
            ("models", "download", "revision"): 18,
            ("ratings", "thresholds", "two"): 20,
            ("ratings", "labels", "one"): 21,
        }
        assert {keys: file.place(keys) for keys in where} == {
            keys: f"/x.toml:{line}" for keys, line in where.items()
        }
        assert file.place(("nowhere",)) == "/x.toml"


def test_windows_line_ends_and_a_mark_at_the_start(place: Any) -> None:
    (place.project / "spider.toml").write_bytes(b"\xef\xbb\xbf[score]\r\nfail-under = 5\r\n")
    project = files()[0]
    assert project.values == {"score": {"fail-under": 5}}
    assert project.place(("score", "fail-under")).endswith("spider.toml:2")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no such owners")
def test_a_file_of_somebody_else_does_not_count(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anyone may put a file into /tmp, above a folder of yours."""
    above = place.home / "photos" / "spider.toml"
    above.touch()
    real = Path.stat

    def stat(self: Path, **more: Any) -> os.stat_result:
        found = list(real(self, **more))
        if self == above:
            found[4] = os.geteuid() + 4321
        return os.stat_result(found)

    monkeypatch.setattr(Path, "stat", stat)
    assert project_file() is None
    (place.home / "spider.toml").touch()
    assert project_file() == place.home / "spider.toml"
