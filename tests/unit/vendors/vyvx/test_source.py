"""Vyvx reservations as subjects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from watcher import model
from watcher.vendors import poller
from watcher.vendors.vyvx.source import MOST_UNKNOWN_STATES, VyvxSource
from watcher.vendors.vyvx.statuses import Service, Statuses

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Client:
    """Hands out what a test gives it."""

    def __init__(self, *answers: Statuses) -> None:
        self.answers = list(answers)
        self.detailed: list[str] = []

    async def statuses(self) -> Statuses:
        return self.answers.pop(0)

    async def details(self, service: str) -> model.Details:
        self.detailed.append(service)
        return model.Details(labels={"name": service})

    async def history(
        self, service: str, start: datetime, end: datetime
    ) -> tuple[model.AlarmRecord, ...]:
        return (model.AlarmRecord(state=service, start=start, end=end),)


def statuses(**services: tuple[str | None, str | None]) -> Statuses:
    return Statuses(services={i: Service(*states) for i, states in services.items()}, time=NOW)


async def observe(*services: Statuses) -> list[model.Observed]:
    feed = VyvxSource("vyvx", Client(*services))
    differ = poller.Differ("vyvx")
    return [subject for _ in services for subject in differ.compare(await feed.poll()).seen]


async def test_states_become_fields():
    assert await observe(statuses(a=("offline", "online"))) == [
        model.Observed(
            key="vyvx/a", fields={"state": "offline", "ingress_state": "online"}, vendor_time=NOW
        )
    ]


@pytest.mark.covers("vyvx/odd-word")
@pytest.mark.parametrize("word", [None, "", "Flummoxed", "<!channel>", "x" * 10_000])
async def test_an_odd_word_reads_as_unknown_and_is_logged_once(word):
    with capture_logs() as logs:
        observed = await observe(statuses(a=(word, "online"), b=("ONLINE ", word)))
    assert [subject.fields for subject in observed] == [
        {"state": "unknown", "ingress_state": "online"},
        {"state": "online", "ingress_state": "unknown"},
    ]
    assert len(logs) == (1 if word else 0)
    assert all(len(line["state"]) <= 60 for line in logs)


async def test_a_vendor_that_invents_words_does_not_fill_the_log():
    with capture_logs() as logs:
        await observe(statuses(**{f"i{n}": (f"word{n}", None) for n in range(500)}))
    assert len(logs) == MOST_UNKNOWN_STATES


async def test_equal_fields_are_one_object():
    many = {f"i{n}": ("online", "online" if n % 2 else "Online") for n in range(50)}
    observed = await observe(statuses(**many))
    assert len({id(subject.fields) for subject in observed}) == 1


async def test_a_change_of_spelling_alone_is_reported_and_harmless():
    observed = await observe(statuses(a=("online", "online")), statuses(a=("Online", "online")))
    assert observed[0].fields == observed[1].fields


async def test_details_are_asked_by_the_vendors_own_id():
    client = Client()
    details = await VyvxSource("vyvx", client).details("vyvx/12/34")
    assert (client.detailed, details.labels) == (["12/34"], {"name": "12/34"})


async def test_a_record_is_asked_by_the_vendors_own_id():
    feed = VyvxSource("vyvx", Client())
    later = NOW.replace(hour=13)
    assert await feed.history("vyvx/12/34", NOW, later) == (
        model.AlarmRecord(state="12/34", start=NOW, end=later),
    )


class Recorded(Client):
    """Hands out an alarm record as well."""

    alarms: tuple[model.AlarmRecord, ...] = ()

    async def history(
        self, service: str, start: datetime, end: datetime
    ) -> tuple[model.AlarmRecord, ...]:
        return self.alarms


@pytest.mark.covers("vyvx/record-future")
async def test_an_alarm_of_the_future_is_left_out_and_one_that_ends_there_is_ongoing():
    client = Recorded(*[statuses(a=("online", "online"))] * 4)
    feed = VyvxSource("vyvx", client)
    future = datetime(2099, 1, 1, tzinfo=UTC)
    over = model.AlarmRecord(
        state="offline", start=NOW - timedelta(hours=2), end=NOW + timedelta(minutes=9)
    )
    client.alarms = (
        over,
        model.AlarmRecord(state="degraded", start=NOW - timedelta(hours=1), end=future),
        model.AlarmRecord(state="offline", start=future),
    )
    read = await feed.history("vyvx/a", NOW - timedelta(days=1), NOW)
    assert read == (over, model.AlarmRecord(state="degraded", start=NOW - timedelta(hours=1)))
    polls = [await feed.poll() for _ in range(2)]
    assert [poll.future for poll in polls] == [2, 0]  # counted once, named until it is right
    assert all("2 alarms in the records of a have times" in poll.remarks[0] for poll in polls)
    client.alarms = (over,)
    await feed.history("vyvx/a", NOW - timedelta(days=1), NOW)
    assert (await feed.poll()).remarks == ()
