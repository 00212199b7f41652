"""What makes planned works worse is said at once: two circuits of a site, a booking, an id."""

from datetime import timedelta

from tests.fakes.engine_world import FakeInventory
from tests.fakes.works_world import INVENTORY, WorksWorld
from watcher import engine, model
from watcher.model import Severity, WorkImpact, WorkStatus

W1, W2 = "lumen/W1", "lumen/W2"
LON, PAR = {"circuits": ("1-ABC",)}, {"circuits": ("2-DEF",), "id": "W2"}


def test_two_circuits_of_a_site_in_works_at_once_are_announced_at_once():
    w = WorksWorld()
    w.read(30, **LON)
    w.read(30.125, at=1, **PAR)
    assert w.given == [(1, "overlap", W2)]
    assert w.text == (
        "Site NYC: NYC-LON 1 and NYC-PAR 2 down at the same time, Mon 21 Dec 06:00 to 09:00 UTC,"
        " Lumen W2 and Lumen W1"
    )
    incident = w.announcements[W2]
    assert (
        incident.title
        == "Site NYC: NYC-LON 1 and NYC-PAR 2 down at the same time Mon 21 Dec 06:00 UTC"
    )
    assert incident.severity is Severity.WARNING
    w.until(22)
    assert [about for _, about, _ in w.given] == ["overlap"]


def test_two_circuits_of_a_site_in_one_work_are_announced_at_once():
    w = WorksWorld()
    w.read(30, circuits=("1-ABC", "2-DEF"))
    assert [about for _, about, _ in w.given] == ["overlap"]
    assert w.text.endswith(", Lumen W1")


def test_circuits_of_a_redundancy_group_are_announced_although_two_carriers_have_them():
    w = WorksWorld()
    w.read(30, circuits=("3-GHI",))
    w.read(30, at=1, circuits=("fra  77",), provider="orange", id="OR-9")
    assert w.given == [(1, "overlap", "orange/OR-9")]
    assert w.text.startswith("Redundancy group uplinks: Lyon 3 and Lyon 4 down at the same time")


def test_works_that_only_touch_each_other_are_no_overlap():
    w = WorksWorld()
    w.read(30, **LON)
    w.read(30.25, at=1, **PAR)
    assert w.announced == []


def test_works_without_impact_make_no_overlap():
    w = WorksWorld()
    w.read(30, **LON)
    w.read(30, at=1, impact=WorkImpact.NO_IMPACT, **PAR)
    assert w.announced == []


def test_two_works_on_one_circuit_are_no_overlap():
    w = WorksWorld()
    w.read(30, **LON)
    w.read(30, at=1, id="W2", **LON)
    assert w.announced == []


def test_an_overlap_in_every_night_is_announced_once():
    w = WorksWorld()
    w.read(10, 11, 12, **LON)
    w.read(10, 11, 12, at=1, **PAR)
    w.until(13)
    overlaps = [given for given in w.given if given[1] == "overlap"]
    assert overlaps == [(1, "overlap", W2)]


def test_works_that_move_into_others_are_announced_with_the_overlap():
    w = WorksWorld()
    w.read(10, **LON)
    w.read(20, **PAR)
    w.until(4)
    w.read(10, at=5, **PAR)
    assert w.given == [(3, "7d", W1), (5, "7d", W2)]
    assert "; site NYC: NYC-LON 1 and NYC-PAR 2 down at the same time" in w.text
    assert w.announcements[W1].severity is Severity.WARNING


def test_an_overlap_that_is_over_before_it_began_is_shown_no_more():
    w = WorksWorld()
    w.read(10, at=4, **LON)
    w.read(10, at=4.1, **PAR)
    w.read(10, at=5, status=WorkStatus.CANCELLED, **PAR)
    incident = w.announcements[W1]
    assert incident.severity is Severity.INFO
    assert incident.title.startswith("Planned: NYC-LON 1 down")
    assert incident.version > 1


def test_a_dismissed_work_makes_no_overlap():
    w = WorksWorld()
    w.read(30, **LON)
    w.step(model.WorkDismissed(work=W1, by="ann"))
    w.read(30, at=1, **PAR)
    assert w.announced == []


def test_a_reservation_that_is_booked_in_a_window_is_announced_at_once():
    w = WorksWorld()
    w.book("vyvx/a", 30.1, 30.2)
    w.read(30, at=1, **LON)
    assert w.given == [(1, "booking", W1)]
    assert w.text == (
        "Booked in works: NYC-LON 1 (vyvx/a), Mon 21 Dec 05:24 to 07:48 UTC;"
        " down Mon 21 Dec 03:00 to 09:00 UTC, Lumen W1"
    )
    assert w.incident.title.endswith(", booked: NYC-LON 1")
    assert w.incident.severity is Severity.WARNING


def test_a_reservation_that_is_booked_after_the_notice_is_announced_as_well_and_once():
    w = WorksWorld()
    w.read(30, **LON)
    w.book("vyvx/a", 30.1, 30.2, at=1)
    w.book("vyvx/a", 30.15, 30.2, at=2)
    w.restart()
    assert w.given == [(1, "booking", W1)]
    w.book("vyvx/a", 30.1, 30.2, at=3, booking="2")
    assert w.given[1:] == [(3, "booking", W1)]


def test_a_reservation_beside_the_window_or_one_that_has_ended_is_not_announced():
    w = WorksWorld()
    w.read(30, **LON)
    w.book("vyvx/a", 29, 30, at=1)
    w.book("vyvx/a", 30.25, 31, at=2)
    w.book("vyvx/a", 30.1, 30.2, at=3, terminal=True)
    w.book("vyvx/b", 30.1, 30.2, at=4)
    assert w.announced == []


