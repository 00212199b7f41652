"""Expressions that read the time: what they mean, when they change, and mistakes in them."""

from datetime import UTC, datetime, timedelta

import pytest

from watcher import engine
from watcher.ruleset import cel
from watcher.ruleset.cel import environment
from watcher.vendors.catalog import VENDORS

VYVX = (VENDORS["vyvx"].fields,)
NOON = datetime(2026, 7, 1, 12, 30, 15, 400, tzinfo=UTC)  # a Wednesday; 14:30 in Paris
STAFFED = 'now.getHours("Europe/Paris") >= 8 && now.getHours("Europe/Paris") < 18'
WINTER = "2026-10-25T01:00:00Z"  # when clocks in Paris go back from 3 to 2


def given_of(now, **labels):
    return {"state": "offline", "previous": {}, "labels": labels, "now": now}


def truth(source, now=NOON, **labels):
    vocabulary = cel.Vocabulary()
    return vocabulary.add(source)(vocabulary.context(given_of(now, **labels)))


def now_of(*sources):
    vocabulary = cel.Vocabulary()
    return vocabulary.now([vocabulary.add(source) for source in sources])


def changes(source, start, days=1):
    """Return when what an expression reads of the time changes, in some days."""
    now, at, edges = now_of(source), start, []
    while (at := now.next_change(at)) <= start + timedelta(days=days):
        if now.read(at) != now.read(at - timedelta(minutes=1)):
            edges.append(at)
    return edges


def problems(source):
    return [problem.what for problem in cel.problems_in(source, VYVX)]


@pytest.mark.parametrize(
    "source",
    [
        "now.getHours() == 12",
        'now.getHours("Europe/Paris") == 14 && now.getMinutes("Asia/Kathmandu") == 15',
        'now.getHours("-03:30") == 9',
        "now.getDayOfWeek() == 3",  # Sunday is 0
        "now.getDate() == 1 && now.getDayOfMonth() == 0 && now.getMonth() == 6",
        "now.getFullYear() == 2026 && now.getDayOfYear() == 181",
        "now.getSeconds() == 0 && now.getMilliseconds() == 0",
        'now == timestamp("2026-07-01T12:30:00Z")',
        'now - timestamp("2026-06-30T12:30:00Z") == duration("24h")',
        'labels.until != "" && now < timestamp(labels.until) + duration("1m")',
        "now.getHours(labels.zone) == 21",
        'string(now) == "2026-07-01T12:30:00Z"',
    ],
)
def test_what_now_is(source):
    assert problems(source) == []
    assert truth(source, until="2026-07-01T12:30:00Z", zone="Asia/Tokyo") is True


def test_it_is_one_of_many_expressions_and_by_itself_the_same():
    vocabulary = cel.Vocabulary()
    sources = [STAFFED, 'state == "offline"', "now.getMinutes() >= 31", 'labels.site == ""']
    predicates = [vocabulary.add(source) for source in sources]
    for minutes in range(0, 3 * 60, 7):
        at = NOON + timedelta(minutes=minutes)
        together = [predicate(vocabulary.context(given_of(at))) for predicate in predicates]
        assert together == [truth(source, at) for source in sources]


def test_an_expression_that_does_not_read_it_has_no_timer():
    assert now_of('state == "offline"', "[1].exists(now, now > 0)", 'labels.now == ""') is None


@pytest.mark.parametrize(
    ("source", "edges"),
    [
        (STAFFED, ["06:00", "16:00"]),
        (f'state == "offline" && ({STAFFED})', ["06:00", "16:00"]),
        (f'{STAFFED} && labels.site == "NYC"', ["06:00", "16:00"]),
        ('now < timestamp("2026-07-01T21:07:30Z")', ["21:08"]),
        ("[6, 7].exists(hour, now.getHours() == hour)", ["06:00", "08:00"]),
        ('now.getDayOfWeek("Asia/Kathmandu") in [0, 6] || state == ""', []),
        ('now.getDate("Asia/Kathmandu") == int(labels.day)', ["18:15"]),
        ('string(now.getHours() / 12) == state ? state == "" : true', ["12:00"]),
        ('{"a": now.getHours() < 5}["a"] && {state: 1}.size() == 1', ["05:00"]),
        ("labels.all(name, now.getHours() != size(name))", [f"{n:02}:00" for n in range(1, 24)]),
    ],
)
def test_it_is_evaluated_again_when_what_it_reads_of_the_time_changes(source, edges):
    midnight = datetime(2026, 7, 1, tzinfo=UTC)
    changed = [at for at in changes(source, midnight) if at < midnight + timedelta(days=1)]
    assert [f"{at:%H:%M}" for at in changed] == edges


