"""The simulator records each call that it gets."""

import aiohttp
import pytest


@pytest.fixture
def ask(sim, http):
    async def get(path, **query):
        async with http.get(f"{sim.control_url}{path}", params=query) as answer:
            return (await answer.json())["heard"]

    return get


async def test_what_a_named_call_was_answered_is_kept_and_nothing_else(sim, http, ask):
    await http.post(sim.lumen_token_url)
    await http.post(f"{sim.control_url}/record", json={"calls": ["lumen.token"]})
    await http.post(sim.lumen_token_url, params={"a": "b"})
    await http.get(f"{sim.slack_api_url}auth.test")

    (call,) = await ask("/record")
    assert (call["call"], call["whole"], call["query"]) == ("lumen.token", True, {"a": "b"})
    assert "missingCredentials" in call["body"]
    assert call["host"].startswith("127.0.0.1:")
    assert await ask("/record", after="1") == []


async def test_a_disturbed_answer_is_logged_as_such(sim, http, ask):
    await http.post(f"{sim.control_url}/record", json={"calls": ["lumen.token"]})
    sim.change(fault={"vendor": "lumen", "kind": "truncated"})
    with pytest.raises(aiohttp.ClientPayloadError):
        await (await http.post(sim.lumen_token_url)).read()

    (call,) = await ask("/record")
    assert not call["whole"]


async def test_a_late_answer_is_as_whole_as_any_other(sim, http, ask):
    await http.post(f"{sim.control_url}/record", json={"calls": ["lumen.token"]})
    sim.change(fault={"vendor": "lumen", "kind": "slow", "takes": "10ms"})
    await http.post(sim.lumen_token_url)

    (call,) = await ask("/record")
    assert call["whole"]
