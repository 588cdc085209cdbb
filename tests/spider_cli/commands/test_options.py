"""Options: a variable for each, flags before variables, one form of error."""

from typing import Any

import pytest

from spider_cli.app import COMMANDS, load

PHOTO_COMMANDS = ("describe", "score", "refer", "ground", "audit")
SHARED = (
    "model",
    "device",
    "dtype",
    "batch-size",
    "max-pixels",
    "quiet",
    "debug",
    "json",
    "csv",
    "output",
)


def options_of(name: str) -> list[Any]:
    return [p for p in load(name).params if p.param_type_name == "option" and p.name != "help"]


@pytest.mark.parametrize("name", [*PHOTO_COMMANDS, "doctor"])
def test_every_option_has_its_variable(name: str) -> None:
    for option in options_of(name):
        [flag, *_] = [flag for flag in option.opts if flag.startswith("--")]
        assert option.envvar == "SPIDER_" + flag[2:].upper().replace("-", "_")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is(name: str) -> None:
    for option in options_of(name):
        assert option.help and option.help.endswith((".", ")"))


@pytest.mark.parametrize("name", PHOTO_COMMANDS)
def test_photo_commands_share_their_options(name: str) -> None:
    flags = {flag for option in options_of(name) for flag in (*option.opts, *option.secondary_opts)}
    wanted = {*(f"--{flag}" for flag in SHARED), "--force", "--null", "-0", "--recursive"}
    assert wanted | {"--no-recursive"} <= flags


# Each case ends in an error that tells which value won; nothing is loaded.
@pytest.mark.parametrize(
    ("args", "env", "said"),
    [
        ([], {"SPIDER_MODEL": "/from/env"}, "/from/env"),
        (["--model", "/from/flag"], {"SPIDER_MODEL": "/from/env"}, "/from/flag"),
        ([], {"SPIDER_DEVICE": "abacus"}, "abacus"),
        ([], {"SPIDER_BATCH_SIZE": "0"}, "0"),
        ([], {"SPIDER_FAIL_UNDER": "101"}, "101"),
        ([], {"SPIDER_JSON": "1", "SPIDER_CSV": "1"}, "--json and --csv exclude each other"),
        (["--csv", "--model", "/m"], {"SPIDER_JSON": "1"}, "/m"),
        (["--json", "--csv"], {}, "--json and --csv exclude each other"),
        ([], {"SPIDER_OUTPUT": "x.xyz"}, "x.xyz"),
        ([], {"SPIDER_QUIET": "perhaps"}, "perhaps"),
        (["--max-pixels", "lots"], {}, "lots"),
        (["--max-pixels", "0.5k"], {"SPIDER_MAX_PIXELS": "1.5M"}, "--max-pixels 500 is too small"),
        ([], {"SPIDER_MAX_PIXELS": "1023"}, "--max-pixels 1023 is too small"),
    ],
)
def test_flags_beat_variables(
    spider: Any, photo: Any, args: list[str], env: dict[str, str], said: str
) -> None:
    run = spider("score", photo, *args, env=env)
    assert run.code == 2
    assert run.out == ""
    assert said in run.errors[0]


def test_a_question_by_flag_drops_one_by_variable(spider: Any, photo: Any) -> None:
    env = {"SPIDER_ORDER": "blur,noise", "SPIDER_MODEL": "/none"}
    assert "/none" in spider("ground", photo, "--most", env=env).errors[0]
    env |= {"SPIDER_MOST": "1"}
    assert "exclude each other" in spider("ground", photo, env=env).errors[0]


def test_debug_shows_the_traceback(spider: Any, photo: Any) -> None:
    args = ("score", photo, "--model", "/none")
    assert "Traceback" not in spider(*args).err
    for run in (spider(*args, "--debug"), spider(*args, env={"SPIDER_DEBUG": "1"})):
        assert run.code == 2
        assert "Traceback" in run.err
        assert len(run.errors) == 1
