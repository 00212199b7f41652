"""The delivery loop on virtual time, against an outbox in memory."""

import asyncio
import contextlib
from collections import deque
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from structlog.testing import capture_logs

from tests.fakes.outbox import InMemoryOutbox, RecordingReceiver
from tests.fakes.virtual_time import START, run, running_clock
from watcher import model, ports
from watcher.clock import Wakeup
from watcher.delivery import Delivery, Fallback


class DeliveryHarness:
    """A delivery loop with its outbox, its receivers and its wakeup."""

    def __init__(self, *names: str) -> None:
        self.clock = running_clock()
        self.outbox = InMemoryOutbox(self.clock, names)
        self.receivers = {name: RecordingReceiver(name) for name in names}
        self.wakeup = Wakeup()
        self.delivery = self.build()

    def build(self, **more) -> Delivery:
        self.delivery = Delivery(
            outbox=self.outbox,
            reader=self.outbox,
            receivers=self.receivers,
            inbox=self.outbox,
            clock=self.clock,
            wakeup=self.wakeup,
            jitter=lambda: 1.0,
            **more,
        )
        return self.delivery

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.delivery.run())
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def settled(self, *, within: float) -> None:
        async with asyncio.timeout(within):
            while not self.outbox.is_settled:  # noqa: ASYNC110  virtual time
                await asyncio.sleep(0.1)


def in_turn(*faults):
    waiting = deque(faults)
    return lambda: waiting.popleft() if waiting else None


def test_pending_entries_are_delivered_once_and_in_order():
    async def scenario():
        harness = DeliveryHarness("noc")
        for _ in range(3):
            harness.outbox.happen("a")
        async with harness.running():
            await harness.settled(within=1)
            harness.outbox.happen("a")
            harness.wakeup.set()
            await harness.settled(within=0.5)
        assert harness.receivers["noc"].delivered == [("a", 1), ("a", 2), ("a", 3), ("a", 4)]

    run(scenario())


def test_without_a_wakeup_a_delivery_starts_within_about_a_second():
    async def scenario():
        harness = DeliveryHarness("noc")
        async with harness.running():
            await asyncio.sleep(10)
            harness.outbox.happen("a")
            await harness.settled(within=1.5)

    run(scenario())


def test_a_slow_receiver_delays_no_other():
    async def scenario():
        harness = DeliveryHarness("noc", "mqtt")
        harness.receivers["noc"].seconds = 50
        for incident in "abc":
            harness.outbox.happen(incident)
        async with harness.running():
            await asyncio.sleep(2)
            assert len(harness.receivers["mqtt"].delivered) == 3
            assert harness.receivers["noc"].delivered == []

    run(scenario())


def test_a_wakeup_reaches_every_worker():
    async def scenario():
        harness = DeliveryHarness("noc", "mqtt")
        async with harness.running():
            await asyncio.sleep(5.05)
            harness.outbox.happen("a")
            harness.wakeup.set()
            await harness.settled(within=0.2)

    run(scenario())


def test_the_delay_that_was_asked_for_is_kept():
    async def scenario():
        harness = DeliveryHarness("noc")
        harness.receivers["noc"].faults = in_turn(model.TemporaryError("slow down", delay=30))
        harness.outbox.happen("a")
        harness.outbox.happen("b")
        async with harness.running():
            await asyncio.sleep(29)
            assert harness.receivers["noc"].deliveries == 1
            await harness.settled(within=10)

    run(scenario())


def test_a_delay_for_one_kind_of_act_delays_no_other_incident():
    async def scenario():
        harness = DeliveryHarness("noc")
        fault = model.TemporaryError("files are limited", delay=30, narrow=True)
        harness.receivers["noc"].faults = in_turn(fault)
        harness.outbox.happen("a")
        harness.outbox.happen("b")
        async with harness.running():
            await asyncio.sleep(1)
            assert harness.receivers["noc"].delivered == [("b", 1)]
            await asyncio.sleep(28)
            assert harness.receivers["noc"].deliveries == 2
            await harness.settled(within=10)

    run(scenario())


