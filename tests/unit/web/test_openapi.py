"""The OpenAPI document says what is answered."""

from __future__ import annotations

import re

import jsonschema
import pytest
from aiohttp import web

from tests.fakes import sample_data
from watcher.web import query
from watcher.web.openapi import document
from watcher.web.openapi.answers import ANSWERS

ASKED = {
    "/api/v1/incidents": "/api/v1/incidents?limit=2&label=site=NYC&from=2026-11-01",
    "/api/v1/incidents/{id}": "/api/v1/incidents/w-7k3mq2xd",
    "/api/v1/incidents/{id}/timeline": "/api/v1/incidents/w-7k3mq2xd/timeline?limit=1",
    "/api/v1/incidents/{id}/receipts": "/api/v1/incidents/w-7k3mq2xd/receipts",
    "/api/v1/works/{key}": "",  # of which the sample has none
}


def validator(reference):
    described = document.document("1")
    schema = {**reference, "components": described["components"]}
    return jsonschema.Draft202012Validator(schema)


def schema_of(path, status="200", content="application/json"):
    responses = document.document("1")["paths"][path]["get"]["responses"]
    return responses[status]["content"][content]["schema"]


@pytest.mark.parametrize("path", ANSWERS)
async def test_what_is_answered_is_as_described(serve, reader, path):
    reporter = sample_data.bad_night(reader)
    async with serve(reporter=reporter) as site:
        address = ASKED.get(path, path)
        if address:
            answer = await site.get(address)
            assert answer.status == 200, answer.text
            validator(schema_of(path)).validate(answer.json)


async def test_an_error_is_as_described(site):
    for address, path in (
        ("/api/v1/incidents?limit=0", "/api/v1/incidents"),
        ("/api/v1/incidents/w-none", "/api/v1/incidents/{id}"),
    ):
        answer = await site.get(address)
        reference = schema_of(path, str(answer.status), "application/problem+json")
        validator(reference).validate(answer.json)


async def test_each_address_of_the_api_is_described_and_no_other(serve, reader, monkeypatch):
    routes = []
    adding = web.Application.add_routes

    def recorded(app, given):
        routes.extend(given)
        return adding(app, given)

    monkeypatch.setattr(web.Application, "add_routes", recorded)
    async with serve() as site:
        served = (await site.get("/api/v1/openapi.json")).json
    paths = {re.sub(r":[^}]+\}", "}", route.path) for route in routes}
    there = {path for path in paths if path.startswith("/api/")} - {"/api/v1/openapi.json"}
    assert set(served["paths"]) == there
    assert served["openapi"] == "3.1.0"


def test_each_parameter_is_one_that_is_accepted():
    described = document.document("1")["paths"]
    names = [p["name"] for p in described["/api/v1/incidents"]["get"]["parameters"]]
    assert set(names) == {*query.FILTERS, "limit", "cursor"}
