"""Keys and values: known ones only, the right kind, the strongest wins."""

import itertools
from typing import Any

import pytest

LAYERS = ("flag", "variable", "project", "user")


def told(place: Any, monkeypatch: pytest.MonkeyPatch, layers: tuple[str, ...]) -> list[str]:
    """Set --rule in each of these layers, to the layer's own name; the arguments."""
    monkeypatch.delenv("SPIDER_RULE", raising=False)
    if "variable" in layers:
        monkeypatch.setenv("SPIDER_RULE", "variable")
    place.write(
        project="rule = 'project'" if "project" in layers else "",
        user="[ground]\nrule = 'user'" if "user" in layers else "",
    )
    return ["--rule", "flag"] if "flag" in layers else []


def test_flag_variable_project_user(
    place: Any, spider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every combination the strongest wins, and a complaint names the file it comes from."""
    for count in range(1, 5):
        for layers in itertools.combinations(LAYERS, count):
            args = told(place, monkeypatch, layers)
            error = spider("ground", "a.jpg", *args).error
            assert repr(layers[0]) in error, (layers, error)
            origin = {"project": place.project / "spider.toml", "user": place.user}.get(layers[0])
            assert error.startswith(f"{origin}:") is (origin is not None), (layers, error)


@pytest.mark.parametrize(
    ("text", "wins"),
    [
        ("rule = 'top'", "top"),
        ("rule = 'top'\n[all]\nrule = 'all'", "all"),
        ("[all]\nrule = 'all'\n[ground]\nrule = 'own'", "own"),
        ("[ground]\nrule = 'own'\n[all]\nrule = 'all'", "own"),
    ],
)
def test_the_narrower_table_wins(place: Any, spider: Any, text: str, wins: str) -> None:
    place.write(user=text)
    assert repr(wins) in spider("ground", "a.jpg").error


def test_the_command_of_a_group(place: Any, spider: Any) -> None:
    for text in (
        "[models.info]\noffline = true",
        "[models]\noffline = true",
        "offline = true",
    ):
        place.write(user=text)
        said = spider("config", "show", "models", "--changed")
        assert "models.info.offline = true  # user" in said.out
    place.write(user="[models]\ndir = 'x'")
    assert "models.download.dir" in spider("config", "show", "models", "--changed").out


def test_commands_of_the_trainer(place: Any, spider: Any) -> None:
    place.write(project="[train.stage2]\nall = true\n[eval]\nseed = 3\n[data.build]\nsize = 9")
    out = spider("config", "show", "train", "eval", "data", "--changed").out
    assert "train.stage2.all = true  # project" in out
    assert "eval.seed = 3  # project" in out
    assert "data.build.size = 9  # project" in out


@pytest.mark.parametrize(
    ("text", "where", "said", "hint"),
    [
        ("\nmodle = 'nano'", 2, "no command has an option 'modle'", "did you mean 'model'?"),
        ("[all]\nfail_under = 3", 2, "no command has an option", "did you mean 'fail-under'?"),
        ("[scoer]\ndevice = 'cpu'", 1, "there is no command scoer", "did you mean 'score'?"),
        ("[score]\nmost = true", 2, "spider score has no option 'most'", "spider score --help"),
        ("[ground]\nmots = true", 2, "spider ground has no option", "did you mean 'most'?"),
        ("[models.lits]\njson = true", 1, "spider models has no option 'lits'", "'list'?"),
        ("[models.list]\njsn = true", 2, "spider models list has no option 'jsn'", "'json'?"),
        ("[config]\njson = true", 1, "there is no command config", ""),
        ("[all.score]\ncsv = true", 1, "all.score is a table, and no option", ""),
        ("device = 'cup'", 1, "device takes auto, cpu, cuda or mps, not 'cup'", "'cpu'?"),
        ("device = true", 1, "device takes auto, cpu, cuda or mps, not true", ""),
        ("[score]\nbatch-size = 0", 2, "takes a whole number of at least 1, not 0", ""),
        ("batch-size = '8'", 1, "takes a whole number of at least 1, not '8'", ""),
        ("batch-size = 8.5", 1, "takes a whole number of at least 1, not 8.5", ""),
        ("batch-size = true", 1, "takes a whole number of at least 1, not true", ""),
        ("quiet = 'yes'", 1, "quiet takes true or false, not 'yes'", ""),
        ("quiet = 1", 1, "quiet takes true or false, not 1", ""),
        ("[score]\nfail-under = 'high'", 2, "score.fail-under takes a number, not 'high'", ""),
        ("[score]\nfail-under = nan", 2, "score.fail-under takes a number, not nan", ""),
        ("rule = 3", 1, "rule takes a string, not 3", ""),
        ("rule = ['a']", 1, "rule takes a string, not a list", ""),
        ("rule = 2026-11-30", 1, "rule takes a string, not datetime", ""),
        ("[train.stage2]\npoints = [4, 99]", 2, "a whole number from 2 to 16, not 99", ""),
        ("[ground]\nbox = ['1,2,3,4']", 2, "spider ground has no option 'box'", ""),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    place: Any, spider: Any, text: str, where: int, said: str, hint: str
) -> None:
    place.write(project=text)
    for arguments in (["score", "a.jpg"], ["config", "show"]):
        run = spider(*arguments)
        assert run.code == 2
        assert run.error.startswith(f"{place.project / 'spider.toml'}:{where}: ")
        assert said in run.error
        assert hint in run.err
        assert run.out == ""


def test_values_reach_the_command(place: Any, spider: Any) -> None:
    file = place.user
    for text, said in (
        ("max-pixels = 500", "--max-pixels 500 is too small"),
        ("max-pixels = '0.5k'", "--max-pixels 500 is too small"),
        ("[score]\nfail-under = 101", "--fail-under is a score from 0 to 100, not 101"),
        ("json = true\ncsv = true", "--json and --csv exclude each other"),
    ):
        place.write(user=text)
        run = spider("score", "a.jpg")
        assert run.code == 2
        assert run.error.startswith(f"{file}:")
        assert said in run.error


def test_a_list_for_an_option_that_repeats(place: Any, spider: Any) -> None:
    for text in ("box = ['9,9,1,1']", "box = '9,9,1,1'", "[refer]\nbox = ['1,1,9,9', '9,9,1,1']"):
        place.write(user=text)
        assert "9,9,1,1" in spider("refer", "a.jpg").error


def test_rivals_are_weighed_by_where_they_come_from(
    place: Any, spider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What excludes each other does so within a layer; a stronger layer's choice replaces it."""
    broken = ["--model", "/none"]
    place.write(project="csv = true", user="json = true")
    assert "/none" in spider("score", "a.jpg", *broken).error
    place.write(project="csv = true\njson = true", user="")
    assert "exclude" in spider("score", "a.jpg", *broken).error
    assert "/none" in spider("score", "a.jpg", "--csv", *broken).error
    monkeypatch.setenv("SPIDER_CSV", "1")
    assert "/none" in spider("score", "a.jpg", *broken).error
    place.write(project="least = true\norder = 'blur,noise'")
    assert "/none" in spider("ground", "a.jpg", "--most", *broken).error


def test_help_looks_at_no_file(place: Any, spider: Any) -> None:
    place.write(project="device = 'abacus'")
    for arguments in (["--help"], ["score", "--help"], ["models", "list", "-h"], ["--version"]):
        run = spider(*arguments)
        assert run.code == 0
        assert run.err == ""
        assert "abacus" not in run.out
    assert "abacus" in spider("score", "--", "--help").error


def test_no_config(place: Any, spider: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write(project="device = 'abacus'", user="model = '/mine'")
    monkeypatch.setenv("SPIDER_NO_CONFIG", "")  # to be as it was after the flag sets it
    broken = ["score", "a.jpg", "--model", "/none"]
    assert "/none" in spider("--no-config", *broken).error
    monkeypatch.setenv("SPIDER_NO_CONFIG", "1")
    assert "/none" in spider(*broken).error
    monkeypatch.setenv("SPIDER_NO_CONFIG", "0")
    assert "abacus" in spider(*broken).error


def test_a_command_whose_extra_is_missing_is_not_checked(
    place: Any, spider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file may be shared with a machine that has the extra."""
    from spider_cli import app
    from spider_cli.config import known
    from spider_cli.errors import UsageError

    real = app.load

    def load(name: str) -> Any:
        if name in ("train", "data", "eval"):
            raise UsageError("needs the training extra", code="missing_extra")
        return real(name)

    monkeypatch.setattr(app, "load", load)
    known.leaves.cache_clear()
    try:
        place.write(project="[train.stage2]\nall = true\n[eval]\nanything = 3")
        assert "/none" in spider("score", "a.jpg", "--model", "/none").error
        assert "score.device" in spider("config", "show").out
    finally:
        known.leaves.cache_clear()
