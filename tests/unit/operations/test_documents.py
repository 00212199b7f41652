"""The documents that programs read, and docs/reference/mqtt.md, whose examples must be true."""

import json
import re
from datetime import timedelta
from pathlib import Path

import jsonschema
import msgspec
import pytest
from msgspec.structs import replace

from tests.fakes.incident_builder import BEGIN
from tests.fakes.planned import plan
from watcher import model
from watcher.operations import documents
from watcher.receivers.mqtt import commands, topics

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "mqtt.md").read_text()
EXAMPLES = dict(re.findall(r"```json (\w+)\n(.*?)```", PAGE, re.DOTALL))
TYPES = {
    "incident": documents.IncidentDocument,
    "event": documents.EventDocument,
    "source": documents.PublishedSource,
    "open": documents.OpenDocument,
    "silences": documents.SilencesDocument,
    "summary": documents.SummaryDocument,
}


def check(instance, kind):
    schema = documents.schema(commands.TOPICS)
    topic = {
        "incident": "PREFIX/incidents/ID",
        "event": "PREFIX/events",
        "source": "PREFIX/sources/NAME",
        "open": "PREFIX/open",
        "silences": "PREFIX/silences",
        "summary": "PREFIX/summary",
    }[kind]
    jsonschema.validate(
        instance,
        {**schema["$defs"][topic], "$defs": schema["$defs"]},
        cls=jsonschema.Draft202012Validator,
    )


def test_the_asyncapi_document_is_that_of_the_code():
    shipped = (Path(__file__).parents[3] / "docs" / "reference" / "asyncapi.json").read_text()
    current = json.loads(json.dumps(documents.asyncapi(commands.TOPICS)))
    assert json.loads(shipped) == current, "watcher schema asyncapi > docs/reference/asyncapi.json"


@pytest.mark.parametrize("kind", TYPES)
def test_the_examples_of_the_page_are_what_is_published(kind):
    example = json.loads(EXAMPLES[kind])
    check(example, kind)
    read = msgspec.convert(example, TYPES[kind])
    assert json.loads(read.encode()) == example  # no key is missing and none is invented


def test_the_page_names_every_topic_kind_and_status():
    for topic in (
        topics.leader("PREFIX"),
        "PREFIX/status/INSTANCE",
        "PREFIX/incidents/ID",
        topics.events("PREFIX"),
        "PREFIX/incidents/ID/reports/RUN.pdf",
        *commands.TOPICS,
        "PREFIX/sources/NAME",
        topics.silences("PREFIX"),
    ):
        assert f"`{topic}`" in PAGE
    for word in (*model.EntryKind, *model.IncidentStatus, *model.Resolution, *model.FaultDomain):
        assert f"`{word}`" in PAGE, word


def test_an_incident_and_its_events_keep_to_the_schema(builder):
    builder.diagnose()
    builder.resolve()
    view = builder.incident_view()
    written = json.loads(documents.incident(view).encode())
    check(written, "incident")
    assert written["alerts"][0]["from"] == "offline"
    assert written["resolved_at"] == "2026-11-21T03:40:22.125Z"
    for entry in view.timeline:
        check(json.loads(documents.event(view.incident, entry).encode()), "event")


def test_a_sources_health_keeps_to_the_schema():
    health = model.SourceHealth(source="vyvx")
    published = documents.published_source(
        health, instance="ops1", at=BEGIN, valid=timedelta(minutes=15)
    )
    check(json.loads(published.encode()), "source")
    check(
        json.loads(documents.unwatched_source(health, instance="ops1", at=BEGIN).encode()), "source"
    )
    written = json.loads(documents.source(health).encode())
    # From when silence counts matters to the engine alone.
    of_engine = {"seen_since", "stepped_at"}
    assert set(written) | of_engine == set(model.SourceHealth.__struct_fields__)


def test_text_that_is_no_unicode_does_not_stop_a_document(builder):
    builder.change(title="half a pair: \ud83d")
    assert (
        json.loads(documents.incident(builder.incident_view()).encode())["title"]
        == "half a pair: ?"
    )


def test_a_topics_part_has_only_what_every_subscriber_takes():
    assert topics.report("watcher", "a/+#b\u00fc", "") == "watcher/incidents/a___b_/reports/_"


