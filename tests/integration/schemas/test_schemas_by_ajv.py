"""The JSON Schemas, judged by ajv in its strict mode, and what they say of real documents."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest
import yaml

from tests.fakes.incident_builder import IncidentBuilder
from tests.servers import node
from tests.servers.programs import program
from watcher.ledger.document import LedgerDocument
from watcher.operations import documents
from watcher.receivers.mqtt import commands
from watcher.ruleset import schema as rules
from watcher.settings import as_json_schema

ROOT = Path(__file__).parents[3]
AJV = "ajv@8.17.1"
FORMATS = "ajv-formats@3.0.1"
COMPILE = """
const Ajv = require("ajv/dist/2020").default;
const addFormats = require("ajv-formats").default;
const { schema, documents } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const warnings = [];
const logger = { log() {}, warn: (...words) => warnings.push(words.join(" ")), error() {} };
const ajv = new Ajv({ strict: true, allErrors: true, logger });
addFormats(ajv);
let fault = null, errors = [];
try {
  const validate = ajv.compile(schema);
  errors = documents.map((document) => (validate(document) ? null : validate.errors));
} catch (error) {
  fault = error.message;
}
console.log(JSON.stringify({ fault, warnings, errors }));
"""

SCHEMAS = {
    "rules": rules.as_json_schema,
    "config": as_json_schema,
    "mqtt": lambda: documents.schema(commands.TOPICS),
    "api": lambda: documents.api_schema({"/api/v1/availability": LedgerDocument}),
}


def evaluate(schema, *given):
    """Return what ajv says: why the schema is none, its warnings, the errors of each document."""
    modules = [str(node.modules(package)) for package in (AJV, FORMATS)]
    done = subprocess.run(
        [program("node", "nodejs"), "-e", COMPILE],
        input=json.dumps({"schema": schema, "documents": given}),
        env={**os.environ, "NODE_PATH": os.pathsep.join(modules)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.timeout(200)  # the first run installs ajv
@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_taken_in_strict_mode(name):
    answer = evaluate(SCHEMAS[name]())
    assert answer == {"fault": None, "warnings": [], "errors": []}


def test_a_keyword_that_ajv_does_not_know_is_found():
    assert 'unknown keyword: "unit"' in evaluate({"type": "number", "unit": "s"})["fault"]


def test_an_incident_keeps_to_its_schema_and_one_with_a_wrong_key_does_not():
    builder = IncidentBuilder()
    builder.diagnose()
    whole = SCHEMAS["mqtt"]()
    schema = {"$ref": "#/$defs/IncidentDocument", "$defs": whole["$defs"]}
    document = msgspec.to_builtins(documents.incident(builder.incident_view()))
    answer = evaluate(schema, document, {**document, "version": "seven"})
    assert answer["fault"] is None
    right, wrong = answer["errors"]
    assert right is None
    assert [error["instancePath"] for error in wrong] == ["/version"]


def test_the_shipped_files_keep_to_their_schemas():
    config = tomllib.loads((ROOT / "config.example.toml").read_text())
    assert evaluate(SCHEMAS["config"](), config)["errors"] == [None]
    files = [yaml.safe_load(file.read_text()) for file in sorted((ROOT / "rules").glob("*.yaml"))]
    assert evaluate(SCHEMAS["rules"](), *files)["errors"] == [None] * len(files)
