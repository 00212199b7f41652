"""Whom planned works keep from being called, for how long, and what ends that."""

from datetime import timedelta

import pytest

from tests.fakes.engine_world import (
    START,
    FakeInventory,
    World,
    minutes,
    of_kind,
    rule,
    ruleset,
    sample,
    seconds,
)
from tests.fakes.notices import notice, window
from watcher import engine, model
from watcher.model import WorkImpact, WorkStatus

A = engine.InventoryEntry(circuit_ids=("C1",))
LINE = engine.InventoryEntry(circuit_ids=("C1",), provider="lumen")
GRACE = 10
OUTAGE_AND_DEGRADED = tuple(
    rule(
        to,
        engine.Transition(
            field="state",
            from_=frozenset({"online", "degraded", "offline"} - {to}),
            to=frozenset({to}),
        ),
        notify=("noc",),
        fault="service",
    )
    for to in ("offline", "degraded")
)


def with_works(*rules, inventory=None, **entries):
    """A world whose vyvx/a is the circuit C1 of Lumen, unless other entries are given."""
    entries = entries or {"vyvx_a": A}
    return World(ruleset(*(rules or (rule(notify=("noc",)),)), inventory=FakeInventory(**entries)))


def announce(w, *windows, at=None, **fields):
    return w.step(model.NoticeRead(notice=notice(*windows, **fields)), at)


def called(w):
    """Whether people are called now about the only incident."""
    return w.incident.notify == ("noc",)


def released(w):
    return [entry.text for entry in w.tables.entries if entry.kind is model.EntryKind.RELEASED]


def test_an_outage_inside_its_window_calls_nobody():
    w = with_works()
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    assert not called(w)
    assert w.incident.told_at is None
    assert w.incident.flags == ("planned",)
    assert w.incident.planned == model.Planned(
        provider="lumen",
        id="W1",
        begin=START + minutes(10),
        end=START + minutes(60),
        impact=WorkImpact.OUTAGE,
    )
    assert w.last_text == "planned by works W1 of Lumen until 04:00 UTC: nobody is called"
    w.poll(minutes(40), a="online")
    assert w.incident.status is model.IncidentStatus.RESOLVED
    assert not w.incident.told_at
    assert released(w) == []


def test_one_that_outlasts_the_window_and_the_grace_calls_once_and_says_why():
    w = with_works()
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    w.poll(minutes(69), a="offline")
    assert not called(w)
    w.poll(minutes(70), a="offline")
    assert called(w)
    assert w.incident.told_at == START + minutes(70)
    assert (w.incident.planned, w.incident.flags) == (None, ())
    w.poll(minutes(90), a="offline")
    assert released(w) == [
        (
            "notifications resumed: still there after planned works W1 of Lumen,"
            " which were to end at 04:00 UTC"
        )
    ]


def test_one_that_is_over_in_time_calls_nobody_while_its_alert_waits_to_resolve():
    w = with_works(rule(notify=("noc",), keep_firing_for=minutes(30)))
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    w.poll(minutes(58), a="online")
    w.poll(minutes(80), a="online")
    assert w.incident.status is model.IncidentStatus.OPEN
    assert not called(w)
    w.poll(minutes(89), a="online")
    assert w.incident.status is model.IncidentStatus.RESOLVED
    assert released(w) == []


def test_one_that_comes_back_after_the_works_calls_though_its_alert_never_resolved():
    w = with_works(rule(notify=("noc",), keep_firing_for=minutes(30)))
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    w.poll(minutes(58), a="online")
    w.poll(minutes(80), a="offline")
    assert called(w)
    assert len(released(w)) == 1


def test_quiet_receivers_are_notified_all_the_time():
    rules = ruleset(rule(notify=("noc", "mqtt")), inventory=FakeInventory(vyvx_a=A))
    w = World(engine.Ruleset(**{**fields_of(rules), "quiet": frozenset({"mqtt"})}))
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    assert w.incident.notify == ("mqtt",)


def fields_of(rules):
    return {name: getattr(rules, name) for name in rules.__struct_fields__}