def test_failures_back_off_and_are_logged_once_for_each_text():
    async def scenario():
        harness = DeliveryHarness("noc")
        harness.outbox.happen("a")
        harness.receivers["noc"].faults = lambda: model.TemporaryError("Slack is down")
        with capture_logs() as logs:
            async with harness.running():
                await asyncio.sleep(300)
                assert 10 <= harness.receivers["noc"].deliveries <= 25
                state = harness.delivery.states()["noc"]
                assert (state.ok, state.error, state.permanent) == (False, "Slack is down", False)
                assert (state.owed, state.owed_since) == (1, START)
                assert harness.outbox.rows["a", "noc"].receipt.failures > 5
                assert harness.outbox.rows["a", "noc"].receipt.failing_since == START
                harness.receivers["noc"].faults = in_turn()
                await harness.settled(within=31)
                await asyncio.sleep(1)
        assert [log["event"] for log in logs] == [
            "delivery failed",
            "receiver recovered",
        ]
        receipt = harness.outbox.rows["a", "noc"].receipt
        assert (receipt.failures, receipt.failing_since, receipt.error) == (0, None, "")
        assert harness.delivery.states()["noc"].ok

    run(scenario())


def test_a_permanent_fault_is_looked_at_about_once_a_minute():
    async def scenario():
        harness = DeliveryHarness("noc")
        harness.outbox.happen("a")
        harness.receivers["noc"].faults = lambda: model.PermanentError("no such channel")
        async with harness.running():
            await asyncio.sleep(600)
            assert 6 <= harness.receivers["noc"].deliveries <= 10
            assert harness.delivery.states()["noc"].permanent

    run(scenario())


@pytest.mark.parametrize("fault", [model.PermanentError("bad blocks"), model.TemporaryError("no")])
def test_one_poisoned_incident_holds_up_no_other(fault):
    async def scenario():
        harness = DeliveryHarness("noc")
        receiver = harness.receivers["noc"]
        deliver = receiver.deliver

        async def poisoned(view, receipt, session):
            if view.incident.id == "poison":
                raise fault
            return await deliver(view, receipt, session)

        receiver.deliver = poisoned
        harness.outbox.happen("poison")
        for incident in "bcd":
            harness.outbox.happen(incident)
        async with harness.running():
            await asyncio.sleep(10)
        assert {incident for incident, _ in receiver.delivered} == set("bcd")

    run(scenario())


