"""The faults that a scenario can inject into answers."""

import asyncio
import json

import aiohttp
import pytest

from tests.eventually import eventually
from watcher import simulator
from watcher.simulator.world import World

NOC = "C0123456789"


@pytest.fixture
def call(sim, http):
    """Lumen's token: the simplest call that answers anybody."""

    async def ask():
        async with http.post(sim.lumen_token_url) as answer:
            return answer.status, answer.headers, await answer.read()

    return ask


async def test_without_a_fault_the_vendor_answers(call):
    status, _, body = await call()

    assert (status, json.loads(body)["code"]) == (401, "missingCredentials")


async def test_a_status_comes_as_a_web_page_with_its_retry_after(sim, call):
    sim.change(fault={"vendor": "lumen", "kind": "http_503", "retry_after": "30"})
    status, headers, body = await call()

    assert (status, headers["Retry-After"]) == (503, "30")
    assert b"503 Service Unavailable" in body


async def test_a_good_status_can_carry_a_web_page(sim, call):
    sim.change(fault={"vendor": "lumen", "kind": "html"})
    status, headers, body = await call()

    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert body.startswith(b"<!DOCTYPE html>")


async def test_a_good_status_can_carry_nothing(sim, call):
    sim.change(fault={"vendor": "lumen", "kind": "empty"})
    status, _, body = await call()

    assert (status, body) == (200, b"")


async def test_an_answer_can_be_given_word_for_word(sim, call):
    sim.change(fault={"vendor": "lumen", "kind": "answer", "status": 422, "body": {"a": 1}})
    status, _, body = await call()

    assert (status, json.loads(body)) == (422, {"a": 1})


async def test_an_answer_can_be_cut_in_the_middle(sim, call):
    sim.change(fault={"vendor": "lumen", "kind": "truncated"})
    with pytest.raises(aiohttp.ClientPayloadError):
        await call()


async def test_a_connection_can_be_reset(sim, call):
    sim.change(fault={"vendor": "lumen", "kind": "reset"})
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await call()


async def test_an_answer_can_fail_to_come(sim, call):
    sim.change(fault={"vendor": "lumen", "kind": "hang"})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await call()


async def test_an_answer_can_come_late_when_the_deed_is_done(sim, slack):
    sim.change(fault={"vendor": "slack", "endpoint": "chat.postMessage", "kind": "slow"})
    posting = asyncio.create_task(slack.chat_postMessage(channel=NOC, text="hello"))

    async def posted():
        return (await slack.conversations_history(channel=NOC))["messages"]

    await eventually(posted, within=5)
    assert not posting.done()
    posting.cancel()


async def test_the_simulator_stops_while_a_call_hangs(clock, http):
    async with simulator.Simulator(simulator.load("quiet"), clock, with_broker=False) as sim:
        sim.change(fault={"vendor": "lumen", "kind": "hang"})
        hanging = asyncio.create_task(http.post(sim.lumen_token_url))
        calls = {}
        while "lumen.token" not in calls:
            async with http.get(f"{sim.control_url}/calls") as answer:
                calls = (await answer.json())["calls"]
    with pytest.raises(aiohttp.ClientError):
        await hanging


async def test_a_fault_ends_with_its_time(sim, clock, call):
    sim.change(fault={"vendor": "lumen", "kind": "http_500", "for": "10s"})
    clock.advance(9)
    during, _, _ = await call()
    clock.advance(1)
    after, _, _ = await call()

    assert (during, after) == (500, 401)


async def test_a_fault_hits_so_many_calls_as_it_says(sim, call):
    sim.change(fault={"vendor": "lumen", "kind": "http_500", "times": 2})

    assert [(await call())[0] for _ in range(3)] == [500, 500, 401]


async def test_a_fault_hits_its_vendor_and_endpoint_alone(sim, call):
    sim.change(fault={"vendor": "slack", "kind": "http_500"})
    sim.change(fault={"vendor": "lumen", "kind": "http_500", "endpoint": "diagnostics"})

    assert (await call())[0] == 401


def test_a_fault_of_a_scenario_runs_from_its_own_time(clock):
    text = "events: [{at: 5s, fault: {vendor: vyvx, kind: http_503, for: 10s}}]"
    world = World(scenario=simulator.parse(text, name="fault.yaml"), clock=clock)
    world.start()
    clock.advance(14)
    world.catch_up()
    during = world.active_faults.take("vyvx.active", world.now())
    clock.advance(1)

    assert during is not None
    assert world.active_faults.take("vyvx.active", world.now()) is None


async def test_faults_do_not_stand_in_the_way_of_the_control_endpoint(sim, http):
    for vendor in ("vyvx", "orange", "lumen", "slack"):
        sim.change(fault={"vendor": vendor, "kind": "http_500"})
    change = {"clear": "all"}
    async with http.post(f"{sim.control_url}/change", json=change) as answer:
        assert answer.status == 200
    async with http.get(f"{sim.control_url}/state") as answer:
        assert (await answer.json())["faults"] == []


async def test_a_change_that_makes_no_sense_is_refused_with_its_reasons(sim, http):
    change = {"vyvx": {"id": "1", "state": "ofline"}}
    async with http.post(f"{sim.control_url}/change", json=change) as answer:
        assert answer.status == 400
        (fault,) = (await answer.json())["faults"]
    async with http.post(f"{sim.control_url}/change", data=b"{") as answer:
        assert (await answer.json())["faults"] == ["change: is no JSON"]

    assert fault.startswith("change: vyvx.state: 'ofline': expected 'online',")
    assert fault.endswith("did you mean offline?")


async def test_the_control_endpoint_starts_the_scenario_and_shows_the_state(clock, http):
    scenario = simulator.load("outage")
    async with simulator.Simulator(scenario, clock, with_broker=False, start=False) as sim:
        clock.advance(10)
        async with http.post(f"{sim.control_url}/begin"):
            pass
        clock.advance(6)
        async with http.get(f"{sim.control_url}/state") as answer:
            state = await answer.json()

    assert state["elapsed"] == 6
    assert state["vyvx"]["1234567"] == {
        "state": "offline",
        "ingress_state": "online",
        "active": True,
    }


async def test_calls_are_counted_by_endpoint(sim, http, call, slack):
    await call()
    await call()
    await slack.auth_test()
    async with http.get(f"{sim.control_url}/calls") as answer:
        assert (await answer.json())["calls"] == {"lumen.token": 2, "slack.auth.test": 1}
