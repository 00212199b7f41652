"""Maintenance on local clocks, and the keys of a rule about people."""

from datetime import UTC, datetime, timedelta

import pytest

from watcher import engine, model, ruleset

SOURCES = {
    "vyvx": engine.SourceTraits(name="vyvx", kind="vyvx", blind_after=timedelta(minutes=3)),
    "evpl": engine.SourceTraits(name="evpl", kind="evpl", blind_after=timedelta(minutes=45)),
}
DOWN = "rules:\n  - name: down\n    source: vyvx\n    transition: {field: state, to: [offline]}\n"
WEAK = "  - name: weak\n    source: vyvx\n    transition: {field: state, to: [impaired]}\n"


@pytest.fixture
def load(tmp_path):
    def read(text):
        (tmp_path / "r.yaml").write_text(text)
        return ruleset.load(
            [str(tmp_path / "r.yaml")],
            inventory=None,
            sources=SOURCES,
            receivers=("noc", "boss", "mqtt"),
            quiet=("mqtt",),
        )

    return read


@pytest.fixture
def problems(load):
    def read(text):
        with pytest.raises(model.InvalidConfigError) as caught:
            load(text)
        return [problem.partition("r.yaml:")[2] for problem in caught.value.problems]

    return read


def window(load, settings):
    (only,) = load(
        f"{DOWN}maintenance:\n  - {{name: works, match: {{source: evpl}}, {settings}}}\n"
    ).maintenance
    return only


def minutes(n):
    return timedelta(minutes=n)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def edges(maintenance, start, count):
    times = [utc(start)]
    for _ in range(count):
        times.append(maintenance.next_edge(times[-1]))
    return [f"{at:%m-%d %H:%M}" for at in times[1:]]


def test_a_window_over_midnight(load):
    nightly = window(load, 'zone: Europe/Paris, from: 22:00, to: "02:00"')
    assert edges(nightly, "2026-11-20T12:00", 4) == [
        "11-20 21:00",
        "11-21 01:00",
        "11-21 21:00",
        "11-22 01:00",
    ]
    assert nightly.is_open(utc("2026-11-21T00:59"))
    assert not nightly.is_open(utc("2026-11-21T01:00"))


def test_a_window_on_one_day_of_the_week(load):
    weekly = window(load, 'zone: UTC, days: [tue], from: "03:00", to: "04:30"')
    assert edges(weekly, "2026-11-21T12:00", 3) == ["11-24 03:00", "11-24 04:30", "12-01 03:00"]


def test_a_window_follows_the_clocks_of_its_place(load):
    paris = window(load, 'zone: Europe/Paris, from: "12:00", to: "13:00"')
    assert edges(paris, "2026-03-28T00:00", 4) == [  # summer time begins on 29 March
        "03-28 11:00",
        "03-28 12:00",
        "03-29 10:00",
        "03-29 11:00",
    ]


def test_a_window_that_starts_in_the_skipped_hour(load):
    paris = window(load, 'zone: Europe/Paris, from: "02:30", to: "04:00"')
    assert edges(paris, "2026-03-28T12:00", 2) == ["03-29 01:00", "03-29 02:00"]


def test_a_window_over_the_hour_that_comes_twice(load):
    paris = window(load, 'zone: Europe/Paris, from: "02:00", to: "03:00"')
    assert edges(paris, "2026-10-24T12:00", 2) == ["10-25 00:00", "10-25 02:00"]


def test_a_window_all_day(load):
    weekend = window(load, 'zone: UTC, days: [sat, sun], from: "00:00", to: "24:00"')
    assert weekend.is_open(utc("2026-11-21T23:59"))
    assert weekend.is_open(utc("2026-11-22T00:00"))
    assert not weekend.is_open(utc("2026-11-23T00:00"))


def test_a_window_that_opens_once(load):
    once = window(load, 'zone: Europe/Paris, from: 2026-12-01 22:00, to: "2026-12-02 04:00"')
    assert edges(once, "2026-11-21T12:00", 2) == ["12-01 21:00", "12-02 03:00"]
    assert once.is_open(utc("2026-12-01T21:00"))
    assert not once.is_open(utc("2026-12-02T03:00"))
    assert once.next_edge(utc("2026-12-02T03:00")) is None


