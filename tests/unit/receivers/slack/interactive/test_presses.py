"""Presses in the simulated Slack, through Socket Mode to a command and back in words."""

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from tests.fakes.incident_builder import BEGIN
from tests.fakes.slack_user import running, stepped, until
from watcher import model
from watcher.clock import SystemClock
from watcher.receivers.slack.interactive import buttons
from watcher.receivers.slack.socket import Envelope

ANN = {"user": "U0ANN", "name": "ann"}


async def test_a_press_becomes_a_command_and_the_person_hears_what_follows(slack, session, store):
    async with running(slack, session, store) as person:
        assert await person.press("acknowledge", **ANN) == {"acknowledged": True}
        assert await stepped(store) == [model.Acknowledged(incident="w-7k3m", by="ann")]
        assert await person.hears() == (
            "*NYC Arena uplink* (w-7k3m): it is yours. Reminders and escalations stop."
        )
    (message,) = slack.workspace.ephemeral_messages
    assert message["to"] == "U0ANN"


async def test_an_envelope_that_comes_twice_is_obeyed_and_answered_once(slack, session, store):
    async with running(slack, session, store) as person:
        await person.press("acknowledge", times=3)
        await person.hears()
        await person.choose("diagnose")
        await person.hears(2)
        first, second = await stepped(store, 2)
        assert isinstance(first, model.Acknowledged)
        assert isinstance(second, model.DiagnosisWanted)
    assert len(slack.workspace.ephemeral_messages) == 2


async def test_who_has_it_already_hears_so(slack, session, store, builder):
    builder.change(status=model.IncidentStatus.ACKNOWLEDGED, acknowledged_by="ann")
    store.view = builder.incident_view()
    async with running(slack, session, store) as person:
        await person.choose("acknowledge", **ANN)
        assert "you have acknowledged it already. Nothing was changed." in await person.hears()
        await person.choose("acknowledge", name="bob")
        assert "it is yours, which ann had." in await person.hears(2)


async def test_an_acknowledgement_is_withdrawn_by_a_button_of_its_own(
    slack, session, store, builder
):
    builder.change(status=model.IncidentStatus.ACKNOWLEDGED, acknowledged_by="ann")
    store.view = builder.incident_view()
    async with running(slack, session, store) as person:
        await person.press("unacknowledge", name="bob")
        assert await stepped(store) == [model.Unacknowledged(incident="w-7k3m", by="bob")]
        assert "the acknowledgement by ann is withdrawn" in await person.hears()


async def test_an_acknowledgement_that_expires_is_renewed_by_who_has_it(
    slack, session, store, builder
):
    builder.change(
        status=model.IncidentStatus.ACKNOWLEDGED, acknowledged_by="ann", acknowledged_at=BEGIN
    )
    store.view = builder.incident_view()
    builder.change(acknowledged_at=BEGIN + timedelta(hours=1))
    store.after = builder.incident_view()
    async with running(slack, session, store) as person:
        await person.choose("acknowledge", **ANN)
        assert "it is still yours, and your acknowledgement counts from now" in await person.hears()


async def test_of_several_people_who_have_to_acknowledge_each_hears_how_many_are_missing(
    slack, session, store, builder
):
    builder.change(acks_needed=2)
    store.view = builder.incident_view()
    builder.change(acks=("ann",))
    store.after = builder.incident_view()
    rest = "1 more person has to acknowledge it, and reminders go on."
    async with running(slack, session, store) as person:
        await person.press("acknowledge", **ANN)
        assert (await person.hears()).endswith(f"you are one of them: {rest}")
        await person.press("acknowledge", **ANN)
        assert (await person.hears(2)).endswith(f"you have acknowledged it already: {rest}")


async def test_the_first_of_two_acknowledgements_is_withdrawn_as_well(
    slack, session, store, builder
):
    builder.change(acks=("ann",), acks_needed=2)
    store.view = builder.incident_view()
    async with running(slack, session, store) as person:
        await person.choose("unacknowledge", **ANN)
        assert "the acknowledgement by you is withdrawn" in await person.hears()
        assert await stepped(store) == [model.Unacknowledged(incident="w-7k3m", by="ann")]


async def test_nobodys_acknowledgement_cannot_be_withdrawn(slack, session, store, builder):
    builder.change(status=model.IncidentStatus.ACKNOWLEDGED, acknowledged_by="ann")
    store.view = builder.incident_view()
    async with running(slack, session, store) as person:
        builder.change(status=model.IncidentStatus.OPEN, acknowledged_by=None)
        store.view = builder.incident_view()  # bob was faster
        await person.press("unacknowledge", **ANN)
        assert await person.hears() == "w-7k3m is not acknowledged"
        assert not store.commands


