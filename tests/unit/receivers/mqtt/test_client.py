"""Waiting for the broker, and being cancelled meanwhile."""

import asyncio

import aiomqtt
import pytest

from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt.broker import client as mqtt_client


@pytest.fixture
async def client():
    return mqtt_client.build(receiver_settings.Mqtt(), "watcher-ops1")


async def test_who_is_cancelled_when_the_answer_comes_ends(client):
    """Else a daemon that stops while its leader connects waits for it without end."""
    answer = asyncio.get_running_loop().create_future()

    async def connect_and_stay():
        await client._wait_for(answer, timeout=None)
        await asyncio.Event().wait()

    task = asyncio.create_task(connect_and_stay())
    await asyncio.sleep(0)
    answer.set_result(None)
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=1)
    assert done
    assert task.cancelled()


async def test_an_answer_that_does_not_come_in_time_is_an_error(client):
    never = asyncio.get_running_loop().create_future()
    with pytest.raises(aiomqtt.MqttError, match="timed out"):
        await client._wait_for(never, timeout=0.01)
