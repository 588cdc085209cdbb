"""Limits of containers and services: both versions of Linux's control groups, as folders."""

from pathlib import Path

import pytest

from spider_cli.weights.cgroup import Limit, memory_limits

STAT = "anon 300\nfile 500\ninactive_file 150\nactive_file 50\n"


def second(folder: Path, most: str, used: int = 1000) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{most}\n", encoding="ascii")
    (folder / "memory.current").write_text(f"{used}\n", encoding="ascii")
    (folder / "memory.stat").write_text(STAT, encoding="ascii")


def first(folder: Path, most: int, used: int = 1000) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.limit_in_bytes").write_text(f"{most}\n", encoding="ascii")
    (folder / "memory.usage_in_bytes").write_text(f"{used}\n", encoding="ascii")
    told = "cache 7\ninactive_file 9\ntotal_inactive_file 100\ntotal_active_file 200\n"
    (folder / "memory.stat").write_text(told, encoding="ascii")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "self"


def test_cached_files_are_to_be_had(tmp_path: Path, own: Path) -> None:
    second(tmp_path / "groups", "5000")
    own.write_text("0::/\n", encoding="utf-8")
    assert memory_limits(tmp_path / "groups", own) == [Limit(5000, 800)]
    assert memory_limits(tmp_path / "groups", own)[0].free == 4200


def test_groups_around_it_count_too(tmp_path: Path, own: Path) -> None:
    groups = tmp_path / "groups"
    second(groups / "user" / "run", "max")
    second(groups / "user", "9000", used=4000)
    second(groups, "max")
    second(groups / "other", "10")
    own.write_text("0::/user/run\n", encoding="utf-8")
    assert memory_limits(groups, own) == [Limit(9000, 3800)]


def test_the_first_version(tmp_path: Path, own: Path) -> None:
    groups = tmp_path / "groups"
    first(groups / "memory" / "docker" / "a1", 6000)
    first(groups / "memory", 9223372036854771712)
    own.write_text("5:cpu,cpuacct:/docker/b2\n4:memory:/docker/a1\n0::/\n", encoding="utf-8")
    found = memory_limits(groups, own)
    assert [limit.most for limit in found] == [6000, 9223372036854771712]
    assert found[0].free == 6000 - (1000 - 300)


@pytest.mark.parametrize("path", ["/kubepods/pod7/c3", "/../../c3"])
def test_inside_a_container_the_root_is_its_group(tmp_path: Path, own: Path, path: str) -> None:
    second(tmp_path / "groups", "5000", used=9000)
    own.write_text(f"0::{path}\n", encoding="utf-8")
    [limit] = memory_limits(tmp_path / "groups", own)
    assert limit.most == 5000
    assert limit.free == 0


def test_where_there_are_none(tmp_path: Path, own: Path) -> None:
    assert memory_limits(tmp_path, own) == []  # no Linux
    own.write_text("nonsense\n0::/here\n1:memory:/here\n", encoding="utf-8")
    assert memory_limits(tmp_path, own) == []
    second(tmp_path / "here", "many")
    assert memory_limits(tmp_path, own) == []
