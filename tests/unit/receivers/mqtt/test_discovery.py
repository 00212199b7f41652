"""What Home Assistant gets, and which topics are taken away; both without a broker."""

import json
import re
from datetime import UTC, datetime

import jinja2
import pytest
from msgspec.structs import replace

from watcher.operations import documents
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt import discovery, topics
from watcher.receivers.mqtt.broker import client

AT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
WATCHER, VYVX = (
    "homeassistant/device/watcher/config",
    "homeassistant/device/watcher_source_vyvx/config",
)


def devices(*sources, **keys):
    settings = receiver_settings.Mqtt(discovery=True, **keys)
    return {
        topic: json.loads(payload)
        for topic, payload in discovery.devices(settings, sources).items()
    }


def render(component, document):
    """What Home Assistant makes of a message."""
    template = jinja2.Environment(autoescape=False).from_string(component["value_template"])  # noqa: S701  # as it does
    return template.render(value_json=json.loads(document))


def test_nothing_is_published_unless_it_is_asked_for():
    assert not discovery.devices(receiver_settings.Mqtt(), ["vyvx"])


def test_there_is_one_device_for_each_source_and_one_for_watcher():
    published = devices("vyvx", "iod")
    assert list(published) == [WATCHER, VYVX, VYVX.replace("vyvx", "iod")]
    assert published[VYVX]["device"]["identifiers"] == ["watcher_source_vyvx"]
    assert published[VYVX]["device"]["via_device"] == "watcher"


def test_each_message_has_what_home_assistant_asks_for():
    published = devices("vyvx", "eu.vyvx", topic_prefix="noc/watcher")
    identities = []
    for topic, payload in published.items():
        assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topic)
        assert payload["origin"]["name"]
        assert set(payload) == {"device", "origin", "qos", "components"}
        for component in payload["components"].values():
            assert component["platform"] in {"sensor", "binary_sensor"}
            assert component["state_topic"].startswith("noc/watcher/")
            assert component.get("availability", [{"topic": "noc/watcher/status"}]) == [
                {"topic": "noc/watcher/status"}
            ]
            identities.append(component["unique_id"])
    assert len(set(identities)) == len(identities)


@pytest.mark.parametrize("source", ["vyvx", "eu.vyvx", "l'été"])
def test_the_templates_read_the_summary(builder, source):
    incident = replace(builder.incident, source=source)
    summary = documents.summary([incident], [source, "iod"], instance="ops1", at=AT).encode()
    published = devices(source, "iod")
    values = {
        topic: [
            render(published[topic]["components"][key], summary) for key in ("open", "severity")
        ]
        for topic in published
    }
    assert list(values.values()) == [["1", "critical"], ["1", "critical"], ["0", "none"]]


@pytest.mark.parametrize(
    ("sight", "state"), [("blind", "ON"), ("seen", "OFF"), ("failing", "OFF"), ("unknown", "None")]
)
def test_blind_is_a_problem_and_unknown_is_neither(sight, state):
    blind = devices("vyvx")[VYVX]["components"]["blind"]
    assert render(blind, json.dumps({"sight": sight})) == state


def test_a_drill_counts_nowhere(builder):
    drill = replace(builder.incident, flags=("drill",))
    summary = documents.summary([drill], ["vyvx"], instance="ops1", at=AT)
    assert (summary.open, summary.severity, summary.sources["vyvx"].open) == (0, None, 0)


@pytest.fixture
def index():
    return topics.Index("watcher", ["watcher/sources/vyvx", WATCHER])


def listing(*names):
    return json.dumps({"topics": names}).encode()


def test_what_is_there_no_more_is_obsolete_and_named_until_it_is_removed(index):
    gone = ["watcher/sources/evpl", "ha/device/watcher_source_evpl/config", "watcher/status/old"]
    assert index.read(listing("watcher/sources/vyvx", *gone))
    assert index.obsolete == set(gone)
    assert set(json.loads(index.encode())["topics"]) == {"watcher/sources/vyvx", WATCHER, *gone}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"topics": [1]}',
        listing("other/sources/x", "watcher/incidents/w-1", "watcher/status", "watcher/#"),
        listing(
            "homeassistant/device/lamp/config", "watcher/sources/../x", "#/device/watcher/config"
        ),
        listing("x" * 2_000 + "/device/watcher/config"),
    ],
)
def test_a_stranger_cannot_have_topics_removed_that_are_not_watchers(index, payload):
    assert not index.read(payload)
    assert not index.obsolete


def test_a_broker_speaks_the_will_of_a_leader_that_is_cut_off_within_a_minute():
    assert 1.5 * client.KEEPALIVE_SECONDS < 60
