"""The guarded remedy: proposed, approved, made, and put back; each step on the timeline."""

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import (
    FakeInventory,
    World,
    minutes,
    of_kind,
    rule,
    ruleset,
    seconds,
    traits,
    world,
)
from watcher import engine, model
from watcher.model import RemedyStatus

RAISE = engine.Bandwidth(connection="iod/77133831778", to=2000.0, max=2000.0, revert=True)
KEY = RAISE.connection


def lines(remedy=RAISE, **keys):
    """A world with one rule that proposes a change, and a connection of 500 Mbps."""
    inventory = keys.pop("inventory", None)
    rules = ruleset(rule(bandwidth=remedy, **keys), inventory=inventory)
    iod = traits("internet_on_demand", name="iod")
    return World(replace(rules, sources={**rules.sources, "iod": iod}))


def connect(w, mbps=500.0, at=None, **more):
    fields = {"status": "active", "bandwidth_mbps": mbps}
    return w.poll(at, source="iod", **{"77133831778": fields}, **more)


@pytest.fixture
def w():
    built = lines()
    connect(built)
    return built


def remedies(w):
    return [
        (entry.kind.value.removeprefix("remedy_"), entry.text)
        for entry in w.tables.entries
        if entry.kind.value.startswith("remedy_")
    ]


def kinds(w):
    return [kind for kind, _ in remedies(w)]


def break_down(w, at=None):
    """Let the service go down: the incident opens, and something is proposed."""
    w.poll(at, a="online")
    return w.poll(at, a="offline")


def approve(w, at=None, by="ann"):
    (wanted,) = of_kind(
        w.step(model.RemedyApproved(incident=w.incident.id, by=by), at), model.BandwidthNeeded
    )
    return wanted


def news(w, wanted, status, at=None, **more):
    over = status in {RemedyStatus.APPLIED, RemedyStatus.FAILED, RemedyStatus.UNTOUCHED}
    event = model.BandwidthNews(
        incident=wanted.incident,
        order=wanted.order,
        status=status,
        **{"over": over, "had": "500 Mbps", **more},
    )
    return w.step(event, at)


def applied(w):
    """Let a proposal be approved and made."""
    break_down(w)
    wanted = approve(w)
    news(w, wanted, RemedyStatus.REQUESTED)
    news(w, wanted, RemedyStatus.APPLIED)
    return wanted


def test_it_is_proposed_with_the_command_that_approves_it(w):
    break_down(w)
    command = f"watcher remedy approve {w.incident.id}"
    words = f"proposed: raise 77133831778 from 500 Mbps to 2 Gbps; approve with {command}"
    assert remedies(w) == [("proposed", words)]
    entry = w.tables.entries[-1]
    assert entry.notify
    assert entry.data["approve"] == command
    assert w.incident.remedy.status is RemedyStatus.PROPOSED


def test_nothing_is_ordered_before_somebody_approves(w):
    effects = break_down(w)
    assert of_kind(effects, model.BandwidthNeeded) == []
    wanted = approve(w)
    assert (wanted.connection, wanted.from_mbps, wanted.to_mbps) == (KEY, 500.0, 2000.0)
    assert wanted.max_mbps == 2000.0
    assert remedies(w)[-1] == (
        "approved",
        "approved by ann: raising 77133831778 from 500 Mbps to 2 Gbps",
    )
    assert w.tables.entries[-1].by == "ann"


def test_where_the_rule_asks_nobody_it_is_ordered_at_once():
    w = lines(replace(RAISE, approved=True))
    connect(w)
    (wanted,) = of_kind(break_down(w), model.BandwidthNeeded)
    assert wanted.to_mbps == 2000.0
    assert kinds(w) == ["approved"]
    assert w.last_text.endswith("; the rule needs no approval")
    assert w.tables.entries[-1].notify


def test_every_step_is_on_the_timeline_and_the_change_is_reverted_at_the_end(w):
    break_down(w)
    wanted = approve(w)
    news(w, wanted, RemedyStatus.REQUESTED, vendor_order="ORD-1", price="$331.20")
    news(w, wanted, RemedyStatus.PENDING)
    news(w, wanted, RemedyStatus.APPLIED, message="6 min after it was requested")
    (back,) = of_kind(w.poll(a="online"), model.BandwidthNeeded)
    assert (back.from_mbps, back.to_mbps, back.reverting) == (2000.0, 500.0, True)
    assert back.order != wanted.order
    news(w, back, RemedyStatus.REQUESTED)
    news(w, back, RemedyStatus.PENDING)
    news(w, back, RemedyStatus.APPLIED)
    assert [text for _, text in remedies(w)][2:] == [
        "requested: 77133831778 to 2 Gbps; accepted by the vendor as ORD-1 at $331.20",
        "Change pending at the vendor: 77133831778 to 2 Gbps",
        "77133831778 now has 2 Gbps, 6 min after it was requested",
        "the incident is over: reverting 77133831778 from 2 Gbps to 500 Mbps",
        "requested: 77133831778 to 500 Mbps; accepted by the vendor",
        "Change pending at the vendor: 77133831778 to 500 Mbps",
        "77133831778 has 500 Mbps again",
    ]
    assert w.incident.remedy.status is RemedyStatus.REVERTED
    assert w.incident.remedy.ended_at is not None


