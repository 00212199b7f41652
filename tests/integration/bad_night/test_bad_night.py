"""Two hours of a bad night: what people read in Slack and programs over MQTT."""

from __future__ import annotations

import asyncio
from itertools import groupby

import pytest

from tests.integration.bad_night.night import MANAGERS, NOC, Played, at, nightfall, play

pytestmark = pytest.mark.broker
NAMES = ("Cup final, main feed", "Studio return feed", "Rehearsal circuit", "Storm on vyvx")
BEN, CEM = "<@U0000000BEN>", "<@U0000000CEM>"


@pytest.fixture(scope="module")
def night(tmp_path_factory) -> Played:
    async def played() -> Played:
        async with nightfall(tmp_path_factory.mktemp("night")) as started:
            return await play(started)

    return asyncio.run(played())


def saying(messages, *words):
    return [message for message in messages if all(word in message.text for word in words)]


def test_an_outage_comes_with_whom_to_call_and_its_failed_diagnostics_in_words(night):
    first, diagnosis, *_ = saying(night.channel(NOC), "Cup final")
    assert first.at == at("00:05:20")
    assert "offline · since 00:05 UTC · likely Lumen side · call Lumen NOC" in first.text
    assert "Service Diagnostics for SVC100 failed: Lumen answers 503" in diagnosis.text


def test_an_escalation_counts_the_time_in_which_nobody_had_it(night):
    """Told at 00:05:20, acknowledged from 00:09 to 00:35: ten minutes are over at 00:41:20."""
    (called,) = saying(night.channel(NOC), "Cup final", "not acknowledged")
    assert called.at == at("00:41:20")
    assert "not acknowledged for 10 min in all" in called.text


def test_who_is_called_changes_with_the_handover_of_the_rota(night):
    calls = saying(night.channel(NOC), "not acknowledged for")
    replies = [call for call in calls if call.reply]
    assert len(replies) == 4
    for call in replies:
        person, other = (BEN, CEM) if call.at < at("01:00") else (CEM, BEN)
        assert person in call.text
        assert other not in call.text


def test_flapping_is_said_once(night):
    flapping = [event for event in night.events if event["kind"] == "flapping"]
    assert len(flapping) == 1
    assert len(saying(night.channel(NOC), "Studio return feed", "flapping")) == 1


def test_a_silence_shows_in_the_message_at_once_and_nobody_is_notified(night):
    (parent,) = [
        message
        for message in saying(night.channel(NOC, "silenced"), "Studio return feed")
        if not message.reply
    ]
    assert "silenced until 00:50 UTC by ann: the studio works on it" in parent.blocks
    silenced = [
        message
        for message in saying(night.channel(NOC), "Studio return feed")
        if at("00:26") <= message.at < at("00:50")
    ]
    assert all("<!here>" not in message.text for message in silenced)


def test_a_window_of_the_missing_hour_ends_when_the_clocks_jump(night):
    first, *_ = saying(night.channel(NOC), "Rehearsal circuit")
    assert first.at == at("01:00")
    assert "since 00:30 UTC" in first.text
    (opened,) = [
        event
        for event in night.events
        if event["kind"] == "opened" and "Rehearsal" in event["title"]
    ]
    assert opened["at"] == "2026-03-29T00:30:20.000Z"


def test_a_storm_is_one_message_for_all_circuits(night):
    parents = [message for message in night.channel(NOC, "storm") if not message.reply]
    (storm,) = [message for message in parents if message.at > at("00:46") and "12" in message.text]
    assert storm.text.startswith("🔴 Storm on vyvx: 12 alerts (12 feed-down)")
    assert not [message for message in parents if "40" in message.text.partition(" ")[2][:4]]


def test_where_edits_are_forbidden_a_new_message_says_how_it_ended(night):
    for channel in (NOC, MANAGERS):
        for circuit in ("Storm on vyvx", "Cup final, main feed", "Rehearsal circuit"):
            messages = saying(night.channel(channel), circuit)
            (leads,) = saying(messages, "continued in <")
            parents = [message for message in messages if not message.reply]
            newest = max(parents, key=lambda message: message.at)
            assert newest.text.startswith(f"🟢 {circuit}")
            assert newest.at.replace(microsecond=0) == leads.at.replace(microsecond=0)


def test_every_channel_reads_the_end(night):
    for channel in (NOC, MANAGERS):
        latest = {}
        for message in sorted(night.channel(channel), key=lambda message: message.at):
            latest[next(name for name in NAMES if name in message.text)] = message
        assert latest
        for message in latest.values():
            assert message.text.startswith("🟢"), message


def test_every_text_stands_alone(night):
    for channel in (NOC, MANAGERS):
        for message in night.channel(channel):
            rest = message.text if message.text.startswith(NAMES) else message.text[2:]
            assert rest.lstrip().startswith(NAMES), message


def test_no_text_comes_twice(night):
    for channel in (NOC, MANAGERS):
        loud = [
            (message.at, message.text) for message in night.channel(channel) if "<" in message.text
        ]
        replies = [message for message in night.channel(channel) if message.reply]
        texts = [message.text for message in replies]
        assert len(set(texts)) == len(texts)
        assert len(set(loud)) == len(loud)


def test_programs_have_every_event_once_and_in_order(night):
    keyed = sorted(night.events, key=lambda event: event["incident"])
    for _, events in groupby(keyed, key=lambda event: event["incident"]):
        numbers = [event["number"] for event in events]
        assert numbers == sorted(set(numbers))
    assert {document["status"] for document in night.documents.values()} == {"resolved"}
    final = next(
        document for document in night.documents.values() if "Cup final" in document["title"]
    )
    assert final["began_at"] == "2026-03-29T00:05:00.000Z"
    assert final["ended_at"] == "2026-03-29T01:15:00.000Z"