def test_why_people_are_not_notified_is_part_of_the_document(builder):
    until = model.Suppression(
        kind=model.SuppressionKind.SILENCE,
        name="s-1",
        by="ann",
        comment="works",
        until=builder.incident.opened_at,
        sooner=model.SilenceUntil.ENDED,
    )
    builder.change(suppressions=(until,))
    written = json.loads(documents.incident(builder.incident_view()).encode())
    check(written, "incident")
    assert written["suppressions"] == [
        {
            "kind": "silence",
            "name": "s-1",
            "by": "ann",
            "comment": "works",
            "until": written["opened_at"],
            "sooner": "ended",
        }
    ]


def test_the_works_that_a_fault_belongs_to_are_in_the_document(builder):
    plan(builder)
    written = json.loads(documents.incident(builder.incident_view()).encode())
    check(written, "incident")
    assert written["flags"] == ["planned"]
    assert written["suppressions"][0]["kind"] == "planned"
    assert written["planned"] == {
        "id": "CHG-1",
        "provider": "lumen",
        "from": "2026-11-21T03:00:22.125Z",
        "to": "2026-11-21T04:00:22.125Z",
        "impact": "outage",
    }


def test_the_document_has_what_people_get(builder):
    run = model.Diagnosis(
        run="r-1",
        incident=builder.incident.id,
        service_id="SVC1",
        status=model.DiagnosisStatus.DONE,
        disposition="Trouble found",
        actions=("Open a ticket",),
        started_at=BEGIN,
        finished_at=BEGIN + timedelta(seconds=40),
    )
    builder.change(
        acknowledged_by="ada",
        acknowledged_at=BEGIN,
        fault_domain=model.FaultDomain.LUMEN,
        contacts=(model.Contact(domain="lumen", text="Lumen NOC, +1 555 0100"),),
        summary="since the storm",
        diagnostics=(run,),
    )
    written = json.loads(documents.incident(builder.incident_view(), now=BEGIN).encode())
    check(written, "incident")
    assert written["schema_version"] == 1
    assert written["contacts"] == [{"side": "lumen", "text": "Lumen NOC, +1 555 0100"}]
    assert written["acknowledged_at"] == "2026-11-21T03:10:22.125Z"
    assert (written["summary"], written["source"]) == ("since the storm", "vyvx")
    assert written["verdict"]["text"] == "likely Lumen side"
    assert written["verdict"]["why"][-1] == "SVC1: Trouble found"
    assert written["diagnostics"][0]["actions"] == ["Open a ticket"]


def booked(builder, *bookings):
    view = builder.incident_view()
    key = view.alerts[0].subject
    subject = model.Subject(key=key, source="vyvx", fields={}, bookings=bookings, since=BEGIN)
    view = replace(view, subjects={key: subject})
    return json.loads(documents.incident(view, now=BEGIN).encode())["booking"]


def booking(number, hours):
    start = BEGIN + timedelta(hours=hours)
    window = model.Window(start=start, end=start + timedelta(hours=2))
    return model.Booking(id=str(number), scheduled=window)


def test_the_booking_on_air_is_named_before_a_later_one_and_a_later_one_before_the_past(builder):
    before, on_air, later = booking(1, -9), booking(2, -1), booking(3, 9)
    assert booked(builder, later, on_air, before)["id"] == "2"
    assert booked(builder, later, on_air, before)["phase"] == "on_air"
    assert booked(builder, before, later)["id"] == "3"
    assert booked(builder, before)["phase"] == "ended"
    assert booked(builder) is None


KNOWN_TO_VALIDATORS = {
    *("$schema", "$defs", "$ref", "title", "description", "type", "properties", "required"),
    *("anyOf", "enum", "items", "prefixItems", "additionalProperties", "format", "default"),
    *("minItems", "maxItems", "minimum", "maximum", "minLength", "maxLength", "pattern"),
}


def keys_of(schema):
    """Yield the keywords of a schema, not the names of properties and definitions in it."""
    for key, value in schema.items():
        yield key
        if key in {"properties", "$defs"}:
            for inner in value.values():
                yield from keys_of(inner)
        elif isinstance(value, dict):
            yield from keys_of(value)
        elif key in {"anyOf", "prefixItems"}:
            for inner in value:
                yield from keys_of(inner)


def test_the_schema_has_no_keyword_of_our_own():
    assert set(keys_of(documents.schema(commands.TOPICS))) <= KNOWN_TO_VALIDATORS