def test_what_is_put_back_is_what_the_vendor_said_it_had(w):
    break_down(w)
    wanted = approve(w)
    assert wanted.to_words == ""
    news(w, wanted, RemedyStatus.REQUESTED, had="0.5 Gbit/s")
    news(w, wanted, RemedyStatus.APPLIED, had="")
    w.restart()
    (back,) = of_kind(w.poll(a="online"), model.BandwidthNeeded)
    assert (back.to_mbps, back.to_words) == (500.0, "0.5 Gbit/s")
    news(w, back, RemedyStatus.APPLIED, had="2 Gbps")
    assert w.incident.remedy.had == "0.5 Gbit/s"


def test_where_the_vendors_words_are_not_on_record_what_was_bought_is_put_back():
    w = lines(inventory=FakeInventory(iod_77133831778=engine.InventoryEntry(expected_mbps=1500.0)))
    connect(w, 1.0)
    break_down(w)
    news(w, approve(w), RemedyStatus.APPLIED, had="")
    (back,) = of_kind(w.poll(a="online"), model.BandwidthNeeded)
    assert (back.from_mbps, back.to_mbps, back.to_words) == (2000.0, 1500.0, "")
    assert w.last_text.endswith("reverting 77133831778 from 2 Gbps to 1.5 Gbps")


def test_where_neither_is_on_record_a_person_is_asked_and_nothing_is_ordered():
    w = lines()
    connect(w, 1.0)
    break_down(w)
    news(w, approve(w), RemedyStatus.APPLIED, had="")
    assert of_kind(w.poll(a="online"), model.BandwidthNeeded) == []
    assert kinds(w)[-1] == "untouched"
    assert w.last_text.startswith(
        "77133831778 is not reverted to 1 Mbps: what it had is not on record in the vendor's own"
    )
    assert w.tables.entries[-1].notify
    assert w.incident.remedy.ended_at is not None


def test_it_stays_where_the_rule_does_not_ask_for_the_way_back():
    w = lines(replace(RAISE, revert=False))
    connect(w)
    applied(w)
    assert of_kind(w.poll(a="online"), model.BandwidthNeeded) == []
    assert kinds(w)[-1] == "applied"
    assert w.incident.remedy.ended_at is not None


def test_a_person_may_refuse_it(w):
    break_down(w)
    effects = w.step(model.RemedyRefused(incident=w.incident.id, by="bob"))
    assert of_kind(effects, model.BandwidthNeeded) == []
    assert remedies(w)[-1] == ("refused", "refused by bob: 77133831778 stays at 500 Mbps")
    with pytest.raises(engine.IllegalCommand, match="refused by bob"):
        approve(w)
    w.poll(a="online")
    assert kinds(w)[-1] == "refused"


def test_what_is_approved_is_not_approved_again(w):
    break_down(w)
    approve(w)
    with pytest.raises(engine.IllegalCommand, match="already approved by ann"):
        approve(w, by="bob")


def test_without_a_proposal_there_is_nothing_to_approve():
    w = world(rule())
    w.poll(a="offline")
    with pytest.raises(engine.IllegalCommand, match="no bandwidth change is proposed"):
        approve(w)


def test_an_incident_that_is_over_before_the_approval_withdraws_it(w):
    break_down(w)
    w.poll(a="online")
    assert remedies(w)[-1] == (
        "withdrawn",
        "no longer proposed, the incident is over: 77133831778 stays at 500 Mbps",
    )
    with pytest.raises(engine.IllegalCommand, match="the incident is over"):
        approve(w)


@pytest.mark.parametrize(
    ("mbps", "reason"),
    [
        (2000.0, "77133831778 already has 2 Gbps"),
        (5000.0, "77133831778 already has 5 Gbps"),
        (None, "the bandwidth of 77133831778 is unknown"),
    ],
)
def test_where_there_is_nothing_to_raise_it_says_so(mbps, reason):
    w = lines()
    connect(w, mbps)
    break_down(w)
    assert remedies(w) == [("untouched", f"no bandwidth change is proposed: {reason}")]
    assert not w.tables.entries[-1].notify


