"""A vendor that is down is asked by one trial in each pause, however many share the account."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.unit.vendors.conftest import Clock
from watcher import model
from watcher.vendors.diagnostics.client import DiagnosticsClient
from watcher.vendors.http.account import (
    FAILURES,
    PAUSE,
    CallPriority,
    CircuitBreaker,
    VendorAccount,
)
from watcher.vendors.http.api import VendorApi
from watcher.vendors.vyvx.client import VyvxClient

DOWN = model.TemporaryError("GET https://x answered 503")


class Rig:
    """A circuit on a clock of its own."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.circuit = CircuitBreaker("main", self.clock)

    def fail(self, times: int = FAILURES) -> None:
        for _ in range(times):
            self.circuit.failed(DOWN)

    def ask(self, *, is_poll: bool = True) -> float:
        """Give 0 when the call may leave, else the seconds until it may."""
        try:
            self.circuit.admit(is_poll=is_poll)
        except model.HeldBackError as error:
            return error.delay or 0.0
        return 0.0


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.mark.covers("http/circuit")
def test_fewer_failures_hold_back_no_call(rig):
    rig.fail(4)
    assert (rig.ask(), rig.ask(is_poll=False), rig.circuit.trouble) == (0, 0, "")


@pytest.mark.covers("http/circuit")
def test_an_answer_between_them_restarts_the_count(rig):
    rig.fail(4)
    rig.circuit.answered()
    rig.fail(4)
    assert rig.ask() == 0


@pytest.mark.covers("http/circuit")
def test_then_one_poll_tries_at_once_and_one_in_each_pause(rig):
    rig.fail()
    assert [rig.ask() for _ in range(3)] == [0, 10, 10]
    rig.clock.seconds += 9
    assert rig.ask() == pytest.approx(1)
    rig.clock.seconds += 1
    assert [rig.ask(), rig.ask()] == [0, 10]


@pytest.mark.covers("http/circuit")
def test_a_lookup_tries_only_where_no_poll_did(rig):
    rig.fail()
    assert rig.ask(is_poll=False) == 10
    rig.clock.seconds += 9
    assert rig.ask() == 0
    rig.clock.seconds += 9
    assert rig.ask(is_poll=False) == pytest.approx(11)
    rig.clock.seconds += 11
    assert [rig.ask(is_poll=False), rig.ask()] == [0, 10]


@pytest.mark.covers("http/circuit")
def test_one_answer_lets_everybody_ask(rig):
    rig.fail()
    rig.ask()
    rig.circuit.answered()
    assert [rig.ask(), rig.ask(), rig.ask(is_poll=False)] == [0, 0, 0]
    assert rig.circuit.trouble == ""


@pytest.mark.covers("http/circuit")
def test_the_error_of_a_held_back_call_says_why_and_for_how_long(rig):
    rig.fail()
    with pytest.raises(model.HeldBackError) as caught:
        rig.circuit.admit(is_poll=False)
    assert str(caught.value) == (
        "account 'main': vendor not responding (GET https://x answered 503); next attempt in 10 s"
    )


def test_an_outage_is_logged_once_and_so_is_its_end(rig):
    with capture_logs() as logs:
        rig.fail(20)
        rig.circuit.answered()
        rig.circuit.answered()
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("vendor is not responding", "warning"),
        ("vendor is responding again", "info"),
    ]


STEPS = st.lists(
    st.one_of(
        st.floats(0, 30).map(lambda seconds: ("wait", seconds)),
        st.sampled_from([("poll", 0), ("one", 0), ("failed", 0), ("answered", 0)]),
    ),
    max_size=60,
)


@pytest.mark.covers("http/circuit")
@given(STEPS)
def test_trials_are_a_pause_apart_and_no_poll_waits_longer_than_one(steps):
    rig, row, trials = Rig(), 0, [0.0]
    for step, seconds in steps:
        now = rig.clock.seconds
        match step:
            case "wait":
                rig.clock.seconds += seconds
            case "failed":
                rig.fail(1)
                row += 1
            case "answered":
                rig.circuit.answered()
                row = 0
            case _:
                held_back = rig.ask(is_poll=step != "one")
                if row < FAILURES:
                    assert held_back == 0
                elif held_back == 0:
                    assert now - trials[-1] >= PAUSE - 1e-6
                    trials.append(now)
                else:
                    assert held_back <= PAUSE * (2 if step == "one" else 1) + 1e-6
        if row < FAILURES:
            trials.append(-1e9)  # trials of one outage say nothing about the next


