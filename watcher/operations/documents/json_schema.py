"""The JSON Schema of all documents, by MQTT topic and by HTTP path."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import msgspec

from watcher.operations.documents.deliveries import ReceiptsDocument
from watcher.operations.documents.incidents import EventDocument, IncidentDocument
from watcher.operations.documents.open import OpenDocument, SummaryDocument
from watcher.operations.documents.silences import SilencesDocument
from watcher.operations.documents.sources import PublishedSource
from watcher.operations.documents.works import WorkDocument, WorksDocument

PUBLISHED: Mapping[str, type[msgspec.Struct]] = {
    "PREFIX/incidents/ID": IncidentDocument,
    "PREFIX/open": OpenDocument,
    "PREFIX/summary": SummaryDocument,
    "PREFIX/events": EventDocument,
    "PREFIX/sources/NAME": PublishedSource,
    "PREFIX/silences": SilencesDocument,
}


ANSWERED: Mapping[str, type[msgspec.Struct]] = {
    "/api/v1/incidents/ID": IncidentDocument,
    "/api/v1/incidents/ID/receipts": ReceiptsDocument,
    "/api/v1/silences": SilencesDocument,
    "/api/v1/works": WorksDocument,
    "/api/v1/works/KEY": WorkDocument,
}


def schema(others: Mapping[str, type[msgspec.Struct]]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of everything on MQTT, `others` included.

    `$defs` has the documents by their names and by their topics, and no key that a strict validator
    does not know.
    """
    return _schema("What Watcher publishes and accepts over MQTT", {**PUBLISHED, **others})


def api_schema(others: Mapping[str, type[msgspec.Struct]]) -> dict[str, Any]:
    """Return the same of what HTTP answers, by path; `others` included."""
    return _schema("What Watcher answers over HTTP", {**ANSWERED, **others})


def _schema(title: str, forms: Mapping[str, type[msgspec.Struct]]) -> dict[str, Any]:
    references, components = msgspec.json.schema_components(
        forms.values(), ref_template="#/$defs/{name}"
    )
    for component in components.values():
        if "description" in component:  # a docstring, which CPython dedents from 3.13 on
            component["description"] = inspect.cleandoc(component["description"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "anyOf": [
            reference
            for position, reference in enumerate(references)
            if reference not in references[:position]
        ],
        "$defs": {**dict(zip(forms, references, strict=True)), **components},
    }