def test_the_inventory_names_the_connection_where_the_rule_does_not():
    w = lines(
        replace(RAISE, connection=""),
        inventory=FakeInventory(vyvx_a=engine.InventoryEntry(connection=KEY)),
    )
    connect(w)
    break_down(w)
    assert w.incident.remedy.connection == KEY


def test_a_missing_connection_is_reported():
    w = lines(replace(RAISE, connection=""))
    break_down(w)
    assert remedies(w) == [
        ("untouched", "no bandwidth change is proposed: the inventory has no connection for a")
    ]


def test_a_proposal_waits_for_the_first_poll_of_the_connections_source():
    w = lines()
    break_down(w)
    assert kinds(w) == []
    connect(w, at=seconds(7))
    w.wait_until(w.now + seconds(10))
    assert kinds(w) == ["proposed"]


def test_but_not_for_ever():
    w = lines()
    break_down(w)
    w.wait_until(w.now + minutes(2))
    assert remedies(w) == [
        ("untouched", f"no bandwidth change is proposed: there is no connection {KEY}")
    ]


def test_nothing_is_proposed_before_people_are_notified():
    w = lines(group_wait=seconds(30))
    connect(w)
    break_down(w)
    assert kinds(w) == []
    w.wait_until(w.now + seconds(30))
    assert kinds(w) == ["proposed"]


def test_a_storm_proposes_nothing():
    w = lines(replace(RAISE, approved=True))
    connect(w)
    names = [f"s{number}" for number in range(25)]
    w.poll(**dict.fromkeys(names, "online"))
    effects = w.poll(**dict.fromkeys(names, "offline"))
    assert [incident.rule for incident in w.incidents] == ["storm"]
    assert of_kind(effects, model.BandwidthNeeded) == []
    assert kinds(w) == []


def test_two_incidents_do_not_change_one_connection(w):
    w.poll(a="online", b="online")
    w.poll(a="offline")
    w.poll(b="offline")
    first, second = w.incidents
    assert first.remedy.status is RemedyStatus.PROPOSED
    assert second.remedy.status is RemedyStatus.UNTOUCHED
    assert w.last_text.endswith(
        f"incident {first.id} is already changing the bandwidth of 77133831778"
    )


def test_it_is_put_back_though_it_was_made_after_the_incident_was_over(w):
    break_down(w)
    wanted = approve(w)
    news(w, wanted, RemedyStatus.REQUESTED)
    assert of_kind(w.poll(a="online"), model.BandwidthNeeded) == []
    (back,) = of_kind(news(w, wanted, RemedyStatus.APPLIED), model.BandwidthNeeded)
    assert back.reverting


def test_news_after_hours_are_reported_and_survive_a_restart(w):
    break_down(w)
    wanted = approve(w)
    news(w, wanted, RemedyStatus.REQUESTED)
    w.poll(a="online")
    w.wait_until(w.now + minutes(120))
    w.poll(a="online", b="online")
    w.restart()
    (back,) = of_kind(news(w, wanted, RemedyStatus.APPLIED), model.BandwidthNeeded)
    news(w, back, RemedyStatus.APPLIED)
    assert kinds(w)[-1] == "reverted"
    w.wait_until(w.now + minutes(20))
    w.poll(a="online", b="online")
    assert w.state.incidents == {}


def test_an_incident_that_opens_again_while_it_is_put_back_proposes_nothing_until_that_is_done(w):
    applied(w)
    (back,) = of_kind(w.poll(a="online"), model.BandwidthNeeded)
    w.poll(seconds(60), a="offline")
    assert w.incident.status is model.IncidentStatus.OPEN
    assert kinds(w)[-1] == "approved"
    news(w, back, RemedyStatus.APPLIED)
    assert kinds(w)[-2:] == ["reverted", "proposed"]


def test_an_incident_that_opens_again_while_it_is_made_keeps_it(w):
    break_down(w)
    wanted = approve(w)
    w.poll(a="online")
    w.poll(seconds(60), a="offline")
    effects = news(w, wanted, RemedyStatus.APPLIED)
    assert of_kind(effects, model.BandwidthNeeded) == []
    assert kinds(w) == ["proposed", "approved", "applied"]


def test_one_that_opens_again_after_a_withdrawal_proposes_again(w):
    break_down(w)
    w.poll(a="online")
    w.poll(seconds(60), a="offline")
    assert kinds(w) == ["proposed", "withdrawn", "proposed"]