@pytest.fixture
def shared(vendor, session, clock, call_counter, oauth2_account):
    """Two APIs on one account."""
    account = VendorAccount("main", oauth2_account, session, clock, call_counter)

    def api(**options) -> VendorApi:
        return VendorApi(account, vendor.url, timeout=timedelta(seconds=5), **options)

    return account, api


@pytest.mark.covers("http/circuit")
@pytest.mark.parametrize(
    "answer", [{"status": 503}, {"status": 500, "text": '{"code": 1, "message": "m"}'}]
)
async def test_all_clients_that_share_the_account_are_refused_at_once(
    vendor, shared, clock, answer
):
    account, api = shared
    first, second = api(attempts=1), api()
    vendor.replies(**answer)
    for _ in range(6):  # the sixth is the first trial
        with pytest.raises(model.TemporaryError, match=f"answered {answer['status']}"):
            await first.get("/x")
    with pytest.raises(model.HeldBackError, match="not responding"):
        await second.get("/y")
    assert (len(vendor.asked), account.circuit.trouble != "") == (6, True)
    clock.seconds += PAUSE
    vendor.replies(body=b"{}")
    assert (await second.get("/y")).status == 200
    assert (await first.get("/x")).status == 200


@pytest.mark.covers("http/quiet")
async def test_a_call_that_waits_for_its_turn_does_not_leave_once_the_vendor_asks_to_wait(shared):
    account, _ = shared
    await account.admit(CallPriority.POLL)
    waiting = asyncio.create_task(account.admit(CallPriority.LOOKUP))
    await asyncio.sleep(0)
    assert not waiting.done()
    account.hold_back(40)
    with pytest.raises(model.HeldBackError, match="rate limit is exceeded; next request in 40 s"):
        await waiting


@pytest.mark.covers("http/circuit")
async def test_a_trial_is_one_request_and_its_own_failure_is_raised(vendor, shared):
    _, api = shared
    vendor.replies(status=503)
    with pytest.raises(model.TemporaryError):
        await api().get("/x")
    with pytest.raises(model.TemporaryError, match="answered 503"):
        await api().get("/x")
    assert len(vendor.asked) == 5  # the second call opened it and stopped
    with pytest.raises(model.TemporaryError, match=r"^GET .* answered 503"):
        await api().get("/x")
    assert len(vendor.asked) == 6


@pytest.mark.covers("http/circuit")
async def test_a_token_that_cannot_be_had_is_an_outage_of_the_account(vendor, shared):
    account, api = shared

    async def unwell(request: web.Request) -> web.Response:
        return web.Response(status=503)

    vendor.token_answer = unwell
    for _ in range(2):
        with pytest.raises(model.TemporaryError):
            await api().get("/x")
    assert "/oauth/v2/token answered 503" in account.circuit.trouble


@pytest.mark.covers("http/circuit")
@pytest.mark.parametrize("status", [400, 403, 404, 422, 429])
async def test_a_refusal_is_an_answer(vendor, shared, status):
    account, api = shared
    for _ in range(FAILURES):
        account.circuit.failed(DOWN)
    vendor.replies(status=status)
    with pytest.raises(model.WatcherError, match=f"answered {status}"):
        await api().get("/x")
    assert account.circuit.trouble == ""


@pytest.mark.covers("http/circuit-one")
async def test_what_fails_for_one_subject_does_not_speak_against_the_vendor(vendor, shared, clock):
    account, api = shared
    vendor.replies(status=500)
    client = VyvxClient(api())
    triage = DiagnosticsClient(account, vendor.url, timeout=timedelta(seconds=5))
    for _ in range(4):
        with pytest.raises(model.TemporaryError):
            await client.details("1")
        with pytest.raises(model.TemporaryError):
            await triage.detail("SVC1")
    with pytest.raises(model.TemporaryError):
        await client.history("1", clock.now(), clock.now())
    assert account.circuit.trouble == ""


@pytest.mark.covers("http/circuit-one")
async def test_what_cannot_even_connect_does(
    session, clock, call_counter, mpa_account, unused_port
):
    account = VendorAccount("main", mpa_account, session, clock, call_counter)
    url = f"http://127.0.0.1:{unused_port}"
    client = VyvxClient(VendorApi(account, url, timeout=timedelta(seconds=5)))
    for _ in range(2):
        with pytest.raises(model.TemporaryError):
            await client.details("1")
    assert "cannot connect" in account.circuit.trouble
