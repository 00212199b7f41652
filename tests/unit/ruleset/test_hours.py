"""The hours of a rule, as a file has them and as the engine gets them."""

from datetime import UTC, datetime, timedelta

import pytest

from watcher import engine, model, ruleset

SOURCES = {
    "vyvx": engine.SourceTraits(name="vyvx", kind="vyvx", blind_after=timedelta(minutes=3)),
}
RULE = "rules:\n  - name: down\n    source: vyvx\n    transition: {field: state, to: [offline]}\n"
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def load(tmp_path, hours):
    (tmp_path / "r.yaml").write_text(f"{RULE}    hours: {hours}\n")
    rules = ruleset.load(
        [str(tmp_path / "r.yaml")], inventory=None, sources=SOURCES, receivers=("noc",)
    ).rules
    return rules[0].hours


def open_hours(hours, day):
    """Return the hours of a day, in UTC, at which they are open."""
    return [hour for hour in range(24) if hours.is_open(day + timedelta(hours=hour))]


def test_hours_are_on_the_clock_of_their_zone(tmp_path):
    hours = load(tmp_path, '{zone: Europe/Paris, days: [mon-fri], from: "08:00", to: "18:00"}')
    assert open_hours(hours, MONDAY) == list(range(7, 17))
    assert open_hours(hours, MONDAY + timedelta(days=4)) == list(range(7, 17))
    assert open_hours(hours, MONDAY + timedelta(days=5)) == []
    friday_evening = MONDAY + timedelta(days=4, hours=20)
    assert hours.next_edge(friday_evening) == MONDAY + timedelta(days=7, hours=7)
    assert hours.describe(hours.next_edge(friday_evening)) == "Mon 08:00 Europe/Paris"


def test_several_windows_are_open_when_one_of_them_is(tmp_path):
    hours = load(
        tmp_path,
        """
      - {zone: UTC, days: mon-fri, from: "08:00", to: "12:00"}
      - {zone: UTC, days: mon-fri, from: "12:00", to: "16:00"}
      - {zone: UTC, days: sat, from: "10:00", to: "12:00"}""",
    )
    assert open_hours(hours, MONDAY) == list(range(8, 16))
    assert hours.next_edge(MONDAY + timedelta(hours=9)) == MONDAY + timedelta(hours=16)
    assert open_hours(hours, MONDAY + timedelta(days=5)) == [10, 11]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("mon-fri", [0, 1, 2, 3, 4]),
        ("[mon-wed, sat]", [0, 1, 2, 5]),
        ("fri-mon", [0, 4, 5, 6]),
        ("[sun]", [6]),
        ("[mon-tue, tue-wed, mon]", [0, 1, 2]),
    ],
)
def test_days_are_single_or_a_range_that_may_go_over_the_weekend(tmp_path, days, expected):
    hours = load(tmp_path, f'{{zone: UTC, days: {days}, from: "08:00", to: "09:00"}}')
    noons = [MONDAY + timedelta(days=day, hours=8) for day in range(7)]
    assert [noon.weekday() for noon in noons if hours.is_open(noon)] == expected


@pytest.mark.parametrize(
    ("hours", "problem"),
    [
        (
            "{zone: Europe/Pari, from: 8:00, to: 18:00}",
            (
                "5:19: down.hours.zone: there is no time zone 'Europe/Pari'; "
                "did you mean Europe/Paris?"
            ),
        ),
        (
            "{zone: new york, from: 8:00, to: 18:00}",
            (
                "5:19: down.hours.zone: there is no time zone 'new york'; "
                "did you mean America/New_York?"
            ),
        ),
        (
            "{zone: UTC, from: 24:00, to: 0:00}",
            (
                "5:12: down.hours: from and to are the same time; "
                "for whole days write from: 00:00 and to: 24:00"
            ),
        ),
        (
            "{zone: UTC, days: [mon-frd], from: 8:00, to: 18:00}",
            "5:30: down.hours.days: 'frd' is not a day of the week; did you mean fri?",
        ),
        (
            "[{zone: UTC, days: Monday, from: 8:00, to: 18:00}]",
            "5:31: down.hours[0].days: 'Monday' is not a day of the week; did you mean mon?",
        ),
        (
            "{zone: UTC, days: [weekday], from: 8:00, to: 18:00}",
            "5:30: down.hours.days: 'weekday' is not a day of the week; did you mean wed?",
        ),
        (
            "{zone: UTC, days: [xyz], from: 8:00, to: 18:00}",
            (
                "5:30: down.hours.days: 'xyz' is not a day of the week; "
                "expected mon, tue, wed, thu, fri, sat, sun or a range such as mon-fri"
            ),
        ),
        ("{zone: UTC, form: 8:00, to: 18:00}", None),
        ("[]", "5:12: down.hours: expected at least one"),
        ("{from: 8:00, to: 18:00}", "5:12: down.hours.zone: is missing"),
    ],
)
def test_a_problem_in_hours_is_reported_where_it_stands(tmp_path, hours, problem):
    with pytest.raises(model.InvalidConfigError) as caught:
        load(tmp_path, hours)
    problems = [line.partition("r.yaml:")[2] for line in caught.value.problems]
    if problem is None:
        assert "5:24: down.hours.form: there is no such key; did you mean from?" in problems
    else:
        assert problems == [problem]