@pytest.mark.parametrize(
    ("impact", "state", "is_called"),
    [
        (WorkImpact.OUTAGE, "offline", False),
        (WorkImpact.OUTAGE, "degraded", False),
        (WorkImpact.DEGRADED, "degraded", False),
        (WorkImpact.DEGRADED, "offline", True),
        (WorkImpact.REDUCED_REDUNDANCY, "degraded", True),
        (WorkImpact.NO_IMPACT, "degraded", True),
        (WorkImpact.NO_IMPACT, "offline", True),
    ],
)
def test_people_are_called_when_it_is_worse_than_announced(impact, state, is_called):
    w = with_works()
    announce(w, (10, 60), impact=impact)
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a=state)
    assert called(w) is is_called


def test_the_call_says_what_was_announced_instead():
    w = with_works()
    announce(w, (10, 60), impact=WorkImpact.NO_IMPACT)
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    assert w.last_text.endswith("; worse than planned works W1 of Lumen, which announced no impact")


def measured(at, mbps):
    return [sample("evpl/a", "mbps", START + minutes(at), mbps)]


@pytest.mark.parametrize(
    ("impact", "is_called"), [(WorkImpact.DEGRADED, True), (WorkImpact.OUTAGE, False)]
)
def test_a_line_of_which_nothing_is_measured_any_more_is_down(impact, is_called):
    silent = rule("silent", engine.NoData(after=minutes(15)), sources=("evpl",), notify=("noc",))
    w = with_works(silent, evpl_a=LINE)
    announce(w, (10, 60), impact=impact)
    w.poll(minutes(12), source="evpl", samples=measured(12, 7), a={})
    w.poll(minutes(30), source="evpl", a={})
    assert called(w) is is_called
    remark = "; worse than planned works W1 of Lumen, which announced degraded service"
    assert w.last_text.endswith(remark) is is_called


def test_a_slow_line_that_falls_silent_is_worse_than_degraded():
    slow = rule(
        "slow",
        engine.Threshold(metric="mbps", limit=5.0, above=False),
        sources=("evpl",),
        notify=("noc",),
        fault="line",
    )
    silent = rule(
        "silent",
        engine.NoData(after=minutes(15)),
        sources=("evpl",),
        notify=("noc",),
        fault="line",
    )
    w = with_works(slow, silent, evpl_a=LINE)
    announce(w, (10, 60), impact=WorkImpact.DEGRADED)
    w.poll(minutes(12), source="evpl", samples=measured(12, 1), a={})
    assert not called(w)
    w.poll(minutes(40), source="evpl", a={})
    assert called(w)


def test_people_are_called_when_it_becomes_worse_than_announced():
    w = with_works()
    announce(w, (10, 60), impact=WorkImpact.DEGRADED)
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="degraded")
    assert not called(w)
    w.poll(minutes(20), a="offline")
    assert called(w)
    assert released(w) == [
        (
            "notifications resumed: a is worse than planned works W1 of Lumen announced, which is"
            " degraded service"
        )
    ]


def test_a_circuit_that_is_not_named_calls_meanwhile():
    w = with_works()
    announce(w, (10, 60))
    w.poll(minutes(0), a="online", b="online")
    w.poll(minutes(12), a="offline", b="offline")
    planned = {incident.group: incident.planned is not None for incident in w.incidents}
    assert planned == {"vyvx/a": True, "vyvx/b": False}
    notified = {incident.group: incident.notify for incident in w.incidents}
    assert notified == {"vyvx/a": (), "vyvx/b": ("noc",)}


def test_one_that_is_not_named_calls_for_its_whole_group():
    w = with_works(
        rule(notify=("noc",), group_by=("site",)),
        vyvx_a=engine.InventoryEntry(circuit_ids=("C1",), labels={"site": "NYC"}),
        vyvx_b=engine.InventoryEntry(circuit_ids=("C2",), labels={"site": "NYC"}),
    )
    announce(w, (10, 60))
    w.poll(minutes(0), a="online", b="online")
    w.poll(minutes(12), a="offline")
    assert not called(w)
    w.poll(minutes(20), b="offline")
    assert called(w)
    assert released(w) == ["notifications resumed: b is not named by planned works W1 of Lumen"]


