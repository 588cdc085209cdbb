"""--flag: at least this severity, of this family."""

import pytest

from spider_cli.audit.flags import ANY_SEVERE, flagged, parse_flags
from spider_cli.errors import UsageError
from tests.spider_cli.audit.records import audited, failure


@pytest.mark.parametrize(
    ("flag", "holds"),
    [
        ("blur", True),
        ("blur:mild", True),
        ("blur:moderate", True),
        ("blur:severe", False),
        ("noise:severe", True),
        ("noise", True),
        ("compression", False),
        ("any", True),
        ("any:severe", True),
        ("contrast-weaken:mild", True),
        ("contrast weaken : MILD", True),
    ],
)
def test_at_least_this_severity(flag: str, holds: bool) -> None:
    record = audited("a.jpg", 20, "moderate blur", "severe noise", "mild contrast weaken")
    assert flagged(record, parse_flags([flag])) == ((flag,) if holds else ())


def test_several_as_they_were_typed() -> None:
    flags = parse_flags(["blur:moderate, noise:severe", "any:severe", "blur:moderate"])
    assert [flag.text for flag in flags] == ["blur:moderate", "noise:severe", "any:severe"]
    record = audited("a.jpg", 20, "severe noise")
    assert flagged(record, flags) == ("noise:severe", "any:severe")


def test_without_any_what_is_severe_counts() -> None:
    assert flagged(audited("a.jpg", 20, "severe blur"), ANY_SEVERE) == ("any:severe",)
    assert flagged(audited("a.jpg", 20, "moderate blur"), ANY_SEVERE) == ()


def test_failures_are_never_flagged() -> None:
    assert flagged(failure(), parse_flags(["any"])) == ()


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        ("blurr:mild", "unknown distortion 'blurr'", "did you mean 'blur'?"),
        ("blur:sever", "unknown severity 'sever' in --flag blur:sever", "did you mean 'severe'?"),
        ("blur:", "unknown severity ''", "mild, moderate, severe"),
        ("severe", "names a severity, 'severe', and no distortion", "--flag any:severe"),
        ("blur,,noise", "has an empty part", "--flag blur:moderate"),
        ("", "has an empty part", ""),
        (":severe", "unknown distortion ''", "The families are"),
    ],
)
def test_what_means_nothing(typed: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_flags([typed])
    assert message in caught.value.message
    assert hint in caught.value.hint