async def test_a_person_who_is_not_allowed_is_refused_and_nothing_changes(slack, session, store):
    async with running(slack, session, store, allowed_users=("U0ANN",)) as person:
        await person.press("acknowledge", user="U0BOB")
        assert await person.hears() == (
            "You may not do this: your member id is not in `allowed_users` of `[slack]`"
            " (it is U0BOB). Ask the person who runs Watcher to add it."
        )
        assert slack.workspace.ephemeral_messages[0]["to"] == "U0BOB"
        await person.press("silence", user="U0BOB")
        await person.hears(2)
        assert not slack.modals.front("U0BOB")
        assert not store.commands
        await person.press("acknowledge", **ANN)
        assert await stepped(store) == [model.Acknowledged(incident="w-7k3m", by="ann")]


async def test_without_allowed_users_only_the_channels_of_receivers_count(slack, session, store):
    channels = slack.workspace.config.channels
    other = next((key for key in channels if key != slack.credentials.slack_channel), None)
    async with running(slack, session, store) as person:
        assert other
        person.ts = slack.workspace.post(other, slack.workspace.find(person.channel, person.ts))[
            "ts"
        ]
        person.channel = other
        await person.press("acknowledge")
        assert await person.hears() == (
            "You may do this only in a channel where Watcher posts incidents:"
            f" <#{slack.credentials.slack_channel}>."
        )
        assert not store.commands


@pytest.mark.parametrize("action", ["acknowledge", "silence", "resolve", "diagnose", "note"])
async def test_an_incident_that_is_over_is_said_to_be_over_and_how(
    slack, session, store, builder, action
):
    async with running(slack, session, store) as person:
        builder.resolve()
        store.view = builder.incident_view()
        if action in {"diagnose", "note"}:
            await person.choose(action)
        else:
            await person.press(action)
        assert await person.hears() == (
            "w-7k3m is already resolved: recovered at 03:40:22 UTC after 30 min: online"
        )
        assert not store.commands
        assert not slack.modals.open


async def test_an_incident_that_a_storm_stands_for_names_the_storm(slack, session, store, builder):
    async with running(slack, session, store) as person:
        builder.change(status=model.IncidentStatus.RESOLVED, resolution=model.Resolution.MERGED)
        builder.add_entry(model.EntryKind.RESOLVED, "merged into storm w-9q2x")
        store.view = builder.incident_view()
        await person.press("acknowledge")
        assert await person.hears() == "w-7k3m is already resolved: merged into storm w-9q2x"


async def test_an_incident_that_nobody_knows_any_more_is_said_to_be_unknown(
    slack, session, store, builder
):
    async with running(slack, session, store) as person:
        store.view = replace(store.view, incident=replace(store.view.incident, id="w-other"))
        await person.press("acknowledge")
        assert (
            await person.hears()
            == "there is no incident w-7k3m; see `watcher incidents --all` or the board"
        )


async def test_what_only_the_engine_refuses_reaches_the_person(slack, session, store):
    store.refusal = "incident w-7k3m is not acknowledged"
    async with running(slack, session, store) as person:
        await person.press("acknowledge")
        assert await person.hears() == "incident w-7k3m is not acknowledged"


async def test_a_press_on_what_is_silenced_works_like_any_other(slack, session, store):
    incident = replace(store.view.incident, suppressed_by=("silence s-1 by bob",))
    store.view = replace(store.view, incident=incident)
    async with running(slack, session, store) as person:
        await person.press("acknowledge", **ANN)
        assert await stepped(store) == [model.Acknowledged(incident="w-7k3m", by="ann")]
        assert "it is yours" in await person.hears()


async def test_who_has_to_wait_for_the_leader_hears_so_and_then_the_answer(slack, session, store):
    store.leads = False
    async with running(slack, session, store, patience=0.05) as person:
        await person.press("acknowledge", **ANN)
        assert (await person.hears()).startswith("Watcher has it, and waits")
        store.leads = True
        assert "it is yours" in await person.hears(2)


async def test_each_of_many_presses_is_answered_within_three_seconds_while_nobody_leads(
    slack, session, store
):
    store.leads = False
    async with running(slack, session, store) as person:
        await until(lambda: slack.socket_mode.sockets)
        began = SystemClock().monotonic()
        for _ in range(8):
            await person.press("acknowledge", **ANN)
        await person.hears(8)
        assert SystemClock().monotonic() - began < 3.0


async def test_presses_that_wait_delay_no_other(slack, session, store):
    """Four workers did, for ten seconds each, and who pressed fifth saw nothing."""
    store.leads = False
    async with running(slack, session, store, patience=0.05) as person:
        for _ in range(6):
            await person.press("acknowledge", **ANN)
        await person.types("help")
        await until(
            lambda: any(m["text"] == "*Watcher*" for m in slack.workspace.ephemeral_messages)
        )


