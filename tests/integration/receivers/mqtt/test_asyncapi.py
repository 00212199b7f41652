"""The AsyncAPI document, judged by AsyncAPI's own parser and by what is on a broker.

`@asyncapi/cli` validates with the same parser, and takes 1.5 GB and five minutes to install.
"""

import asyncio
import json
import os
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest

from tests.fakes.incident_builder import InMemoryDelivery
from tests.servers import node
from tests.servers.mqtt_clients import connected, subscribed
from tests.servers.programs import program
from watcher import model
from watcher.operations import documents
from watcher.receivers.mqtt import commands

PARSER = "@asyncapi/parser@3.6.6"
FILE = Path(__file__).parents[4] / "docs" / "reference" / "asyncapi.json"
PARSE = """
const { Parser } = require("@asyncapi/parser");
const source = require("fs").readFileSync(process.argv[1], "utf8");
new Parser().parse(source).then(({ document, diagnostics }) => {
  console.log(JSON.stringify({ valid: document !== undefined, diagnostics }));
});
"""
WARNING = 1  # of Spectral: 0 is an error, 2 information
OWN = re.compile(r"watcher/(clients/[^/]+|topics|incidents/[^/]+/reports/[^/]+\.pdf)")


@pytest.fixture(scope="module")
def document():
    return documents.asyncapi(commands.TOPICS)


@pytest.mark.timeout(400)  # the first run installs the parser
def test_asyncapis_own_parser_takes_it():
    done = subprocess.run(
        [program("node", "nodejs"), "-e", PARSE, str(FILE)],
        env={**os.environ, "NODE_PATH": str(node.modules(PARSER))},
        capture_output=True,
        text=True,
        check=True,
    )
    outcome = json.loads(done.stdout)
    diagnostics = outcome["diagnostics"]
    assert [remark for remark in diagnostics if remark["severity"] <= WARNING] == []
    assert outcome["valid"]


def test_every_document_and_command_has_a_channel(document):
    addresses = {
        re.sub(r"{(\w+)}", lambda word: word[1].upper(), channel["address"])
        for channel in document["channels"].values()
    }
    definitions = documents.schema(commands.TOPICS)["$defs"]
    assert {name for name in definitions if name.startswith("PREFIX/")} <= addresses


async def test_what_is_on_the_broker_is_in_the_document(document, builder, clock, mosquitto):
    builder.diagnose()
    delivery = InMemoryDelivery(builder, "mqtt")
    keys = {"sources": ["vyvx"], "discovery": True}
    async with (
        subscribed(mosquitto.port) as reader,
        connected(delivery, clock, mosquitto.port, **keys) as (receiver, connection),
    ):
        connection.publish_source(model.SourceHealth(source="vyvx"))
        connection.publish_silences([])
        for _ in range(2):
            await delivery.deliver(receiver)
        async with asyncio.timeout(30):
            while not {"watcher/summary", "watcher/events", "watcher/silences"} <= set(
                reader.topics
            ):
                await reader.until(reader.ANY)
    channels = {
        re.sub(r"{\w+}", "[A-Za-z0-9_-]+", channel["address"]): name
        for name, channel in document["channels"].items()
    }
    for message in reader.seen:
        topic = message.topic.value
        if re.fullmatch(OWN, topic):
            continue
        [name] = [name for address, name in channels.items() if re.fullmatch(address, topic)]
        check(document, name, message)


def check(document, name, message):
    about = document["components"]["messages"][name]
    operation = document["operations"][f"publish{name}"]
    if not message.retain:  # one that was there before says so whatever it was
        assert operation["bindings"]["mqtt"]["qos"] == message.qos
    if about["contentType"] != "application/json":
        if name.startswith("Status"):
            assert message.payload.decode() in about["payload"]["enum"]
        return
    schema = {**about["payload"], "components": document["components"]}
    jsonschema.validate(json.loads(message.payload), schema, cls=jsonschema.Draft202012Validator)
    names = {name for name, _ in getattr(message.properties, "UserProperty", [])}
    assert names == set(about.get("headers", {"properties": {}})["properties"])