@pytest.mark.parametrize(
    ("zone", "written", "expected"),
    [
        ("Europe/Paris", "2026-03-29 01:00, 2026-03-29 02:00", ["03-29 00:00", "03-29 01:00"]),
        ("Europe/Paris", "2026-03-28 23:00, 2026-03-29 02:30", ["03-28 22:00", "03-29 01:00"]),
        ("America/New_York", "2026-03-08 02:30, 2026-03-08 04:00", ["03-08 07:00", "03-08 08:00"]),
        ("Europe/Paris", "2026-10-25 01:00, 2026-10-25 03:00", ["10-24 23:00", "10-25 02:00"]),
    ],
)
def test_a_window_that_opens_once_on_the_night_of_a_change(load, zone, written, expected):
    start, end = written.split(", ")
    once = window(load, f'zone: {zone}, from: "{start}", to: "{end}"')
    assert edges(once, "2026-01-01T00:00", 2) == expected


def test_a_window_by_cron_names_its_days(load):
    by_cron = window(load, 'zone: UTC, cron: "30 22 * * sat", for: 4h')
    assert edges(by_cron, "2026-11-21T12:00", 3) == ["11-21 22:30", "11-22 02:30", "11-28 22:30"]
    first = window(load, 'zone: UTC, cron: "0 1 * * sun#1", for: 90m')
    assert edges(first, "2026-11-21T12:00", 3) == ["12-06 01:00", "12-06 02:30", "01-03 01:00"]
    last = window(load, 'zone: UTC, cron: "0 1 L * *", for: 1h')
    assert edges(last, "2026-11-21T12:00", 3) == ["11-30 01:00", "11-30 02:00", "12-31 01:00"]


def test_a_window_by_cron_lasts_as_long_as_it_says_on_the_nights_of_the_changes(load):
    nightly = window(load, 'zone: Europe/Paris, cron: "30 2 * * *", for: 1h')
    assert edges(nightly, "2026-03-29T00:00", 4) == [  # 02:30 is skipped: it begins at the jump
        "03-29 01:00",
        "03-29 02:00",
        "03-30 00:30",
        "03-30 01:30",
    ]
    assert edges(nightly, "2026-10-24T12:00", 4) == [  # 02:30 comes twice: the first counts
        "10-25 00:30",
        "10-25 01:30",
        "10-26 01:30",
        "10-26 02:30",
    ]


@pytest.mark.parametrize("action", ["skip", "mute", "run"])
def test_a_window_says_what_it_does(load, action):
    assert window(load, f"zone: UTC, from: 1:00, to: 2:00, action: {action}").action == action
    assert window(load, "zone: UTC, from: 1:00, to: 2:00").action is engine.WindowAction.MUTE


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("cron: 0 22 * * sat", "for is how long a window with cron lasts; the two belong together"),
        ("for: 1h, from: 1:00, to: 2:00", "for is how long a window with cron lasts"),
        ("from: 1:00", "from and to belong together"),
        ("days: [mon]", "needs from and to, or cron and for"),
        ("cron: 0 1 * * mon, for: 1h, from: 1:00, to: 2:00", "needs from and to, or cron and for"),
        ("cron: 0 1 * * mon, for: 1h, days: [tue]", "days are for a window of the week"),
        ('from: "2026-12-01 22:00", to: 4:00', "both times of day, or both have a date"),
        ('from: "2026-12-02 22:00", to: "2026-12-02 04:00"', "would end before it starts"),
        ('from: "2026-13-02 22:00", to: "2026-12-02 04:00"', "is not a date and a time of day"),
        ('from: "2026-12-02 22", to: "2026-12-02 04:00"', "as in 2026-12-01 22:00"),
        ("cron: 0 22 * * 6, for: 1h", "name the days of the week, as in sat or mon-fri"),
        ("cron: 0 22 * * saturn, for: 1h", "is not a cron expression"),
        ("cron: 0 22 * *, for: 1h", "expected minute, hour, day, month and day of the week"),
        ("cron: 0 22 1 * sun, for: 1h", "for the first Sunday write sun#1"),
        ("cron: 0 22 * * sun#7, for: 1h", "is not a day of the week, as in sun#1"),
        ("cron: 0 22 30 feb *, for: 1h", "never begins"),
        ('cron: "*/30 * * * *", for: 1h', "begins again before it has ended"),
        ("from: 1:00, to: 2:00, action: silent", "'skip', 'mute' or 'run'"),
    ],
)
def test_a_window_that_cannot_be_is_a_problem(problems, written, problem):
    text = f"maintenance: [{{name: w, match: {{rule: x}}, zone: UTC, {written}}}]\n"
    (reported,) = problems(text)
    assert problem in reported


