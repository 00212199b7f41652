"""The examples of docs/howto: a flow of Node-RED and a package of Home Assistant.

The functions of the flow run in Node.js, with what Node-RED would pass to them; the templates of
the package run in Jinja, as in Home Assistant.
"""

import json
import re
import subprocess
from pathlib import Path

import jinja2
import pytest
import yaml
from msgspec.structs import replace

from tests.servers.programs import program
from watcher import model
from watcher.operations import documents
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt import commands, discovery

HOWTO = Path(__file__).parents[4] / "docs" / "howto"
FLOW = json.loads((HOWTO / "node-red-flow.json").read_text(encoding="utf-8"))
PACKAGE = yaml.safe_load((HOWTO / "home-assistant.yaml").read_text(encoding="utf-8"))
RUN = """
const [code, messages] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const kept = {}, statuses = [];
const flow = { get: (key) => kept[key], set: (key, value) => { kept[key] = value; } };
const node = { status: (status) => statuses.push(status) };
const answers = messages.map((message) => {
  const run = new Function("msg", "flow", "node", code[message.of || "watcher-remember"]);
  return run({ _msgid: "m1", ...message }, flow, node);
});
console.log(JSON.stringify({ answers, statuses }));
"""
SUMMARY, NEWS = 0, 1  # the outputs of the function


def play(*messages):
    """Run the functions of the flow with these messages; return what they send and show."""
    code = {node["id"]: node["func"] for node in FLOW if node["type"] == "function"}
    done = subprocess.run(
        [program("node", "nodejs"), "-e", RUN],
        input=json.dumps([code, messages]),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def published(view, payload=None, *, as_text=False):
    document = documents.incident(view).encode()
    given = document.decode() if as_text else json.loads(document)
    topic = f"watcher/incidents/{view.incident.id}"
    return {"topic": topic, "payload": given if payload is None else payload}


def test_the_flow_is_whole_and_names_topics_of_watcher():
    ids = [node["id"] for node in FLOW]
    assert len(set(ids)) == len(ids)
    addresses = [
        re.sub(r"{\w+}", "[^/]+", channel["address"]).replace("[^/]+/", "watcher/", 1)
        for channel in documents.asyncapi(commands.TOPICS)["channels"].values()
    ]
    for node in FLOW:
        assert {target for wires in node.get("wires", []) for target in wires} <= set(ids)
        if node["type"] == "mqtt in":
            topic = node["topic"].replace("+", "x")
            assert any(re.fullmatch(address, topic) for address in addresses), topic
        if "broker" in node and node["type"] != "mqtt-broker":
            assert node["broker"] in ids


@pytest.mark.parametrize("as_text", [False, True], ids=["MQTT 5", "MQTT 3.1.1"])
def test_the_flow_counts_what_is_open_and_says_once_what_is_critical(builder, as_text):
    first = published(builder.incident_view(), as_text=as_text)
    builder.resolve()
    outcome = play(first, first, published(builder.incident_view(), as_text=as_text))
    summaries = [answer[SUMMARY]["payload"] for answer in outcome["answers"]]
    assert summaries == [
        {"open": 1, "severity": "critical"},
        {"open": 1, "severity": "critical"},
        {"open": 0, "severity": "none"},
    ]
    assert [bool(answer[NEWS]) for answer in outcome["answers"]] == [True, False, False]
    assert outcome["answers"][0][NEWS]["payload"] == builder.incident.title
    assert [status["text"] for status in outcome["statuses"]] == ["1 open", "1 open", "0 open"]


def test_a_document_that_is_removed_is_gone_and_a_drill_is_no_news(builder):
    view = builder.incident_view()
    drill = replace(view, incident=replace(view.incident, flags=("drill",)))
    outcome = play(published(drill), published(view), published(view, ""))
    assert [answer[SUMMARY]["payload"]["open"] for answer in outcome["answers"]] == [0, 1, 0]
    assert outcome["answers"][0][NEWS] is None


def test_the_flow_acknowledges_the_worst_with_a_command_that_watcher_reads(builder):
    view = builder.incident_view()
    minor = replace(view, incident=replace(view.incident, id="w-2", severity=model.Severity.INFO))
    press = {"of": "watcher-ack"}
    nothing, *_, command = play(press, published(minor), published(view), press)["answers"]
    assert nothing is None
    assert command["topic"] == "watcher/commands/ack"
    read = commands.parse_request("ack", json.dumps(command["payload"]).encode())
    assert (read.incident, read.by) == ("w-7k3m", "node-red")


def rendered(template, **names):
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)  # noqa: S701  # JSON, no HTML
    environment.filters["to_json"] = json.dumps
    return environment.from_string(template).render(**names)


def entity_ids():
    """The ids that Home Assistant gives to what it discovers: device and name, in lower case."""
    settings = receiver_settings.Mqtt(discovery=True)
    for payload in map(json.loads, discovery.devices(settings, ["vyvx", "evpl"]).values()):
        for component in payload["components"].values():
            name = f"{payload['device']['name']} {component['name']}"
            yield f"{component['platform']}.{re.sub('[^a-z0-9]+', '_', name.lower())}"


def test_the_package_watches_entities_that_are_discovered():
    named = set(re.findall(r"binary_sensor\.\w+", json.dumps(PACKAGE)))
    assert named == named & set(entity_ids())
    assert named


@pytest.mark.parametrize(
    ("kind", "severity", "data", "is_passed_on"),
    [
        ("opened", "critical", {}, True),
        ("worse", "critical", {}, True),
        ("opened", "warning", {}, False),
        ("noted", "critical", {}, False),
        ("opened", "critical", {"drill": True}, False),
    ],
)
def test_the_package_passes_on_what_is_critical(builder, kind, severity, data, is_passed_on):
    [automation] = [rule for rule in PACKAGE["automation"] if rule["id"] == "watcher_critical"]
    [trigger] = automation["triggers"]
    assert trigger["topic"] == "watcher/events"
    view = builder.incident_view()
    entry = replace(view.timeline[0], kind=model.EntryKind(kind), data=data)
    incident = replace(view.incident, severity=model.Severity(severity))
    payload = json.loads(documents.event(incident, entry).encode())
    names = {"trigger": {"payload_json": payload}}
    conditions = [rendered(condition, **names) for condition in automation["conditions"]]
    assert (conditions == ["True"] * len(conditions)) is is_passed_on
    [action] = automation["actions"]
    assert rendered(action["data"]["title"], **names) == incident.title


def test_the_script_of_the_package_sends_a_command_that_watcher_reads():
    [step] = PACKAGE["script"]["watcher_acknowledge"]["sequence"]
    payload = rendered(step["data"]["payload"], incident="w-7k3m", by="ada")
    command = step["data"]["topic"].removeprefix("watcher/commands/")
    assert commands.parse_request(command, payload.encode()).incident == "w-7k3m"


def test_no_selector_of_the_package_is_an_empty_mapping():
    """Home Assistant leaves those out when it merges packages, and then disables the script."""
    fields = PACKAGE["script"]["watcher_acknowledge"]["fields"]
    for field in fields.values():
        assert all(field["selector"].values()), field
