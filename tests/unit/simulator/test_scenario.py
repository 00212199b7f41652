"""Scenarios are parsed, checked and played at their times."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from watcher import simulator
from watcher.simulator import scenario as script
from watcher.simulator.world import World

SCENARIO = """
world:
  vyvx:
    services:
      "1": {state: online}
  evpl:
    lines:
      L1: {utilization: 20, wobble: 0}
events:
  - {at: 8s, vyvx: {id: "1", state: offline, message: TS Loss}}
  - {at: 20s, vyvx: {id: "1", state: online}}
  - {at: 10s, evpl: {id: L1, to: 60, over: 10s}}
"""


@pytest.fixture
def world(clock):
    return World(scenario=simulator.parse(SCENARIO, name="scenario.yaml"), clock=clock)


@pytest.mark.parametrize("name", simulator.shipped())
def test_every_shipped_scenario_is_sound_and_says_what_it_is_about(name):
    assert simulator.load(name).about


def test_the_demo_story_is_over_within_45_seconds():
    events = simulator.load("outage").events

    assert max(event.at for event in events) <= timedelta(seconds=40)


def test_nothing_happens_before_the_scenario_begins(world, clock):
    clock.advance(60)
    world.catch_up()

    assert world.services["1"].state == "online"


def test_an_event_takes_effect_at_its_time_and_not_before(world, clock):
    world.start()
    clock.advance(7.9)
    world.catch_up()
    before = world.services["1"].state
    clock.advance(0.1)
    world.catch_up()

    assert (before, world.services["1"].state) == ("online", "offline")


def test_a_late_look_sees_events_at_their_own_times(world, clock):
    world.start()
    clock.advance(300)
    world.catch_up()

    (alarm,) = world.alarms["1"]
    assert (alarm.end - alarm.start, alarm.message) == (timedelta(seconds=12), "TS Loss")
    assert alarm.start == world.origin + timedelta(seconds=8)


def test_a_ramp_rises_evenly_and_stays(world, clock):
    world.start()
    clock.advance(100)
    world.catch_up()

    def load_after(seconds):
        return world.utilization("L1", world.origin + timedelta(seconds=seconds))

    assert [load_after(at) for at in (5, 15, 20, 99)] == [20, 40, 60, 60]


def test_a_sample_is_the_same_whenever_it_is_asked_for(clock):
    world = World(scenario=simulator.load("quiet"), clock=clock)
    at = world.origin + timedelta(minutes=5)
    first = world.utilization("LD-PAR-LON-0042", at)
    clock.advance(9000)

    assert world.utilization("LD-PAR-LON-0042", at) == first
    assert abs(first - 52) <= 1.5


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("wrold: {}", "bad.yaml: wrold: there is no such key"),
        (
            "world: {vyvx: {services: {'1': {state: ofline}}}}",
            "bad.yaml: world.vyvx.services.1.state: 'ofline': expected 'online',",
        ),
        (
            "world: {vyvx: {services: {1: {}}}}",
            "bad.yaml: world.vyvx.services.1.[key]: must be text: write '1' in quotes",
        ),
        (
            "events: [{at: 8, vyvx: {id: '1'}}]",
            "bad.yaml: events.0.at: 8 is not a duration: write it with its unit",
        ),
        ("events: [{vyvx: {id: '1'}}]", "bad.yaml: events.0.at: is missing"),
        ("events: [{at: 8s}]", "bad.yaml: events.0: needs exactly one of vyvx, evpl"),
        (
            "events: [{at: 8s, clear: vyvx, revoke: lumen}]",
            "bad.yaml: events.0: needs exactly one of vyvx, evpl",
        ),
        (
            "events: [{at: 8s, evpl: {id: L9, to: 5}}]",
            "bad.yaml: events.0.evpl.id: the world has no line L9",
        ),
        (
            "events: [{at: 8s, diagnostics: {id: S9}}]",
            "bad.yaml: events.0.diagnostics.id: the world has no service S9",
        ),
        (
            "events: [{at: 8s, fault: {vendor: vyvx, kind: explode}}]",
            "bad.yaml: events.0.fault.kind: 'explode': expected 'http_NNN', 'answer',",
        ),
        ("world: [unclosed", "bad.yaml:1: is not valid YAML"),
    ],
)
def test_a_fault_in_a_scenario_names_its_file_and_key(text, fault):
    with pytest.raises(simulator.ScenarioError) as caught:
        simulator.parse(text, name="bad.yaml")

    assert any(line.startswith(fault) for line in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("events: 3", "events: 3: expected a list"),
        ("world: 3", "world: expected keys and values"),
        ("world: {seed: many}", "world.seed: 'many': expected a whole number"),
        ("world: {vyvx: {services: []}}", "world.vyvx.services: expected keys and values"),
        ("events: [{at: 1s, clear: lumens}]", "did you mean lumen?"),
        ("events: [{at: 1s, evpl: {id: L1, to: -1}}]", "events.0.evpl.to: -1: expected at least 0"),
        ("events: [{at: 1s, fault: {vendor: vyvx, kind: hag}}]", "did you mean hang?"),
        ("events: [{at: 1s, diagnostics: {id: S1, takes: 3s, pdf: green}}]", "diagnostics.pdf: "),
        ("events: [{at: 1s, quota: {vendor: orange, per_month: x}}]", "expected a whole number"),
    ],
)
def test_no_word_of_pydantic_is_printed(text, fault):
    with pytest.raises(simulator.ScenarioError) as caught:
        simulator.parse(text, name="bad.yaml")

    problems = "\n".join(caught.value.problems)
    assert fault in problems
    assert not re.search(r"should|[Ii]nput|validation error|Value error", problems)


def test_all_problems_of_a_scenario_are_reported_at_once():
    with pytest.raises(simulator.ScenarioError) as caught:
        simulator.parse("{a: 1, b: 2, events: [{at: soon, clear: all}]}", name="bad.yaml")

    assert len(caught.value.problems) == 3


def test_a_missing_scenario_says_which_are_shipped(tmp_path):
    with pytest.raises(simulator.ScenarioError, match="shipped are: outage, quiet"):
        simulator.load(tmp_path / "none.yaml")


def test_a_crowd_is_online_and_counts_up(clock):
    scenario = script.parse("world: {vyvx: {crowd: {count: 2000}}}", name="crowd.yaml")
    world = World(scenario=scenario, clock=clock)

    assert len(world.services) == 2000
    assert {service.state for service in world.services.values()} == {"online"}


def test_a_line_that_the_control_endpoint_does_not_know_is_refused(sim):
    with pytest.raises(simulator.ScenarioError, match="there is no EVPL line L9 in this world"):
        sim.change(evpl={"id": "L9", "to": 5})


def test_the_example_in_the_documentation_is_sound():
    page = Path(__file__).parents[3] / "docs" / "howto" / "simulator.md"
    (text,) = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)

    assert len(simulator.parse(text, name="simulator.md").events) == 3


def test_a_file_that_cannot_be_read_is_said_plainly(tmp_path):
    with pytest.raises(script.ScenarioError, match=f"^{tmp_path}: cannot be read: Is a directory$"):
        script.load(tmp_path)
    odd = tmp_path / "odd.yaml"
    odd.write_bytes(b"\xff")
    with pytest.raises(script.ScenarioError, match=f"^{odd}: is not UTF-8 text$"):
        script.load(odd)
