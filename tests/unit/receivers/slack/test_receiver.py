"""The Slack receiver against a small Slack, through slack-sdk's own client."""

import asyncio
import contextlib
import random
from datetime import timedelta

import aiohttp
import pytest
from msgspec.structs import replace

from tests.fakes.incident_builder import BEGIN, PowerCutError
from tests.fakes.slack import CHANNEL
from tests.servers.ports import free_port
from watcher import model
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack.receiver import SlackReceiver


@pytest.fixture
async def receiver(slack, clock):
    async with aiohttp.ClientSession() as session:
        receiver = SlackReceiver(
            name="noc",
            channel=receiver_settings.SlackReceiver(kind="slack", channel=CHANNEL),
            settings=receiver_settings.Slack(bot_token="xoxb-test", api_url=f"{slack.url}/api"),
            session=session,
            clock=clock,
        )
        receiver._rate_limit.max_rate = 1_000  # Slack's pace is real time
        yield receiver


def texts(messages):
    return [message["text"] for message in messages]


async def test_an_incident_is_one_parent_and_its_thread(slack, receiver, builder, delivery, clock):
    await delivery.deliver(receiver)
    [parent] = slack.parents
    assert parent["text"].startswith("\N{LARGE RED CIRCLE} NYC Arena uplink is offline")
    assert parent["text"].endswith(" <!here>")
    assert parent["metadata"] == {
        "event_type": "watcher_incident",
        "event_payload": {"incident": "w-7k3m", "receiver": "noc", "version": 2},
    }
    assert slack.replies == []

    builder.diagnose()
    await delivery.deliver(receiver)
    assert [reply["metadata"]["event_payload"]["event_id"] for reply in slack.replies] == [
        "w-7k3m-2"
    ]
    assert slack.shared == [b"%PDF-1.7 one", b"\x89PNG preview"]

    clock.at = BEGIN + timedelta(seconds=1_801)
    builder.resolve()
    await delivery.deliver(receiver)
    assert slack.parents[0]["text"] == (
        "\N{LARGE GREEN CIRCLE} NYC Arena uplink: recovered after 30 min: online"
    )
    assert slack.parents[0]["ts"] == parent["ts"]
    assert "reply_broadcast" not in slack.replies[-1]
    assert slack.replies[-1]["text"] == (
        "\N{LARGE GREEN CIRCLE} NYC Arena uplink: recovered at 03:40:22 UTC after 30 min: online"
    )


async def test_a_sentence_without_an_incident_begins_with_a_mark(slack, receiver):
    await receiver.send("Watcher on noc1 cannot write to its database")
    [message] = slack.parents
    assert message["text"] == (
        ":rotating_light: Watcher on noc1 cannot write to its database <!here>"
    )
    assert message["blocks"][0]["text"]["text"].startswith("<!here> :rotating_light: Watcher on")


async def test_what_was_posted_is_not_posted_again(slack, receiver, builder, delivery):
    builder.diagnose()
    await delivery.deliver(receiver)
    calls = list(slack.calls)
    await delivery.deliver(receiver)
    assert slack.calls == calls


async def test_a_warning_calls_and_broadcasts_nothing(slack, receiver, builder, delivery):
    builder.change(severity=model.Severity.WARNING)
    await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.CHANGED, "degraded -> offline", notify=True)
    await delivery.deliver(receiver)
    assert not any("<!here>" in text for text in texts(slack.messages.values()))
    assert "reply_broadcast" not in slack.replies[0]


async def test_details_only_edit_the_parent(slack, receiver, builder, delivery):
    await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.DETAILED, "details read: name NYC Arena uplink")
    builder.add_entry(model.EntryKind.DIAGNOSING, "Service Diagnostics is running for SVC1")
    await delivery.deliver(receiver)
    assert slack.replies == []
    assert delivery.receipt.told_through == 3
    assert slack.calls == ["chat.postMessage", "chat.update"]