def test_one_that_is_not_named_calls_for_a_storm():
    names = [f"s{number}" for number in range(25)]
    entries = {f"vyvx_{name}": engine.InventoryEntry(circuit_ids=(name,)) for name in names}
    w = with_works(**entries)
    announce(w, (10, 60), circuits=tuple(names))
    w.poll(minutes(0), **dict.fromkeys(names, "online"), other="online")
    w.poll(minutes(12), **dict.fromkeys(names, "offline"))
    (storm,) = w.incidents
    assert (storm.notify, storm.flags) == ((), ("planned",))
    w.poll(minutes(12) + seconds(10), other="offline")
    storms = [incident for incident in w.incidents if incident.rule == "storm"]
    assert [incident.notify for incident in storms] == [("noc",)]


def test_what_broke_before_the_window_has_called_and_stays_so():
    w = with_works()
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(9) + seconds(50), a="offline")
    assert called(w)
    w.poll(minutes(20), a="offline")
    assert called(w)
    assert w.incident.planned is None
    assert "suppressed" not in w.timeline


def test_what_was_degraded_before_the_window_is_no_work_when_it_goes_down():
    degraded = rule(
        "degraded",
        engine.Transition(field="state", to=frozenset({"degraded"})),
        notify=("noc",),
        fault="service",
    )
    offline = rule(
        "offline",
        engine.Transition(field="state", to=frozenset({"offline"})),
        notify=("noc",),
        fault="service",
    )
    w = with_works(degraded, offline)
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(5), a="degraded")
    w.poll(minutes(20), a="offline")
    assert called(w)
    assert w.incident.planned is None


def test_a_fault_that_began_with_the_carriers_clock_is_planned():
    w = with_works(rule(notify=("noc",), hold=minutes(2)))
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(9), a="offline")
    w.poll(minutes(12), a="offline")
    assert not called(w)


def test_a_fault_from_well_before_the_window_is_none_though_it_fires_in_it():
    w = with_works(rule(notify=("noc",), hold=minutes(20)))
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(5), a="offline")
    w.poll(minutes(25), a="offline")
    assert called(w)
    assert w.last_text.endswith("; it broke before planned works W1 of Lumen")


@pytest.mark.parametrize(
    ("status", "windows", "why"),
    [
        (WorkStatus.CANCELLED, [(10, 60)], "planned works W1 of Lumen were cancelled"),
        (
            WorkStatus.RESCHEDULED,
            [(120, 180)],
            "planned works W1 of Lumen were moved to 05:00 UTC",
        ),
        (WorkStatus.RESCHEDULED, [(10, 60)], "planned works W1 of Lumen were moved"),
        (WorkStatus.CONFIRMED, [(120, 180)], "planned works W1 of Lumen were moved to 05:00 UTC"),
    ],
)
def test_works_that_are_cancelled_or_moved_meanwhile_call_at_once(status, windows, why):
    w = with_works()
    announce(w, (10, 60), sequence=1)
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    announce(w, *windows, at=minutes(20), sequence=2, read=20, status=status)
    assert called(w)
    assert released(w) == [f"notifications resumed: {why}"]


def test_works_that_no_longer_name_the_circuit_call_at_once():
    w = with_works()
    announce(w, (10, 60), sequence=1)
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    announce(w, (10, 60), at=minutes(20), sequence=2, circuits=("C9",))
    assert released(w) == ["notifications resumed: a is not named by planned works W1 of Lumen"]


def test_completed_works_leave_the_grace_and_no_more():
    w = with_works()
    announce(w, (10, 60), sequence=1)
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    announce(w, (10, 60), at=minutes(20), sequence=2, read=20, status=WorkStatus.COMPLETED)
    assert not called(w)
    w.poll(minutes(30), a="offline")
    assert called(w)
    assert released(w) == [
        (
            "notifications resumed: still there after planned works W1 of Lumen,"
            " which were completed at 03:20 UTC"
        )
    ]


def test_works_that_are_dismissed_meanwhile_call_and_count_again_once_confirmed():
    w = with_works()
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    w.step(model.WorkDismissed(work="lumen/W1", by="ann"), minutes(20))
    assert called(w)
    assert released(w) == ["notifications resumed: planned works W1 of Lumen were dismissed by ann"]


