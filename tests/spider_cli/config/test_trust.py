"""A project's file can do no harm."""

from typing import Any

import pytest

from spider_cli.config.known import leaves, names
from spider_cli.config.trust import ALLOWED, REFUSED, refusal
from spider_cli.weights.catalogue import CATALOGUE

OPTIONS = {key: option for name in names() for options in leaves(name).values()
           for key, option in options.items()}  # fmt: skip


def test_every_option_is_on_one_list() -> None:
    """Whoever adds an option decides whether a stranger's file may set it."""
    assert set(OPTIONS) - ALLOWED - set(REFUSED) == set()
    assert ALLOWED & set(REFUSED) == set()


def test_the_lists_name_no_options_that_are_gone() -> None:
    assert (ALLOWED | set(REFUSED)) - set(OPTIONS) == set()


def test_no_file_is_named() -> None:
    """Whatever takes a path or an address is refused, except where the value is checked."""
    for name in names():
        for options in leaves(name).values():
            for key, option in options.items():
                kind = str(option.type_descriptor.annotation)
                marks = (option.metavar or "").replace("|", " ").split()
                if "Path" in kind or {"FILE", "DIR", "URL", "RUN", "RESULTS"} & {*marks}:
                    assert key in REFUSED or key == "model", (name, key)


@pytest.mark.parametrize(
    "key",
    ["allow-upload", "output", "out", "force", "yes", "remote-code", "judge", "max-decode-pixels"],
)
def test_what_could_send_write_or_remove_is_refused(key: str) -> None:
    assert refusal(key, True)


def test_an_unknown_option_is_refused() -> None:
    assert refusal("brand-new", True) == "it is not known to be harmless"


@pytest.mark.parametrize(
    "model",
    [
        "openai:http://localhost/v1#x",
        "/tmp/model",
        "./model",
        "owner/name",
        "default",
        "nano@1",
        "",
    ],
)
def test_a_model_is_a_short_name(model: str) -> None:
    assert "no server and no folder" in str(refusal("model", model))


def test_short_names_are_models() -> None:
    for entry in CATALOGUE:
        assert (refusal("model", entry.name) is None) or entry.kind == "segmenter"
    assert refusal("model", "nano") is None


def test_offline_can_only_be_switched_on() -> None:
    assert refusal("offline", True) is None
    assert refusal("offline", False)


def test_a_strangers_file_changes_nothing_that_matters(place: Any, spider: Any) -> None:
    place.write(
        project="allow-upload = true\nmodel = 'openai:http://127.0.0.1:1/v1#x'\n"
        "[all]\nforce = true\n[score]\noutput = 'gotcha.csv'\n[ground]\nout = '/tmp'\n",
        user="model = '/mine'",
    )
    said = spider("score", "a.jpg")
    assert "/mine" in said.error  # the user's own model it is
    assert not (place.project / "gotcha.csv").exists()
    project = place.project / "spider.toml"
    told = [line.removeprefix("spider: warning: ") for line in said.warnings]
    for line, where in zip(told, (1, 2, 4, 6), strict=True):
        assert line.startswith(f"{project}:{where}: ")
    assert "SPIDER_ALLOW_UPLOAD" in said.warnings[0]
    assert "could send photos" in said.warnings[0]


def test_the_user_may_say_all_of_it(place: Any, spider: Any) -> None:
    place.write(user="allow-upload = true\noffline = true")
    said = spider("score", "a.jpg")
    assert said.error == f"{place.user}:2: --offline and --allow-upload exclude each other"
    assert said.warnings == []