async def test_who_is_not_notified_now_has_the_message_edited_and_reads_the_rest_later(
    slack, receiver, builder, delivery
):
    await delivery.deliver(receiver)
    builder.change(notify=("mqtt",), status=model.IncidentStatus.ACKNOWLEDGED, acknowledged_by="an")
    builder.add_entry(model.EntryKind.WORSE, "worse: offline, was degraded", notify=True)
    await delivery.deliver(receiver)
    assert slack.calls == ["chat.postMessage", "chat.update"]
    assert "an" in str(slack.parents[0]["blocks"])
    builder.change(notify=("noc", "mqtt"))
    await delivery.deliver(receiver)
    assert "worse: offline" in slack.replies[0]["text"]


async def test_who_is_not_notified_now_gets_no_first_message(slack, receiver, builder, delivery):
    builder.change(notify=("mqtt",))
    await delivery.deliver(receiver)
    assert slack.calls == []


async def test_a_person_on_call_is_mentioned_by_name_though_it_is_only_a_warning(
    slack, receiver, builder, delivery
):
    builder.change(severity=model.Severity.WARNING)
    await delivery.deliver(receiver)
    text = "not acknowledged for 5 min: called ann, on call for video"
    builder.add_entry(
        model.EntryKind.ESCALATED, text, notify=True, oncall="ann", mention="<@U0ANN>"
    )
    await delivery.deliver(receiver)
    (reply,) = slack.replies
    assert reply["text"].endswith(" <@U0ANN>")
    assert reply["reply_broadcast"]


async def test_a_mention_follows_the_rota(slack, receiver, builder, delivery):
    people = iter(["<@U0ANN>", "<@U0BOB>", "<@U0BOB>", "<@U0BOB>"])
    receiver._written_mention = "oncall: video"
    receiver._find_mention = lambda written: next(people) if written == "oncall: video" else ""
    await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.CHANGED, "worse", notify=True)
    await delivery.deliver(receiver)
    assert slack.parents[0]["text"].endswith("<@U0BOB>")  # an edit, which calls nobody
    assert slack.replies[0]["text"].endswith("<@U0BOB>")


LIMIT = {"status": 429, "Retry-After": "30"}


async def test_a_rate_limit_is_waited_for_as_long_as_slack_says(slack, receiver, delivery, clock):
    slack.fail_next("chat.postMessage", LIMIT)
    with pytest.raises(model.TemporaryError, match="Slack was rate-limited") as caught:
        await delivery.deliver(receiver)
    assert (caught.value.delay, caught.value.narrow) == (30, True)
    assert delivery.receipt.intent == ""  # Slack said no, so nothing has to be looked up

    clock.at += timedelta(seconds=10)
    with pytest.raises(model.TemporaryError, match="next attempt in 20 s") as caught:
        await delivery.deliver(receiver)
    assert caught.value.delay == 20
    assert slack.calls == ["chat.postMessage"]  # nothing was asked that Slack would refuse

    clock.at += timedelta(seconds=20)
    await delivery.deliver(receiver)
    assert len(slack.parents) == 1
    assert "conversations.history" not in slack.calls


async def test_while_no_post_is_taken_the_parent_stays_true(slack, receiver, builder, delivery):
    await delivery.deliver(receiver)
    slack.fail_next("chat.postMessage", LIMIT)
    for version in ("first", "second"):
        builder.add_entry(model.EntryKind.CHANGED, "degraded -> offline", notify=True)
        builder.change(title=f"NYC Arena uplink is down, {version}")
        with pytest.raises(model.TemporaryError):
            await delivery.deliver(receiver)
        assert version in slack.parents[0]["text"]
    assert slack.calls.count("chat.postMessage") == 2


async def test_while_no_file_is_taken_messages_are_posted(slack, receiver, builder, delivery):
    builder.diagnose()
    slack.fail_next("files.completeUploadExternal", LIMIT)
    with pytest.raises(model.TemporaryError) as caught:
        await delivery.deliver(receiver)
    assert caught.value.narrow
    builder.add_entry(model.EntryKind.ACKNOWLEDGED, "acknowledged by Ana", by="Ana")
    with pytest.raises(model.TemporaryError):
        await delivery.deliver(receiver)
    assert slack.calls.count("files.completeUploadExternal") == 1
    assert "acknowledged by Ana" in slack.replies[-1]["text"]