def test_works_announced_while_it_is_down_are_planned_from_then_on():
    w = with_works()
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    assert called(w)
    announce(w, (10, 60), at=minutes(20), read=20)
    assert not called(w)


def test_a_source_that_goes_blind_meanwhile_calls_when_the_window_is_over():
    w = with_works(
        rule(notify=("noc",)), rule("blind", engine.Blind(after=minutes(2)), notify=("noc",))
    )
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    for minute in range(13, 80):
        w.fail(minutes(minute))
    notified = {incident.rule: incident.notify for incident in w.incidents}
    assert notified == {"down": ("noc",), "blind": ("noc",)}
    assert released(w) == [
        (
            "notifications resumed: still there after planned works W1 of Lumen,"
            " which were to end at 04:00 UTC"
        )
    ]


def test_a_blind_source_is_never_planned():
    w = with_works(
        rule("blind", engine.Blind(after=minutes(2)), notify=("noc",)),
        vyvx=engine.InventoryEntry(circuit_ids=("C1",)),
    )
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    for minute in range(12, 20):
        w.fail(minutes(minute))
    assert called(w)


def test_a_restart_inside_a_window_changes_nothing():
    w = with_works()
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    w.restart()
    w.poll(minutes(30), a="offline")
    assert not called(w)
    assert released(w) == []
    w.restart()
    w.poll(minutes(70), a="offline")
    assert called(w)
    assert len(released(w)) == 1


def test_a_reload_that_takes_the_circuit_away_calls():
    w = with_works()
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    w.step(
        engine.Reloaded(ruleset=ruleset(rule(notify=("noc",)), inventory=FakeInventory())),
        minutes(20),
    )
    assert called(w)
    assert released(w) == ["notifications resumed: a is not named by planned works W1 of Lumen"]


def test_a_clock_that_is_set_past_the_window_calls():
    w = with_works()
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    w.now += timedelta(hours=3)
    w.step(model.ClockStepped(by=timedelta(hours=3)), w.now - START)
    assert called(w)


def test_a_clock_that_is_set_back_before_the_window_calls():
    w = with_works()
    announce(w, (60, 90))
    w.poll(minutes(0), a="online")
    w.poll(minutes(65), a="offline")
    assert not called(w)
    w.now -= timedelta(minutes=30)
    w.step(model.ClockStepped(by=-timedelta(minutes=30)), w.now - START)
    assert called(w)


def test_two_windows_of_one_work_each_plan_what_breaks_in_them():
    w = with_works()
    announce(w, (10, 30), (60, 90))
    w.poll(minutes(0), a="online")
    for at, state, planned in [(12, "offline", True), (20, "online", True), (61, "offline", True)]:
        w.poll(minutes(at), a=state)
        assert (w.incidents[-1].planned is not None) is planned
    w.poll(minutes(80), a="online")
    assert all(incident.told_at is None for incident in w.incidents)


def test_between_two_windows_people_are_called():
    w = with_works()
    announce(w, (10, 30), (60, 90))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    w.poll(minutes(41), a="offline")
    assert called(w)
    w.poll(minutes(70), a="offline")
    assert called(w)


