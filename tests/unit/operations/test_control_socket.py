"""The control socket, asked over a real unix socket."""

from __future__ import annotations

import grp
import os
import socket as sockets
import stat
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from watcher import model
from watcher.clock import SystemClock, Wakeup
from watcher.operations import control_socket, people
from watcher.operations.commands import CommandRejectedError, CommandService
from watcher.operations.notices import NoticeIntake

NOW = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)


def incident(id_: str, status: model.IncidentStatus) -> model.Incident:
    return model.Incident(
        id=id_,
        version=1,
        entries=1,
        rule="vyvx-service-down",
        source="vyvx",
        group="vyvx/1",
        status=status,
        severity=model.Severity.CRITICAL,
        title="USA East is offline",
        opened_at=NOW,
        fault_domain=model.FaultDomain.LUMEN,
    )


class InMemoryStore:
    """A reader and an inbox in memory; a command counts as stepped once ingest is woken up."""

    def __init__(self) -> None:
        self.kept = {
            "w-open": incident("w-open", model.IncidentStatus.OPEN),
            "w-over": incident("w-over", model.IncidentStatus.RESOLVED),
        }
        self.commands: dict[str, model.Command] = {}
        self.outcomes: list[str] = []  # of messages about planned works

    async def incidents(self, *, statuses=None, limit=100, announcements=False):
        return [
            incident
            for incident in self.kept.values()
            if statuses is None or incident.status in statuses
        ]

    async def incident_ids(self, prefix, *, limit=10):
        return sorted(identity for identity in self.kept if identity.startswith(prefix))[:limit]

    async def incident_view(self, incident):
        if incident not in self.kept:
            return None
        return model.IncidentView(
            incident=self.kept[incident], alerts=(), alert_counts={}, timeline=()
        )

    async def incident_views(self, incidents):
        return [await self.incident_view(incident) for incident in incidents]

    async def silences(self, now):
        return []

    async def works(self):
        return []

    async def receipts(self, incident):
        return [
            model.Receipt(
                incident=incident,
                receiver="noc",
                parent_version=1,
                told_through=0,
                failing_since=NOW,
                failures=3,
                error="Slack answered 503",
            )
        ]

    async def subject(self, key):
        if key != "vyvx/1":
            return None
        fields = {"state": "offline", "ingress_state": "online"}
        return model.Subject(key=key, source="vyvx", fields=fields, since=NOW)

    async def alerts(self, subject):
        return [
            model.Alert(
                rule="vyvx-service-down",
                subject=subject,
                state=model.AlertState.FIRING,
                since=NOW,
                entered_from="online",
                incident="w-open",
            )
        ]

    async def sources(self):
        return [model.SourceHealth(source="vyvx", last_success=NOW)]

    async def outcome(self, key):
        return "" if key in self.commands else None

    async def submit(self, key, command, at):
        new = key not in self.commands
        self.commands[key] = command
        if isinstance(command, model.DrillWanted):
            drill = incident(command.incident, model.IncidentStatus.OPEN)
            self.kept[command.incident] = replace(drill, receivers=command.receivers)
        return new


@pytest.fixture
def store():
    return InMemoryStore()


@asynccontextmanager
async def serve_socket(store, path):
    """Serve the control socket of a daemon on a path."""

    async def status():
        return {"instance": "ops1"}

    async def reload():
        raise model.InvalidConfigError(("rules/a.yaml:3: no such key", "rules/a.yaml:9: no name"))

    commands = CommandService(
        reader=store,
        inbox=store,
        ingest=Wakeup(),
        clock=SystemClock(),
        receivers=("noc", "mqtt"),
    )
    server = control_socket.ControlSocket(
        reader=store,
        commands=commands,
        clock=SystemClock(),
        status=status,
        reload=reload,
        by_time=lambda source, rule: (f"the time and rules of {source}: {rule or 'all'}",),
        intake=NoticeIntake(
            commands=commands,
            clock=SystemClock(),
            rejected=path.parent / "rejected",
            count=store.outcomes.append,
        ),
    )
    async with server.serve(path):
        yield path
    assert not path.exists()


