"""Documents that shrink until they fit, and keep what a program acts on."""

import json

import pytest
from msgspec.structs import replace

from watcher import model
from watcher.operations import documents
from watcher.receivers.mqtt import payloads


@pytest.fixture
def document(builder):
    builder.diagnose()
    alerts = tuple(replace(builder.alert, subject=f"vyvx/{number}") for number in range(90))
    view = replace(builder.incident_view(*alerts), alert_counts={"firing": 90})
    return documents.incident(view)


def shrunk(document, most):
    payload = payloads.incident(document, lambda size: size <= most)
    assert payload is not None
    assert len(payload) <= most
    return json.loads(payload)


def test_what_fits_is_whole(document):
    assert shrunk(document, 1_000_000) == json.loads(document.encode())


def test_alerts_go_first_and_the_counts_stay(document):
    written = shrunk(document, 12_000)
    assert written["truncated"]
    assert 10 < len(written["alerts"]) < 90
    assert written["alert_counts"] == {"firing": 90}
    assert written["diagnostics"]


def test_findings_and_labels_go_before_what_a_program_acts_on(document):
    written = shrunk(document, 900)
    for key in ("id", "version", "status", "severity", "fault_domain", "title", "opened_at"):
        assert written[key] == json.loads(document.encode())[key]


def test_at_every_limit_it_fits_or_there_is_nothing(document):
    sizes = [
        len(payload)
        for most in range(200, 60_000, 97)
        if (payload := payloads.incident(document, lambda size, most=most: size <= most))
    ]
    assert sizes == sorted(sizes)
    assert payloads.incident(document, lambda _: False) is None


def test_an_event_loses_its_data_and_then_words(builder):
    builder.add_entry(model.EntryKind.NOTED, "x" * 3_000, by="Ana", detail="y" * 2_000)
    event = documents.event(builder.incident, builder.timeline[-1])
    whole = json.loads(event.encode())
    for most, data, longest in ((4_000, True, 1_000), (2_000, False, 1_000), (700, False, 120)):
        payload = payloads.event(event, lambda size, most=most: size <= most)
        written = json.loads(payload)
        assert written["truncated"]
        assert bool(written["data"]) is data
        assert len(written["text"]) == longest
        assert written["event_id"] == whole["event_id"]
