"""What the broker retains is checked: documents by hand, and those of a Watcher that forgets."""

from __future__ import annotations

import json
from dataclasses import replace
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.faults import BrokerFault
from tests.year.laws import retained
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.receivers.mqtt.receiver import MqttReceiver

pytestmark = pytest.mark.timeout(300)

DOWN = replace(MORNING, facts=MORNING.facts[:1])  # and never up again
TOPIC = "watcher/incidents/w-1"
OPEN = {
    "id": "w-1",
    "version": 2,
    "status": "open",
    "resolved_at": None,
    "alerts": [{"subject": "vyvx/103", "state": "firing"}],
}
SOURCE = {"sight": "seen", "last_success": at(1.99).isoformat()}


def topics(*documents, **changes) -> dict[str, str]:
    """Return what is retained: documents of incidents, and what belongs to them."""
    live = [doc for doc in documents if doc["status"] == "open"]
    kept = {
        "watcher/status": "online",
        "watcher/status/ops1": "online",
        "watcher/sources/vyvx": json.dumps(SOURCE),
        "watcher/silences": json.dumps({"silences": []}),
        "watcher/open": json.dumps(
            {"incidents": [{"id": doc["id"], "version": doc["version"]} for doc in live]}
        ),
    }
    kept |= {f"watcher/incidents/{doc['id']}": json.dumps(doc) for doc in documents}
    return kept | {f"watcher/{name}": payload for name, payload in changes.items()}


def wrong(*seen, kept=None, plan=DOWN) -> list[str]:
    """Return the kinds of complaints about messages, and about what is retained at the end."""
    trace = Trace()
    for topic, document in seen:
        trace.add(at(1.1), "mqtt", topic=topic, payload=json.dumps(document))
    if kept is not None:
        trace.add(at(2), "retained", topics=kept)
    return [complaint.partition(":")[0] for complaint in retained.complaints(plan, trace)]


def event(number, **changes):
    document = {"event_id": f"w-1-{number}", "incident": "w-1", "number": number, **changes}
    return "watcher/events", document


def test_what_is_retained_as_it_was_seen_last_and_is_true_is_right():
    assert wrong((TOPIC, OPEN), kept=topics(OPEN)) == []


def test_a_version_that_goes_back_is_found():
    assert wrong((TOPIC, OPEN), (TOPIC, {**OPEN, "version": 1})) == ["back"]


def test_an_entry_that_is_left_out_or_changed_is_found():
    assert wrong(event(1), event(2), event(1)) == []
    assert wrong(event(1), event(3)) == ["order"]
    assert wrong(event(1), event(1, text="another")) == ["changed"]


def test_what_the_broker_has_lost_is_found():
    lost = topics()
    assert wrong((TOPIC, OPEN), kept=lost) == ["forgotten", "lost"]
    older = {**OPEN, "version": 1}
    assert wrong((TOPIC, older), (TOPIC, OPEN), kept=topics(older)) == ["forgotten"]


def test_a_document_that_is_open_while_it_is_up_is_found():
    assert wrong((TOPIC, OPEN), kept=topics(OPEN), plan=MORNING) == ["untrue"]


def test_a_list_that_differs_from_the_documents_is_found():
    empty = json.dumps({"incidents": []})
    assert wrong((TOPIC, OPEN), kept=topics(OPEN, open=empty)) == ["untrue"]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "offline"},
        {"sources/vyvx": json.dumps({**SOURCE, "sight": "blind"})},
        {"sources/vyvx": json.dumps({**SOURCE, "last_success": at(1).isoformat()})},
        {"silences": json.dumps({"silences": [{"id": "s-1", "end": at(0.1).isoformat()}]})},
    ],
)
def test_what_is_said_of_daemons_sources_and_silences_is_checked(changes):
    kept = topics(OPEN)
    kept |= {f"watcher/{name}": payload for name, payload in changes.items()}
    assert wrong((TOPIC, OPEN), kept=kept) == ["untrue"]


FORGETS = replace(
    DOWN, end=at(3.5), faults=(BrokerFault(at=at(1.5), until=at(1.55), forgets=True),)
)


def test_a_broker_that_has_forgotten_gets_everything_again():
    assert oracle.complaints(FORGETS, run(FORGETS)) == []


async def _publish_nothing(_):
    """Stand in for what is published after a connect."""


def test_a_watcher_that_publishes_nothing_again_is_found():
    with mock.patch.object(MqttReceiver, "_publish_again", _publish_nothing):
        kinds = {
            complaint.partition(":")[0] for complaint in retained.complaints(FORGETS, run(FORGETS))
        }
    assert kinds >= {"forgotten"}