def test_every_key_about_people_reaches_the_engine(load):
    rules = load(
        DOWN
        + """\
    group_by: labels.site
    group_wait: 10s
    repeat: 2h
    escalate:
      - {after: 30m, notify: [boss], acks: 2}
      - {after: 15m, notify: noc}
    flapping: {flips: 3}
"""
        + WEAK
        + """\
    inhibited_by: down
    equal: [labels.site, source]
    repeat: [30m, 1h]
    ack_expires: 2h
storm: {incidents: 5}
"""
    )
    down, weak = rules.rules
    assert down.group_by == ("site",)
    assert down.group_wait == timedelta(seconds=10)
    assert down.repeat == (timedelta(hours=2),)
    assert (weak.repeat, weak.ack_expires) == ((minutes(30), minutes(60)), minutes(120))
    assert [(step.notify, step.acks) for step in down.escalate] == [(("noc",), 1), (("boss",), 2)]
    assert down.flapping == engine.Flapping(flips=3)
    assert (weak.inhibited_by, weak.equal) == (("down",), ("labels.site", "source"))
    assert rules.storm.incidents == 5
    assert rules.quiet == {"mqtt"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            DOWN + "    repeat: [1h, 30m]\n",
            "5:13: down.repeat: each span must be at least as long as the one before",
        ),
        (DOWN + "    repeat: [1h, 0s]\n", "5:18: down.repeat[1]: must be longer than 0"),
        (DOWN + "    ack_expires: 0s\n", "5:18: down.ack_expires: must be longer than 0"),
        (
            DOWN + "    inhibited_by: [dwn]\n",
            "5:20: down.inhibited_by: there is no rule 'dwn'; did you mean down?",
        ),
        (
            DOWN + "    inhibited_by: [down]\n",
            "5:20: down.inhibited_by: down is itself inhibited by down: nobody would be notified",
        ),
        (
            DOWN + "    escalate: [{after: 5m, notify: [bos]}]\n",
            "5:37: down.escalate: there is no receiver 'bos'; did you mean boss?",
        ),
        (
            DOWN
            + "    fault: picture\n    group_by: labels.site\n"
            + WEAK
            + "    fault: picture\n",
            (
                "10:12: weak.fault: down is about the same fault, so group_by must be the same in"
                " both"
            ),
        ),
        (
            DOWN + "    well: stat == 'online'\n",
            "5:11: down.well: 'stat' is not known; did you mean state?",
        ),
        (DOWN + "    group_by: [site]\n", "5:16: down.group_by[0]: expected labels.NAME"),
        (
            DOWN + "    equal: [labels.site]\n",
            "2:5: down: equal needs inhibited_by, the rules that it compares with",
        ),
        (
            DOWN.replace("name: down", "name: storm"),
            "2:5: storm: storm is reserved for the incidents of the storm guard; take another name",
        ),
        (
            "rules: [{name: r, source: vyvx, no_data: 1h}]\n",
            "1:42: r.no_data: vyvx takes no samples; use blind for the source itself",
        ),
        (
            "rules: [{name: r, source: evpl, no_data: 1h, during: [on_air]}]\n",
            "1:54: r.during: evpl has no bookings, so it has no phases",
        ),
        (
            "maintenance: [{name: w, match: {sorce: x}, zone: UTC, from: 1:00, to: 2:00}]\n",
            "1:33: w.match.sorce: cannot be matched; did you mean source?",
        ),
        (
            "maintenance: [{name: w, match: {rule: x}, zone: Paris, from: 1:00, to: 2:00}]\n",
            "1:49: w.zone: there is no time zone 'Paris'; did you mean Europe/Paris?",
        ),
        (
            "maintenance: [{name: w, match: {rule: x}, zone: Mars, from: 1:00, to: 2:00}]\n",
            "1:49: w.zone: there is no time zone 'Mars'; expected one such as Europe/Paris or UTC",
        ),
        (
            "maintenance: [{name: w, match: {rule: x}, zone: UTC, from: 25:00, to: 2:00}]\n",
            "1:60: w.from: expected a time of day from 00:00 to 24:00, as in 01:30",
        ),
    ],
)
def test_a_problem_in_a_key_about_people_is_reported(problems, text, problem):
    assert problems(text) == [problem]