@pytest.mark.parametrize(
    "fault",
    [
        "drop",
        "internal_error",
        {"status": 503},
        {"body": "<html>maintenance</html>", "type": "text/html"},
        {"body": "welcome to this hotel", "type": "text/plain"},
        {"body": '{"ok": tr', "type": "application/json"},
        {"body": "[]", "type": "application/json"},
        {"body": '["ok"]', "type": "application/json"},
        {"body": '{"ok": true}', "type": "application/json"},
    ],
)
async def test_a_parent_of_unknown_fate_is_looked_up_before_it_is_repeated(
    slack, receiver, delivery, fault
):
    slack.fail_next("chat.postMessage", fault)
    with pytest.raises(model.AmbiguousError, match="Slack"):
        await delivery.deliver(receiver)
    await delivery.deliver(receiver)
    assert len(slack.parents) == 1
    assert "conversations.history" in slack.calls
    assert "possible duplicate" not in slack.parents[0]["text"]


@pytest.mark.parametrize("hours", [3, -3])
async def test_a_parent_is_looked_up_on_the_clock_of_slack(slack, receiver, delivery, clock, hours):
    builder, by = delivery.builder, timedelta(hours=hours)
    clock.at += by
    builder.incident = replace(builder.incident, opened_at=builder.incident.opened_at + by)
    slack.fail_next("chat.postMessage", "drop")
    with pytest.raises(model.AmbiguousError):
        await delivery.deliver(receiver)
    await delivery.deliver(receiver)
    assert len(slack.parents) == 1


@pytest.mark.parametrize("fault", ["drop", "hang up"])
async def test_a_reply_of_unknown_fate_is_looked_up_before_it_is_repeated(
    slack, receiver, builder, delivery, fault
):
    await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.NOTED, "truck rolls", by="Ana")
    slack.fail_next("chat.postMessage", fault)
    with pytest.raises(model.AmbiguousError):
        await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.NOTED, "truck is there", by="Ana")
    await delivery.deliver(receiver)
    assert texts(slack.replies) == [
        "\N{MEMO} NYC Arena uplink: truck rolls (by Ana)",
        "\N{MEMO} NYC Arena uplink: truck is there (by Ana)",
    ]


async def test_a_repetition_unseen_says_so(slack, receiver, delivery):
    slack.fail_next("chat.postMessage", "drop")
    slack.fail_next("conversations.history", "missing_scope")
    with pytest.raises(model.AmbiguousError):
        await delivery.deliver(receiver)
    await delivery.deliver(receiver)
    assert [text.count("(possible duplicate)") for text in texts(slack.parents)] == [0, 1]


async def test_a_parent_that_may_be_there_twice_goes_on_saying_so_when_it_is_edited(
    slack, receiver, builder, delivery
):
    slack.fail_next("chat.postMessage", "drop")
    slack.fail_next("conversations.history", "missing_scope")
    with pytest.raises(model.AmbiguousError):
        await delivery.deliver(receiver)
    await delivery.deliver(receiver)
    builder.resolve()
    await delivery.deliver(receiver)
    assert "recovered" in slack.parents[1]["text"]
    assert [text.count("(possible duplicate)") for text in texts(slack.parents)] == [0, 1]


async def test_what_may_have_happened_is_not_forgotten_when_its_repetition_is_refused(
    slack, receiver, delivery
):
    slack.fail_next("chat.postMessage", "drop", "ratelimited")
    slack.fail_next("conversations.history", "missing_scope", "missing_scope")
    for _ in range(2):
        with pytest.raises(model.TemporaryError):
            await delivery.deliver(receiver)
    await delivery.deliver(receiver)
    assert [text.count("(possible duplicate)") for text in texts(slack.parents)] == [0, 1]


async def test_a_look_up_that_fails_for_a_while_is_tried_again_first(slack, receiver, delivery):
    slack.fail_next("chat.postMessage", "drop")
    slack.fail_next("conversations.history", *[{"status": 503}] * 2)
    for _ in range(3):
        with pytest.raises(model.TemporaryError):
            await delivery.deliver(receiver)
    await delivery.deliver(receiver)
    assert len(slack.parents) == 1


