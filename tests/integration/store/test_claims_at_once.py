"""What is claimed in the transaction of the commit that has made it due."""

import pytest
from msgspec.structs import replace

from tests.fakes import factories
from tests.fakes.factories import MINUTE, NOW
from watcher import model, ports

WANTED = ports.Claim(intents={"noc": "parent", "mqtt": ""}, now=NOW, lease=MINUTE, asked_at=7.0)


def outage(name, **more):
    return factories.commit(*factories.outage_effects(name, **more))


async def claim_again(opened, *, now=NOW):
    return await opened.outbox.claim(now=now, receivers=list(WANTED.intents), lease=MINUTE, limit=9)


async def test_a_commit_claims_what_it_has_made_due_with_the_intent_of_the_first_act(opened, token):
    noc, mqtt = await opened.commits.commit(token, outage("i1"), WANTED)
    assert (noc.receipt.receiver, noc.receipt.intent, noc.intended_at) == ("noc", "parent", 7.0)
    assert (mqtt.receipt.receiver, mqtt.receipt.intent, mqtt.intended_at) == ("mqtt", "", None)
    view = await opened.queries.incident_view("i1")
    assert noc.view == mqtt.view == view
    assert view is not None
    assert await claim_again(opened) == []


async def test_the_intent_is_durable_with_the_commit_for_the_daemon_that_claims_next(opened, token):
    await opened.commits.commit(token, outage("i1"), WANTED)
    left = {
        pending.receipt.receiver: pending for pending in await claim_again(opened, now=NOW + MINUTE)
    }
    assert left["noc"].receipt.intent == "parent"
    assert left["noc"].intended_at is None  # of an act that may have happened
    assert left["mqtt"].receipt.intent == ""


async def test_a_claim_with_a_commit_is_fenced_as_any_other(opened, token):
    first, _ = await opened.commits.commit(token, outage("i1"), WANTED)
    await opened.outbox.save_receipt(replace(first.receipt, intent=""), first.token)
    await claim_again(opened, now=NOW + MINUTE)
    with pytest.raises(model.PermanentError, match="another daemon is delivering"):
        await opened.outbox.save_receipt(first.receipt, first.token)


async def test_one_delivery_is_claimed_for_each_receiver_and_what_waits_longest(opened, token):
    await opened.commits.commit(token, outage("i1", notify=("noc",)))
    (pending,) = await opened.commits.commit(
        token, replace(outage("i2", notify=("noc",)), at=NOW + MINUTE), WANTED
    )
    assert pending.receipt.incident == "i1"
    assert [other.receipt.incident for other in await claim_again(opened)] == ["i2"]


async def test_only_the_first_act_for_an_incident_has_its_intent_written(opened, token):
    pending, _ = await opened.commits.commit(token, outage("i1"), WANTED)
    told = replace(pending.receipt, parent_version=1, told_through=1, intent="")
    await opened.outbox.release(told, pending.token, again_at=None)
    news = factories.commit(factories.incident(version=2, entries=2), at=NOW + MINUTE)
    (again,) = await opened.commits.commit(token, news, replace(WANTED, intents={"noc": "parent"}))
    assert (again.receipt.intent, again.intended_at) == ("", None)


async def test_who_is_not_notified_now_has_no_intent(opened, token):
    await opened.commits.commit(token, outage("i1"))
    news = factories.commit(factories.incident(version=2, notify=()), at=NOW + MINUTE)
    for pending in await opened.commits.commit(token, news, WANTED):
        assert (pending.receipt.intent, pending.intended_at) == ("", None)


async def test_a_commit_that_is_refused_claims_nothing(opened, token):
    with pytest.raises(model.PermanentError):
        await opened.commits.commit(token + 1, outage("i1"), WANTED)
    assert await claim_again(opened) == []
