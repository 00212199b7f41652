"""Rotas in rule files: compiled, and every fault of them named with its place."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from watcher import engine, model, ruleset
from watcher.oncall.rota import Handover

SOURCES = {"vyvx": engine.SourceTraits(name="vyvx", kind="vyvx", blind_after=timedelta(minutes=3))}
DOWN = "rules:\n  - name: down\n    source: vyvx\n    transition: {field: state, to: [offline]}\n"

ROTA = """\
people:
  ann: {slack: U0000ANN}
  bob: {slack: U0000BOB, email: bob@example.net}
rotas:
  - name: video
    zone: Europe/Paris
    turns: [ann, bob]
    handover: mon 09:00
    start: 2026-11-16
    overrides:
      - {from: 2026-12-24 12:00, to: 2026-12-25, person: bob}
"""


@pytest.fixture
def load(tmp_path):
    def read(text):
        (tmp_path / "r.yaml").write_text(text)
        return ruleset.load(
            [str(tmp_path / "r.yaml")], inventory=None, sources=SOURCES, receivers=("noc",)
        )

    return read


@pytest.fixture
def problems_of(load):
    def read(text):
        with pytest.raises(model.InvalidConfigError) as caught:
            load(text)
        return caught.value.problems

    return read


def test_a_rota_is_compiled_and_steps_may_name_it(load):
    rules = load(DOWN + "    escalate: [{after: 5m, oncall: video}]\n" + ROTA)
    rota = rules.rotas["video"]
    assert rota.handovers == (Handover(0, 540),)
    assert rota.who(datetime(2026, 11, 17, tzinfo=UTC)).mention == "<@U0000ANN>"
    assert rota.who(datetime(2026, 12, 24, 11, tzinfo=UTC)).person == "bob"
    (step,) = rules.rules[0].escalate
    assert step == engine.Escalation(after=timedelta(minutes=5), notify=(), oncall="video")


@pytest.mark.parametrize(
    ("written", "count"),
    [("09:00", 7), ("10:00", 7), ("mon-fri 18:00", 5), ("[mon 09:00, fri 17:00]", 2)],
)
def test_a_handover_is_a_day_and_a_time_or_several(load, written, count):
    rules = load(DOWN + ROTA.replace("mon 09:00", written))
    handovers = rules.rotas["video"].handovers
    assert len(handovers) == count
    assert all(earlier < later for earlier, later in pairwise(handovers))


def test_a_calendar_is_a_file_beside_the_rules_or_an_address(load):
    rules = load(
        DOWN
        + "rotas:\n  - {name: a, calendar: shifts.ics}\n"
        + "  - {name: b, calendar: 'webcal://cal.example/x'}\n"
    )
    assert rules.rotas["a"].calendar.endswith("/shifts.ics")
    assert rules.rotas["b"].calendar == "https://cal.example/x"
    assert "cal.example" not in repr(rules.rotas["b"])  # such an address may be a secret


@pytest.mark.parametrize(
    ("wrong", "right", "problem"),
    [
        ("[ann, bob]", "[ann, bobb]", "video.turns: there is no person 'bobb'; did you mean bob?"),
        ("person: bob", "person: cyd", "video.overrides: there is no person 'cyd'"),
        ("mon 09:00", "mon 9", "video.handover: expected a time of day from 00:00 to 24:00"),
        ("mon 09:00", "mno 09:00", "video.handover: 'mno' is not a day of the week"),
        ("2026-12-25,", "2026-12-23,", "video.overrides[0]: to is not later than from"),
        ("    start: 2026-11-16\n", "", "video: turns needs handover, as in mon 09:00, and start"),
        ("turns: [ann, bob]", "calendar: a.ics", "a rota with calendar cannot have handover"),
        (
            "name: video",
            "name: net",
            "down.escalate: there is no rota 'video'; expected one of: net",
        ),
        ("U0000ANN", "ann", "people.ann.slack: expected a member id, as in U0123456789"),
        (
            "person: bob}\n",
            "person: bob}\n      - {from: 2026-12-24 20:00, to: 2026-12-26, person: ann}\n",
            "video.overrides: those of bob and ann overlap",
        ),
    ],
)
def test_what_is_wrong_with_a_rota_is_named(problems_of, wrong, right, problem):
    text = DOWN + "    escalate: [{after: 5m, oncall: video}]\n" + ROTA.replace(wrong, right)
    assert problem in "\n".join(problems_of(text))


def test_a_calendar_has_to_be_a_file_or_a_web_address(problems_of):
    text = DOWN + "rotas:\n  - {name: a, calendar: 'ftp://x/y'}\n"
    assert "a.calendar: expected a file, or an address" in "\n".join(problems_of(text))


def test_a_step_needs_somebody(problems_of):
    text = DOWN + "    escalate: [{after: 5m}]\n"
    assert "needs notify, oncall, or both" in "\n".join(problems_of(text))
