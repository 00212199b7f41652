"""A parent whose intent was written with the commit of its incident."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.unit.receivers.slack.test_receiver import receiver
from watcher import model

__all__ = ["receiver"]


@pytest.fixture
def intended(delivery, receiver, clock):
    """A delivery as a commit hands it over."""
    delivery.receipt = replace(delivery.receipt, intent=receiver.first_intent)
    delivery.intended_at = clock.monotonic()
    return delivery


async def test_it_is_posted_at_once_without_a_look_up_or_another_save(slack, receiver, intended):
    await intended.deliver(receiver)
    assert len(slack.parents) == 1
    assert "conversations.history" not in slack.calls
    assert intended.saved[0].handle  # what came of the post
    assert intended.receipt.intent == ""


async def test_one_that_was_left_over_is_looked_up(slack, receiver, intended):
    """The daemon ended after the commit: another one cannot know that nothing was posted."""
    intended.intended_at = None
    await intended.deliver(receiver)
    assert "conversations.history" in slack.calls
    assert len(slack.parents) == 1


async def test_a_post_of_unknown_fate_is_looked_up_by_the_next_delivery(slack, receiver, intended):
    slack.fail_next("chat.postMessage", "drop")
    with pytest.raises(model.AmbiguousError):
        await intended.deliver(receiver)
    intended.intended_at = None
    await intended.deliver(receiver)
    assert len(slack.parents) == 1
    assert "possible duplicate" not in slack.parents[0]["text"]


async def test_after_a_while_the_claim_is_made_sure_of_before_the_post(
    slack, receiver, intended, clock, monkeypatch
):
    clock.at += timedelta(seconds=7)  # another daemon has the claim by now

    async def lose(receipt):
        raise model.PermanentError("the claim was lost")

    monkeypatch.setattr(intended, "save", lose)
    with pytest.raises(model.PermanentError, match="claim was lost"):
        await intended.deliver(receiver)
    assert slack.parents == []


async def test_where_nothing_is_posted_no_intent_is_left(slack, receiver, builder, intended):
    builder.change(suppressed_by=("silence",), notify=())
    await intended.deliver(receiver)
    assert slack.parents == []
    assert intended.receipt.intent == ""