@pytest.fixture
async def socket(store, tmp_path):
    async with serve_socket(store, tmp_path / "control.sock") as path:
        yield path


async def test_open_incidents_are_listed_and_resolved_ones_only_when_asked_for(socket):
    answer = await control_socket.ask(socket, "GET", "/incidents")
    assert [incident["id"] for incident in answer["incidents"]] == ["w-open"]
    answer = await control_socket.ask(socket, "GET", "/incidents?all=1")
    assert [incident["id"] for incident in answer["incidents"]] == ["w-open", "w-over"]


async def test_a_drill_is_put_into_the_inbox_for_all_receivers_or_for_those_that_are_named(
    socket, store
):
    answer = await control_socket.ask(socket, "POST", "/drills", {"by": "ada"})
    (wanted,) = store.commands.values()
    assert answer["incident"]["id"] == wanted.incident
    assert (wanted.receivers, wanted.by, wanted.page) == (("noc", "mqtt"), "ada", False)
    store.commands.clear()
    body = {"by": "ada", "receivers": ["mqtt", "mqtt"], "page": True}
    await control_socket.ask(socket, "POST", "/drills", body)
    (wanted,) = store.commands.values()
    assert (wanted.receivers, wanted.page) == (("mqtt",), True)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"by": ""}, "`by` is required"),
        ({}, "invalid drill request: .*`by`"),
        ({"by": "ada", "receiver": "noc"}, "invalid drill request: .*`receiver`"),
        ({"by": "ada", "receivers": ["nco"]}, "there is no receiver nco; configured: noc, mqtt"),
    ],
)
async def test_a_drill_that_cannot_be_is_refused_in_words(socket, store, body, sentence):
    with pytest.raises(model.PermanentError, match=sentence):
        await control_socket.ask(socket, "POST", "/drills", body)
    assert not store.commands


async def test_a_drill_without_a_receiver_is_refused(store):
    service = CommandService(reader=store, inbox=store, ingest=Wakeup(), clock=SystemClock())
    with pytest.raises(CommandRejectedError, match="there is no receiver to send a drill to"):
        await service.start_drill((), by="ada")


async def test_what_each_receiver_has_received_can_be_asked_for(socket):
    answer = await control_socket.ask(socket, "GET", "/incidents/w-open/receipts")
    (receipt,) = answer["receipts"]
    assert (receipt["receiver"], receipt["told_through"]) == ("noc", 0)
    assert receipt["error"] == "Slack answered 503"


async def test_the_carrier_packet_is_written_over_or_not(socket):
    for incident in ("w-open", "w-over"):
        answer = await control_socket.ask(socket, "GET", f"/incidents/{incident}/packet")
        assert f"Our reference: {incident}." in answer["packet"][1]
    with pytest.raises(
        model.PermanentError,
        match="no incident w-none; see `watcher incidents --all` or the board",
    ):
        await control_socket.ask(socket, "GET", "/incidents/w-none/packet")


async def test_an_acknowledgement_is_put_into_the_inbox_with_the_name(socket, store):
    await control_socket.ask(socket, "POST", "/incidents/w-open/ack", {"by": "ada"})
    assert list(store.commands.values()) == [model.Acknowledged(incident="w-open", by="ada")]


@pytest.mark.parametrize(
    ("resource", "sentence"),
    [
        ("/incidents/w-none/ack", "there is no incident w-none"),
        ("/incidents/w-over/resolve", "w-over is already resolved"),
    ],
)
async def test_what_cannot_be_done_is_said_in_words(socket, store, resource, sentence):
    with pytest.raises(model.PermanentError, match=sentence):
        await control_socket.ask(socket, "POST", resource, {"by": "ada"})
    assert not store.commands


def proposed(**changes):
    remedy = model.Remedy(
        connection="iod/77",
        status=model.RemedyStatus.PROPOSED,
        from_mbps=500.0,
        to_mbps=2000.0,
        max_mbps=2000.0,
        proposed_at=NOW,
    )
    return replace(remedy, **changes)


