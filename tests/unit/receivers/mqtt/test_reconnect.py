"""How long the connection stays closed, and who is believed to have taken it over."""

import json

import pytest

from watcher.receivers.mqtt.broker.reconnect import ClientClaim, Reconnects


def ends(reconnects, lasted, *, permanent=False, taken_over=False, chance=1.0):
    return reconnects.pause(lasted, chance, permanent=permanent, taken_over=taken_over)


def test_a_broker_that_restarts_again_and_again_is_tried_every_half_minute_at_most():
    reconnects = Reconnects()
    pauses = [ends(reconnects, 4.0) for _ in range(20)]
    assert pauses[:3] == [1.0, 2.0, 4.0]
    assert max(pauses) == 30.0
    assert ends(reconnects, 31.0) == 1.0


def test_what_a_person_has_to_fix_is_tried_once_a_minute():
    assert 45 <= ends(Reconnects(), 0.0, permanent=True, chance=0.3) <= 75


def test_a_take_over_costs_seconds_and_a_fight_ends_in_minutes():
    reconnects = Reconnects()
    pauses = [ends(reconnects, 0.1, taken_over=True, chance=0.0) for _ in range(8)]
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]
    assert ends(reconnects, 700.0, taken_over=True, chance=0.0) == 10


def claim(ours):
    """What the broker holds once it has acknowledged our claim."""
    payload = ours.next()
    ours.made = True
    return payload


@pytest.fixture
def claims():
    return [
        ClientClaim("watcher-ops1", name, session) for name, session in [("a", "1"), ("b", "2")]
    ]


def test_the_daemon_that_was_there_first_finds_the_claim_of_the_other(claims):
    ours, theirs = claims
    claim(ours)
    assert ours.rival(claim(theirs)) == "b"


def test_a_claim_from_before_our_first_is_an_earlier_process(claims):
    ours, theirs = claims
    before = claim(theirs)
    assert ours.rival(before) == ""
    claim(ours)
    assert ours.rival(before) == ""


def test_a_claim_that_never_came_through_says_nothing_about_an_earlier_process(claims):
    ours, theirs = claims
    before = claim(theirs)
    ours.next()
    assert ours.rival(before) == ""


def test_a_process_that_claims_again_is_alive_although_our_own_claims_never_come_through(claims):
    ours, theirs = claims
    ours.next()
    assert ours.rival(claim(theirs)) == ""
    ours.next()
    assert ours.rival(claim(theirs)) == "b"


def test_a_rival_that_has_not_been_back_is_gone(claims):
    ours, theirs = claims
    claim(ours)
    theirs_once = claim(theirs)
    assert ours.rival(theirs_once) == "b"
    assert ours.rival(theirs_once) == ""
    assert ours.rival(claim(theirs)) == "b"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"online",
        b'{"client_id": 1}',
        json.dumps(
            {"client_id": "watcher-ops.1", "instance": "x", "session": "3", "connects": 1}
        ).encode(),
    ],
)
def test_what_is_no_claim_on_our_id_is_ignored(claims, payload):
    ours, _ = claims
    claim(ours)
    assert ours.rival(payload) == ""


def test_our_own_claim_is_no_rivals(claims):
    ours, _ = claims
    assert ours.rival(claim(ours)) == ""