async def test_the_carrier_packet_goes_to_who_asks_and_the_timeline_says_so(
    slack, session, store, builder
):
    builder.diagnose(findings=("<!channel> & ```",))
    store.view = builder.incident_view()
    async with running(slack, session, store) as person:
        await person.choose("packet", **ANN)
        assert (
            await person.hears() == "*NYC Arena uplink: carrier packet*, to paste into the ticket:"
        )
        assert await stepped(store) == [
            model.Noted(incident="w-7k3m", by="ann", text="took the carrier packet")
        ]
    (message,) = slack.workspace.ephemeral_messages
    assert message["to"] == "U0ANN"
    text = message["blocks"][1]["text"]["text"]
    assert text.startswith("```\nNYC Arena uplink is offline")
    assert "found: &lt;!channel&gt; &amp; '''\n" in text
    assert text.count("```") == 2


async def test_the_buttons_of_an_earlier_version_still_work(slack, session, store):
    """They stand below the messages that were open when Watcher was upgraded."""
    async with running(slack, session, store) as person:
        message = slack.workspace.find(person.channel, person.ts)
        old = {"type": "button", "text": {"type": "plain_text", "text": "Run diagnostics"}}
        old |= {"action_id": "diagnose", "value": "w-7k3m"}
        message["blocks"][-1]["elements"] = [old]
        await person.press("diagnose")
        assert await stepped(store) == [model.DiagnosisWanted(incident="w-7k3m", by="somebody")]
        assert "Service Diagnostics asked for SVC1" in await person.hears()


async def test_what_somebody_is_called_is_shown_and_never_interpreted(slack, session, store):
    async with running(slack, session, store) as person:
        await person.press("acknowledge", name="<!channel>\x07")
        assert await stepped(store) == [model.Acknowledged(incident="w-7k3m", by="<!channel>")]


async def test_what_slack_should_not_send_harms_nothing(slack, session, store):
    async with running(slack, session, store) as person:
        await person.press("acknowledge", user=7)  # an id that is not text
        await person.press("acknowledge", **ANN)
        assert await stepped(store) == [model.Acknowledged(incident="w-7k3m", by="ann")]


async def test_a_form_that_slack_does_not_open_any_more_is_said(slack, session, store):
    async with running(slack, session, store) as person:
        slack.modals.trigger = lambda _: "1.over"
        await person.press("resolve")
        assert (await person.hears()).startswith("Slack did not open the form")
        assert not store.commands


@pytest.mark.parametrize(
    "payload",
    [
        b"5",
        b'{"type": "block_actions", "user": {"id": "U1", "name": "\\ud800"}}',
        b'{"type": "block_actions", "user": {}, "actions": [{"action_id": "menu"}]}',
        b'{"type": "view_submission", "user": {"id": "U1"}, "view": {"private_metadata": "{"}}',
        b'{"type": "view_submission", "user": {"id": "U1"}, "view": {"callback_id": "note"}}',
        b'{"type": "shortcut"}',
    ],
)
async def test_no_payload_of_an_odd_shape_ends_the_daemon(slack, session, store, payload):
    async def acknowledge(_):
        pass

    async with running(slack, session, store) as person:
        await until(lambda: slack.socket_mode.sockets)
        for kind in ("interactive", "slash_commands"):
            envelope = Envelope(type=kind, envelope_id=kind, payload=msgspec.Raw(payload))
            await person.actions._accept(envelope, acknowledge)
        await person.press("acknowledge", **ANN)
        assert await stepped(store) == [model.Acknowledged(incident="w-7k3m", by="ann")]


@pytest.mark.parametrize("action", [buttons.SILENCE, buttons.RESOLVE])
async def test_a_form_that_takes_too_long_is_said_before_slack_gives_up(
    slack, session, store, monkeypatch, action
):
    monkeypatch.setattr("watcher.receivers.slack.interactive.presses.FORM_SECONDS", 0.05)
    async with running(slack, session, store) as person:
        store.delay = 5.0
        await person.press(action)
        assert (await person.hears()).startswith("Slack waits 3 seconds for a form")


async def test_planned_works_are_confirmed_and_dismissed(slack, session, store, builder):
    builder.change(flags=(model.WORKS,), group="lumen/W1", fault_domain=model.FaultDomain.NONE)
    store.view = builder.incident_view()
    async with running(slack, session, store) as person:
        await person.press("acknowledge", **ANN)
        assert "the planned works are confirmed. Digests go on." in await person.hears()
        await person.press("dismiss", **ANN)
        assert "the planned works are dismissed. Outages call people again." in await person.hears(
            2
        )
        assert await stepped(store, 2) == [
            model.Acknowledged(incident="w-7k3m", by="ann"),
            model.WorkDismissed(work="lumen/W1", by="ann"),
        ]