@pytest.mark.parametrize(
    ("act", "command"), [("approve", model.RemedyApproved), ("refuse", model.RemedyRefused)]
)
async def test_a_remedy_is_approved_or_refused_with_the_name(socket, store, act, command):
    store.kept["w-open"] = replace(store.kept["w-open"], remedy=proposed())
    await control_socket.ask(socket, "POST", f"/incidents/w-open/{act}", {"by": "ada"})
    assert list(store.commands.values()) == [command(incident="w-open", by="ada")]


@pytest.mark.parametrize(
    ("remedy", "sentence"),
    [
        (None, "no bandwidth change is proposed for w-open"),
        (
            proposed(status=model.RemedyStatus.PENDING, approved_by="bob"),
            "w-open: already approved by bob",
        ),
        (proposed(status=model.RemedyStatus.WAITING), "the rule needs no approval"),
        (
            proposed(status=model.RemedyStatus.REFUSED, message="refused by bob"),
            "nothing is left to approve or refuse: refused by bob",
        ),
    ],
)
async def test_a_remedy_that_does_not_wait_is_said_in_words(socket, store, remedy, sentence):
    store.kept["w-open"] = replace(store.kept["w-open"], remedy=remedy)
    with pytest.raises(model.PermanentError, match=sentence):
        await control_socket.ask(socket, "POST", "/incidents/w-open/approve", {"by": "ada"})
    assert not store.commands


async def test_a_change_by_nobody_is_refused(socket, store):
    with pytest.raises(model.PermanentError, match="`by` is required"):
        await control_socket.ask(socket, "POST", "/incidents/w-open/ack", {})
    assert not store.commands


async def test_a_failed_reload_names_every_fault(socket):
    with pytest.raises(model.PermanentError) as caught:
        await control_socket.ask(socket, "POST", "/reload")
    assert str(caught.value).splitlines() == [
        "rules/a.yaml:3: no such key",
        "rules/a.yaml:9: no name",
    ]


async def test_strangers_may_not_open_the_socket(socket):
    assert stat.S_IMODE(socket.stat().st_mode) == 0o660


async def test_no_daemon_is_said_in_words(tmp_path):
    with pytest.raises(model.PermanentError, match="no daemon listens on"):
        await control_socket.ask(tmp_path / "none.sock", "GET", "/status")


async def test_a_stale_socket_of_a_killed_daemon_is_replaced(store, tmp_path):
    path = tmp_path / "control.sock"
    with sockets.socket(sockets.AF_UNIX) as killed:  # asyncio's would be cleaned up
        killed.bind(str(path))
    assert path.exists()

    async def nothing():
        return {}

    server = control_socket.ControlSocket(
        reader=store,
        commands=CommandService(reader=store, inbox=store, ingest=Wakeup(), clock=SystemClock()),
        clock=SystemClock(),
        status=nothing,
        reload=nothing,
    )
    async with server.serve(path):
        assert set(await control_socket.ask(path, "GET", "/status")) == {"now"}


async def test_why_an_incident_says_what_was_seen_and_who_was_notified(socket):
    answer = await control_socket.ask(socket, "GET", "/why/w-open")
    why = "\n".join(answer["why"])
    assert why.startswith(
        "w-open: USA East is offline\n"
        "critical, by rule vyvx-service-down: open since 2026-11-21 03:10:00"
    )
    assert "source vyvx is seen, last seen" in why
    assert (
        "receiver noc: notified of 0 of 1 entries; "
        "failing since 2026-11-21 03:10:00 UTC (3 times)" in why
    )


async def test_why_a_subject_says_what_each_rule_makes_of_it(socket):
    answer = await control_socket.ask(socket, "GET", "/why/vyvx/1")
    assert answer["why"][0] == "vyvx/1: state offline, ingress_state online"
    assert (
        "rule vyvx-service-down: firing since 2026-11-21 03:10:00 UTC, entered from online, "
        "incident w-open"
    ) in answer["why"]