async def test_a_look_up_that_goes_on_failing_does_not_silence_the_incident(
    slack, receiver, delivery
):
    slack.fail_next("chat.postMessage", "hang up")
    slack.fail_next("conversations.history", *[{"status": 503}] * 9)
    for _ in range(3):
        with pytest.raises(model.TemporaryError):
            await delivery.deliver(receiver)
    await delivery.deliver(receiver)
    assert "(possible duplicate)" in slack.parents[0]["text"]


async def test_a_power_cut_at_any_instant_repeats_nothing(slack, receiver, builder, delivery):
    builder.add_entry(model.EntryKind.ACKNOWLEDGED, "acknowledged by Ana", by="Ana", after=20)
    builder.diagnose()
    cut = 0
    while True:
        cut += 1
        delivery.receipt = model.Receipt(incident="w-7k3m", receiver="noc")
        delivery.saved, delivery.fails_at, delivery.fails_before_saving = (
            [],
            (cut + 1) // 2,
            bool(cut % 2),
        )
        slack.messages.clear()
        slack.files.clear()
        try:
            await delivery.deliver(receiver)
        except PowerCutError:
            await delivery.deliver(receiver)
        else:
            break
        assert len(slack.parents) == 1, cut
        assert len(slack.replies) == 2, cut
        assert slack.shared == [b"%PDF-1.7 one", b"\x89PNG preview"], cut
    assert cut > 20


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_fails_everything_is_in_the_thread_once(
    slack, receiver, builder, delivery, seed
):
    chance = random.Random(seed)  # noqa: S311  not for secrets
    faults = ["drop", "hang up", "ratelimited", "internal_error", {"status": 503}, {"status": 429}]
    builder.diagnose("r-1")
    for method in ("chat.postMessage", "files.completeUploadExternal", "conversations.replies"):
        usable = faults if method != "conversations.replies" else faults[2:]
        slack.fail_next(method, *(chance.choice([None, *usable]) for _ in range(12)))
    for turn in range(60):
        if turn in {5, 10}:
            builder.add_entry(model.EntryKind.NOTED, f"note {turn}")
        delivery.saved = []
        delivery.fails_at = chance.choice([None, None, 1, 2, 3])
        delivery.fails_before_saving = chance.random() < 0.5
        # Repeating unseen is for a Slack that cannot be searched for long; here it recovers.
        delivery.receipt = replace(delivery.receipt, failures=0)
        with contextlib.suppress(model.WatcherError, PowerCutError):
            await delivery.deliver(receiver)
    assert len(slack.parents) == 1
    assert [reply["text"].partition(": ")[2][:7] for reply in slack.replies] == [
        "Service",
        "note 5",
        "note 10",
    ]
    assert slack.shared == [b"%PDF-1.7 one", b"\x89PNG preview"]


@pytest.mark.parametrize(
    "outage",
    [
        ("files.getUploadURLExternal", {"status": 503}),
        ("upload", 503),
        ("upload", 404),
        ("upload", "hang up"),
        ("files.completeUploadExternal", {"status": 503}),
        ("files.completeUploadExternal", "drop"),
        ("files.completeUploadExternal", "ratelimited"),
        ("files.completeUploadExternal", "file_not_found"),
    ],
)
async def test_an_upload_goes_on_where_it_stopped(slack, receiver, builder, delivery, outage):
    builder.diagnose()
    slack.fail_next(*outage)
    with pytest.raises(model.WatcherError):
        await delivery.deliver(receiver)
    assert len(slack.replies) == 1  # what people must read came before the file
    await delivery.deliver(receiver)
    assert slack.shared == [b"%PDF-1.7 one", b"\x89PNG preview"]
    assert len(slack.parents) == 1


