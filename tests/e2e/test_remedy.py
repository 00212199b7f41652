"""`watcher remedy` against a running daemon, which may be killed in the middle of an order."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from tests.eventually import eventually

SOURCE = """
[sources.iod]
kind = "internet_on_demand"
account = "lumen"
base_url = "{lumen_url}"
dialect = "naas"
customer_number = "{lumen_customer_number}"
interval = "200ms"
"""
RULES = """
rules:
  - name: vyvx-service-down
    source: vyvx
    transition: {field: state, to: [offline]}
    severity: critical
    bandwidth: {to: 2 Gbps, max: 2 Gbps, revert: on_resolve}
"""
INVENTORY = """
subjects:
  vyvx/1234567: {connection: iod/c1}
"""


@pytest.fixture
async def line(home, world):
    """An installation whose rule proposes to raise a connection of the simulated vendor."""
    values = {**world.addresses, **world.addresses["credentials"]}
    config = home / "config.toml"
    config.write_text(config.read_text() + SOURCE.format(**values))
    (home / "rules.yaml").write_text(RULES)
    (home / "inventory.yaml").write_text(INVENTORY)
    await world.change(iod={"id": "c1", "bandwidth": "500 Mbps"})
    return home


async def watcher(home, *words):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "watcher",
        *words,
        "--config",
        str(home / "config.toml"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LOGNAME": "ann"},
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def proposed(world, home):
    """Let the service go down; give the incident once its proposal is in Slack."""
    await world.change(vyvx={"id": "1234567", "state": "online"})
    await world.change(vyvx={"id": "1234567", "state": "offline"})

    async def command():
        (parent,) = await world.parents()
        text = " ".join(message["text"] for message in await world.thread(parent))
        return text.partition("approve with `watcher remedy approve ")[2].partition("`")[0]

    return await eventually(command)


async def posted(world, words):
    async def matching():
        (parent,) = await world.parents()
        return any(words in reply["text"] for reply in await world.thread(parent))

    await eventually(matching, within=40)


async def orders(world):
    return (await world.calls()).get("lumen.order", 0)


async def test_a_person_approves_it_and_it_is_put_back(line, world, daemon):
    async with daemon():
        incident = await proposed(world, line)
        code, out, _ = await watcher(line, "remedy", "approve", incident, "--by", "ann")
        assert (code, out) == (0, f"{incident}: change approved, it is being ordered\n")
        code, _, err = await watcher(line, "remedy", "approve", incident, "--by", "bob")
        assert (code, err) == (1, f"{incident}: already approved by ann\n")
        await posted(world, "c1 now has 2 Gbps")
        await world.change(vyvx={"id": "1234567", "state": "online"})
        await posted(world, "c1 has 500 Mbps again")
    assert await orders(world) == 2


async def test_a_person_approves_it_by_a_button(line, world, daemon):
    config, credentials = line / "config.toml", world.addresses["credentials"]
    token = f'app_token = "{credentials["slack_app_token"]}"'
    config.write_text(config.read_text().replace("[slack]", f"[slack]\n{token}"))
    async with daemon():
        await proposed(world, line)

        async def pressed():
            (parent,) = await world.parents()
            press = {"channel": credentials["slack_channel"], "ts": parent["ts"], "name": "ann"}
            address = f"{world.addresses['control_url']}/press"
            async with world.session.post(
                address, json=press | {"action_id": "approve"}
            ) as response:
                return (await response.json()).get("acknowledged")

        await eventually(pressed)
        await posted(world, "c1 now has 2 Gbps")
    assert await orders(world) == 1


async def test_a_person_refuses_it(line, world, daemon):
    async with daemon():
        incident = await proposed(world, line)
        code, out, _ = await watcher(line, "remedy", "refuse", incident, "--by", "bob")
        assert (code, out) == (0, f"{incident}: change refused, nothing is ordered\n")
        await posted(world, "refused by bob: c1 stays at 500 Mbps")
    assert await orders(world) == 0


async def test_a_daemon_that_is_killed_while_it_orders_does_not_order_again(line, world, daemon):
    async with daemon() as first:
        incident = await proposed(world, line)
        await world.change(fault={"vendor": "lumen", "kind": "hang", "endpoint": "order"})
        code, _, err = await watcher(line, "remedy", "approve", incident, "--by", "ann")
        assert code == 0, err

        async def ordering():
            return await orders(world) == 1

        await eventually(ordering)
        first.process.kill()
        await first.process.wait()
    await world.change(clear="lumen")
    (line / "c.sock").unlink()
    async with daemon():
        await posted(world, "interrupted while it ordered. It will not be ordered again")
    assert await orders(world) == 1
