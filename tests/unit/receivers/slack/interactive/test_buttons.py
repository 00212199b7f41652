"""Which buttons stand below a message, and what the menu beside them holds."""

from datetime import timedelta

from msgspec.structs import replace

from tests.fakes.incident_builder import BEGIN
from watcher import model
from watcher.receivers.slack.message import render_parent

NOW = BEGIN + timedelta(minutes=29)


def rows(view):
    """Each row's buttons, by what they do; the menu as the list of its options."""
    message = render_parent(view, now=NOW, buttons=True)
    return [
        [
            [option["value"] for option in element["options"]]
            if element["type"] == "overflow"
            else (element["text"]["text"], element["action_id"], element["value"])
            for element in block["elements"]
        ]
        for block in message.blocks
        if block["type"] == "actions"
    ]


def menu(view):
    *_, last = rows(view)[-1]
    return [value.partition("/")[0] for value in last]


def in_sight(view):
    return [button[1] for row in rows(view) for button in row if isinstance(button, tuple)]


def test_three_buttons_are_in_sight_and_the_rest_is_in_the_menu(builder):
    builder.change(services=("SVC1",))
    assert rows(builder.incident_view()) == [
        [
            ("Acknowledge", "acknowledge", "w-7k3m"),
            ("Silence \N{HORIZONTAL ELLIPSIS}", "silence", "w-7k3m"),
            ("Resolve \N{HORIZONTAL ELLIPSIS}", "resolve", "w-7k3m"),
            ["note/w-7k3m", "diagnose/w-7k3m", "packet/w-7k3m", "ticket/w-7k3m"],
        ]
    ]


def test_without_an_app_token_there_is_none(builder):
    message = render_parent(builder.incident_view(), now=NOW)
    assert "actions" not in [block["type"] for block in message.blocks]


def test_who_has_acknowledged_may_withdraw_and_others_take_over(builder):
    builder.change(status=model.IncidentStatus.ACKNOWLEDGED, acknowledged_by="ann")
    assert in_sight(builder.incident_view()) == ["unacknowledge", "silence", "resolve"]
    assert menu(builder.incident_view()) == ["note", "acknowledge", "packet", "ticket"]


def test_an_acknowledgement_that_is_about_to_expire_can_be_given_again(builder):
    builder.change(
        status=model.IncidentStatus.ACKNOWLEDGED, acknowledged_by="ann", expiry_said=True
    )
    shown = ["acknowledge", "unacknowledge", "silence", "resolve"]
    assert in_sight(builder.incident_view()) == shown
    assert menu(builder.incident_view()) == ["note", "packet", "ticket"]


def test_one_of_several_acknowledgements_can_be_withdrawn_too(builder):
    builder.change(acks=("ann",), acks_needed=2)
    assert in_sight(builder.incident_view()) == ["acknowledge", "silence", "resolve"]
    assert menu(builder.incident_view()) == ["note", "unacknowledge", "packet", "ticket"]


def test_diagnostics_need_a_service_id(builder):
    assert "diagnose" not in menu(builder.incident_view())
    builder.change(examined=("SVC1",))  # an incident of an earlier version
    assert "diagnose" in menu(builder.incident_view())


def test_a_silence_can_be_ended_where_one_holds_and_not_where_a_window_does(builder):
    builder.change(suppressed_by=("maintenance sunday", "inhibited by trunk"), flags=("silenced",))
    assert "unsilence" not in menu(builder.incident_view())
    builder.change(suppressed_by=("silence s-1 by ann: works",))
    assert menu(builder.incident_view())[-1] == "unsilence"


def test_what_does_not_fit_into_slacks_five_options_is_a_button(builder):
    builder.change(
        status=model.IncidentStatus.ACKNOWLEDGED,
        acknowledged_by="ann",
        services=("SVC1",),
        suppressed_by=("silence s-1 by ann",),
    )
    assert menu(builder.incident_view()) == [
        *("note", "acknowledge", "diagnose", "packet", "ticket"),
    ]
    assert in_sight(builder.incident_view()) == [
        *("unacknowledge", "silence", "resolve", "unsilence"),
    ]


def test_an_incident_about_no_subject_is_taken_noted_or_resolved(builder):
    nothing = replace(builder.incident_view(), alerts=())
    assert in_sight(nothing) == ["acknowledge", "resolve"]
    assert menu(nothing) == ["note"]


def test_once_it_is_over_there_is_none(builder):
    builder.resolve()
    assert rows(builder.incident_view()) == []


def test_a_proposed_change_is_approved_by_a_button_that_asks_once_more(builder):
    builder.change(
        remedy=model.Remedy(
            connection="iod/77",
            status=model.RemedyStatus.PROPOSED,
            from_mbps=500.0,
            to_mbps=2000.0,
            max_mbps=2000.0,
            proposed_at=BEGIN,
        )
    )
    first, _ = rows(builder.incident_view())
    assert first == [("Approve 2 Gbps", "approve", "w-7k3m"), ("Refuse", "refuse", "w-7k3m")]
    message = render_parent(builder.incident_view(), now=NOW, buttons=True)
    confirm = message.blocks[-2]["elements"][0]["confirm"]
    assert confirm["text"]["text"] == (
        "77 is raised from 500 Mbps to 2 Gbps. The carrier charges for it."
    )
    builder.change(remedy=replace(builder.incident.remedy, status=model.RemedyStatus.PENDING))
    assert len(rows(builder.incident_view())) == 1
