"""The vendor's own alarm history of one service, through the rules."""

import asyncio
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer as Server

from tests.fakes.engine_world import START, minutes, rule, ruleset, traits
from tests.unit.replay.installation import Installation
from watcher import cli, model
from watcher.clock import SystemClock
from watcher.replay import replay

DAY = timedelta(days=1)


def alarm(state, start, end=None):
    return model.AlarmRecord(
        state=state, start=START + minutes(start), end=None if end is None else START + minutes(end)
    )


def states(*alarms):
    records = replay.records_of("vyvx/1", alarms, None, START, traits("vyvx"))
    return [
        ((record.at - START) / minutes(1), record.what.seen[0].fields["state"])
        for record in records
    ][1:]


def test_between_two_alarms_the_service_was_online():
    assert states(alarm("offline", 5, 7), alarm("degraded", 9, 10)) == [
        (5, "offline"),
        (7, "online"),
        (9, "degraded"),
        (10, "online"),
    ]


def test_of_two_alarms_at_once_the_worse_one_counts():
    assert states(alarm("degraded", 1, 9), alarm("offline", 3, 5), alarm("impaired", 3, 4)) == [
        (1, "degraded"),
        (3, "offline"),
        (5, "degraded"),
        (9, "online"),
    ]


def test_alarms_that_began_before_or_still_last_are_included():
    assert states(alarm("offline", -5, 2), alarm("offline", 3)) == [
        (0, "offline"),
        (2, "online"),
        (3, "offline"),
    ]


def test_a_service_that_was_bad_at_the_beginning_counts_as_come_from_good():
    replayed = replay.Replay(ruleset(rule()), since=START)
    for record in replay.records_of("vyvx/1", [alarm("offline", -5)], None, START, traits("vyvx")):
        replayed.feed(record)
    (only,) = replayed.finish(START + minutes(1))
    assert only.incident.opened_at == START


@pytest.mark.parametrize("name", ["1", "vyvx/1"])
def test_a_service_is_named_with_or_without_its_source(name):
    assert replay.find_key(name, ruleset()) == "vyvx/1"
    with pytest.raises(
        model.PermanentError, match="write SOURCE/ID with one of these sources: vyvx"
    ):
        replay.find_key("evpl/1", ruleset())


@pytest.mark.parametrize("has_details", [True, False])
async def test_the_command_asks_the_vendor(tmp_path, monkeypatch, capsys, has_details):
    installation, now = Installation(tmp_path), SystemClock().now().replace(microsecond=0)
    interval = {"start": (now - DAY).isoformat(), "end": (now - DAY + minutes(5)).isoformat()}
    events = [{"interval": interval, "state": "offline", "message": "TS Loss"}]

    async def answer_history(request):
        assert request.query["start"] < request.query["end"]
        return web.json_response({"data": {"services": {"77": {"history": {"events": events}}}}})

    async def answer_details(_):
        if not has_details:
            raise web.HTTPNotFound
        return web.json_response({"data": {"services": {"77": {"name": "Cup final"}}}})

    app = web.Application()
    app.router.add_get("/customer/service/77/history", answer_history)
    app.router.add_get("/customer/service/77/details", answer_details)
    async with Server(app) as server:
        text = installation.config.read_text().replace(
            "http://127.0.0.1:9/vyvx/v1.0", str(server.make_url("/"))
        )
        installation.config.write_text(text)
        monkeypatch.chdir(tmp_path)
        arguments = ["watcher", "replay", "--since", "30d", "--vyvx-history", "77"]
        monkeypatch.setattr("sys.argv", arguments)
        with pytest.raises(SystemExit) as left:
            await asyncio.to_thread(cli.main)
    assert not left.value.code
    lines = capsys.readouterr().out.splitlines()
    assert "the vendor's history of 77" in lines[0]
    assert f"{'Cup final' if has_details else '77'} is offline: offline since" in lines[1]
    assert "recovered at" in lines[2]