@pytest.mark.parametrize(
    ("status", "message", "text"),
    [
        (
            RemedyStatus.FAILED,
            "Lumen answered 422",
            "77133831778 was not raised to 2 Gbps: Lumen answered 422",
        ),
        (
            RemedyStatus.UNKNOWN,
            "cut off",
            "unknown whether 2 Gbps was ordered for 77133831778: cut off",
        ),
        (
            RemedyStatus.STUCK,
            "the inventory shows 500 Mbps after 15 min",
            "77133831778 does not have 2 Gbps yet: the inventory shows 500 Mbps after 15 min",
        ),
    ],
)
def test_what_goes_wrong_notifies_people(w, status, message, text):
    break_down(w)
    news(w, approve(w), status, message=message)
    assert remedies(w)[-1] == (status.value, text)
    assert w.tables.entries[-1].notify


def test_a_way_back_that_fails_says_how_to_do_it_by_hand(w):
    applied(w)
    (back,) = of_kind(w.poll(a="online"), model.BandwidthNeeded)
    news(w, back, RemedyStatus.FAILED, message="all 24 changes of today are used up")
    assert w.last_text == (
        "77133831778 was not reverted to 500 Mbps: all 24 changes of today are used up;"
        " revert it with: watcher iod set-bandwidth 77133831778 '500 Mbps'"
    )
    assert w.tables.entries[-1].notify


def test_a_change_by_somebody_else_is_reported_and_not_reverted(w):
    applied(w)
    (back,) = of_kind(w.poll(a="online"), model.BandwidthNeeded)
    news(w, back, RemedyStatus.UNTOUCHED, message="it has 5 Gbps now")
    assert w.last_text == "77133831778 is not reverted to 500 Mbps: it has 5 Gbps now"
    assert w.tables.entries[-1].notify


def test_a_resolution_by_hand_puts_it_back_too(w):
    applied(w)
    effects = w.step(model.ResolvedByHand(incident=w.incident.id, by="ann"))
    (back,) = of_kind(effects, model.BandwidthNeeded)
    assert back.reverting


def test_news_of_a_change_that_nobody_waits_for_are_refused(w):
    break_down(w)
    wanted = approve(w)
    with pytest.raises(engine.IllegalCommand, match="in progress"):
        news(w, replace(wanted, order="b-other"), RemedyStatus.APPLIED)
    news(w, wanted, RemedyStatus.FAILED, message="no")
    with pytest.raises(engine.IllegalCommand, match="in progress"):
        news(w, wanted, RemedyStatus.APPLIED)


def test_a_rule_that_is_taken_away_withdraws_its_proposal(w):
    break_down(w)
    w.ruleset = replace(w.ruleset, rules=())
    w.step(engine.Reloaded(ruleset=w.ruleset))
    assert kinds(w)[-1] == "withdrawn"


def bought(remedy=RAISE):
    """A world in which it is an alert to have another bandwidth than the one bought."""
    w = lines(
        remedy, inventory=FakeInventory(iod_77133831778=engine.InventoryEntry(expected_mbps=500.0))
    )
    differs = engine.Expression(holds=lambda seen: seen["bandwidth_mbps"] != seen["expected_mbps"])
    rules = (*w.ruleset.rules, rule("iod-bandwidth", differs, ("iod",), hold=minutes(5)))
    w = World(replace(w.ruleset, rules=rules))
    connect(w)
    return w


def complains(w):
    return w.alert(KEY, "iod-bandwidth")


def test_no_rule_complains_of_a_bandwidth_that_is_raised_for_the_time_being():
    w = bought()
    wanted = applied(w)
    connect(w, 2000.0, minutes(1))
    assert complains(w) is None
    w.restart()
    connect(w, 2000.0, minutes(10))
    assert complains(w) is None
    effects = w.poll(minutes(11), a="online")
    (back,) = of_kind(effects, model.BandwidthNeeded)
    connect(w, 500.0, minutes(12))  # before the job has seen it
    news(w, back, RemedyStatus.APPLIED, minutes(12))
    connect(w, 500.0, minutes(20))
    assert complains(w) is None
    connect(w, 2000.0, minutes(21))  # somebody else did this
    assert complains(w) == "pending"
    assert wanted.order != back.order


def test_one_that_is_raised_for_good_is_another_than_was_bought():
    w = bought(replace(RAISE, revert=False))
    applied(w)
    connect(w, 2000.0, minutes(1))
    assert complains(w) == "pending"


def test_a_subject_is_evaluated_again_although_its_bandwidth_does_not_change_any_more():
    w = bought(replace(RAISE, revert=False))
    break_down(w)
    wanted = approve(w)
    connect(w, 2000.0, minutes(1))
    assert complains(w) is None
    news(w, wanted, RemedyStatus.APPLIED, minutes(1))
    connect(w, 2000.0, minutes(2))
    assert complains(w) == "pending"
