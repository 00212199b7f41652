"""What Slack refuses for good is one act: the receiver against the simulated Slack."""

from datetime import timedelta

import pytest

from tests.fakes.incident_builder import BEGIN, PowerCutError
from tests.fakes.slack_channel import NOC, link_to, shown
from watcher import model

FORBIDDEN = {"edits_within": timedelta(minutes=5)}


async def test_a_workspace_that_forbids_late_edits_still_learns_of_the_recovery(
    channel, receiver, builder, delivery, clock
):
    channel.configure(**FORBIDDEN)
    await delivery.deliver(receiver)
    [first] = channel.parents
    clock.at = BEGIN + timedelta(seconds=1_801)
    builder.resolve()
    await delivery.deliver(receiver)

    [_, second] = channel.parents
    assert "recovered after 30 min" in second["text"]
    assert "forbids edits after a while (edit_window_closed)" in shown(second)
    assert link_to(first) in shown(second)
    assert [reply["text"][:1] for reply in channel.replies(second)] == ["\N{LARGE GREEN CIRCLE}"]
    [last] = channel.replies(first)
    alone = (
        "\N{LARGE GREEN CIRCLE} NYC Arena uplink: recovered after 30 min: online · continued in <"
    )
    assert last["text"].startswith(alone)
    assert last["blocks"][0]["text"]["text"].startswith("Continued in <")
    assert link_to(second) in last["text"]


async def test_a_frozen_message_that_still_says_what_matters_is_not_replaced(
    channel, receiver, builder, delivery, clock
):
    channel.configure(**FORBIDDEN)
    await delivery.deliver(receiver)
    for minute in (6, 7, 8):
        clock.at = BEGIN + timedelta(minutes=minute)
        builder.add_entry(model.EntryKind.NOTED, f"note {minute}", after=60 * minute)
        await delivery.deliver(receiver)
    [parent] = channel.parents
    assert len(channel.replies(parent)) == 3


async def test_a_replacement_can_be_edited_again_and_calls_nobody(
    channel, receiver, builder, delivery, clock
):
    channel.configure(**FORBIDDEN)
    await delivery.deliver(receiver)
    clock.at = BEGIN + timedelta(minutes=6)
    builder.change(
        status=model.IncidentStatus.ACKNOWLEDGED, acknowledged_by="Ana", acknowledged_at=clock.at
    )
    builder.add_entry(model.EntryKind.ACKNOWLEDGED, "acknowledged by Ana", by="Ana", after=360)
    await delivery.deliver(receiver)
    builder.change(title="NYC Arena uplink is offline: on the truck's side")
    await delivery.deliver(receiver)

    [_, second] = channel.parents
    assert "on the truck's side" in second["text"]
    assert "replaces <" in shown(second)  # an edit repeats it
    assert len(channel.replies(second)) == 1


async def test_a_frozen_message_is_replaced_without_a_mention(
    channel, receiver, builder, delivery, clock
):
    channel.configure(**FORBIDDEN)
    await delivery.deliver(receiver)
    clock.at = BEGIN + timedelta(minutes=6)
    builder.change(status=model.IncidentStatus.ACKNOWLEDGED, acknowledged_by="Ana")
    await delivery.deliver(receiver)
    assert "<!here>" not in channel.parents[1]["text"] + shown(channel.parents[1])


async def test_files_are_not_sent_again_to_a_new_parent(
    channel, receiver, builder, delivery, clock
):
    channel.configure(**FORBIDDEN)
    builder.diagnose()
    await delivery.deliver(receiver)
    clock.at = BEGIN + timedelta(minutes=30)
    builder.resolve()
    await delivery.deliver(receiver)
    assert len(channel.sim.workspace.files) == 2


@pytest.mark.parametrize("code", ["cant_update_message", "is_inactive", "update_failed", "newer"])
async def test_any_refused_edit_leaves_the_thread_alive(channel, receiver, builder, delivery, code):
    await delivery.deliver(receiver)
    channel.refuse("chat.update", code, times=2)
    builder.resolve()
    await delivery.deliver(receiver)
    [_, second] = channel.parents
    assert "recovered" in second["text"]
    assert code in shown(second)
    assert len(channel.replies(second)) == 1


