"""Details: asked for when it matters, waited for at most five seconds."""

import pytest

from tests.fakes.engine_world import START, FakeInventory, minutes, of_kind, rule, seconds, world
from watcher import engine, model

NAMED = model.Details(labels={"name": "Cup final", "po_number": "4711"})


def title(words):
    return f"{words['name']} is {words['state']}"


def detailed(**keys):
    return world(rule(title=title, **keys), detailed=True)


def read(details=NAMED, error=""):
    return model.DetailsRead(subject="vyvx/a", details=details, error=error)


@pytest.mark.covers("vyvx/details-when")
def test_paging_waits_for_the_first_details():
    w = detailed()
    w.poll(a="online")
    effects = w.poll(seconds(10), a="offline")
    assert of_kind(effects, model.DetailsNeeded) == [model.DetailsNeeded(subject="vyvx/a")]
    assert w.incidents == ()
    w.step(read(), seconds(12))
    assert w.incident.title == "Cup final is offline"
    assert w.last_text == "offline since 03:00:10 UTC, was online"


@pytest.mark.covers("vyvx/details-when")
def test_paging_waits_for_five_seconds_and_no_longer():
    w = detailed()
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    w.wait_until(w.now + seconds(5))
    assert w.incident.title == "a is offline"


def test_an_alert_that_begins_after_a_restart_waits_for_the_details_asked_for_before_it():
    w = world(
        rule(title=title), detailed=True, inventory=FakeInventory(vyvx_a=engine.InventoryEntry())
    )
    w.poll(a="online")
    w.restart()
    w.poll(seconds(1), a="online")
    w.poll(seconds(2), a="offline")
    w.wait_until(START + seconds(5))
    assert w.incident.opened_at == START + seconds(5)


def test_failing_to_read_details_ends_the_waiting():
    w = detailed()
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    w.step(read(None, "404"), seconds(11))
    assert w.alert() == "firing"


@pytest.mark.covers("vyvx/details-when")
def test_details_that_could_not_be_read_are_asked_for_again_while_something_is_wrong():
    w = detailed()
    w.poll(a="offline")
    w.step(read(None, "429"), seconds(1))
    assert w.incident.title == "a is offline"
    for again in (1, 2):
        effects = w.wait_until(START + seconds(1) + again * minutes(5))
        assert of_kind(effects, model.DetailsNeeded) == [model.DetailsNeeded(subject="vyvx/a")]
        w.step(read(None, "429"), w.now - START)
    w.poll(minutes(15), a="offline")
    w.step(read(), minutes(16))
    assert w.incident.title == "Cup final is offline"
    assert w.timeline == ["opened", "detailed"]
    assert of_kind(w.wait_until(START + minutes(60)), model.DetailsNeeded) == []


def test_details_that_could_not_be_read_are_not_asked_for_again_once_all_is_well():
    w = detailed()
    w.poll(a="offline")
    w.step(read(None, "429"), seconds(1))
    w.poll(seconds(10), a="online")
    assert of_kind(w.wait_until(START + minutes(60)), model.DetailsNeeded) == []


def test_details_that_could_not_be_read_are_asked_for_again_after_a_restart():
    w = detailed()
    w.poll(a="offline")
    w.step(read(None, "429"), seconds(1))
    w.restart()
    w.poll(minutes(1), a="offline")
    effects = w.wait_until(START + seconds(1) + minutes(5))
    assert of_kind(effects, model.DetailsNeeded) == [model.DetailsNeeded(subject="vyvx/a")]


def test_details_that_cannot_be_read_say_once_that_there_is_no_service():
    w = world(rule(diagnose=True), detailed=True)
    w.poll(a="offline")
    for at in (1, 400, 800):
        w.wait_until(START + seconds(at))
        w.step(read(None, "429"), seconds(at))
    assert w.timeline == ["opened", "diagnosed"]


def test_late_details_update_the_incident():
    w = detailed()
    w.poll(a="offline")
    w.wait_until(w.now + seconds(5))
    before = w.incident
    w.step(read(), seconds(60))
    assert w.incident.title == "Cup final is offline"
    assert w.incident.version == before.version + 1
    assert w.timeline[-1] == "detailed"
    assert w.last_text == "details read: name Cup final, po_number 4711"


def test_fresh_details_are_not_asked_for_again():
    w = detailed()
    w.poll(a="offline")
    w.step(read(), seconds(1))
    w.poll(seconds(10), a="online")
    assert of_kind(w.poll(minutes(14), a="offline"), model.DetailsNeeded) == []
    w.poll(minutes(15), a="online")
    effects = w.poll(minutes(17), a="offline")
    assert len(of_kind(effects, model.DetailsNeeded)) == 1
    assert w.alert() == "firing"  # old details are refreshed, but nothing waits for that