@pytest.mark.parametrize(
    "surprise",
    [
        RecursionError("maximum recursion depth exceeded"),
        AttributeError("'str' object has no attribute 'get'"),
        OverflowError("cannot convert float infinity to integer"),
        ExceptionGroup("unhandled errors in a TaskGroup", [ValueError("too many digits")]),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_nobody_expected_of_one_receiver_is_its_own_fault_and_the_others_report_it(surprise):
    async def scenario():
        harness = DeliveryHarness("noc", "bridge")

        async def broken(view, receipt, session):
            raise surprise

        harness.receivers["noc"].deliver = broken
        harness.outbox.happen("a")
        with capture_logs() as logs:
            async with harness.running():
                await asyncio.sleep(200)
                assert ("a", 1) in harness.receivers["bridge"].delivered
                state = harness.delivery.states()["noc"]
        assert state.permanent
        assert "internal error" in state.error
        assert type(surprise).__name__ in state.error
        assert str(surprise) not in state.error or not str(surprise)
        (failed,) = [c for c in harness.outbox.commands if isinstance(c, model.ReceiverFailed)]
        assert (failed.receiver, failed.others) == ("noc", ("bridge",))
        tracebacks = [line for line in logs if line.get("exc_info")]
        assert len(tracebacks) == 1

    run(scenario())


def test_what_one_receiver_delivers_through_can_be_broken_and_fixed():
    async def scenario():
        harness = DeliveryHarness("mqtt", "noc")
        harness.delivery.set_fault("mqtt", model.PermanentError("MQTT connection: internal error"))
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(5)
            assert harness.delivery.states()["mqtt"].permanent
            assert harness.receivers["noc"].delivered == [("a", 1)]
            harness.delivery.set_fault("mqtt", None)
            await asyncio.sleep(200)
            assert harness.receivers["mqtt"].delivered == [("a", 1)]
            assert harness.delivery.states()["mqtt"].ok

    run(scenario())


def test_a_receiver_is_called_again_when_its_receipt_is_due():
    async def scenario():
        harness = DeliveryHarness("mqtt")
        receiver = harness.receivers["mqtt"]
        deliver = receiver.deliver
        at = []

        async def with_due(view, receipt, session):
            at.append(harness.clock.monotonic())
            receipt = await deliver(view, receipt, session)
            return replace(receipt, due=START + timedelta(hours=1) if len(at) == 1 else None)

        receiver.deliver = with_due
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(3_700)
        assert [round(when, -1) for when in at] == [0, 3_600]

    run(scenario())


def test_sigterm_lets_the_act_in_hand_finish_with_its_receipt_and_starts_no_other():
    async def scenario():
        harness = DeliveryHarness("noc")
        harness.receivers["noc"].seconds = 3
        harness.outbox.happen("a")
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(1)
        assert harness.clock.monotonic() == pytest.approx(3, abs=0.1)
        assert harness.receivers["noc"].delivered == [("a", 1)]
        row = harness.outbox.rows["a", "noc"]
        assert (row.receipt.told_through, row.receipt.intent) == (1, "")
        assert row.lease_until is None  # the next daemon need not wait

        harness.delivery = harness.build()
        async with harness.running():
            await harness.settled(within=5)
        assert harness.receivers["noc"].delivered == [("a", 1), ("a", 2)]

    run(scenario())


def test_the_rest_of_a_delivery_is_made_after_the_next_start():
    """Nothing of the incident lags when its last file is missing: the receiver alone knows."""
    brought = []

    async def deliver(view, receipt, session):
        delivered = view.incident
        receipt = replace(receipt, parent_version=delivered.version, told_through=delivered.entries)
        for file in ("report", "picture"):
            if file not in receipt.files:
                await session.save(replace(receipt, intent=file))
                await asyncio.sleep(3)
                brought.append(file)
                receipt = replace(receipt, files={**receipt.files, file: "done"})
                await session.save(receipt)
        return receipt

    async def scenario():
        harness = DeliveryHarness("noc")
        harness.receivers["noc"].deliver = deliver
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(1)
        assert brought == ["report"]

        harness.delivery = harness.build()
        async with harness.running():
            await asyncio.sleep(5)
        assert brought == ["report", "picture"]

    run(scenario())


def test_sigterm_before_an_act_starts_none():
    async def scenario():
        harness = DeliveryHarness("noc")
        receiver = harness.receivers["noc"]
        deliver = receiver.deliver

        async def after_reading(view, receipt, session):
            await asyncio.sleep(3)
            return await deliver(view, receipt, session)

        receiver.deliver = after_reading
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(1)
        assert receiver.delivered == []
        row = harness.outbox.rows["a", "noc"]
        assert (row.receipt.intent, row.lease_until) == ("", None)

    run(scenario())


def test_an_act_that_does_not_end_is_cut_short_and_stays_an_intent():
    async def scenario():
        harness = DeliveryHarness("noc")
        harness.receivers["noc"].seconds = 10_000
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(1)
        assert harness.clock.monotonic() == pytest.approx(11, abs=0.1)
        assert harness.outbox.rows["a", "noc"].receipt.intent == "1"

    run(scenario())


def test_a_lost_claim_is_not_a_failure_of_the_receiver():
    async def scenario():
        harness = DeliveryHarness("noc")
        harness.receivers["noc"].seconds = 5
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(1)
            harness.outbox.rows["a", "noc"].token = 99  # another daemon took it over
            await asyncio.sleep(10)
            assert harness.delivery.states()["noc"].ok
            assert harness.outbox.rows["a", "noc"].receipt.intent == "1"

    run(scenario())


def test_a_store_that_fails_ends_the_loop():
    async def scenario():
        harness = DeliveryHarness("noc")

        async def claim(**_):
            raise model.TemporaryError("the disk is full")

        harness.outbox.claim = claim
        with pytest.raises(ExceptionGroup) as caught:
            await harness.delivery.run()
        assert caught.group_contains(model.TemporaryError, match="disk is full")

    run(scenario())


class CrashError(BaseException):
    """kill -9: the process is gone, and its claims stay until they run out."""


FAULTS = st.sampled_from(["", "", "", "temporary", "ambiguous", "permanent", "slow", "crash"])
EXCEPTIONS = {
    "temporary": lambda: model.TemporaryError("t"),
    "ambiguous": lambda: model.AmbiguousError("a"),
    "permanent": lambda: model.PermanentError("p"),
    "slow": lambda: model.TemporaryError("s", delay=20),
    "crash": lambda: CrashError("c"),
}


async def live(harness, ends):
    """Start again after each stop and each crash, as systemd does."""
    while True:
        harness.delivery = harness.build()
        try:
            async with asyncio.timeout(ends.popleft() if ends else None):
                # In CPython 3.11.2 a group that failed breaks later timeouts of its task.
                await asyncio.create_task(harness.delivery.run())
        except* (CrashError, TimeoutError):
            await asyncio.sleep(1)


@settings(max_examples=60, deadline=None)
@given(
    faults=st.lists(FAULTS, max_size=25),
    happenings=st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 30)), min_size=1, max_size=15
    ),
    stops=st.lists(st.floats(0.1, 60), max_size=3),
)
def test_whatever_happens_everything_is_delivered_once_and_in_order(faults, happenings, stops):
    async def scenario():
        harness = DeliveryHarness("noc", "mqtt")
        queue = deque(faults)

        def fault():
            kind = queue.popleft() if queue else ""
            return EXCEPTIONS[kind]() if kind else None

        for receiver in harness.receivers.values():
            receiver.faults, receiver.seconds = fault, 0.3
        daemon = asyncio.create_task(live(harness, deque(stops)))
        for incident, pause in happenings:
            harness.outbox.happen(incident)
            harness.wakeup.set()
            await asyncio.sleep(pause)
        await harness.settled(within=7_200)
        daemon.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await daemon
        return harness.receivers.values()

    for receiver in run(scenario()):
        assert len(receiver.delivered) == len(set(receiver.delivered)) == len(happenings)
        for incident in "abc":
            numbers = [number for delivered, number in receiver.delivered if delivered == incident]
            assert numbers == sorted(numbers)