async def test_a_file_that_slack_lost_is_sent_again(slack, receiver, builder, delivery):
    builder.diagnose()
    slack.fail_next("files.completeUploadExternal", {"status": 429})
    with pytest.raises(model.TemporaryError):
        await delivery.deliver(receiver)
    slack.files = dict.fromkeys(slack.files)
    with pytest.raises(model.PermanentError, match="file_not_found"):
        await delivery.deliver(receiver)
    await delivery.deliver(receiver)
    assert slack.shared == [b"%PDF-1.7 one", b"\x89PNG preview"]


async def test_a_report_that_is_no_longer_kept_is_passed_over(slack, receiver, builder, delivery):
    builder.diagnose()
    builder.report_files.clear()
    await delivery.deliver(receiver)
    assert slack.shared == []
    assert delivery.receipt.files == {"r-1/pdf": "missing", "r-1/preview": "missing"}


async def test_a_deleted_message_gets_a_new_one_with_its_files(slack, receiver, builder, delivery):
    builder.diagnose()
    await delivery.deliver(receiver)
    slack.messages.clear()
    builder.add_entry(model.EntryKind.NOTED, "still down", by="Ana")
    await delivery.deliver(receiver)
    assert len(slack.parents) == 1
    assert texts(slack.replies) == ["\N{MEMO} NYC Arena uplink: still down (by Ana)"]
    assert slack.shared == [b"%PDF-1.7 one", b"\x89PNG preview"]


async def test_a_thread_deleted_under_an_unsettled_reply_gets_a_new_parent(
    slack, receiver, builder, delivery
):
    await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.NOTED, "still down", by="Ana")
    slack.fail_next("chat.postMessage", "drop")
    with pytest.raises(model.AmbiguousError):
        await delivery.deliver(receiver)
    slack.messages.clear()
    await delivery.deliver(receiver)
    assert len(slack.parents) == 1
    assert len(slack.replies) == 1


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("channel_not_found", "check the channel id"),
        ("not_in_channel", "/invite"),
        ("invalid_auth", "slack.bot_token"),
        ("token_revoked", "install the app again"),
        ("missing_scope", "add it"),
        ("is_archived", "unarchive"),
        ("restricted_action", "administrator"),
    ],
)
async def test_a_permanent_refusal_says_what_to_do(slack, receiver, delivery, code, advice):
    slack.fail_next("chat.postMessage", code)
    with pytest.raises(model.PermanentError, match=advice) as caught:
        await delivery.deliver(receiver)
    assert code in str(caught.value)
    assert CHANNEL in str(caught.value)
    assert "xoxb-test" not in repr(caught.value)
    assert delivery.receipt.intent == ""


async def test_many_pending_entries_become_one_digest(slack, receiver, builder, delivery, clock):
    await delivery.deliver(receiver)
    for minute in range(1, 31):
        builder.add_entry(model.EntryKind.CHANGED, f"turn {minute}", after=60 * minute, notify=True)
    clock.at = BEGIN + timedelta(minutes=31)
    await delivery.deliver(receiver)
    [digest] = slack.replies
    payload = digest["metadata"]["event_payload"]
    assert (payload["entries"], payload["event_id"]) == ("2-31", "w-7k3m-31")
    assert digest["text"].startswith(
        "\N{LARGE RED CIRCLE} NYC Arena uplink is offline: likely Lumen side"
        " · *30 entries*, occurred 03:11:22 UTC to 03:40:22 UTC"
    )
    assert digest["text"].endswith(" · call Lumen NOC, +1 800 555 0100 <!here>")
    assert "turn 1\n" in digest["blocks"][0]["text"]["text"]


