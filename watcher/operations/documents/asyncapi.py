"""The contract over MQTT as an AsyncAPI 3 document: topics, messages, who sends what. Pure.

The documents are those of `json_schema`; what has no document is described here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from watcher.operations.documents.json_schema import PUBLISHED

CONTRACT_VERSION = "1.0.0"  # of topics and documents: keys may be added, none renamed or removed
ANSWERS = "PREFIX/answers"
_PARAMETERS = {
    "PREFIX": ("prefix", {"default": "watcher", "description": "`topic_prefix` of `[mqtt]`"}),
    "INSTANCE": ("instance", {"description": "A daemon's name"}),
    "NAME": ("name", {"description": "A source's name in the configuration"}),
    "ID": ("id", {"description": "An incident's id"}),
    "RUN": ("run", {"description": "The id of one diagnostics run"}),
}
_CLOUD_EVENT = {
    "type": "object",
    "description": "The attributes of CloudEvents 1.0, as user properties with MQTT 5",
    "properties": {
        name: {"type": "string"}
        for name in ("specversion", "id", "source", "type", "time", "subject")
    },
}
_PRESENCE = {"type": "string", "enum": ["online", "offline"]}
_PDF = {"type": "string", "format": "binary"}


class _Topic(Struct, frozen=True, kw_only=True):
    """How Watcher publishes there."""

    summary: str
    retained: bool = True
    is_event: bool = False  # has the attributes of CloudEvents
    payload: Mapping[str, Any] | None = None  # of what has no schema
    content_type: str = "application/json"


_TOPICS: Mapping[str, _Topic] = {
    "PREFIX/status": _Topic(
        summary="Whether any daemon watches", payload=_PRESENCE, content_type="text/plain"
    ),
    "PREFIX/status/INSTANCE": _Topic(
        summary="Whether a daemon is there", payload=_PRESENCE, content_type="text/plain"
    ),
    "PREFIX/open": _Topic(summary="What is open, in one list"),
    "PREFIX/summary": _Topic(summary="How many incidents are open, with `discovery = true`"),
    "PREFIX/incidents/ID": _Topic(summary="An incident as it is now", is_event=True),
    "PREFIX/incidents/ID/reports/RUN": _Topic(
        summary="The PDF of one diagnostics run",
        is_event=True,
        payload=_PDF,
        content_type="application/pdf",
    ),
    "PREFIX/events": _Topic(summary="Each timeline entry, in order", retained=False, is_event=True),
    "PREFIX/sources/NAME": _Topic(summary="The health of a source"),
    "PREFIX/silences": _Topic(summary="The silences that are not over"),
    ANSWERS: _Topic(
        summary="Answers to commands, unless they name a response topic", retained=False
    ),
}


def asyncapi(others: Mapping[str, type[msgspec.Struct]]) -> dict[str, Any]:
    """Return the document; `others` are the commands and their answer, by topic."""
    forms = {**PUBLISHED, **others}
    references, schemas = msgspec.json.schema_components(
        forms.values(), ref_template="#/components/schemas/{name}"
    )
    for schema in schemas.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    payloads = dict(zip(forms, references, strict=True))
    commands = [topic for topic in others if topic != ANSWERS]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Watcher over MQTT",
            "version": CONTRACT_VERSION,
            "description": "What Watcher publishes, and which commands it takes where"
            " `commands = true`. Everything has QoS 1, so a message may arrive twice.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "localhost:1883",
                "protocol": "mqtt",
                "protocolVersion": "5",
                "description": "The broker of `[mqtt]`; MQTT 3.1.1 works as well",
            }
        },
        "channels": {
            **{_name(topic): _channel(topic) for topic in _TOPICS},
            **{_name(topic): _channel(topic) for topic in commands},
        },
        "operations": {
            **{f"publish{_name(topic)}": _publish(topic) for topic in _TOPICS},
            **{f"receive{_name(topic)}": _receive(topic) for topic in commands},
        },
        "components": {
            "messages": {
                **{
                    _name(topic): _published(topic, payloads.get(topic, about.payload))
                    for topic, about in _TOPICS.items()
                },
                **{_name(topic): _command(topic, payloads[topic]) for topic in commands},
            },
            "schemas": schemas,
        },
    }


def _name(topic: str) -> str:
    """Return a topic as one word: `PREFIX/incidents/ID` is `IncidentsId`."""
    return "".join(part.capitalize() for part in topic.split("/")[1:])


def _channel(topic: str) -> dict[str, Any]:
    words = [word for word in topic.split("/") if word in _PARAMETERS]
    return {
        "address": re.sub("[A-Z]{2,}", lambda word: f"{{{_PARAMETERS[word[0]][0]}}}", topic),
        "parameters": dict(_PARAMETERS[word] for word in words),
        "messages": {_name(topic): {"$ref": f"#/components/messages/{_name(topic)}"}},
    }


def _publish(topic: str) -> dict[str, Any]:
    return _operation("send", topic, retained=_TOPICS[topic].retained)


def _receive(topic: str) -> dict[str, Any]:
    answers = _name(ANSWERS)
    return {
        **_operation("receive", topic, retained=False),
        "reply": {
            "channel": {"$ref": f"#/channels/{answers}"},
            "messages": [{"$ref": f"#/channels/{answers}/messages/{answers}"}],
        },
    }


def _operation(action: str, topic: str, *, retained: bool) -> dict[str, Any]:
    name = _name(topic)
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
        "bindings": {"mqtt": {"qos": 1, "retain": retained, "bindingVersion": "0.2.0"}},
    }


def _published(topic: str, payload: Mapping[str, Any] | None) -> dict[str, Any]:
    about = _TOPICS[topic]
    return {
        "name": _name(topic),
        "summary": about.summary,
        "contentType": about.content_type,
        **({"headers": _CLOUD_EVENT} if about.is_event else {}),
        "payload": payload,
    }


def _command(topic: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": _name(topic),
        "summary": f"The command `{topic.rpartition('/')[2]}`",
        "payload": payload,
    }