async def test_a_power_cut_while_a_parent_is_replaced_repeats_nothing(
    channel, receiver, builder, delivery, clock
):
    channel.configure(**FORBIDDEN)
    await delivery.deliver(receiver)
    posted, before = delivery.receipt, list(channel.parents)
    builder.resolve()
    clock.at = BEGIN + timedelta(minutes=31)
    cut = 0
    while True:
        cut += 1
        for message in channel.parents[1:]:
            channel.sim.workspace._channels[NOC].pop(message["ts"])
        for reply in channel.replies(before[0]):
            channel.sim.workspace._channels[NOC].pop(reply["ts"])
        delivery.receipt, delivery.saved = posted, []
        delivery.fails_at, delivery.fails_before_saving = (cut + 1) // 2, bool(cut % 2)
        try:
            await delivery.deliver(receiver)
        except PowerCutError:
            await delivery.deliver(receiver)
        else:
            break
        [first, second] = channel.parents
        assert "possible duplicate" not in second["text"], cut
        [last] = channel.replies(first)
        assert "· continued in <" in last["text"], cut
        assert len(channel.replies(second)) == 1, cut
    assert cut > 10


async def test_a_new_parent_of_unknown_fate_is_not_taken_for_the_one_it_replaces(
    channel, receiver, builder, delivery, clock
):
    channel.configure(**FORBIDDEN)
    await delivery.deliver(receiver)
    clock.at = BEGIN + timedelta(minutes=31)
    builder.resolve()
    channel.sim.change(
        fault={"vendor": "slack", "kind": "reset", "endpoint": "chat.postMessage", "times": 1}
    )
    with pytest.raises(model.AmbiguousError):
        await delivery.deliver(receiver)
    await delivery.deliver(receiver)
    [first, second] = channel.parents
    assert delivery.receipt.handle["ts"] == second["ts"] != first["ts"]
    assert len(channel.replies(second)) == 1


async def test_a_replacement_that_is_refused_as_well_leaves_the_old_thread(
    channel, receiver, builder, delivery, clock
):
    channel.configure(**FORBIDDEN)
    await delivery.deliver(receiver)
    clock.at = BEGIN + timedelta(minutes=31)
    builder.resolve()
    channel.refuse("chat.postMessage", "too_many_of_something", times=3)
    await delivery.deliver(receiver)
    [parent] = channel.parents
    [reply] = channel.replies(parent)
    assert "recovered" in reply["text"]


async def test_a_refused_layout_is_posted_as_plain_text(
    channel, receiver, builder, delivery, clock
):
    channel.configure(takes_blocks=False)
    await delivery.deliver(receiver)
    builder.diagnose()
    await delivery.deliver(receiver)
    [parent] = channel.parents
    assert not parent.get("blocks")
    assert parent["text"].startswith("\N{LARGE RED CIRCLE} NYC Arena uplink is offline")
    assert "Lumen NOC, +1 800 555 0100" in parent["text"]
    assert "Loss of light at NYCMNY54" in parent["text"]  # an edit too
    assert parent["text"].endswith("_plain text, as Slack refused the layout (invalid_blocks)_")
    [reply, *_] = channel.replies(parent)
    assert "Loss of light at NYCMNY54" in reply["text"]
    assert reply["text"].count("Service Diagnostics for SVC1") == 1


@pytest.mark.parametrize("code", ["invalid_blocks", "msg_blocks_too_long", "msg_too_long", "newer"])
async def test_what_is_taken_in_no_form_leaves_a_sentence_and_the_rest_follows(
    channel, receiver, builder, delivery, code
):
    await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.NOTED, "a note that Slack hates", by="Ana")
    builder.add_entry(model.EntryKind.NOTED, "another note", by="Ana")
    channel.refuse("chat.postMessage", code, times=2)
    await delivery.deliver(receiver)
    [parent] = channel.parents
    first, second = channel.replies(parent)
    assert first["text"] == (
        f"Incident w-7k3m (critical, open): Slack refused what belongs here ({code})."
        " Read it with: watcher why w-7k3m"
    )
    assert "another note" in second["text"]
    assert delivery.receipt.told_through == 3


async def test_what_no_message_could_cure_ends_the_delivery(channel, receiver, builder, delivery):
    await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.NOTED, "a note", by="Ana")
    channel.refuse("chat.postMessage", "is_archived")
    with pytest.raises(model.PermanentError, match="unarchive"):
        await delivery.deliver(receiver)
    assert delivery.receipt.told_through == 1


async def test_a_locked_thread_gets_a_new_parent(channel, receiver, builder, delivery):
    await delivery.deliver(receiver)
    builder.add_entry(model.EntryKind.NOTED, "a note", by="Ana")
    channel.refuse("chat.postMessage", "restricted_action_thread_locked")
    await delivery.deliver(receiver)
    assert len(channel.parents) == 2
    assert len(channel.replies(channel.parents[1])) == 1


