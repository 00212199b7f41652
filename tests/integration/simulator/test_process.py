"""The simulator as a process of its own, as the end-to-end tests start it."""

import asyncio
import json
import signal
import sys

import pytest


async def run(*arguments):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        "watcher.simulator",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_it_says_where_it_is_and_stops_on_a_signal(http):
    process = await run("--scenario", "outage", "--wait")
    async with asyncio.timeout(30):
        addresses = json.loads(await process.stdout.readline())
        async with http.get(f"{addresses['control_url']}/state") as answer:
            state = await answer.json()
        reader, writer = await asyncio.open_connection("127.0.0.1", addresses["mqtt_port"])
        writer.close()
        await writer.wait_closed()
        process.send_signal(signal.SIGTERM)
        _, faults = await process.communicate()

    assert (process.returncode, faults) == (0, b"")
    assert state["begun"] is False
    assert addresses["slack_api_url"].endswith("/slack/api/")
    assert addresses["credentials"]["slack_channel"] == "C0123456789"
    assert reader is not None


@pytest.mark.parametrize("name", ["nowhere.yaml"])
async def test_a_scenario_that_is_not_there_ends_it_with_2(name):
    process = await run("--scenario", name)
    async with asyncio.timeout(30):
        _, faults = await process.communicate()

    assert process.returncode == 2
    assert faults == b"nowhere.yaml: there is no such file; shipped are: outage, quiet\n"
