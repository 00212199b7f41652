"""Planned works on a phone: what they are in forty characters, and no look of a fault."""

from tests.fakes.works_world import WorksWorld
from watcher import model
from watcher.model import WorkStatus
from watcher.receivers.slack import notification, template
from watcher.receivers.slack.message import render_parent
from watcher.receivers.slack.thread import render_reply

LON = {"circuits": ("1-ABC",)}
CALENDAR, ATTENTION = notification.AHEAD, notification.ATTENTION


def parent(w, work="lumen/W1", **options):
    return render_parent(w.view(work), now=w.now, mention="<!here>", **options)


def body(message):
    return [block["text"]["text"] for block in message.blocks if block["type"] == "section"]


def replies(w, work="lumen/W1"):
    view = w.view(work)
    entries = [entry for entry in view.timeline if entry.kind is not model.EntryKind.OPENED]
    return [render_reply(view, [entry], now=entry.at).text for entry in entries]


def test_a_phone_shows_circuit_impact_and_time_first():
    w = WorksWorld()
    w.read(10, at=4, **LON)
    message = parent(w)
    assert message.text == f"{CALENDAR} Planned: NYC-LON 1 down Tue 1 Dec 03:00 to 09:00 UTC"
    assert message.text[:40] == f"{CALENDAR} Planned: NYC-LON 1 down Tue 1 Dec 03:0"


def test_the_message_lists_works_times_circuits_and_the_carriers_words():
    w = WorksWorld(zone="Europe/Paris")
    w.read(10, 11, at=4, summary="Swap <!channel> of an amplifier", circuits=("1-ABC", "9-XYZ"))
    (text,) = body(parent(w))
    assert text.split("\n") == [
        "*Planned works Lumen W1, confirmed*",
        (
            "Tue 1 Dec 03:00 to 09:00 UTC (04:00 to 10:00 CET), your time"
            " <!date^1796094000^{time}|03:00 UTC> to <!date^1796115600^{time}|09:00 UTC>"
        ),
        "Wed 2 Dec 03:00 to 09:00 UTC (04:00 to 10:00 CET)",
        "\N{BULLET} NYC-LON 1: down (1-ABC)",
        (
            "Is 9-XYZ ours? It is not in the inventory: if it is ours, add it to circuit_ids;"
            " otherwise ignore this"
        ),
        "“Swap &lt;!channel&gt; of an amplifier”",
    ]


def test_what_coincides_has_a_mark_of_its_own_and_mentions_nobody():
    w = WorksWorld()
    w.read(10, at=4, **LON)
    w.read(10, at=4, circuits=("2-DEF",), id="W2")
    for work in ("lumen/W1", "lumen/W2"):
        message = parent(w, work)
        assert message.text.startswith(
            f"{ATTENTION} Site NYC: NYC-LON 1 and NYC-PAR 2 down at the same time"
        )
        assert "<!here>" not in message.text
    assert (
        "\N{WARNING SIGN} Site NYC: NYC-LON 1 and NYC-PAR 2 down at the same time"
        in body(message)[0]
    )


def test_each_reply_stands_alone_and_calls_nobody():
    w = WorksWorld()
    w.read(10, at=2, **LON)
    w.until(9)
    w.step(model.WorkConfirmed(work="lumen/W1", by="ann"))
    w.read(12, at=9.1, **LON)
    w.read(12, at=9.2, status=WorkStatus.CANCELLED, **LON)
    assert [text.partition(" ")[2] for text in replies(w)] == [
        "In 24 hours: NYC-LON 1 down, Tue 1 Dec 03:00 to 09:00 UTC, Lumen W1",
        "lumen/W1: confirmed by ann",
        (
            "Moved: NYC-LON 1 down, Thu 3 Dec 03:00 to 09:00 UTC, Lumen W1;"
            " it was Tue 1 Dec 03:00 to 09:00 UTC"
        ),
        "Cancelled: works on NYC-LON 1, Thu 3 Dec 03:00 to 09:00 UTC, Lumen W1",
    ]
    ended = parent(w)
    assert ended.text == (
        f"{notification.OVER} Cancelled: works on NYC-LON 1, Thu 3 Dec 03:00 to 09:00 UTC, Lumen W1"
    )


def test_a_digest_is_shown_in_the_channel_and_a_confirmation_in_the_thread_alone():
    w = WorksWorld()
    w.read(10, at=2, **LON)
    w.until(9)
    w.step(model.WorkConfirmed(work="lumen/W1", by="ann"))
    view = w.view()
    shown = [notification.is_shown_to_all(view.incident, entry) for entry in view.timeline]
    assert [entry.kind.value for entry in view.timeline] == ["opened", "announced", "acknowledged"]
    assert shown == [True, True, False]
    assert not any(notification.is_broadcast(view.incident, entry) for entry in view.timeline)


def test_a_template_of_the_team_is_not_for_planned_works():
    w = WorksWorld()
    w.read(10, at=4, **LON)
    ours = template.MessageTemplate("{{ title }} is on fire", "ours.txt")
    assert "on fire" not in str(parent(w, template=ours).blocks)


def test_works_are_confirmed_or_dismissed_and_nothing_else():
    w = WorksWorld()
    w.read(10, at=4, **LON)
    assert buttons(w) == ["Confirm", "Dismiss", ["note"]]
    w.step(model.WorkConfirmed(work="lumen/W1", by="ann"))
    assert buttons(w) == ["Withdraw", "Dismiss", ["note"]]
    assert "Confirmed by *ann* at 03:00:00 UTC" in body(parent(w))[0]
    w.step(model.WorkDismissed(work="lumen/W1", by="ann"))
    assert buttons(w) == []


def buttons(w):
    return [
        [option["value"].partition("/")[0] for option in element["options"]]
        if element["type"] == "overflow"
        else element["text"]["text"]
        for block in parent(w, buttons=True).blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]
