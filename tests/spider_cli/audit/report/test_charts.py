"""The charts: bars as tall as what they count, and words for those who do not see them."""

import pytest

from spider_cli.audit.entry import Entry
from spider_cli.audit.report.charts import Chart, charts
from spider_cli.audit.report.tally import Tally
from tests.spider_cli.audit.report.makers import SCRIPT, entry, failure


def tallied(*entries: Entry) -> Tally:
    tally = Tally()
    for one in entries:
        tally.add(one)
    return tally


def named(tally: Tally) -> dict[str, Chart]:
    return {chart.id: chart for chart in charts(tally)}


def test_nothing_known_nothing_drawn() -> None:
    tally = tallied(failure("a.jpg"), entry(score=None))
    assert (tally.photos, tally.failed, tally.scored) == (2, 1, 0)
    assert charts(tally) == []


def test_the_histogram() -> None:
    scores = [0, 4.99, 5, 61, 62, 63, 100, 99]
    chart = named(tallied(*(entry(score=float(score)) for score in scores)))["scores"]
    counts = {bar.title: bar for bar in chart.bars}
    assert set(counts) == {
        "0 to 5: 2 photos", "5 to 10: 1 photo", "60 to 65: 3 photos", "95 to 100: 2 photos",
    }  # fmt: skip
    assert counts["60 to 65: 3 photos"].height == pytest.approx(
        3 * counts["5 to 10: 1 photo"].height
    )
    assert [counts[title].kind for title in sorted(counts)] == ["s0", "s0", "s3", "s4"]
    assert "8 photos" in chart.description
    assert "mean is 49" in chart.description
    assert "60 to 65, has 3 photos" in chart.description
    for bar in chart.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= chart.width
        assert bar.y >= 0
        assert bar.y + bar.height <= chart.height


def test_faults_by_hour() -> None:
    shots = [
        entry(taken="2026-11-28T08:59:59", faults=[("blur", "severe"), ("noise", "mild")]),
        entry(taken="2026-11-28T08:00:00"),
        entry(taken="2026-11-28T10:30:00", faults=[("noise", "moderate")]),
        entry(taken="nobody knows"),
    ]
    chart = named(tallied(*shots))["hours"]
    assert chart.title == "Faults by hour"
    assert [bar.title for bar in chart.bars] == [
        "08 o'clock, at worst severe: 1 photo",
        "08 o'clock, without faults: 1 photo",
        "10 o'clock, at worst moderate: 1 photo",
    ]
    severe, none, moderate = chart.bars
    assert none.y + none.height == pytest.approx(severe.y)
    assert moderate.x - severe.x == pytest.approx(2 * (chart.width - 34) / 3)
    assert "1 of 2, are from 08 o'clock" in chart.description
    over_days = named(tallied(*shots, entry(taken="2026-11-30T08:30:00")))["hours"]
    assert over_days.title == "Faults by hour of the day"
    assert "08 o'clock, without faults: 2 photos" in [bar.title for bar in over_days.bars]


def test_faults_by_lens() -> None:
    shots = [entry(lens=f"lens {n}") for n in range(9) for _ in range(10 - n)]
    shots += [entry(lens=SCRIPT, faults=[("blur", "mild")])] * 20
    chart = named(tallied(*shots))["lenses"]
    names = [word.text for word in chart.words if word.strong]
    assert len(names) == 7
    assert names[1:] == ["lens 0", "lens 1", "lens 2", "lens 3", "lens 4", "4 more"]
    assert names[0].startswith("</script>")
    assert "\u202e" not in names[0]
    assert chart.bars[0].kind == "mild"
    assert chart.bars[0].width == pytest.approx(chart.width, abs=1)
    assert chart.bars[1].width == pytest.approx(chart.width / 2, abs=1)
    assert "20 of 20" in chart.description