async def test_a_deleted_message_is_replaced_and_the_new_one_says_so(
    channel, receiver, builder, delivery
):
    await delivery.deliver(receiver)
    channel.delete(channel.parents[0])
    builder.resolve()
    await delivery.deliver(receiver)
    [parent] = channel.parents
    assert "replaces a message that was deleted" in shown(parent)


async def test_replies_do_not_wait_for_an_edit_that_is_rate_limited(
    channel, receiver, builder, delivery, clock
):
    await delivery.deliver(receiver)
    channel.sim.change(fault={"vendor": "slack", "kind": "http_429", "endpoint": "chat.update",
                              "times": 1, "retry_after": "30"})  # fmt: skip
    builder.add_entry(model.EntryKind.WORSE, "it got worse", notify=True)
    with pytest.raises(model.TemporaryError, match="rate-limited") as caught:
        await delivery.deliver(receiver)
    assert caught.value.narrow
    [parent] = channel.parents
    assert "it got worse" in channel.replies(parent)[0]["text"]
    clock.at += timedelta(seconds=30)
    await delivery.deliver(receiver)
    assert len(channel.replies(parent)) == 1


async def test_a_file_that_is_refused_is_named_and_the_next_is_sent(
    channel, receiver, builder, delivery
):
    builder.diagnose()
    channel.refuse("files.getUploadURLExternal", "file_type_not_allowed")
    await delivery.deliver(receiver)
    [parent] = channel.parents
    *_, about, preview = channel.replies(parent)
    assert about["text"] == (
        "NYC Arena uplink: Service Diagnostics report for SVC1, 2 pages:"
        " Slack did not take the file (file_type_not_allowed)"
    )
    assert preview["files"][0]["name"] == "SVC1-r-1-page-1.png"
    count = len(channel.replies(parent))
    await delivery.deliver(receiver)
    assert len(channel.replies(parent)) == count


async def test_a_power_cut_while_a_refused_file_is_named_repeats_nothing(
    channel, receiver, builder, delivery
):
    channel.configure(takes_files=False)
    builder.diagnose()
    cut = 0
    while True:
        cut += 1
        channel.sim.workspace._channels[NOC].clear()
        delivery.receipt = model.Receipt(incident="w-7k3m", receiver="noc")
        delivery.saved = []
        delivery.fails_at, delivery.fails_before_saving = (cut + 1) // 2, bool(cut % 2)
        try:
            await delivery.deliver(receiver)
        except PowerCutError:
            await delivery.deliver(receiver)
        else:
            break
        [parent] = channel.parents
        texts = [reply["text"] for reply in channel.replies(parent)]
        assert sum("did not take the file" in text for text in texts) == 2, (cut, texts)
    assert cut > 15


async def test_a_picture_has_words_for_those_who_hear_it(sim, receiver, builder, delivery):
    builder.diagnose()
    await delivery.deliver(receiver)
    pdf, preview = sim.workspace.files.values()
    assert pdf.alt_text == ""
    assert preview.alt_text == (
        "First page of the Service Diagnostics report for SVC1: Trouble found in the Lumen"
        " network. The thread lists its findings."
    )


async def test_a_chart_has_words_too(sim, receiver, builder, delivery):
    builder.measure()
    await delivery.deliver(receiver)
    [chart] = sim.workspace.files.values()
    assert chart.alt_text.startswith("Chart of utilization of PAR-LYS from")
    assert chart.alt_text.endswith("now 93; the limit is 80")


async def test_a_search_that_is_rate_limited_goes_on_where_it_was(
    sim, channel, receiver, delivery, clock
):
    for number in range(450):
        sim.workspace.post(NOC, {"text": f"chatter {number}"})
    sim.change(
        fault={"vendor": "slack", "kind": "reset", "endpoint": "chat.postMessage", "times": 1}
    )
    limit = {"vendor": "slack", "kind": "http_429", "endpoint": "conversations.history"}
    for skip in (1, 2):
        sim.change(fault=limit | {"times": 1, "skip": skip, "retry_after": "4"})
    with pytest.raises(model.AmbiguousError):
        await delivery.deliver(receiver)
    for _ in range(2):
        with pytest.raises(model.TemporaryError, match="rate-limited"):
            await delivery.deliver(receiver)
        clock.at += timedelta(seconds=5)
    await delivery.deliver(receiver)
    # Three pages, and the two that were refused: none is read twice.
    assert sim.world.calls["slack.conversations.history"] == 5
    assert "possible duplicate" not in channel.parents[-1]["text"]
