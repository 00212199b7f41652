"""Who is on call, for those who ask a daemon."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from watcher import model
from watcher.oncall.rota import Handover, Person, Rota
from watcher.oncall.schedules import EVERYBODY, Schedules, rota_in

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
VIDEO = Rota(
    name="video",
    zone=ZoneInfo("Europe/Paris"),
    turns=("ann", "bob"),
    handovers=(Handover(0, 540),),
    start=date(2026, 11, 16),
    people={"ann": Person(name="ann", slack="U0ANN"), "bob": Person(name="bob")},
)
NET = Rota(name="net", calendar="net.ics", people=VIDEO.people)
READ = model.Calendar(
    rota="net",
    shifts=(model.Shift(begin=NOW, end=NOW.replace(hour=20), person="Ann"),),
    read_at=NOW,
    until=NOW.replace(month=12),
)


@pytest.fixture
def schedules():
    return Schedules({"video": VIDEO, "net": NET}, lambda: NOW)


@pytest.mark.parametrize(
    ("written", "rota"),
    [("oncall: video", "video"), ("oncall:net", "net"), ("<!here>", None), ("", None)],
)
def test_a_mention_may_name_a_rota(written, rota):
    assert rota_in(written) == rota


def test_a_mention_calls_who_has_the_rota_now(schedules):
    assert schedules.mention("oncall: video") == "<@U0ANN>"
    assert schedules.mention("<!channel>") == "<!channel>"
    assert schedules.mention("") == ""


def test_while_nobody_is_on_call_or_is_not_on_slack_everybody_is_mentioned(schedules):
    assert schedules.mention("oncall: net") == EVERYBODY
    schedules.rotas = {"video": replace(VIDEO, turns=("bob",))}
    assert schedules.mention("oncall: video") == EVERYBODY
    assert schedules.mention("oncall: gone") == EVERYBODY


def test_a_calendar_that_cannot_be_read_is_named_and_the_last_one_counts(schedules):
    assert str(schedules.who("net")) == "nobody; its calendar was not read yet"
    schedules.calendars["net"] = READ
    assert str(schedules.who("net")) == "ann until Wed 18 Nov 20:00 UTC, then nobody"
    schedules.calendars["net"] = replace(READ, error="cal.example answered 500")
    assert str(schedules.who("net")) == (
        "ann until Wed 18 Nov 20:00 UTC, then nobody; its calendar cannot be read (cal.example"
        " answered 500); the one read at 2026-11-18 12:00 UTC counts"
    )
