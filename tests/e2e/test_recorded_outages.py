"""What Lumen recorded and nobody saw, as `watcher run` reports it to a user."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.eventually import eventually

pytestmark = pytest.mark.broker

OFFLINE = {"id": "1234567", "state": "offline"}
ONLINE = {"id": "1234567", "state": "online"}
MENTION = "<!here>"
FACTS = (
    "meanwhile, USA East: offline (TS Loss)",
    "meanwhile, USA East: offline (CC errors)",
)


@pytest.fixture
def configured(home):
    """Change the installation's config; each key is of [sources.vyvx]."""

    def change(**keys: str) -> None:
        config = home / "config.toml"
        slack = 'kind = "slack"'
        text = config.read_text().replace(slack, f'{slack}\nmention = "{MENTION}"')
        for key, value in keys.items():
            lines = [line for line in text.splitlines() if not line.startswith(f"{key} =")]
            text = "\n".join(lines).replace('kind = "vyvx"', f'kind = "vyvx"\n{key} = "{value}"')
        config.write_text(text)

    return change


async def blip(world, message: str = "TS Loss") -> None:
    for change in ({**OFFLINE, "message": message}, ONLINE):
        await world.change(vyvx=change)
        await asyncio.sleep(0.01)  # Lumen writes milliseconds: two changes in one are none


async def polls(world) -> int:
    return (await world.calls()).get("vyvx.active", 0)


async def detailed(world) -> bool:
    return (await world.calls()).get("vyvx.details", 0) > 0 and await polls(world) > 0


async def reported(world, title: str, *facts: str) -> None:
    """Wait for the one parent and its thread, in which nobody is called."""

    async def matching() -> str:
        (parent,) = await world.parents()
        assert title in json.dumps(parent)
        words = json.dumps([parent, *await world.thread(parent)])
        assert all(fact in words for fact in facts), words
        return words

    assert MENTION not in await eventually(matching, within=60)


async def test_an_outage_between_two_polls_is_reported_and_pages_no_one(world, daemon, configured):
    configured(interval="1h", history="1s")
    async with daemon():
        await eventually(lambda: detailed(world))
        await blip(world)
        await reported(world, "USA East: offline (TS Loss) (reported late)")
        assert await polls(world) == 1


async def test_outages_while_the_vendor_does_not_answer_are_in_its_own_thread(
    world, daemon, configured
):
    configured()
    async with daemon():
        await eventually(lambda: detailed(world))
        await world.change(fault={"vendor": "vyvx", "kind": "http_503"})

        async def blind() -> bool:
            (parent,) = await world.parents()
            return "cannot be seen" in json.dumps(parent)

        await eventually(blind)
        await blip(world)
        await blip(world, "CC errors")
        await world.change(clear="vyvx")
        await reported(world, "vyvx cannot be seen", *FACTS)


async def test_outages_while_watcher_is_down_are_reported_when_it_is_back(
    world, daemon, configured, home
):
    configured(blind_after="300ms")
    rules = home / "rules.yaml"
    rules.write_text(rules.read_text().replace("blind: 2s", "blind: 300ms"))
    async with daemon() as running:
        await eventually(lambda: detailed(world))
        running.process.kill()
        await running.process.wait()
    (home / "c.sock").unlink()
    await blip(world)
    await blip(world, "CC errors")
    async with daemon():
        await reported(world, "vyvx was not monitored (reported late)", *FACTS)


async def test_a_blip_in_the_last_moments_of_a_reservation_is_reported(world, daemon, configured):
    configured(interval="2s", history="1h")
    async with daemon():
        await eventually(lambda: detailed(world))
        before = await polls(world)

        async def just_polled() -> bool:
            return await polls(world) > before

        await eventually(just_polled)
        await blip(world)
        await world.change(vyvx={"id": "1234567", "active": False})
        await reported(world, "USA East: offline (TS Loss) (reported late)")
