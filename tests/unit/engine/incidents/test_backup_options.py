"""What could be ordered as a backup: asked once for an incident, and shown on its timeline."""

import pytest

from tests.fakes.engine_world import FakeInventory, of_kind, rule, seconds, world
from watcher import engine, model

HERE = "1 Main St, Denver, CO 80202"
PLACED = FakeInventory(vyvx_a=engine.InventoryEntry(address=HERE))


def shown_on_timeline(w):
    return [e.text for e in w.tables.entries if e.kind is model.EntryKind.ALTERNATIVES]


@pytest.mark.covers("px/alternatives")
def test_a_backup_is_asked_for_once_for_an_incident():
    w = world(rule(alternatives=True), inventory=PLACED)
    effects = w.poll(a="offline")
    (wanted,) = of_kind(effects, model.AlternativesNeeded)
    assert wanted == model.AlternativesNeeded(incident=w.incident.id, address=HERE)
    assert of_kind(w.poll(seconds(10), a="degraded"), model.AlternativesNeeded) == []
    assert of_kind(w.poll(seconds(20), a="online"), model.AlternativesNeeded) == []


def test_a_rule_that_does_not_ask_asks_for_none():
    w = world(rule(), inventory=PLACED)
    assert of_kind(w.poll(a="offline"), model.AlternativesNeeded) == []
    assert shown_on_timeline(w) == []


def test_without_an_address_it_says_so():
    w = world(rule(alternatives=True))
    w.poll(a="offline")
    assert shown_on_timeline(w) == ["no backup search: the inventory has no address for a"]


@pytest.mark.parametrize(
    ("offers", "why", "text"),
    [
        (("Fiber 940 65.00", "DSL 20"), "", f"available as a backup at {HERE}: {{}}"),
        ((), "outside the area", f"no backup available at {HERE}: outside the area"),
    ],
)
def test_the_answer_is_on_the_timeline_and_calls_nobody(offers, why, text):
    w = world(rule(alternatives=True), inventory=PLACED)
    w.poll(a="offline")
    answer = model.AlternativesRead(incident=w.incident.id, address=HERE, offers=offers, why=why)
    w.step(answer, seconds(5))
    assert shown_on_timeline(w) == [text.format("; ".join(offers))]
    assert not w.tables.entries[-1].notify


@pytest.mark.parametrize("offers", [("Fiber 940",), ()])
def test_what_is_to_be_known_of_offers_is_on_the_timeline(offers):
    w = world(rule(alternatives=True), inventory=PLACED)
    w.poll(a="offline")
    answer = model.AlternativesRead(
        incident=w.incident.id, address=HERE, offers=offers, why="none", note="confirm it"
    )
    w.step(answer, seconds(5))
    assert shown_on_timeline(w)[0].endswith(" (confirm it)")


def test_details_that_are_late_may_bring_the_address():
    class ByPurchase(FakeInventory):
        def entry(self, key, labels):
            return engine.InventoryEntry(address=HERE if labels.get("po_number") else "")

    w = world(rule(alternatives=True), detailed=True, inventory=ByPurchase())
    w.poll(a="offline")
    w.wait_until(w.now + seconds(5))
    assert shown_on_timeline(w) == []
    read = model.DetailsRead(subject="vyvx/a", details=model.Details(labels={"po_number": "4711"}))
    (wanted,) = of_kind(w.step(read, seconds(8)), model.AlternativesNeeded)
    assert wanted.address == HERE


def test_details_that_bring_no_address_end_the_waiting():
    w = world(rule(alternatives=True), detailed=True)
    w.poll(a="offline")
    w.wait_until(w.now + seconds(5))
    w.step(model.DetailsRead(subject="vyvx/a", details=None, error="gone"), seconds(8))
    assert shown_on_timeline(w) == ["no backup search: the inventory has no address for a"]


def test_an_answer_about_nothing_is_refused():
    with pytest.raises(engine.IllegalCommand):
        world(rule()).step(model.AlternativesRead(incident="w-none", address=HERE))