@pytest.mark.parametrize(
    "source", ["now > timestamp(labels.from)", "[now].exists(at, string(at) == state)"]
)
def test_what_mixes_it_with_the_subject_is_evaluated_each_minute(source):
    assert now_of(source).next_change(NOON) == NOON.replace(second=0, microsecond=0) + timedelta(
        minutes=1
    )


def test_nothing_is_put_off_for_longer_than_a_day():
    now = now_of('now < timestamp("2030-01-01T00:00:00Z")')
    assert now.next_change(NOON) - NOON < timedelta(days=1, minutes=1)
    assert now.next_change(NOON) > NOON


def test_clocks_that_go_back_repeat_an_hour():
    change = datetime.fromisoformat(WINTER)
    two = 'now.getHours("Europe/Paris") == 2 && now.getDate("Europe/Paris") == 25'
    assert changes(two, change - timedelta(hours=6)) == [
        change - timedelta(hours=1),
        change + timedelta(hours=1),
    ]


def test_rules_that_read_the_same_look_ahead_once():
    vocabulary = cel.Vocabulary()
    predicates = [vocabulary.add(source) for source in (STAFFED, f'{STAFFED} && state == "x"')]
    first, second = (vocabulary.now([predicate]) for predicate in predicates)
    assert first == second


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (
            'now.getHours("Europe/Pariss") > 8',
            "there is no time zone 'Europe/Pariss'; did you mean Europe/Paris?",
        ),
        (
            'state == "online" && now.getHours("paris") > 8',
            "there is no time zone 'paris'; did you mean Europe/Paris?",
        ),
        ('now > "2026-07-01"', "'>' cannot be used on a time and a text"),
        ("now.getHours() >= 8.5 && now > 3", "'>' cannot be used on a time and a whole number"),
        ('now + 5 > timestamp("2026-07-01T00:00:00Z")', "'+' cannot be used on a time and"),
        ("now.hours == 3", "a time cannot be read by the name of a member"),
        ("now", "evaluates to a time; expected true or false"),
        ("nwo.getHours() > 8", "'nwo' is not known; did you mean now?"),
        ("1 / now.getHours() > 0", "fails: divide by zero"),
    ],
)
def test_mistakes_are_found_before_the_daemon_starts(source, what):
    (problem,) = problems(source)
    assert problem.startswith(what)


def test_a_zone_without_data_on_this_machine_is_said_as_that(monkeypatch):
    monkeypatch.setattr(environment, "knows_zone", lambda _: False)
    assert problems('now.getHours("Europe/Paris") > 8') == [
        "this machine has no data of time zone 'Europe/Paris': install tzdata"
    ]


def test_the_inventory_does_not_read_it():
    readable = frozenset({"labels", "subject"})
    (problem,) = cel.problems_in("now.getHours() > 8", (), readable)
    assert problem.what.startswith("'now' is not known")


def test_what_was_worked_out_counts_until_what_is_read_of_the_time_changes():
    vocabulary = cel.Vocabulary()
    predicate = vocabulary.add("now.getHours() == 12 || 1 / size(labels.site) > 1")
    vocabulary.add("true")
    assert predicate(vocabulary.context(given_of(NOON))) is True
    assert predicate(vocabulary.context(given_of(NOON + timedelta(minutes=29)))) is True
    with pytest.raises(engine.ExpressionError, match="divide by zero"):
        predicate(vocabulary.context(given_of(NOON + timedelta(minutes=30))))
