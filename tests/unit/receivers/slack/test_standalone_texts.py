"""Each Slack text is read alone, as on a locked phone: which circuit, what is so, what to do."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.fakes.incident_builder import BEGIN, IncidentBuilder
from watcher import model
from watcher.model import EntryKind, Resolution
from watcher.receivers.slack import notification, thread
from watcher.receivers.slack.message import render_parent

RED, GREEN, BLACK = (
    "\N{LARGE RED CIRCLE}",
    "\N{LARGE GREEN CIRCLE}",
    "\N{MEDIUM BLACK CIRCLE}",
)
NAME = "NYC Arena uplink"
CALL = "call Lumen NOC, +1 800 555 0100"
SIDE = "likely Lumen side"
AFTER = timedelta(seconds=60)
LONGEST = 300  # characters: what a phone shows of a usual one

# The text of each kind as the engine writes it, and whether people must notice it.
SAMPLES: dict[EntryKind, tuple[str, bool]] = {
    EntryKind.OPENED: ("offline since 03:10:22 UTC, was online", True),
    EntryKind.REOPENED: ("again: offline since 03:10:22 UTC, was online", True),
    EntryKind.JOINED: ("NYC Arena uplink: the signal from the source is offline", True),
    EntryKind.CHANGED: ("degraded -> offline", True),
    EntryKind.WORSE: ("worse: offline since 03:10:22 UTC, was degraded", True),
    EntryKind.BETTER: ("better: degraded since 03:10:22 UTC, still a fault", False),
    EntryKind.VERDICT: (f"{SIDE} now, was source side: the ingress is online; {CALL}", True),
    EntryKind.DETAILED: ("details read: po_number 4711", False),
    EntryKind.DIAGNOSING: ("Service Diagnostics is running for SVC1", False),
    EntryKind.DIAGNOSED: ("Service Diagnostics for SVC1: Trouble found", False),
    EntryKind.ALTERNATIVES: ("available as a backup at 1 Main St: Fiber", False),
    EntryKind.REMEDY_PROPOSED: ("proposed: raise 77 from 500 Mbps to 2 Gbps", True),
    EntryKind.REMEDY_APPROVED: ("approved by Ana: raising 77 from 500 Mbps to 2 Gbps", False),
    EntryKind.REMEDY_WAITING: ("change of 77 to 2 Gbps not requested yet: busy", False),
    EntryKind.REMEDY_REQUESTED: ("requested: 77 to 2 Gbps; accepted by the vendor", False),
    EntryKind.REMEDY_PENDING: ("Change pending at the vendor: 77 to 2 Gbps", False),
    EntryKind.REMEDY_UNKNOWN: ("unknown whether 2 Gbps was ordered for 77: no answer", True),
    EntryKind.REMEDY_STUCK: ("77 does not have 2 Gbps yet: late", True),
    EntryKind.REMEDY_APPLIED: ("77 now has 2 Gbps", True),
    EntryKind.REMEDY_REVERTED: ("77 has 500 Mbps again", True),
    EntryKind.REMEDY_REFUSED: ("refused by Ana: 77 stays at 500 Mbps", False),
    EntryKind.REMEDY_WITHDRAWN: ("no longer proposed: 77 stays at 500 Mbps", False),
    EntryKind.REMEDY_UNTOUCHED: ("no bandwidth change is proposed: no connection", False),
    EntryKind.REMEDY_FAILED: ("77 was not raised to 2 Gbps: refused", True),
    EntryKind.ACKNOWLEDGED: ("acknowledged by Ana", False),
    EntryKind.ACK_EXPIRING: (
        "the acknowledgement by Ana expires at 05:10 UTC: acknowledge it again to keep it",
        False,
    ),
    EntryKind.ACK_EXPIRED: ("the acknowledgement by Ana has expired after 2 h", True),
    EntryKind.UNACKNOWLEDGED: ("acknowledgement withdrawn by Ana", False),
    EntryKind.NOTED: ("truck rolls", False),
    EntryKind.TICKET: ("ticket 4711 waits for us: the carrier's clock stands still", True),
    EntryKind.BLIND: ("vyvx cannot be seen (timed out); last known offline, 2 min ago", False),
    EntryKind.SIGHTED: ("vyvx can be seen again after 2 min", False),
    EntryKind.VANISHED: ("no longer listed by the vendor; resolves in 24 h", True),
    EntryKind.FLAPPING: ("flapping: more than 5 changes within 10 min", True),
    EntryKind.STEADY: ("no longer flapping", False),
    EntryKind.REMINDED: ("still open after 30 min and not acknowledged", True),
    EntryKind.ESCALATED: ("not acknowledged for 5 min: also notified lead", True),
    EntryKind.FALLBACK: ("also notified lead because noc has been failing", False),
    EntryKind.SUPPRESSED: ("notifications suppressed: silence s-1 by Ana", False),
    EntryKind.RELEASED: ("notifications resumed after silence s-1 by Ana", True),
    EntryKind.LATE: ("meanwhile, NYC Arena uplink: offline, 02:10 to 02:15 UTC", False),
    EntryKind.CLEARED: ("NYC Arena uplink: recovered at 03:40:22 UTC", False),
    EntryKind.RESOLVED: ("recovered at 03:40:22 UTC after 30 min: online", True),
}
OF_ANNOUNCEMENTS = {EntryKind.ANNOUNCED, EntryKind.RESCHEDULED}  # they have a test of their own
CALLING = {
    EntryKind.TICKET,
    EntryKind.ACK_EXPIRED,
    EntryKind.REOPENED,
    EntryKind.JOINED,
    EntryKind.CHANGED,
    EntryKind.WORSE,
    EntryKind.VERDICT,
    EntryKind.VANISHED,
    EntryKind.FLAPPING,
    EntryKind.REMINDED,
    EntryKind.ESCALATED,
    EntryKind.RELEASED,
    EntryKind.REMEDY_PROPOSED,
    EntryKind.REMEDY_UNKNOWN,
    EntryKind.REMEDY_STUCK,
    EntryKind.REMEDY_FAILED,
}


def last_reply(builder, **more):
    view, entry = builder.incident_view(), builder.timeline[-1]
    return thread.render_reply(view, [entry], now=BEGIN + AFTER, **more)


def test_every_kind_has_a_sample():
    assert SAMPLES.keys() | OF_ANNOUNCEMENTS == {*EntryKind}


@pytest.mark.parametrize("kind", SAMPLES)
def test_an_entry_alone_names_mark_circuit_fact_and_what_to_do(builder, kind):
    text, notify = SAMPLES[kind]
    if kind is EntryKind.RESOLVED:
        builder.resolve()
    else:
        builder.add_entry(kind, text, notify=notify, by="Ana" if "Ana" in text else "")
    entry = builder.timeline[-1]
    read = last_reply(builder).text
    sign, _, rest = read.partition(" ")
    assert not any(character.isalnum() for character in sign)
    assert NAME in rest.partition(": ")[0]
    assert text.replace(">", "&gt;") in rest
    assert (sign == GREEN) is (kind is EntryKind.RESOLVED)
    assert len(read) <= LONGEST
    calls = kind in CALLING or kind is EntryKind.OPENED
    assert notification.calls_people(builder.incident, entry) is calls
    if calls:
        assert sign == RED
        assert read.endswith(CALL)
        assert read.count(CALL) == read.count(SIDE) == 1


@pytest.mark.parametrize("kind", [EntryKind.REMINDED, EntryKind.ESCALATED, EntryKind.RELEASED])
def test_what_does_not_name_the_state_is_followed_by_it(builder, kind):
    builder.add_entry(kind, "still open", notify=True)
    colon = ":" if kind is EntryKind.REMINDED else "; now:"
    assert last_reply(builder).text == f"{RED} {NAME}: still open{colon} offline · {SIDE} · {CALL}"
    builder.alert = replace(builder.alert, to=None)
    builder.change(title=f"{NAME}: the signal from the source is bad")
    assert f": still open{colon} the signal from the source is bad · " in last_reply(builder).text
    builder.measure()
    assert f": still open{colon} utilization 93, limit 80 · " in last_reply(builder).text


def test_a_broadcast_reads_alone_in_the_channel_and_a_quiet_reply_leaves_out_the_circuit(builder):
    builder.add_entry(EntryKind.WORSE, SAMPLES[EntryKind.WORSE][0], notify=True)
    loud = last_reply(builder, mention="<!here>")
    assert loud.text.endswith(f" · {CALL} <!here>")
    assert loud.blocks[0]["text"]["text"] == f"<!here> {loud.text.removesuffix(' <!here>')}"
    builder.add_entry(EntryKind.NOTED, "truck rolls", by="Ana")
    quiet = last_reply(builder)
    assert quiet.text == f"\N{MEMO} {NAME}: truck rolls (by Ana)"
    assert quiet.blocks[0]["text"]["text"] == "\N{MEMO} truck rolls (by Ana)"


def test_how_many_more_circuits_there_are_is_said_once(builder):
    other = replace(builder.alert, subject="vyvx/2", name="Backhaul")
    for rest in (" and 1 more", ""):
        builder.change(title=f"services of one city are degraded{rest}")
        headline = notification.headline(builder.incident_view(builder.alert, other))
        assert headline == f"{RED} {NAME} and 1 more: services of one city are degraded"


def test_without_contacts_people_are_asked_to_acknowledge(builder):
    builder.change(contacts=(), fault_domain=model.FaultDomain.NONE)
    assert render_parent(builder.incident_view(), now=BEGIN).text.endswith(" · acknowledge w-7k3m")
    builder.change(acknowledged_by="Ana", status=model.IncidentStatus.ACKNOWLEDGED)
    assert render_parent(builder.incident_view(), now=BEGIN).text.endswith(" · acknowledged by Ana")


@pytest.mark.parametrize("resolution", Resolution)
def test_green_is_for_a_recovery_alone(builder, resolution):
    builder.resolve(after=300)
    builder.change(resolution=resolution)
    parent = render_parent(builder.incident_view(), now=BEGIN + AFTER, mention="<!here>")
    well = resolution is Resolution.RECOVERED
    assert parent.text.startswith(f"{GREEN if well else BLACK} {NAME}: ")
    assert parent.blocks[0]["text"]["text"] == parent.text
    assert ("recovered after 5 min: online" in parent.text) is well
    assert ("recovered" in str(parent.blocks).casefold()) is well
    assert "5 min" in parent.text
    assert "<!here>" not in str(parent)
    assert last_reply(builder).text.startswith(GREEN if well else BLACK)


def test_a_recovery_that_did_not_last_is_not_green(builder):
    builder.resolve()
    builder.change(status=model.IncidentStatus.OPEN, resolution=None, resolved_at=None)
    assert last_reply(builder).text.startswith(BLACK)


def test_what_is_over_calls_nobody_but_for_a_bandwidth_that_was_left_changed(builder):
    builder.add_entry(EntryKind.REMINDED, "still open", notify=True)
    reminder = builder.timeline[-1]
    builder.resolve()
    builder.add_entry(EntryKind.REMEDY_FAILED, "77 was not reverted: revert it", notify=True)
    assert not notification.is_broadcast(builder.incident, reminder)
    assert notification.is_broadcast(builder.incident, builder.timeline[-1])
    assert last_reply(builder).text == (f"\N{CROSS MARK} {NAME}: 77 was not reverted: revert it")


@pytest.mark.parametrize(
    ("severity", "what_to_do"),
    [
        (model.Severity.WARNING, CALL),
        (model.Severity.INFO, CALL.replace("call", "open a ticket with")),
    ],
)
def test_what_is_not_critical_is_not_broadcast_and_what_is_for_the_record_is_a_ticket(
    builder, severity, what_to_do
):
    builder.change(severity=severity)
    builder.add_entry(EntryKind.WORSE, "worse: degraded", notify=True)
    assert not notification.is_broadcast(builder.incident, builder.timeline[-1])
    assert last_reply(builder).text.endswith(f" \N{MIDDLE DOT} {what_to_do}")


def test_several_circuits_are_counted_and_the_one_that_it_is_about_is_named(builder):
    alerts = [
        replace(builder.alert, subject=f"vyvx/{number}", name=f"Feed {number}")
        for number in range(25)
    ]
    builder.add_entry(EntryKind.CHANGED, "Feed 3: degraded -> offline", notify=True)
    builder.add_entry(EntryKind.REMINDED, "still open", notify=True)
    builder.change(title="Feed 0 is offline and 24 more")
    view = builder.incident_view(*alerts)
    named, all_ = (
        thread.render_reply(view, [entry], now=BEGIN + AFTER).text for entry in builder.timeline[1:]
    )
    assert named.startswith(f"{RED} Feed 3: degraded -&gt; offline")
    assert all_.startswith(f"{RED} Feed 0 and 24 more: still open")
    builder.change(accepts_until=BEGIN, title="Storm on vyvx: 25 alerts (25 feed-down)")
    storm = thread.render_reply(
        builder.incident_view(*alerts), [builder.timeline[-1]], now=BEGIN + AFTER
    )
    words = "still open: 25 alerts (25 feed-down)"
    assert storm.text.startswith(f"{RED} Storm on vyvx (25 subjects): {words}")


def test_the_alerts_of_one_fault_are_one_circuit_in_the_state_that_holds(builder):
    degraded = replace(
        builder.alert, rule="degraded", to="degraded", until=BEGIN, since=BEGIN - AFTER
    )
    source = replace(builder.alert, rule="source", to=None, since=BEGIN - AFTER)
    builder.change(began_at=BEGIN - AFTER)
    view = replace(
        builder.incident_view(degraded, source, builder.alert),
        subjects={builder.subject.key: builder.subject},
    )
    message = render_parent(view, now=BEGIN + AFTER)
    lines = message.blocks[1]["text"]["text"].splitlines()
    assert lines[0] == f"*{NAME}* · vyvx 1234567 · PO 4711"
    assert lines[1] == (
        "*offline*, was online, since 03:10:22 UTC (the fault began at 03:09:22 UTC)"
    )
    assert "since 03:09 UTC" in message.text
    assert [block["type"] for block in message.blocks] == ["header", "section", "context"]


def test_figures_are_those_of_the_fault_and_not_of_its_report(builder):
    builder.resolve(after=400)
    builder.change(began_at=BEGIN, ended_at=BEGIN + timedelta(seconds=300), opened_at=BEGIN + AFTER)
    message = render_parent(builder.incident_view(), now=BEGIN + timedelta(hours=1))
    assert "recovered after 5 min" in message.text
    assert "Recovered at 03:15:22 UTC after 5 min" in message.blocks[1]["text"]["text"]


def test_what_was_learned_late_claims_no_recovery(builder):
    builder.timeline.clear()
    builder.add_entry(EntryKind.LATE, "reported late: NYC Arena uplink: offline")
    builder.change(
        title=f"{NAME}: offline (reported late)",
        status=model.IncidentStatus.RESOLVED,
        resolution=Resolution.RECOVERED,
        resolved_at=BEGIN + AFTER,
    )
    message = render_parent(builder.incident_view(), now=BEGIN + timedelta(hours=1))
    assert message.text == (
        f"\N{CLOCK FACE FOUR OCLOCK} {NAME}: offline (reported late)"
        " · from 03:10:22 UTC to 03:11:22 UTC, for 1 min"
    )
    assert "recovered" not in str(message).casefold()


def test_what_was_learned_late_and_fails_again_is_down_and_then_recovered(builder):
    builder.timeline.clear()
    builder.add_entry(EntryKind.LATE, "reported late: NYC Arena uplink: offline")
    builder.add_entry(EntryKind.REOPENED, "offline again since 03:10:22 UTC, was online")
    message = render_parent(builder.incident_view(), now=BEGIN + AFTER)
    assert message.text.startswith(f"{RED} {NAME} is offline")
    assert "since 03:10 UTC" in message.text
    builder.resolve(after=600)
    message = render_parent(builder.incident_view(), now=BEGIN + timedelta(hours=1))
    assert f"{NAME}: recovered after 10 min" in message.text


def test_an_incident_without_a_circuit_is_named_by_what_it_is_about(builder):
    builder.change(title="noc is failing", summary="Slack refused the call", group="noc")
    builder.change(contacts=(), fault_domain=model.FaultDomain.NONE)
    view = replace(builder.incident_view(), alerts=(), alert_counts={})
    text = render_parent(view, now=BEGIN).text
    assert text == (
        f"{RED} noc is failing · since 03:10 UTC · Slack refused the call · acknowledge w-7k3m"
    )
    builder.change(group="drill for Ana", title="DRILL: nothing is wrong", flags=("drill",))
    view = replace(builder.incident_view(), alerts=(), alert_counts={})
    assert render_parent(view, now=BEGIN).text == (
        f"{RED} drill for Ana: DRILL: nothing is wrong · since 03:10 UTC · no action needed"
    )


def test_a_backlog_says_how_it_is_now(builder):
    for minute in range(1, 15):
        builder.add_entry(EntryKind.CHANGED, f"turn {minute}", after=60 * minute, notify=True)
    builder.resolve()
    message = thread.render_reply(
        builder.incident_view(), builder.timeline[1:], now=BEGIN + timedelta(hours=1)
    )
    assert message.text.startswith(
        f"{GREEN} {NAME}: recovered after 30 min: online · *15 entries*, occurred"
    )
    assert "recovered at 03:40:22 UTC after 30 min: online" in message.text
    assert CALL not in message.text


def test_what_may_be_there_twice_says_so_and_still_ends_with_what_to_do(builder):
    builder.add_entry(EntryKind.WORSE, "worse: offline", notify=True)
    assert last_reply(builder, duplicate=True).text == (
        f"{RED} {NAME}: worse: offline _(possible duplicate)_ · {SIDE} · {CALL}"
    )


def test_a_long_text_is_cut_and_what_to_do_is_not():
    builder = IncidentBuilder()
    builder.alert = replace(builder.alert, name="n" * 5_000)
    builder.add_entry(EntryKind.WORSE, "worse: " + "x" * 5_000, notify=True)
    text = last_reply(builder, mention="<!here>").text
    assert text.endswith(f"{CALL} <!here>")
    assert len(text) < 1_000