def test_what_only_a_person_can_fix_is_reported_once_and_so_is_its_fix():
    async def scenario():
        harness = DeliveryHarness("noc", "mqtt")
        fault = model.PermanentError("channel_not_found: invite the app")
        harness.receivers["noc"].faults = in_turn(fault, fault, fault)
        harness.outbox.happen("a")
        async with harness.running():
            await harness.settled(within=400)
        about = [command for command in harness.outbox.commands if command.receiver == "noc"]
        assert about == [
            model.ReceiverFailed(receiver="noc", error=str(fault), others=("mqtt",)),
            model.ReceiverRecovered(receiver="noc"),
        ]

    run(scenario())


def test_a_receiver_without_a_fallback_that_fails_for_long_is_reported_to_the_others_once():
    async def scenario():
        harness = DeliveryHarness("noc", "mqtt")
        faults = in_turn(*[model.TemporaryError("503"), model.TemporaryError("timed out")] * 20)
        harness.receivers["noc"].faults = lambda: faults() or DOWN
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(299)
            assert about(harness) == []
            await asyncio.sleep(20)
            (report,) = about(harness)
            assert (report.others, report.fallback, report.since) == (("mqtt",), None, START)
            await asyncio.sleep(1_020)
            assert about(harness) == [report]
            harness.receivers["noc"].faults = lambda: UP
            await harness.settled(within=60)
        assert about(harness) == [report, model.ReceiverRecovered(receiver="noc")]

    run(scenario())


def test_a_fault_that_a_person_has_to_fix_is_news_after_one_that_might_have_passed():
    async def scenario():
        harness = DeliveryHarness("noc", "mqtt")
        harness.receivers["noc"].faults = lambda: DOWN
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(320)
            harness.receivers["noc"].faults = lambda: model.PermanentError("invalid_auth")
            await asyncio.sleep(60)
        assert [report.error for report in about(harness)] == ["503", "invalid_auth"]

    run(scenario())


def test_what_may_pass_by_itself_is_not_reported():
    async def scenario():
        harness = DeliveryHarness("noc", "mqtt")
        harness.receivers["noc"].faults = in_turn(*[model.TemporaryError("503")] * 5)
        harness.outbox.happen("a")
        async with harness.running():
            await harness.settled(within=200)
        assert not [
            command
            for command in harness.outbox.commands
            if isinstance(command, model.ReceiverFailed)
        ]

    run(scenario())


DUTY = {"noc": Fallback(receiver="duty", after=timedelta(minutes=5))}
DOWN, UP = model.TemporaryError("503"), None


