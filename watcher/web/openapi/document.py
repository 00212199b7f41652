"""Builds the OpenAPI 3.1 document that is served at /api/v1/openapi.json. Pure.

Law: what it says is what is answered: a test asks every address with drawn parameters, and compares
the routes with the paths.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

import msgspec

from watcher import model
from watcher.operations.works import WorkState
from watcher.web.openapi.answers import ANSWERS, Problem

REPORT = "/api/v1/incidents/{id}/reports/{run}.pdf"
_NO_CONTROL = "[^\\u0000-\\u001f\\u007f-\\u009f]"
_TEXT = {"type": "string", "maxLength": 500, "pattern": f"^{_NO_CONTROL}*$"}
_LABEL = "^([^=\\u0000-\\u001f\\u007f-\\u009f]+=[^\\u0000-\\u001f\\u007f-\\u009f]*)?$"
_ID = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}
_SUMMARIES = {
    "/api/v1/incidents": "List incidents, newest first",
    "/api/v1/incidents/{id}": "Return one incident",
    "/api/v1/incidents/{id}/timeline": "List the entries of an incident's timeline",
    "/api/v1/incidents/{id}/receipts": "List what each receiver has of an incident",
    REPORT: "Send the PDF of one diagnostics run",
    "/api/v1/subjects": "List subjects by key",
    "/api/v1/sources": "List the health of each source",
    "/api/v1/silences": "List the silences that are not over",
    "/api/v1/windows": "List the maintenance windows",
    "/api/v1/oncall": "List who is on call, and who is next",
    "/api/v1/availability": "Return a month's ledger of availability",
    "/api/v1/works": "List planned works in the order of their times",
    "/api/v1/works/{key}": "Return one maintenance",
}


def _words(words: type[StrEnum]) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "enum": [str(word) for word in words]}}


def _limit(most: int, usual: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most, "default": usual}


_MOMENT = {
    "type": "string",
    "anyOf": [{"format": "date"}, {"format": "date-time"}, {"maxLength": 0}],
    "description": "a time, or a date in UTC",
}
_CURSOR = {
    "type": "string",
    "pattern": r"^([0-9]{1,16}\.[A-Za-z0-9_-]{1,64})?$",
    "description": "`next_cursor` of the answer before",
}
_QUERIES: Mapping[str, Mapping[str, dict[str, Any]]] = {
    "/api/v1/incidents": {
        "status": _words(model.IncidentStatus),
        "severity": _words(model.Severity),
        "rule": _TEXT,
        "source": _TEXT,
        "subject": _TEXT,
        "label": {"type": "array", "items": {**_TEXT, "pattern": _LABEL}},
        "q": _TEXT,
        "from": _MOMENT,
        "to": _MOMENT,
        "drills": {"type": "string", "enum": ["only", "no"]},
        "limit": _limit(100, 20),
        "cursor": _CURSOR,
    },
    "/api/v1/incidents/{id}/timeline": {
        "after": {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0},
        "limit": _limit(1_000, 100),
    },
    "/api/v1/subjects": {"source": _TEXT, "after": _TEXT, "limit": _limit(1_000, 100)},
    "/api/v1/availability": {
        "month": {
            "type": "string",
            "pattern": "^((?!9999)(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2]))?$",
        },
        "zone": {"type": "string", "enum": sorted(available_timezones()), "default": "UTC"},
        "subject": {"type": "array", "items": {"type": "string"}},
    },
    "/api/v1/works": {
        "state": _words(WorkState),
        "limit": _limit(1_000, 100),
        "cursor": {**_CURSOR, "pattern": rf"^([0-9]{{1,15}}\.{_NO_CONTROL}+)?$", "maxLength": 500},
    },
}
_PATHS: Mapping[str, dict[str, Any]] = {"id": _ID, "run": _ID, "key": {"type": "string"}}
_REFUSALS = {
    "400": "an unknown parameter, or an invalid value",
    "401": "the token is missing or wrong",
    "404": "it does not exist",
    "503": "the database does not answer, or too much is asked at once",
}


@lru_cache(maxsize=1)
def encoded(version: str) -> bytes:
    """Return the document as JSON."""
    return msgspec.json.encode(document(version))


def document(version: str) -> dict[str, Any]:
    """Return the document; `version` is Watcher's."""
    references, components = msgspec.json.schema_components(
        [*ANSWERS.values(), Problem], ref_template="#/components/schemas/{name}"
    )
    for component in components.values():
        if "description" in component:  # a docstring, which CPython dedents from 3.13 on
            component["description"] = inspect.cleandoc(component["description"])
    *answers, problem = references
    contents: dict[str, Any] = {
        path: {"application/json": {"schema": answer}}
        for path, answer in zip(ANSWERS, answers, strict=True)
    }
    contents[REPORT] = {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Watcher",
            "version": version,
            "description": "Read-only. Changes go through the control socket of the command line.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {}],
        "paths": {path: {"get": _operation(path, contents[path], problem)} for path in _SUMMARIES},
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(path: str, content: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    refused = {"application/problem+json": {"schema": problem}}
    name = path.removeprefix("/api/v1/").replace("/", "-").replace("{", "").replace("}", "")
    return {
        "operationId": name.removesuffix(".pdf"),
        "summary": _SUMMARIES[path],
        "parameters": list(_parameters(path)),
        "responses": {
            "200": {"description": "as asked", "content": content},
            **{
                status: {
                    "description": why,
                    "content": {"text/plain": {"schema": {"type": "string"}}, **refused}
                    if status == "401"
                    else refused,
                }
                for status, why in _REFUSALS.items()
            },
        },
    }


def _parameters(path: str) -> Iterator[dict[str, Any]]:
    for name, schema in _PATHS.items():
        if f"{{{name}}}" in path:
            yield {"name": name, "in": "path", "required": True, "schema": schema}
    for name, schema in _QUERIES.get(path, {}).items():
        yield {"name": name, "in": "query", "required": False, "schema": schema}
