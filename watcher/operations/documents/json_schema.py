"""The JSON Schema of all documents, by MQTT topic."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import msgspec

from watcher.operations.documents.incidents import EventDocument, IncidentDocument
from watcher.operations.documents.open import OpenDocument, SummaryDocument
from watcher.operations.documents.silences import SilencesDocument
from watcher.operations.documents.sources import PublishedSource

PUBLISHED: Mapping[str, type[msgspec.Struct]] = {
    "PREFIX/incidents/ID": IncidentDocument,
    "PREFIX/open": OpenDocument,
    "PREFIX/summary": SummaryDocument,
    "PREFIX/events": EventDocument,
    "PREFIX/sources/NAME": PublishedSource,
    "PREFIX/silences": SilencesDocument,
}


def schema(others: Mapping[str, type[msgspec.Struct]]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of everything on MQTT, `others` included.

    `$defs` has the documents by their names and by their topics, and no key that a strict validator
    does not know.
    """
    forms = {**PUBLISHED, **others}
    references, components = msgspec.json.schema_components(
        forms.values(), ref_template="#/$defs/{name}"
    )
    for component in components.values():
        if "description" in component:  # a docstring, which CPython dedents from 3.13 on
            component["description"] = inspect.cleandoc(component["description"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What Watcher publishes and accepts over MQTT",
        "anyOf": [
            reference
            for position, reference in enumerate(references)
            if reference not in references[:position]
        ],
        "$defs": {**dict(zip(forms, references, strict=True)), **components},
    }