def test_a_fault_after_the_window_reopens_and_calls():
    w = with_works()
    announce(w, (10, 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(50), a="offline")
    w.poll(minutes(65), a="online")
    w.poll(minutes(72), a="offline")
    assert called(w)
    assert released(w) == [
        (
            "notifications resumed: a broke after planned works W1 of Lumen,"
            " which were to end at 04:00 UTC"
        )
    ]


@pytest.mark.parametrize(
    ("provider", "entry", "planned"),
    [
        ("lumen.com", {}, True),
        ("maint.lumen.com", {}, True),
        ("orange", {}, False),
        ("orange", {"provider": "Orange"}, True),
        ("zayo.com", {"provider": "zayo"}, True),
        ("zayo.co.uk", {"provider": "Zayo"}, True),
        ("lumen", {"provider": "zayo"}, False),
        ("level 3", {}, True),
    ],
)
def test_a_notice_counts_for_circuits_of_the_carrier_that_sent_it(provider, entry, planned):
    rules = ruleset(
        rule(notify=("noc",)),
        inventory=FakeInventory(vyvx_a=engine.InventoryEntry(circuit_ids=("C1",), **entry)),
    )
    policy = engine.WorksPolicy(providers={"level 3": "lumen"})
    w = World(engine.Ruleset(**{**fields_of(rules), "works": policy}))
    announce(w, (10, 60), provider=provider)
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    assert (w.incident.planned is not None) is planned


@pytest.mark.parametrize(
    ("circuit", "entry"),
    [
        ("bbfx  123", {"circuit_ids": ("BBFX 123",)}),
        ("SVC-1", {"service_ids": ("svc-1",)}),
    ],
)
def test_circuits_are_compared_without_case_and_spaces(circuit, entry):
    w = with_works(vyvx_a=engine.InventoryEntry(**entry))
    announce(w, (10, 60), circuits=(circuit,))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    assert not called(w)


def test_a_silence_goes_on_when_the_works_are_over():
    w = with_works()
    announce(w, (10, 60))
    silence = model.Silence(
        id="s-1",
        matchers=(model.Matcher(name="subject", value="vyvx/a"),),
        begin=START,
        end=START + minutes(120),
        by="ann",
    )
    w.step(model.Silenced(silence=silence))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    w.poll(minutes(100), a="offline")
    assert not called(w)
    assert w.incident.flags == ("silenced",)
    w.poll(minutes(121), a="offline")
    assert called(w)


def test_works_change_nothing_for_what_they_do_not_name():
    w = with_works()
    effects = announce(w, (0, 60), circuits=("C9",))
    assert [type(effect) for effect in effects] == [model.Work]
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    assert called(w)
    assert of_kind(w.tables.of(model.Incident), model.Incident)[0].flags == ()


def test_a_window_of_a_year_excuses_nothing_until_somebody_confirms_it():
    w = with_works()
    announce(w, (10, 365 * 24 * 60))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    assert called(w)
    assert w.last_text.endswith(
        "; planned works W1 of Lumen are announced for 364 d 23 h: confirm them if that is right"
    )
    w.step(model.WorkConfirmed(work="lumen/W1", by="ann"), minutes(13))
    assert not called(w)


def test_windows_that_touch_each_other_are_one():
    w = with_works()
    announce(w, (10, 60), (60, 90))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    w.poll(minutes(80), a="offline")
    assert not called(w)
    assert w.incident.planned.end == window(60, 90).end


@pytest.mark.parametrize(
    ("status", "is_called"),
    [
        (WorkStatus.IN_PROCESS, False),
        (WorkStatus.CANCELLED, True),
        (WorkStatus.COMPLETED, True),
        (WorkStatus.RESCHEDULED, True),
    ],
)
@pytest.mark.parametrize("part_first", [False, True])
def test_a_notice_about_one_window_speaks_for_it_in_the_works_as_well(
    status, is_called, part_first
):
    """Lumen announces works W1, and writes of their first window as W1-1."""
    w = with_works()
    w.poll(minutes(0), a="online")
    if not part_first:
        announce(w, (10, 60), (100, 160), read=0)
    if status is WorkStatus.RESCHEDULED:
        announce(w, (10, 60), id="W1-1", read=0)
    announce(w, (10, 60), id="W1-1", status=status, read=1, stamp=1)
    if part_first:
        announce(w, (10, 60), (100, 160), read=0)
    w.poll(minutes(12), a="offline")
    assert called(w) is is_called
    w.poll(minutes(30), a="online")
    w.poll(minutes(110), a="offline")  # the other window goes on
    assert w.incidents[-1].flags == ("planned",)
    assert w.incidents[-1].notify == ()


def test_what_is_written_of_the_whole_speaks_for_its_parts():
    """A maintenance is kept in pieces where its windows have circuits of their own."""
    for parts in (("W1/a", "W1/b"), ("W1-1", "W1-2")):
        for status in (WorkStatus.CANCELLED, WorkStatus.RESCHEDULED):
            w = with_works()
            w.poll(minutes(0), a="online")
            announce(w, (10, 60), id=parts[0], read=0)
            announce(w, (100, 160), id=parts[1], circuits=("C2",), read=0)
            announce(w, circuits=(), status=status, read=1)
            w.poll(minutes(12), a="offline")
            assert called(w)


def test_a_part_that_is_cancelled_with_its_whole_is_released_and_says_so():
    w = with_works()
    w.poll(minutes(0), a="online")
    announce(w, (10, 60), id="W1/a", read=0)
    w.poll(minutes(12), a="offline")
    assert not called(w)
    w.step(
        model.NoticeRead(notice=notice(circuits=(), status=WorkStatus.CANCELLED, read=20)),
        minutes(20),
    )
    assert called(w)
    assert "W1/a of Lumen were cancelled" in w.last_text


def test_an_update_in_pieces_takes_the_place_of_the_whole():
    w = with_works()
    w.poll(minutes(0), a="online")
    announce(w, (10, 60), read=0)
    announce(w, (200, 260), id="W1/a", read=1)
    announce(w, (10, 60), id="W1/b", circuits=("C2",), read=1)
    w.poll(minutes(12), a="offline")
    assert called(w)


def test_an_update_of_the_whole_takes_the_place_of_its_pieces():
    w = with_works()
    w.poll(minutes(0), a="online")
    announce(w, (10, 60), id="W1/a", read=0)
    announce(w, (100, 160), read=1)
    w.poll(minutes(12), a="offline")
    assert called(w)
    w.poll(minutes(30), a="online")
    w.poll(minutes(110), a="offline")
    assert w.incidents[-1].flags == ("planned",)


def test_a_carrier_is_one_whichever_of_its_names_a_notice_comes_from():
    w = with_works()
    w.poll(minutes(0), a="online")
    announce(w, (10, 60), provider="maint.lumen.com", read=0)
    announce(w, (10, 60), provider="lumen", status=WorkStatus.CANCELLED, read=1)
    w.poll(minutes(12), a="offline")
    assert called(w)
    assert list(w.state.works) == ["lumen/W1"]


def test_who_confirmed_a_night_has_not_confirmed_a_year():
    w = with_works()
    w.poll(minutes(0), a="online")
    announce(w, (10, 60), read=0)
    w.step(model.WorkConfirmed(work="lumen/W1", by="ann"), minutes(1))
    announce(w, (10, 365 * 24 * 60), read=2)
    w.poll(minutes(12), a="offline")
    assert called(w)


def test_works_whose_name_looks_like_a_part_are_their_own():
    w = with_works()
    w.poll(minutes(0), a="online")
    announce(w, (10, 60), id="CHG")
    announce(w, (20, 70), id="CHG-1", status=WorkStatus.CANCELLED)
    w.poll(minutes(12), a="offline")
    assert not called(w)


@pytest.mark.parametrize(
    ("status", "at", "why"),
    [
        (WorkStatus.CANCELLED, 20, "planned works W1 of Lumen were cancelled"),
        (
            WorkStatus.COMPLETED,
            30,
            "still there after planned works W1-1 of Lumen, which were completed at 03:20 UTC",
        ),
    ],
)
def test_the_call_says_what_was_written_of_its_window_alone(status, at, why):
    w = with_works()
    announce(w, (10, 60), (100, 160))
    w.poll(minutes(0), a="online")
    w.poll(minutes(12), a="offline")
    announce(w, (10, 60), at=minutes(20), id="W1-1", status=status, read=20)
    w.poll(minutes(at), a="offline")
    assert released(w) == [f"notifications resumed: {why}"]


def test_an_outage_that_returns_without_being_well_broke_before_a_window_announced_meanwhile():
    w = with_works(*OUTAGE_AND_DEGRADED)
    w.poll(minutes(0), a="online")
    w.poll(minutes(1), a="offline")
    w.poll(minutes(5), a="degraded")
    w.poll(minutes(6), a="offline")  # a new alert of the same rule, in the place of the first
    announce(w, (4, 60), at=minutes(7))
    assert called(w)
    assert w.incident.planned is None


def test_one_that_was_well_in_between_belongs_to_the_window():
    w = with_works(*OUTAGE_AND_DEGRADED)
    w.poll(minutes(0), a="online")
    w.poll(minutes(1), a="offline")
    w.poll(minutes(3), a="online")
    w.poll(minutes(5), a="degraded")
    w.poll(minutes(6), a="offline")
    announce(w, (4, 60), at=minutes(7))
    assert w.incident.planned is not None