def test_recovering_while_details_are_awaited_notifies_nobody():
    w = detailed()
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    w.poll(seconds(12), a="online")
    w.step(read(), seconds(13))
    assert w.incidents == ()


def test_details_that_the_rule_leaves_out_notify_nobody():
    where = lambda context: context["labels"].get("customer") != "acme"  # noqa: E731  # a table's cell
    w = detailed(where=where)
    w.poll(a="offline")
    w.step(read(), seconds(1))  # the inventory makes an acme of po_number 4711
    assert w.incidents == ()


def test_details_read_before_for_is_over_do_not_shorten_it():
    w = detailed(hold=seconds(20))
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    w.step(read(), seconds(11))
    assert w.alert() == "pending"
    w.poll(seconds(30))
    assert w.alert() == "firing"


def test_the_services_of_the_inventory_are_diagnosed_once():
    book = FakeInventory(vyvx_a=engine.InventoryEntry(service_ids=("S1", "S2", "S3", "S4")))
    w = world(rule(diagnose=True), inventory=book)
    effects = w.poll(a="offline")
    wanted = of_kind(effects, model.DiagnosisNeeded)
    assert [run.service_id for run in wanted] == ["S1", "S2", "S3"]
    assert len({run.run for run in wanted}) == 3
    assert of_kind(w.poll(seconds(10), a="degraded"), model.DiagnosisNeeded) == []


def test_a_missing_service_id_is_reported_once():
    w = world(rule(diagnose=True))
    w.poll(a="offline")
    w.poll(seconds(10), a="degraded")
    texts = [entry.text for entry in w.tables.entries if entry.kind is model.EntryKind.DIAGNOSED]
    assert texts == ["no diagnostics: the inventory has no service_ids for a"]


def test_late_details_may_bring_the_service_id():
    w = world(rule(diagnose=True), detailed=True)
    w.poll(a="offline")
    w.wait_until(w.now + seconds(5))
    assert w.timeline == ["opened"]
    effects = w.step(read(), seconds(8))
    assert [run.service_id for run in of_kind(effects, model.DiagnosisNeeded)] == ["SVC-PO"]


def test_details_of_a_forgotten_subject_change_nothing():
    w = detailed()
    w.poll(a="online")
    assert w.step(model.DetailsRead(subject="vyvx/gone", details=NAMED), seconds(1)) == ()


def test_details_that_nobody_answers_are_waited_for_once():
    w = detailed()
    w.poll(a="offline")
    w.wait_until(w.now + seconds(5))
    w.poll(minutes(20), a="online")
    effects = w.poll(minutes(40), a="offline")
    assert len(of_kind(effects, model.DetailsNeeded)) == 1
    assert w.alert() == "firing"


def named(count, state):
    return {f"s{number:03}": state for number in range(count)}


def test_a_storm_waits_for_no_details_and_asks_for_none():
    w = detailed(notify=("noc",))
    w.poll(**named(200, "online"))
    effects = w.poll(seconds(10), **named(200, "offline"))
    assert of_kind(effects, model.DetailsNeeded) == []
    assert w.incident.title == "Storm on vyvx: 200 alerts (200 down)"
    assert w.incident.notify == ("noc",)
    version = w.incident.version
    w.wait_until(w.now + seconds(30))
    assert w.incident.version == version


def test_as_many_as_can_be_asked_about_in_time_are_waited_for():
    w = detailed(notify=("noc",))
    w.poll(**named(50, "online"))
    effects = w.poll(seconds(10), **named(50, "offline"))
    assert len(of_kind(effects, model.DetailsNeeded)) == 50
    assert w.incidents == ()


def test_a_storm_of_booked_reservations_still_pages_nobody():
    booked = model.Details(
        bookings=(model.Booking(id="1", scheduled=model.Window(start=START + minutes(600))),)
    )
    w = detailed(notify=("noc",))
    for key in named(200, "online"):
        w.poll(**{key: "online"})
        w.step(model.DetailsRead(subject=f"vyvx/{key}", details=booked))
    effects = w.poll(minutes(60), **named(200, "offline"))
    assert len(of_kind(effects, model.DetailsNeeded)) == 50
    w.wait_until(w.now + seconds(5))
    assert w.incidents == ()


@pytest.mark.covers("vyvx/race")
def test_details_that_know_better_than_the_status_are_settled_by_the_next_poll():
    w = detailed()
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    w.step(read(), seconds(11))  # asked for a moment later: the reservation is online again
    assert w.incident.status == "open", "the state is read from the status alone"
    w.poll(seconds(20), a="online")
    assert (w.incident.status, w.timeline[-1]) == ("resolved", "resolved")