def test_bookings_are_asked_for_when_works_are_read_and_again_while_they_are_ahead():
    w = WorksWorld()
    wanted = model.DetailsNeeded(subject="vyvx/a")
    w.book("vyvx/a", 1, 1.1, at=0.1)
    assert wanted in w.read(6, at=2, **LON)
    assert wanted not in w.until(3.5)  # nobody has answered: the job goes on, and is not repeated
    w.book("vyvx/a", 1, 1.1, at=3.5)
    assert wanted not in w.until(4.4)
    assert wanted in w.until(4.6)
    w.book("vyvx/a", 1, 1.1, at=4.6)
    assert wanted in w.until(4.7)  # the window is near


def test_a_digest_names_what_is_booked_and_what_coincides():
    w = WorksWorld()
    w.book("vyvx/a", 10.1, 10.2)
    w.read(10, at=1, **LON)
    w.read(10, at=1, **PAR)
    w.until(3)
    digest = next(entry for entry in w.announced if entry.data["about"] == "7d")
    assert "; booked then: NYC-LON 1 (vyvx/a), Tue 1 Dec 05:24 to 07:48 UTC" in digest.text
    assert "; site NYC: NYC-LON 1 and NYC-PAR 2 down at the same time" in digest.text


def test_a_circuit_that_the_inventory_does_not_know_is_asked_about_once():
    w = WorksWorld()
    w.read(30, circuits=("9-XYZ",))
    assert w.text == (
        "Is 9-XYZ ours? It is not in the inventory: if it is ours, add it to circuit_ids;"
        " otherwise ignore this (Lumen W1, Mon 21 Dec 03:00 to 09:00 UTC)"
    )
    assert w.incident.title == "Is 9-XYZ ours? Planned works Mon 21 Dec 03:00 UTC"
    w.restart()
    w.read(31, at=1, circuits=("9-XYZ",))
    w.read(32, at=2, circuits=("9-xyz", "8-XYZ"), id="W2")
    assert w.given == [(0, "question", W1), (2, "question", W2)]
    assert w.text.startswith("Is 8-XYZ ours?")
    w.until(29)
    assert len(w.given) == 2


def test_a_work_of_known_unknowns_alone_says_nothing():
    w = WorksWorld()
    w.read(30, circuits=("9-XYZ",))
    w.read(40, at=1, circuits=("9-XYZ",), id="W2")
    assert list(w.announcements) == [W1]


def test_nothing_is_asked_before_every_source_was_polled():
    w = WorksWorld(polled=False)
    w.read(30, circuits=("9-XYZ", "1-ABC"))
    assert w.announced == []
    w.poll_all()
    w.wait_until(w.now + timedelta(minutes=10))
    assert [about for _, about, _ in w.given] == ["question"]
    assert w.text.startswith("Is 9-XYZ ours?")


def test_a_circuit_of_another_carrier_is_said_to_be_in_the_inventory():
    w = WorksWorld()
    w.read(30, circuits=("1-ABC",), provider="zayo.com")
    assert w.text == (
        "1-ABC is in the inventory as a circuit of Lumen, and this notice (W1, Mon 21 Dec 03:00 to"
        " 09:00 UTC) is from Zayo. If Zayo sends notices for Lumen, add it to [works]"
        " providers"
    )
    assert w.incident.title == (
        "1-ABC of Lumen in a notice from Zayo. Planned works Mon 21 Dec 03:00 UTC"
    )
    assert w.incident.summary.endswith(
        "1-ABC is in the inventory as a circuit of Lumen, and this notice is from Zayo. If"
        " Zayo sends notices for Lumen, add it to [works] providers"
    )
    w.read(31, at=1, circuits=("1-ABC",), provider="zayo.com")
    assert len(w.given) == 1


def test_unknown_circuits_are_asked_about_apart_from_those_of_other_carriers():
    w = WorksWorld()
    w.read(30, circuits=("1-ABC", "8-XYZ", "9-XYZ", "2-DEF", "FRA 77"), provider="zayo.com")
    texts = [entry.text for entry in w.announced]
    assert [about for _, about, _ in w.given] == ["question"] * 3
    assert texts[0].startswith(
        "Are 8-XYZ and 9-XYZ ours? They are not in the inventory: if they are ours, add them to"
    )
    assert texts[1].startswith("1-ABC and 2-DEF are in the inventory as circuits of Lumen, and")
    assert texts[2].startswith("FRA 77 is in the inventory as a circuit of Orange, and")
    assert w.incident.title.startswith("Are 8-XYZ and 9-XYZ ours? Planned works")


def test_a_circuit_that_the_inventory_gains_is_announced_in_the_same_thread():
    w = WorksWorld()
    w.read(10, at=5, circuits=("9-XYZ",))
    entries = {
        **INVENTORY.inventory_entries,
        "vyvx/c": engine.InventoryEntry(labels={"name": "Lyon 3"}, circuit_ids=("9-XYZ",)),
    }
    inventory = FakeInventory()
    inventory.inventory_entries = entries
    w.reload(inventory=inventory)
    assert w.given == [(5, "question", W1), (5, "7d", W1)]
    assert w.text.startswith("In 5 days: Lyon 3 down")
    assert w.incident.title.startswith("Planned: Lyon 3 down")


def test_a_subject_that_appears_after_the_notice_is_announced():
    w = WorksWorld(polled=False)
    w.read(10, at=5, **LON)
    assert w.announced == []
    w.poll_all()
    assert w.given == [(5, "7d", W1)]