async def test_after_an_outage_people_get_one_true_message_and_one_digest(
    slack, receiver, builder, delivery, clock
):
    slack.fail_next("chat.postMessage", *[{"status": 503}] * 2)
    slack.fail_next("conversations.history", *[{"status": 503}] * 1)
    for _ in range(2):
        with pytest.raises(model.TemporaryError):
            await delivery.deliver(receiver)
    slack._faults.clear()
    builder.diagnose()
    builder.resolve()
    clock.at = BEGIN + timedelta(hours=2)
    await delivery.deliver(receiver)
    [parent], [digest] = slack.parents, slack.replies
    assert parent["text"].startswith("\N{LARGE GREEN CIRCLE} NYC Arena uplink: recovered")
    assert "2 entries" in digest["text"]
    assert "<!here>" not in parent["text"] + digest["text"]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"status": 429, "Retry-After": "1800"}, "Slack was rate-limited"),
        ({"status": 503}, "Slack failed"),
        ("drop", "Slack did not answer"),
        ("not_in_channel", "Slack refused the call (not_in_channel)"),
    ],
)
async def test_what_is_posted_late_says_when_it_happened_and_what_kept_it_back(
    slack, receiver, delivery, fault, why
):
    await delivery.deliver(receiver)
    delivery.builder.add_entry(
        model.EntryKind.CHANGED, "degraded -> offline", after=10, notify=True
    )
    slack.fail_next("chat.postMessage", fault)
    with pytest.raises(model.WatcherError):
        await delivery.deliver(receiver)
    if fault == "drop":
        del slack.messages[slack.replies[0]["ts"]]  # it was never there
    receiver._clock.at = BEGIN + timedelta(minutes=31)
    await delivery.deliver(receiver)
    assert f"_(occurred 03:10:32 UTC, posted 03:41 UTC: {why})_" in slack.replies[0]["text"]
    delivery.builder.add_entry(model.EntryKind.NOTED, "still down", after=31 * 60)
    await delivery.deliver(receiver)
    assert "posted" not in slack.replies[1]["text"]


async def test_a_failure_that_was_over_before_explains_nothing_where_the_clock_was_set_back(
    slack, receiver, delivery, monkeypatch
):
    await delivery.deliver(receiver)
    delivery.builder.add_entry(model.EntryKind.NOTED, "it rains", after=10)
    slack.fail_next("chat.postMessage", {"status": 503})
    with pytest.raises(model.WatcherError):
        await delivery.deliver(receiver)
    receiver._clock.at = BEGIN + timedelta(minutes=31)
    await delivery.deliver(receiver)
    an_hour_later = (receiver._clock.at + timedelta(hours=1)).timestamp()
    monkeypatch.setattr(receiver._clock, "monotonic", lambda: an_hour_later)
    delivery.builder.add_entry(model.EntryKind.NOTED, "it still rains", after=60)
    await delivery.deliver(receiver)
    assert "posted 03:41 UTC: Slack failed)" in slack.replies[0]["text"]
    assert "posted 03:41 UTC)" in slack.replies[1]["text"]


async def test_a_restarted_daemon_knows_what_kept_it_back(
    slack, receiver, builder, delivery, clock
):
    await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.CHANGED, "degraded -> offline", notify=True)
    failed = {"failures": 3, "failing_since": BEGIN, "error": "Slack was rate-limited: somewhere"}
    delivery.receipt = replace(delivery.receipt, **failed)
    clock.at = BEGIN + timedelta(minutes=31)
    await delivery.deliver(receiver)
    assert "posted 03:41 UTC: Slack was rate-limited)_" in slack.replies[0]["text"]


async def test_a_silence_before_the_failure_is_not_blamed_on_slack(
    slack, receiver, builder, delivery, clock
):
    await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.CHANGED, "online -> degraded", notify=True)
    slack.fail_next("chat.postMessage", {"status": 503})
    with pytest.raises(model.TemporaryError):
        await delivery.deliver(receiver)
    await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.CHANGED, "degraded -> offline", after=600, notify=True)
    clock.at = BEGIN + timedelta(minutes=31)
    await delivery.deliver(receiver)
    assert "posted 03:41 UTC)_" in slack.replies[-1]["text"]


async def test_an_incident_that_is_posted_late_says_so_for_good(
    slack, receiver, builder, delivery, clock
):
    slack.fail_next("chat.postMessage", {"status": 503})
    slack.fail_next("conversations.history", {"status": 503})
    for _ in range(2):
        with pytest.raises(model.TemporaryError):
            await delivery.deliver(receiver)
    clock.at = BEGIN + timedelta(minutes=31)
    await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.DETAILED, "details read: name NYC Arena uplink")
    clock.at = BEGIN + timedelta(minutes=50)
    await delivery.deliver(receiver)
    small_print = slack.parents[0]["blocks"][-1]["elements"][0]["text"]
    assert small_print.endswith("posted 03:41 UTC: Slack failed")