def about(harness, name="noc"):
    return [command for command in harness.outbox.commands if command.receiver == name]


def failed(error, since, fallback="duty"):
    instead = model.Fallback(receiver=fallback, since=START + timedelta(seconds=since))
    return model.ReceiverFailed(
        receiver="noc",
        error=error,
        others=("duty",),
        fallback=instead if fallback else None,
        since=START if error == str(DOWN) else None,
    )


def test_a_receiver_that_fails_for_too_long_is_reported_with_its_fallback_in_time_and_once():
    async def scenario():
        harness = DeliveryHarness("noc", "duty")
        harness.build(fallbacks=DUTY)
        harness.receivers["noc"].faults = lambda: DOWN
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(299)
            assert about(harness) == []
            await asyncio.sleep(20)
            assert about(harness) == [failed("503", 0)]
            await asyncio.sleep(3_600)
            assert about(harness) == [failed("503", 0)]
            harness.receivers["noc"].faults = lambda: UP
            await harness.settled(within=60)
        assert about(harness) == [failed("503", 0), model.ReceiverRecovered(receiver="noc")]

    run(scenario())


def test_what_only_a_person_can_fix_is_reported_at_once_and_its_fallback_when_due():
    async def scenario():
        harness = DeliveryHarness("noc", "duty")
        harness.build(fallbacks=DUTY)
        harness.receivers["noc"].faults = lambda: model.PermanentError("channel_not_found")
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(1)
            assert about(harness) == [failed("channel_not_found", 0, fallback="")]
            await asyncio.sleep(320)
            harness.receivers["noc"].faults = lambda: DOWN  # another fault is not news
            await asyncio.sleep(3_600)
        assert about(harness)[1:] == [failed("channel_not_found", 0)]

    run(scenario())


def test_a_success_in_between_resets_the_count():
    async def scenario():
        harness = DeliveryHarness("noc", "duty")
        harness.build(fallbacks=DUTY)
        harness.receivers["noc"].faults = lambda: DOWN
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(200)
            harness.receivers["noc"].faults = lambda: UP
            await harness.settled(within=60)
            harness.receivers["noc"].faults = lambda: DOWN
            harness.outbox.happen("a")
            await asyncio.sleep(290)
        assert not [
            command for command in about(harness) if isinstance(command, model.ReceiverFailed)
        ]

    run(scenario())


def test_a_restart_forgets_neither_since_when_it_fails_nor_to_say_that_it_is_over():
    async def scenario():
        harness = DeliveryHarness("noc", "duty")
        harness.build(fallbacks=DUTY)
        harness.receivers["noc"].faults = lambda: DOWN
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(200)
        harness.build(fallbacks=DUTY)
        async with harness.running():
            await asyncio.sleep(120)
            assert about(harness) == [failed("503", 0)]
        harness.build(fallbacks=DUTY)
        harness.receivers["noc"].faults = lambda: UP
        async with harness.running():
            await harness.settled(within=60)
        assert about(harness)[1:] == [model.ReceiverRecovered(receiver="noc")]

    run(scenario())


def test_a_delivery_that_is_held_back_does_not_keep_the_fallback_called():
    async def scenario():
        harness = DeliveryHarness("noc", "duty")
        harness.build(fallbacks=DUTY)
        harness.receivers["noc"].faults = lambda: DOWN
        harness.outbox.happen("a")
        harness.outbox.happen("b")
        async with harness.running():
            await asyncio.sleep(320)
            silenced = harness.outbox.rows["a", "noc"]
            while silenced.lease_until is not None:  # noqa: ASYNC110  virtual time
                await asyncio.sleep(0.1)
            silenced.due = None
            harness.receivers["noc"].faults = lambda: UP
            await asyncio.sleep(200)
        assert about(harness) == [failed("503", 0), model.ReceiverRecovered(receiver="noc")]

    run(scenario())


def test_a_daemon_that_delivers_what_another_could_not_reports_the_recovery():
    async def scenario():
        harness = DeliveryHarness("noc", "duty")
        other = harness.build(fallbacks=DUTY)
        harness.outbox.happen("a")
        async with harness.running() as running:
            await harness.settled(within=10)  # and so it has said that all is well
            row = harness.outbox.rows["a", "noc"]
            row.receipt = replace(row.receipt, failures=9, failing_since=START, error="503")
            harness.outbox.happen("a")
            await harness.settled(within=10)
            assert not running.done()
        assert about(harness) == [model.ReceiverRecovered(receiver="noc")] * 2
        assert other.states()["noc"].failing_since is None

    run(scenario())


