"""What people read in Slack, word for word, and what hostile text comes to."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fakes.incident_builder import BEGIN, IncidentBuilder
from watcher import model
from watcher.operations import documents
from watcher.receivers.slack import blocks, thread
from watcher.receivers.slack.message import render_parent

NOW = BEGIN + timedelta(seconds=3)
RED, GREEN = "\N{LARGE RED CIRCLE}", "\N{LARGE GREEN CIRCLE}"


def shown(message):
    """Each block as its type and text."""
    return [
        (block["type"], (block.get("text") or block["elements"][0])["text"])
        for block in message.blocks
    ]


def test_a_new_incident_reads_in_the_order_of_need(builder):
    message = render_parent(builder.incident_view(), now=NOW, mention="<!here>")
    assert shown(message) == [
        ("header", f"{RED} NYC Arena uplink is offline: likely Lumen side"),
        (
            "section",
            (
                "<!here> *NYC Arena uplink* · vyvx 1234567 · PO 4711\n"
                "*offline*, was online, since 03:10:22 UTC\n"
                "Likely *Lumen side* (ingress online) · call Lumen NOC, +1 800 555 0100\n"
                "Madison Square Garden (New York) \N{RIGHTWARDS ARROW} "
                "LA Broadcast Center, Denver TOC (Los Angeles, Denver)\n"
                "Booked 02:00 to 04:00 UTC (your time <!date^1795226400^{time}|02:00 UTC> to"
                " <!date^1795233600^{time}|04:00 UTC>), *49 min left* at 03:10 UTC\n"
                "Note: Backup feed on channel 4"
            ),
        ),
        (
            "context",
            (
                "w-7k3m · vyvx-service-down · critical · vendor data from 03:10:18 UTC ·"
                " <https://wiki.example/vyvx?a=1&amp;b=2|Runbook>"
            ),
        ),
    ]
    assert message.text == (
        f"{RED} NYC Arena uplink is offline: likely Lumen side · since 03:10 UTC"
        " · call Lumen NOC, +1 800 555 0100 <!here>"
    )
    assert message.blocks[1]["text"]["verbatim"] is True


def test_a_run_that_came_too_soon_does_not_hide_what_was_found(builder):
    builder.diagnose()
    builder.diagnose("r-2", status=model.DiagnosisStatus.SKIPPED, message="too soon", report=None)
    text = shown(render_parent(builder.incident_view(), now=NOW))[2][1]
    assert "Loss of light at NYCMNY54" in text
    assert "too soon" not in text


def test_runs_that_were_not_made_stand_behind_the_one_that_found_something(builder):
    builder.diagnose()
    builder.diagnose("r-2", service_id="SVC2", findings=("A: Passed", "B: ok"), disposition="")
    skipped = {"status": model.DiagnosisStatus.SKIPPED, "message": "used up", "report": None}
    skipped |= {"findings": (), "actions": (), "disposition": ""}
    for number in range(3, 6):
        builder.diagnose(f"r-{number}", service_id=f"SVC{number}", **skipped)
    lines = shown(render_parent(builder.incident_view(), now=NOW))[2][1].splitlines()
    assert lines[0] == "*Vendor triage* of SVC1: *Trouble found in the Lumen network*"
    assert lines[6:] == [
        "*Vendor triage* of SVC2: *done*",
        "\N{BULLET} 2 passed",
        "Next: Open a ticket with Lumen repair",
        "*Vendor triage* of SVC3 was not run: used up",
        "and 2 more: SVC4, SVC5",
    ]


def test_triage_and_the_person_who_took_it_are_added(builder):
    builder.diagnose()
    builder.change(
        acknowledged_by="Ana",
        acknowledged_at=BEGIN + timedelta(minutes=1),
        status=model.IncidentStatus.ACKNOWLEDGED,
    )
    blocks = shown(render_parent(builder.incident_view(), now=NOW))
    assert blocks[1][1].endswith("\nAcknowledged by *Ana* at 03:11:22 UTC")
    assert blocks[2] == (
        "section",
        (
            "*Vendor triage* of SVC1: *Trouble found in the Lumen network*\n"
            "\N{BULLET} Port: down\n"
            "\N{BULLET} Loss of light at NYCMNY54\n"
            "\N{BULLET} CRC: 0\n"
            "\N{BULLET} 1 passed\n"
            "Next: Open a ticket with Lumen repair"
        ),
    )


def test_when_it_is_over_it_is_green_and_calls_nobody(builder):
    builder.resolve()
    message = render_parent(
        builder.incident_view(), now=BEGIN + timedelta(hours=1), mention="<!here>"
    )
    blocks = shown(message)
    assert blocks[0] == (
        "header",
        f"{GREEN} NYC Arena uplink: recovered after 30 min: online",
    )
    assert blocks[1][1].splitlines()[:4] == [
        "*NYC Arena uplink* · vyvx 1234567 · PO 4711",
        "Recovered at 03:40:22 UTC after 30 min: *online*, was offline",
        "It was: NYC Arena uplink is offline: likely Lumen side",
        (
            "Madison Square Garden (New York) \N{RIGHTWARDS ARROW} LA Broadcast Center, Denver TOC"
            " (Los Angeles, Denver)"
        ),
    ]
    assert message.text == f"{GREEN} NYC Arena uplink: recovered after 30 min: online"


@pytest.mark.parametrize(
    ("minutes", "left"),
    [
        (-90, "starts in 19 min at 01:40 UTC"),
        (0, "*49 min left* at 03:10 UTC"),
        (65, "*overrun by 15 min* at 04:15 UTC"),
    ],
)
def test_the_booked_window_says_how_much_is_left(builder, minutes, left):
    now = BEGIN.replace(second=50) + timedelta(minutes=minutes)
    text = shown(render_parent(builder.incident_view(), now=now))[1][1]
    assert left in text


def test_a_figure_is_shown_with_what_it_is_of_and_its_limit(builder):
    builder.alert = replace(
        builder.alert,
        to=None,
        from_=None,
        value=95.25,
        metric="utilization",
        limit=80.0,
        unit="%",
        direction="out",
        window="p95 of 1 h 40 min",
        place="POP PARIS (FR)",
        fields={},
    )
    text = shown(render_parent(builder.incident_view(), now=NOW))[1][1]
    what = "outbound utilization (p95 of 1 h 40 min) at POP PARIS (FR) is 95.25 %"
    assert f"*{what}*, limit 80 %, since " in text


def test_several_subjects_are_counted_and_the_first_are_listed(builder):
    alerts = [
        replace(builder.alert, subject=f"vyvx/{number}", name=f"Feed {number}")
        for number in range(25)
    ]
    blocks = shown(render_parent(builder.incident_view(*alerts), now=NOW))
    assert blocks[1][1].startswith("*25 subjects* of vyvx: 25 firing")
    lines = blocks[2][1].splitlines()
    assert lines[0] == "\N{BULLET} Feed 0: *offline* since 03:10:22 UTC"
    assert lines[10] == "and 15 more"


def test_a_source_that_fails_is_said_where_the_state_stands_and_the_title_keeps_what_is_known(
    builder,
):
    builder.add_entry(
        model.EntryKind.BLIND,
        "vyvx cannot be seen (timed out); last known offline, 2 min ago",
        after=240,
        failing_since="2026-11-21T03:12:00.000Z",
    )
    builder.change(flags=("blind",))
    message = render_parent(builder.incident_view(), now=NOW)
    assert shown(message)[0][1].startswith(f"{RED} NYC Arena uplink is offline")
    assert shown(message)[1][1].splitlines()[1] == (
        "\N{MEDIUM WHITE CIRCLE} *vyvx cannot be seen since 03:12:00 UTC*;"
        " last known: *offline*, was online, since 03:10:22 UTC"
    )
    assert "vyvx cannot be seen since 03:12:00 UTC; last known offline" in message.text


def test_a_state_that_the_vendor_does_not_know_any_more_is_shown_as_last_known(builder):
    unknown = {"state": model.UNKNOWN, "ingress_state": "online"}
    since = BEGIN + timedelta(minutes=2)
    builder.alert = replace(builder.alert, fields=unknown, unseen_since=since)
    builder.add_entry(
        model.EntryKind.BLIND, "Lumen cannot see it since 03:12:22 UTC; last known offline"
    )
    message = render_parent(builder.incident_view(), now=NOW)
    assert shown(message)[1][1].splitlines()[1] == (
        "\N{MEDIUM WHITE CIRCLE} *Lumen cannot see it since 03:12:22 UTC*;"
        " last known: *offline*, was online, since 03:10:22 UTC"
    )
    assert "Lumen cannot see it since 03:12:22 UTC; last known offline" in message.text


@pytest.mark.parametrize(
    ("status", "words_"),
    [
        (model.DiagnosisStatus.RUNNING, "of SVC1: running"),
        (model.DiagnosisStatus.FAILED, "of SVC1 failed: no answer"),
        (model.DiagnosisStatus.SKIPPED, "of SVC1 was not run: no answer"),
        (model.DiagnosisStatus.NO_REPORT, "(no PDF: no answer)"),
    ],
)
def test_how_a_diagnosis_ended_is_said(builder, status, words_):
    builder.diagnose(status=status, message="no answer", report=None, findings=(), actions=())
    assert words_ in shown(render_parent(builder.incident_view(), now=NOW))[2][1]


def test_an_entry_is_one_line_and_a_late_one_says_both_times(builder):
    builder.add_entry(model.EntryKind.CHANGED, "degraded -> offline", after=60, notify=True)
    entry = builder.timeline[-1]
    soon = thread.render_reply(builder.incident_view(), [entry], now=BEGIN + timedelta(seconds=62))
    assert "degraded -&gt; offline · " in soon.text
    late = thread.render_reply(builder.incident_view(), [entry], now=BEGIN + timedelta(minutes=30))
    assert "offline _(occurred 03:11:22 UTC, posted 03:40 UTC)_" in late.text


def test_what_failed_is_posted_whole_in_the_thread_and_what_passed_is_named(builder):
    builder.diagnose()
    [block] = shown(thread.render_reply(builder.incident_view(), [builder.timeline[-1]], now=NOW))
    assert block[1].splitlines()[1:] == [
        "\N{BULLET} Port: down",
        "\N{BULLET} Loss of light at NYCMNY54",
        "\N{BULLET} CRC: 0",
        "\N{BULLET} 1 passed: Power",
        "Next: Open a ticket with Lumen repair",
    ]


def test_hostile_text_is_inert(builder):
    hostile = "<!channel> & <https://evil.example|click>\u202e\x00\x1b[31m\nnew line"
    builder.alert = replace(builder.alert, name=hostile, to=hostile, from_=hostile)
    builder.change(title=hostile, summary=hostile, runbook="javascript:alert(1)|x>")
    builder.add_entry(model.EntryKind.NOTED, hostile, by=hostile)
    parent = render_parent(builder.incident_view(), now=NOW)
    reply = thread.render_reply(builder.incident_view(), [builder.timeline[-1]], now=NOW)
    for text in (parent.text, reply.text, *(t for kind, t in shown(parent) if kind != "header")):
        assert "<!channel>" not in text
        assert "<https://evil" not in text
        assert not any(c in text for c in "\u202e\x00\x1b")
    assert parent.blocks[0]["text"]["type"] == "plain_text"


def test_what_may_have_been_posted_before_says_so_even_behind_a_long_title(builder):
    builder.change(title="x" * 500)
    message = render_parent(builder.incident_view(), now=NOW, duplicate=True)
    assert message.blocks[0]["text"]["text"].endswith(" (possible duplicate)")
    assert len(message.blocks[0]["text"]["text"]) <= blocks.HEADER


def test_many_entries_are_one_digest_of_the_newest(builder):
    for minute in range(100):
        builder.add_entry(model.EntryKind.CHANGED, f"turn {minute}", after=60 * minute)
    message = thread.render_reply(
        builder.incident_view(), builder.timeline[1:], now=BEGIN + timedelta(hours=2)
    )
    text = "\n".join(text for _, text in shown(message))
    assert "*100 entries*, occurred 03:10:22 UTC to 04:49:22 UTC, posted 05:10 UTC" in text
    assert "_the 60 earliest are omitted_" in text
    assert "turn 60\n" in text
    assert "turn 59\n" not in text


def total(message):
    return sum(len(text) for _, text in shown(message))


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(min_size=1, max_size=40), times=st.sampled_from([1, 30, 400]), many=st.booleans()
)
def test_slacks_limits_are_never_met(text, times, many):
    builder = IncidentBuilder()
    long = (text + "<&>") * times
    labels = dict.fromkeys(("po_number", "origin", "origin_city", "destination"), long)
    builder.alert = replace(builder.alert, name=long, to=long, from_=long, labels=labels)
    builder.subject = replace(builder.subject, notes=(long,))
    builder.change(
        title=long,
        summary=long,
        acknowledged_by=long,
        runbook="https://x.example/" + long,
        contacts=tuple(model.Contact(domain=long, text=long) for _ in range(30)),
        flags=("blind", "flapping", "silenced"),
    )
    for run in range(5):
        findings = {"findings": (long,) * 40, "actions": (long,) * 40, "disposition": long}
        builder.diagnose(f"r-{run}", service_id=f"{run}{long}", **findings)
    for _ in range(60):
        builder.add_entry(model.EntryKind.NOTED, long, by=long)
    alerts = [replace(builder.alert, subject=f"vyvx/{n}") for n in range(200)] if many else []
    view = builder.incident_view(*alerts)
    messages = [
        render_parent(view, now=NOW, mention="<!here>", duplicate=True),
        thread.render_reply(view, [builder.timeline[1]], now=NOW, mention="<!here>"),
        thread.render_reply(view, builder.timeline, now=NOW, mention="<!here>", duplicate=True),
    ]
    for message in messages:
        assert 0 < len(message.text) <= 4_000
        assert len(message.blocks) <= 50
        assert total(message) <= 12_000
        for kind, shown_text in shown(message):
            assert 0 < len(shown_text) <= (150 if kind == "header" else 3_000)


@pytest.mark.covers("px/alternatives")
def test_what_could_be_ordered_is_a_reply_and_an_event():
    builder = IncidentBuilder()
    builder.add_entry(
        model.EntryKind.ALTERNATIVES, "could be ordered as a backup at 1 Main St: Fiber"
    )
    view, entry = builder.incident_view(), builder.timeline[-1]
    assert thread.is_posted(entry)
    assert "a backup at 1 Main St: Fiber" in thread.render_reply(view, [entry], now=BEGIN).text
    event = documents.event(builder.incident, entry)
    assert (event.kind, event.text) == ("alternatives", entry.text)


REMEDY = model.Remedy(
    connection="iod/77133831778",
    status=model.RemedyStatus.PROPOSED,
    from_mbps=500.0,
    to_mbps=2000.0,
    max_mbps=2000.0,
    proposed_at=BEGIN,
)
RAISING = "raise 77133831778 from 500 Mbps to 2 Gbps"
APPROVE = "watcher remedy approve w-7k3m"


def test_a_proposal_is_posted_with_the_command_to_copy(builder):
    text = f"proposed: {RAISING}; approve with {APPROVE}"
    builder.add_entry(model.EntryKind.REMEDY_PROPOSED, text, notify=True, approve=APPROVE)
    reply = thread.render_reply(builder.incident_view(), [builder.timeline[-1]], now=NOW)
    assert reply.text == (
        f"{RED} NYC Arena uplink: proposed: {RAISING}; approve with `{APPROVE}`"
        " · likely Lumen side · call Lumen NOC, +1 800 555 0100"
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {},
            f"\N{UPWARDS BLACK ARROW} *Proposed*: {RAISING}; approve with `{APPROVE}`",
        ),
        (
            {"status": model.RemedyStatus.PENDING, "approved_by": "ann"},
            "Bandwidth of 77133831778 from 500 Mbps to 2 Gbps: *pending*",
        ),
        (
            {"status": model.RemedyStatus.APPROVED, "reverting": True},
            "Bandwidth of 77133831778 back to 500 Mbps: *being ordered*",
        ),
        (
            {"status": model.RemedyStatus.REVERTED, "reverting": True},
            "Bandwidth of 77133831778 back to 500 Mbps: *reverted*",
        ),
        (
            {"status": model.RemedyStatus.FAILED, "message": "<!channel> no"},
            "Bandwidth of 77133831778 from 500 Mbps to 2 Gbps: *failed* (&lt;!channel&gt; no)",
        ),
        (
            {
                "connection": "",
                "status": model.RemedyStatus.UNTOUCHED,
                "message": "the inventory has no connection for a",
            },
            "Bandwidth: the inventory has no connection for a",
        ),
    ],
)
def test_the_parent_says_how_the_bandwidth_is(builder, changes, line):
    builder.change(remedy=replace(REMEDY, **changes))
    message = render_parent(builder.incident_view(), now=NOW)
    assert ("section", line) in shown(message)


def test_programs_read_how_the_bandwidth_is(builder):
    builder.change(remedy=REMEDY)
    remedy = documents.incident(builder.incident_view()).remedy
    assert (remedy.connection, remedy.status, remedy.approve) == (
        "iod/77133831778",
        "proposed",
        APPROVE,
    )
    builder.change(remedy=replace(REMEDY, status=model.RemedyStatus.APPLIED, approved_by="ann"))
    remedy = documents.incident(builder.incident_view()).remedy
    assert (remedy.status, remedy.approve, remedy.approved_by) == ("applied", None, "ann")
