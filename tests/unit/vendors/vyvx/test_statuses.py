"""Replies with the status of every reservation, of which only what is new is decoded."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from multidict import CIMultiDict, CIMultiDictProxy

from watcher import model
from watcher.http import exchange
from watcher.vendors.vyvx import statuses
from watcher.vendors.vyvx.statuses import Service, StatusReader

words = st.sampled_from(["online", "offline", 'a"},"b', "}, {", "\\", "{", "ü", ""])
entries = st.one_of(
    st.fixed_dictionaries({"state": words}, optional={"ingress_state": words | st.none()}),
    st.fixed_dictionaries(
        {"more": st.fixed_dictionaries({"of": st.fixed_dictionaries({"it": words}), "x": words})},
        optional={"state": words},
    ),
    st.sampled_from([None, {}, {"state": 7}, "online", [{}]]),
)
replies = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, 40).map(str) | st.sampled_from(["a\u200b", '"}']), entries),
        st.sampled_from([None, 1]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture
def short_parts(monkeypatch):
    monkeypatch.setattr(statuses, "_PART", 40)
    monkeypatch.setattr(statuses, "_SEARCHED", 160)


def reply(body: bytes) -> exchange.Reply:
    return exchange.Reply(
        place="GET /x", status=200, headers=CIMultiDictProxy(CIMultiDict()), body=body
    )


def status(services: object, indent: int | None = None, *, ascii_only: bool = True) -> bytes:
    content = {"data": {"services": services}}
    return json.dumps(content, indent=indent, ensure_ascii=ascii_only).encode()


def each_by_itself(services: dict[str, object]) -> dict[str, Service]:
    """What can be read, one entry at a time."""
    return {
        identity: Service(state=entry["state"], ingress_state=entry.get("ingress_state"))
        for identity, entry in services.items()
        if isinstance(entry, dict)
        and isinstance(entry.get("state", 0), str | None)
        and identity.isprintable()
    }


def many(count: int, state: str = "online") -> dict[str, object]:
    return {
        str(1_000_000 + number): {"state": state, "ingress_state": "online"}
        for number in range(count)
    }


@given(drawn=replies)
def test_a_reply_says_what_each_of_its_entries_says_whatever_came_before(drawn):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statuses, "_PART", 40)
        patch.setattr(statuses, "_SEARCHED", 160)
        reader = StatusReader()
        for services, indent, ascii_only in drawn:
            readable = each_by_itself(services)
            try:
                read = reader.read(reply(status(services, indent, ascii_only=ascii_only)))
            except model.TemporaryError:
                assert services
                assert not readable
                continue
            assert read.services == readable
            assert list(read.services) == list(readable)
            assert len(read.unreadable) == len(services) - len(readable)


@pytest.mark.usefixtures("short_parts")
def test_what_is_as_it_was_is_not_decoded_again():
    reader = StatusReader()
    before = reader.read(reply(status(many(100))))
    assert reader.read(reply(status(many(100)) + b" ")).services is before.services


@pytest.mark.usefixtures("short_parts")
@pytest.mark.parametrize("changed", [0, 50, 99])
def test_beside_one_that_changes_the_others_keep_their_readings(changed):
    reader = StatusReader()
    before = reader.read(reply(status(many(100)))).services
    services = many(100)
    identity = str(1_000_000 + changed)
    services[identity] = {"state": "offline"}
    now = reader.read(reply(status(services))).services
    assert now[identity] == Service(state="offline")
    kept = [i for i in now if now[i] is before[i]]
    assert len(kept) >= 97  # the part of the one that has changed is decoded


@pytest.mark.usefixtures("short_parts")
def test_beside_some_that_go_and_some_that_come_the_others_keep_their_readings():
    reader = StatusReader()
    before = reader.read(reply(status(many(100)))).services
    services = {"0": {"state": "new"}, **many(100), "9": {"state": "new"}}
    for number in range(40, 45):
        del services[str(1_000_000 + number)]
    now = reader.read(reply(status(services))).services
    assert list(now) == list(services)
    assert len([i for i in now if i in before and now[i] is before[i]]) > 80


@pytest.mark.usefixtures("short_parts")
def test_an_id_that_comes_twice_has_its_last_reading_in_this_reply_and_in_the_next():
    body = b'{"data": {"services": {%b}}}'
    first, last = b'"1": {"state": "online"}', b'"1": {"state": "offline"}'
    rest = status(many(20))[len(b'{"data": {"services": {') : -3]
    reader = StatusReader()
    for _ in range(2):
        read = reader.read(reply(body % b", ".join([first, rest, last])))
        assert read.services["1"] == Service(state="offline")
        assert len(read.services) == 21
    read = reader.read(reply(body % b", ".join([first, rest])))
    assert read.services["1"] == Service(state="online")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"data": 1}',
        b'{"data": {"services": []}}',
        b'{"data": {"services": {"1": {"state": "online"},}}}',
        b'{"data": {"services": {"1": {"state": "online"} "2": {"state": "online"}}}}',
        b'{"data": {"services": {"1": {"state": "online"}}',
    ],
)
def test_what_is_not_an_object_of_services_is_a_temporary_error(body):
    with pytest.raises(model.TemporaryError, match=r"GET /x"):
        StatusReader().read(reply(body))


def test_no_services_are_an_answer():
    assert StatusReader().read(reply(status({}))).services == {}


@pytest.mark.usefixtures("short_parts")
def test_equal_readings_in_a_row_are_one_object():
    services = many(100)
    services["1000050"] = {"state": "offline"}
    readings = list(StatusReader().read(reply(status(services))).services.values())
    assert readings[50] == Service("offline")
    assert all(reading is readings[0] for reading in readings[:50])
    assert all(reading is readings[51] for reading in readings[51:])


def test_the_same_reply_is_not_looked_through_and_has_the_time_of_its_own_header(monkeypatch):
    reader = StatusReader()
    body = status({"1": {"state": "online"}, "2": 7})
    first = reader.read(reply(body))
    assert not reader.repeats(reply(body + b" "))
    assert reader.repeats(reply(bytes(bytearray(body))))
    monkeypatch.setattr(StatusReader, "_read_services", None)  # would fail
    at = CIMultiDictProxy(CIMultiDict({"Date": "Sun, 29 Nov 2026 16:40:00 GMT"}))
    again = reader.read(replace(reply(body), headers=at))
    assert again.services is first.services
    assert (first.unreadable, again.unreadable) == (("2",), ("2",))
    assert (first.time, again.time) == (None, datetime(2026, 11, 29, 16, 40, tzinfo=UTC))


def test_a_reply_that_cannot_be_read_is_not_taken_for_the_last_one():
    reader = StatusReader()
    body = status({"1": {"state": "online"}})
    reader.read(reply(body))
    with pytest.raises(model.TemporaryError):
        reader.read(reply(b"<html>"))
    assert not reader.repeats(reply(body))
    assert reader.read(reply(body)).services == {"1": Service(state="online")}