def test_a_failure_is_over_once_another_daemon_has_delivered_what_failed():
    async def scenario():
        harness = DeliveryHarness("noc", "duty")
        harness.receivers["noc"].faults = lambda: DOWN
        harness.outbox.happen("a")
        async with harness.running():
            await asyncio.sleep(30)
            row = harness.outbox.rows["a", "noc"]
            while row.lease_until is not None:  # noqa: ASYNC110  virtual time
                await asyncio.sleep(0.1)
            assert harness.delivery.states()["noc"].failing_since == START
            row.receipt = replace(row.receipt, parent_version=1, told_through=1)
            row.due = None  # the other daemon's receipt
            await asyncio.sleep(20)
        state = harness.delivery.states()["noc"]
        assert (state.failing_since, state.error, state.owed) == (None, "", 0)

    run(scenario())


class CutOffReceiver(RecordingReceiver):
    """A receiver that has lost its connection."""

    def cut_off(self):
        return ports.CutOff(since=START, error="no broker")


def test_a_receiver_without_a_connection_fails_before_anything_is_pending():
    async def scenario():
        harness = DeliveryHarness("mqtt")
        harness.receivers["mqtt"] = CutOffReceiver("mqtt")
        state = harness.build().states()["mqtt"]
        assert (state.failing_since, state.error) == (START, "no broker")

    run(scenario())


class TriedReceiver(RecordingReceiver):
    """A receiver that can be tried; `outcome` is an error, or whether a delivery would succeed."""

    outcome: Exception | bool = True

    async def try_out(self) -> bool:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def test_a_try_calls_nothing_recovered_while_a_delivery_is_pending():
    """A channel that is archived can be read, and takes no message."""

    async def scenario():
        harness = DeliveryHarness("noc", "mqtt")
        harness.outbox.happen("a")
        tried = harness.receivers["noc"] = TriedReceiver("noc")
        tried.faults = lambda: model.PermanentError("is_archived")
        harness.build()
        async with harness.running():
            await asyncio.sleep(100)
        about = [type(command) for command in harness.outbox.commands if command.receiver == "noc"]
        assert about == [model.ReceiverFailed]

    run(scenario())


@pytest.mark.parametrize(
    ("outcome", "fails"),
    [
        (model.PermanentError("the token is missing"), True),
        (RuntimeError("nobody expected this"), True),
        (model.TemporaryError("Slack is down"), False),
        (True, False),
        (False, False),
    ],
)
def test_a_receiver_that_cannot_deliver_is_found_at_the_start(outcome, fails):
    async def scenario():
        harness = DeliveryHarness("noc", "mqtt")
        tried = harness.receivers["noc"] = TriedReceiver("noc")
        tried.outcome = outcome
        harness.build()
        async with harness.running():
            await asyncio.sleep(5)
            state = harness.delivery.states()["noc"]
            assert (not state.ok, state.permanent) == (fails, fails)
            reported = [
                command.others
                for command in harness.outbox.commands
                if isinstance(command, model.ReceiverFailed)
            ]
            assert reported == ([("mqtt",)] if fails else [])
            assert harness.receivers["mqtt"].delivered == []
            harness.outbox.happen("a")
            await asyncio.sleep(200)
            assert harness.delivery.states()["noc"].ok  # a delivery knows better

    run(scenario())


def test_each_receiver_that_was_notified_is_in_the_log_once():
    async def scenario():
        harness = DeliveryHarness("noc")
        harness.outbox.happen("a")
        (entry,) = harness.outbox.timelines["a"]
        harness.outbox.timelines["a"][0] = replace(entry, notify=True)
        async with harness.running():
            await harness.settled(within=3)
            harness.outbox.happen("a")  # a quiet entry
            await harness.settled(within=3)

    with capture_logs() as logs:
        run(scenario())
    (line,) = [line for line in logs if line["event"] == "receiver notified"]
    assert (line["receiver"], line["incident"]) == ("noc", "a")
    assert {"rule", "subject", "of"} <= set(line)
