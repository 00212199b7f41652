"""The main job as a user runs it: `watcher run`, simulated vendors, Mosquitto, Slack's client."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3

import pytest

from tests.e2e.conftest import OFFLINE, ONLINE, nothing_twice
from tests.eventually import eventually
from watcher.operations import control_socket

pytestmark = pytest.mark.broker

DOWN, BLIND = "vyvx-service-down", "vyvx-blind"


def files_of(replies: list[dict]) -> dict[str, dict]:
    return {
        file["name"].rpartition(".")[2]: file
        for reply in replies
        for file in reply.get("files", [])
    }


def words_of(message: dict) -> str:
    return json.dumps(message)


async def test_an_outage_becomes_a_thread_with_findings_and_pdf_and_recovers(
    world, daemon, subscribed
):
    async with subscribed() as seen, daemon() as running:
        await world.change(vyvx=OFFLINE)

        async def thread() -> list[dict]:
            (parent,) = await world.parents()
            replies = await world.thread(parent)
            assert set(files_of(replies)) == {"pdf", "png"}
            return [parent, *replies]

        parent, *replies = await eventually(thread)
        assert "USA East is offline: likely Lumen side" in words_of(parent)
        assert "Lumen NOC, +1 555 0100" in words_of(parent)
        assert "Kings Mountain" in words_of(parent)
        assert "No trouble found" in "".join(words_of(reply) for reply in replies)

        report = await world.report("SVC1")
        assert report.startswith(b"%PDF-")
        files = files_of(replies)
        assert await world.download(files["pdf"]) == report
        assert (await world.download(files["png"])).startswith(b"\x89PNG")

        async def published() -> dict:
            document = seen.document()
            assert document["diagnostics"][0]["report"]
            return document

        document = await eventually(published)
        assert document["status"] == "open"
        assert document["fault_domain"] == "lumen"
        assert document["alerts"][0]["subject"] == "vyvx/1234567"
        assert document["alerts"][0]["to"] == "offline"
        assert document["diagnostics"][0]["report"]["size"] == len(report)
        assert seen.last(document["diagnostics"][0]["report"]["topic"]) == report

        await world.change(vyvx=ONLINE)

        async def over() -> list[dict]:
            assert seen.document()["status"] == "resolved"
            (parent,) = await world.parents()
            assert "usa east: recovered after" in words_of(parent).lower()
            assert "recovered" in words_of((await world.thread(parent))[-1]).lower()
            return [parent]

        (after,) = await eventually(over)
        assert after["ts"] == parent["ts"]
        assert seen.document()["resolution"] == "recovered"
        kinds = [event["kind"] for event in seen.events()]
        assert kinds[0] == "opened"
        assert kinds[-1] == "resolved"
        assert {"diagnosing", "diagnosed"} <= set(kinds)
        assert len({event["event_id"] for event in seen.events()}) == len(kinds)

        assert await running.stop() == 0

        async def left() -> bool:
            return seen.last("watcher/status/e2e") == b"offline"

        assert await eventually(left)
    assert (await world.calls())["lumen.diagnostics"] == 1


async def test_a_killed_daemon_goes_on_where_it_was_and_repeats_nothing(world, daemon):
    async with daemon() as running:
        await world.change(vyvx=OFFLINE)

        async def reported() -> bool:
            (parent,) = await world.parents()
            return set(files_of(await world.thread(parent))) == {"pdf", "png"}

        await eventually(reported)
        running.process.kill()
        await running.process.wait()
    async with daemon():
        await world.change(vyvx=ONLINE)

        async def over() -> bool:
            (parent,) = await world.parents()
            return "recovered" in words_of((await world.thread(parent))[-1]).lower()

        await eventually(over)
        await nothing_twice(world)
    assert (await world.calls())["lumen.diagnostics"] == 1


async def test_a_vendor_outage_makes_the_source_blind_and_no_service_down(
    world, daemon, subscribed
):
    async with subscribed() as seen, daemon() as running:
        await world.change(vyvx=OFFLINE)

        async def opened() -> bool:
            return seen.document()["status"] == "open"

        await eventually(opened)
        await world.change(fault={"vendor": "vyvx", "kind": "http_503"})

        async def blind() -> bool:
            assert seen.documents()[BLIND]["status"] == "open"
            return "blind" in seen.document()["flags"]

        await eventually(blind)
        assert seen.document()["status"] == "open"
        assert json.loads(seen.last("watcher/sources/vyvx"))["sight"] == "blind"
        status = await control_socket.ask(running.home / "c.sock", "GET", "/status")
        assert status["sources"][0]["sight"] == "blind"
        assert "503" in status["sources"][0]["error"]

        await world.change(clear="vyvx")

        async def seen_again() -> bool:
            assert seen.documents()[BLIND]["status"] == "resolved"
            assert seen.document()["status"] == "open"
            return "blind" not in seen.document()["flags"]

        assert await eventually(seen_again)


async def test_what_slack_missed_in_its_outage_is_delivered_after_it(world, daemon):
    async with daemon():
        await world.change(fault={"vendor": "slack", "kind": "http_503"})
        await world.change(vyvx=OFFLINE)

        async def diagnosed() -> bool:
            return (await world.calls()).get("lumen.diagnostics") == 1

        await eventually(diagnosed)
        await world.change(clear="slack")

        async def reported() -> bool:
            (parent,) = await world.parents()
            return set(files_of(await world.thread(parent))) == {"pdf", "png"}

        assert await eventually(reported, within=40)


async def test_a_post_whose_answer_was_lost_is_found_and_not_repeated(world, daemon):
    async with daemon():
        drop = {"vendor": "slack", "kind": "drop", "endpoint": "chat.postMessage", "times": 1}
        await world.change(fault=drop)
        await world.change(vyvx=OFFLINE)

        async def reported() -> bool:
            (parent,) = await world.parents()
            return set(files_of(await world.thread(parent))) == {"pdf", "png"}

        assert await eventually(reported)
        assert (await world.calls())["slack.chat.postMessage"] >= 2


async def test_a_stop_in_the_middle_of_a_delivery_loses_and_repeats_nothing(world, daemon):
    async with daemon() as running:
        hang = {"vendor": "slack", "kind": "hang", "endpoint": "chat.postMessage", "times": 1}
        await world.change(fault=hang)
        await world.change(vyvx=OFFLINE)

        async def posting() -> bool:
            return (await world.calls())["slack.chat.postMessage"] == 1

        await eventually(posting)
        assert await running.stop() == 0
        assert "Traceback" not in running.log.read_text()
    await world.change(clear="slack")
    async with daemon():

        async def reported() -> bool:
            parents = await world.parents()
            assert len(parents) == 1
            return set(files_of(await world.thread(parents[0]))) == {"pdf", "png"}

        assert await eventually(reported)


async def test_a_channel_unknown_to_slack_is_reported_over_mqtt(world, daemon, subscribed, home):
    config = home / "config.toml"
    config.write_text(config.read_text().replace("C0123456789", "C0000000000"))
    async with subscribed() as seen, daemon() as running:
        await world.change(vyvx=OFFLINE)

        async def shown() -> bool:
            about = seen.documents()["receiver-failing"]
            assert about["title"] == "noc is failing"
            return seen.document()["status"] == "open"

        assert await eventually(shown)
        status = await control_socket.ask(running.home / "c.sock", "GET", "/status")
        (noc,) = [receiver for receiver in status["receivers"] if receiver["name"] == "noc"]
        assert noc["failing"]
        assert "channel_not_found" in noc["error"]


async def test_a_locked_database_is_reported_once_and_loses_nothing(world, daemon, home):
    async with daemon() as running:
        other = sqlite3.connect(home / "watcher.db")
        other.execute("BEGIN IMMEDIATE")
        await world.change(vyvx=OFFLINE)
        assert await asyncio.wait_for(running.process.wait(), 30) == 1
        assert "is locked by another process" in running.log.read_text()
        assert "Traceback" not in running.log.read_text()
        (message,) = await world.parents()
        assert "cannot write to its database" in words_of(message)
    other.rollback()
    other.close()
    async with daemon():

        async def notified() -> bool:
            _, parent = await world.parents()
            return "USA East is offline" in words_of(parent)

        assert await eventually(notified)


async def test_a_person_acknowledges_and_the_channel_sees_the_name(world, daemon):
    async with daemon() as running:
        await world.change(vyvx=OFFLINE)

        async def listed() -> str:
            answer = await control_socket.ask(running.home / "c.sock", "GET", "/incidents")
            return answer["incidents"][0]["id"]

        incident = await eventually(listed)
        path = f"/incidents/{incident}/ack"
        await control_socket.ask(running.home / "c.sock", "POST", path, {"by": "ada"})

        async def shown() -> bool:
            (parent,) = await world.parents()
            return "ada" in words_of(parent)

        assert await eventually(shown)


async def test_a_hangup_reads_the_rules_again_and_a_bad_file_changes_nothing(world, daemon):
    async with daemon() as running:
        rules = running.home / "rules.yaml"
        good = rules.read_text()
        rules.write_text(good.replace("transition:", "transiton:"))
        running.process.send_signal(signal.SIGHUP)

        async def refused() -> bool:
            return "rules not reloaded" in running.log.read_text()

        await eventually(refused)
        await world.change(vyvx=OFFLINE)

        async def notified() -> list[dict]:
            return await world.parents()

        assert await eventually(notified)


@pytest.mark.parametrize("text", ["", "# rules:\n", "rules: []\n"])
async def test_a_reload_of_nothing_leaves_an_open_outage_open(world, daemon, text):
    async with daemon() as running:
        await world.change(vyvx=OFFLINE)

        async def notified() -> list[dict]:
            return await world.parents()

        assert await eventually(notified)
        (running.home / "rules.yaml").write_text(text)
        running.process.send_signal(signal.SIGHUP)

        async def refused() -> bool:
            return "rules not reloaded" in running.log.read_text()

        assert await eventually(refused)
        answer = await control_socket.ask(running.home / "c.sock", "GET", "/incidents")
        (incident,) = answer["incidents"]
        assert incident["resolved_at"] is None
