"""The attributes of CloudEvents beside what is published."""

import re

import pytest

from watcher.operations.documents import cloud_events

REQUIRED = {"specversion", "id", "source", "type"}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def view(builder):
    builder.diagnose()
    return builder.incident_view()


def of_everything(view):
    return [
        *map(cloud_events.of_entry, view.timeline),
        cloud_events.of_document(view),
        cloud_events.of_report(view.incident, "r-1"),
    ]


def test_every_message_has_what_the_specification_requires(view):
    for event in of_everything(view):
        attributes = event.attributes("/watcher")
        assert set(attributes) >= REQUIRED
        assert all(attributes.values())
        assert re.fullmatch(RFC_3339, attributes["time"])
        assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in attributes)


def test_no_two_messages_have_one_id(view, builder):
    builder.resolve()
    identities = [event.id for event in of_everything(view)]
    identities.append(cloud_events.of_document(builder.incident_view()).id)
    assert len(set(identities)) == len(identities)


def test_the_attributes_say_what_happened_to_which_incident(view):
    first = cloud_events.of_entry(view.timeline[0]).attributes("/noc/watcher")
    assert first == {
        "specversion": "1.0",
        "id": "w-7k3m-1",
        "source": "/noc/watcher",
        "type": "watcher.incident.opened",
        "time": "2026-11-21T03:10:22.125Z",
        "subject": "w-7k3m",
    }