async def test_slack_down_is_temporary_and_nothing_is_unknown(builder, delivery, clock):
    async with aiohttp.ClientSession() as session:
        port = free_port()
        receiver = SlackReceiver(
            name="noc",
            channel=receiver_settings.SlackReceiver(kind="slack", channel=CHANNEL),
            settings=receiver_settings.Slack(
                bot_token="xoxb-test", api_url=f"http://127.0.0.1:{port}/api"
            ),
            session=session,
            clock=clock,
        )
        with pytest.raises(model.TemporaryError, match="Slack could not be reached") as caught:
            await delivery.deliver(receiver)
    assert not isinstance(caught.value, model.AmbiguousError)
    assert delivery.receipt.intent == ""


async def test_a_daemon_that_was_frozen_before_a_post_makes_sure_that_it_may_still_post(
    slack, receiver, delivery, clock, monkeypatch
):
    keep = delivery.save

    async def freeze(receipt):
        await keep(receipt)
        if len(delivery.saved) == 1:
            clock.at += timedelta(seconds=7)  # another daemon has the claim by now
        else:
            raise model.PermanentError("the claim was lost")

    monkeypatch.setattr(delivery, "save", freeze)
    with pytest.raises(model.PermanentError, match="claim was lost"):
        await delivery.deliver(receiver)
    assert slack.parents == []


async def test_a_threshold_brings_a_chart_when_it_is_posted_and_one_when_it_is_over(
    slack, receiver, delivery, builder
):
    builder.measure()
    await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.NOTED, "looking into it")
    await delivery.deliver(receiver)
    assert [file[:4] for file in slack.shared] == [b"\x89PNG"]
    builder.resolve(after=7_200)
    await delivery.deliver(receiver)
    await delivery.deliver(receiver)
    assert [file[:4] for file in slack.shared] == [b"\x89PNG", b"\x89PNG"]
    assert slack.shared[0] != slack.shared[1]


async def test_a_chart_comes_once_although_the_clock_was_set(slack, receiver, delivery, builder):
    builder.measure()
    await delivery.deliver(receiver)
    builder.change(opened_at=builder.incident.opened_at - timedelta(seconds=50))
    await delivery.deliver(receiver)
    assert len(slack.shared) == 1
    builder.resolve(after=7_200)
    await delivery.deliver(receiver)
    over = builder.incident.resolved_at
    builder.change(resolved_at=over - timedelta(seconds=50))
    await delivery.deliver(receiver)
    assert len(slack.shared) == 2


async def test_a_chart_that_an_earlier_version_has_shared_is_not_shared_again(
    slack, receiver, delivery, builder
):
    builder.measure()
    await delivery.deliver(receiver)
    (key,) = delivery.receipt.files
    then = model.format_timestamp(builder.incident.opened_at)
    earlier = {f"{key.rpartition('/')[0]}/{then}": delivery.receipt.files[key]}
    delivery.receipt = replace(delivery.receipt, files=earlier)
    builder.change(summary="still full")
    await delivery.deliver(receiver)
    assert len(slack.shared) == 1


async def test_a_storm_brings_no_charts(slack, receiver, delivery, builder):
    builder.measure()
    builder.change(accepts_until=builder.begin)
    await delivery.deliver(receiver)
    assert all(not file.startswith(b"\x89PNG") for file in slack.shared)


async def test_an_intent_is_written_when_its_post_may_leave(slack, receiver, delivery):
    receiver._rate_limit.max_rate = 1
    await receiver._rate_limit.acquire()  # Slack's pace is used up
    delivering = asyncio.create_task(delivery.deliver(receiver))
    for _ in range(20):  # turns of the loop: far more than it takes to come to the post
        await asyncio.sleep(0)
    assert delivery.saved == []
    delivering.cancel()
    await asyncio.gather(delivering, return_exceptions=True)