async def test_why_says_what_the_time_means_to_the_rules(socket):
    subject = await control_socket.ask(socket, "GET", "/why/vyvx/1")
    assert subject["why"][-1] == "the time and rules of vyvx: all"
    incident = await control_socket.ask(socket, "GET", "/why/w-open")
    assert "the time and rules of vyvx: vyvx-service-down" in incident["why"]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (
            "w-none",
            "there is no incident w-none; see `watcher incidents --all` or the board",
        ),
        ("vyvx/none", "there is no subject vyvx/none; see Services on the board"),
    ],
)
async def test_why_nothing_is_known_is_said_with_where_to_look(socket, key, words):
    with pytest.raises(model.PermanentError, match=f"^{words}$"):
        await control_socket.ask(socket, "GET", f"/why/{key}")


async def test_a_note_is_written_even_on_what_is_over(socket, store):
    body = {"by": "ada", "text": "fibre cut at mile 12"}
    await control_socket.ask(socket, "POST", "/incidents/w-over/note", body)
    (command,) = store.commands.values()
    assert command == model.Noted(incident="w-over", by="ada", text="fibre cut at mile 12")


async def test_an_empty_note_is_refused(socket):
    with pytest.raises(model.PermanentError, match="a note needs `text`"):
        await control_socket.ask(socket, "POST", "/incidents/w-open/note", {"by": "ada"})


async def test_a_request_that_comes_in_twice_is_obeyed_once(store):
    service = CommandService(reader=store, inbox=store, ingest=Wakeup(), clock=SystemClock())
    await service.act("w-open", "ack", "ann", idempotency_key="envelope-1")
    store.kept["w-open"] = replace(
        store.kept["w-open"], status=model.IncidentStatus.RESOLVED, resolved_at=NOW
    )
    again = await service.act("w-open", "ack", "ann", idempotency_key="envelope-1")
    assert again.status is model.IncidentStatus.RESOLVED
    assert len(store.commands) == 1
    with pytest.raises(CommandRejectedError, match="w-open is already resolved"):
        await service.act("w-open", "ack", "bob", idempotency_key="envelope-2")


async def test_what_the_incident_does_not_allow_is_refused_before_anything_is_recorded(store):
    service = CommandService(
        reader=store,
        inbox=store,
        ingest=Wakeup(),
        clock=SystemClock(),
        receivers=("noc",),
    )
    with pytest.raises(CommandRejectedError, match="w-open is not acknowledged"):
        await service.act("w-open", "unack", "ann")
    with pytest.raises(
        CommandRejectedError, match="w-open has no firing subject: nothing to diagnose"
    ):
        await service.act("w-open", "diagnose", "ann")
    assert store.commands == {}


@pytest.mark.parametrize(("by", "attributed"), [("ada", "ada (bob)"), ("", "bob"), ("bob", "bob")])
async def test_a_member_of_the_group_acts_as_themselves(socket, store, monkeypatch, by, attributed):
    monkeypatch.setattr(people, "peer_uid", lambda _: 4242)
    monkeypatch.setattr(people, "name_of_uid", {4242: "bob"}.get)
    await control_socket.ask(socket, "POST", "/incidents/w-open/ack", {"by": by})
    (command,) = store.commands.values()
    assert command.by == attributed


async def test_the_socket_is_given_to_a_group_whose_members_may_use_it(store, tmp_path):
    path = tmp_path / "control.sock"
    group = grp.getgrgid(os.getgid()).gr_name
    async with server_of(store, group=group).serve(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert path.stat().st_gid == os.getgid()


async def test_a_group_that_is_not_there_is_said_before_anything_listens(store, tmp_path):
    serving = server_of(store, group="no-such-group").serve(tmp_path / "control.sock")
    with pytest.raises(model.PermanentError, match=r"no-such-group .there is no such group"):
        await serving.__aenter__()
    assert not (tmp_path / "control.sock").exists()


def server_of(store, *, group=""):
    async def nothing():
        return {}

    return control_socket.ControlSocket(
        reader=store,
        commands=CommandService(reader=store, inbox=store, ingest=Wakeup(), clock=SystemClock()),
        clock=SystemClock(),
        status=nothing,
        reload=nothing,
        group=group,
    )
