"""A silenced or inhibited incident: its message is edited, and nothing is posted."""

from datetime import timedelta

from tests.fakes.incident_builder import BEGIN
from tests.fakes.planned import SUPPRESSION, plan
from tests.fakes.slack_channel import shown
from watcher import model
from watcher.receivers.slack import notification


def silenced(builder, clock):
    builder.change(
        notify=("mqtt",),
        suppressed_by=("silence s-1 by Ann: works",),
        suppressions=(
            model.Suppression(
                kind=model.SuppressionKind.SILENCE,
                name="s-1",
                by="Ann",
                comment="works",
                until=BEGIN + timedelta(hours=1),
            ),
        ),
        flags=("silenced",),
    )
    builder.add_entry(model.EntryKind.SUPPRESSED, "notifications suppressed: silence s-1 by Ann")


async def test_a_silenced_incident_is_edited_and_nothing_is_posted(
    channel, receiver, builder, delivery, clock
):
    await delivery.deliver(receiver)
    silenced(builder, clock)
    builder.change(
        status=model.IncidentStatus.ACKNOWLEDGED, acknowledged_by="Bo", acknowledged_at=clock.at
    )
    builder.diagnose()
    builder.add_entry(model.EntryKind.WORSE, "it got worse", notify=True)
    await delivery.deliver(receiver)
    [parent] = channel.parents
    assert "\N{BELL WITH CANCELLATION STROKE} *silenced until 04:10 UTC by Ann: works*" in shown(
        parent
    )
    assert "silenced until 04:10 UTC by Ann: works" in parent["text"]
    assert "Acknowledged by *Bo*" in shown(parent)
    assert channel.replies(parent) == []
    assert not channel.sim.workspace.files

    builder.change(notify=("noc", "mqtt"), suppressed_by=(), suppressions=(), flags=())
    builder.add_entry(model.EntryKind.RELEASED, "notifications resumed", notify=True)
    await delivery.deliver(receiver)
    assert "silenced" not in shown(parent)
    texts = " ".join(reply["text"] for reply in channel.replies(parent))
    assert "it got worse" in texts
    assert "notifications resumed" in texts


async def test_an_incident_silenced_before_it_was_posted_is_not_posted(
    channel, receiver, builder, delivery, clock
):
    silenced(builder, clock)
    await delivery.deliver(receiver)
    assert channel.parents == []
    builder.resolve()
    await delivery.deliver(receiver)
    assert channel.parents == []


async def test_a_deleted_message_of_a_silenced_incident_comes_back_with_its_release(
    channel, receiver, builder, delivery, clock
):
    await delivery.deliver(receiver)
    channel.delete(channel.parents[0])
    silenced(builder, clock)
    await delivery.deliver(receiver)
    assert channel.parents == []
    builder.change(notify=("noc", "mqtt"), suppressed_by=(), suppressions=(), flags=())
    builder.add_entry(model.EntryKind.RELEASED, "notifications resumed", notify=True)
    await delivery.deliver(receiver)
    assert len(channel.parents) == 1


async def test_a_frozen_message_of_a_silenced_incident_is_replaced_when_it_is_released(
    channel, receiver, builder, delivery, clock
):
    channel.configure(edits_within=timedelta(minutes=5))
    await delivery.deliver(receiver)
    clock.at = BEGIN + timedelta(minutes=10)
    silenced(builder, clock)
    builder.change(status=model.IncidentStatus.ACKNOWLEDGED, acknowledged_by="Bo")
    await delivery.deliver(receiver)
    assert len(channel.parents) == 1
    builder.change(notify=("noc", "mqtt"), suppressed_by=(), suppressions=(), flags=())
    builder.add_entry(model.EntryKind.RELEASED, "notifications resumed", notify=True)
    await delivery.deliver(receiver)
    assert len(channel.parents) == 2


def test_a_silence_that_ends_with_its_incident_says_so():
    until = model.Suppression(
        kind=model.SuppressionKind.SILENCE,
        name="s-1",
        by="ann",
        until=BEGIN,
        sooner=model.SilenceUntil.RESOLVED,
    )
    words = notification.suppression_text(until, BEGIN)
    at = model.format_time(BEGIN, seconds=False)
    assert words == f"silenced until it is resolved, {at} at the latest by ann"


async def test_a_planned_outage_is_not_posted_until_it_outlasts_the_works(
    channel, receiver, builder, delivery
):
    plan(builder)
    await delivery.deliver(receiver)
    assert channel.parents == []
    builder.change(
        notify=("noc", "mqtt"), suppressed_by=(), suppressions=(), planned=None, flags=()
    )
    why = (
        "notifications resumed: still there after planned works CHG-1 of Lumen,"
        " which were to end at 04:00 UTC"
    )
    builder.add_entry(model.EntryKind.RELEASED, why, notify=True)
    await delivery.deliver(receiver)
    [parent] = channel.parents
    texts = " ".join([parent["text"], *(reply["text"] for reply in channel.replies(parent))])
    assert "still there after planned works CHG-1 of Lumen, which were to end at 04:00 UTC" in texts


def test_planned_works_are_named_with_their_announced_end():
    text = notification.suppression_text(SUPPRESSION, BEGIN)
    assert text == "planned works CHG-1 of Lumen until 04:00 UTC"
