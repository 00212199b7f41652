"""The laws of forms find what is wrong: in traces by hand, and in simulated mornings."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest
from msgspec import structs

from tests.year import oracle
from tests.year.faults import Crash
from tests.year.plan import NOC, Form, Status
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.engine.incidents import silences as engine_silences
from watcher.receivers.slack.api import SlackApi
from watcher.receivers.slack.interactive import silencing

pytestmark = pytest.mark.timeout(300)

DOWN, UP = "Feed 3 is offline", "Feed 3: recovered after 45 min: online"
FORM = Form(at=at(1.1), circuit="103", length="30m")
SENT = 1.1 + 20 / 3600
AGAIN = (
    Status(at=at(2), circuit="103", state="offline"),
    Status(at=at(2.5), circuit="103", state="online"),
)


def plan(*facts, **changes):
    down = (replace(MORNING.facts[0]), replace(MORNING.facts[1], at=at(1.75)))
    ordered = sorted((*down, *facts), key=lambda fact: fact.at)
    return replace(MORNING, facts=tuple(ordered), end=at(3), **changes)


def shown(hours, text, *, ts="1", thread="", edit=False):
    method = "chat.update" if edit else "chat.postMessage"
    fields = {"channel": NOC, "ts": ts, "thread_ts": thread, "text": text}
    return (hours, "slack", {"method": method, "done": True, "answered": True, **fields})


def silence(end, key="s-1"):
    listed = {"silences": [{"id": key, "by": "filler-1", "end": end.isoformat()}]}
    return (SENT, "mqtt", {"topic": "watcher/silences", "payload": json.dumps(listed)})


PRESSED = (1.1, "asked", {"id": "form-1", "form": "silence", "arrived": True})
OPENED = (1.1, "opened", {"id": "form-1"})
SENT_OFF = (SENT, "sent off", {"id": "form-1", "by": "filler-1", "arrived": True})
ANSWERED = (SENT, "answered", {"id": "form-1", "text": "Feed 3: silenced until 01:36 UTC"})
LISTED = silence(at(1.6))
ASKED = (shown(1.03, DOWN), PRESSED, OPENED, SENT_OFF, ANSWERED, LISTED)
NEWS, CLEAR = shown(1.62, f"{DOWN} still", ts="2", thread="1"), shown(1.77, UP, edit=True)


def seen(*records) -> Trace:
    trace = Trace()
    for hours, what, fields in records:
        trace.add(at(hours), what, **fields)
    return trace


def wrong(trace: Trace, plan) -> list[str]:
    return [complaint.partition(":")[0] for complaint in oracle.complaints(plan, trace)]


def test_a_silence_that_is_answered_and_kept_is_fine():
    assert wrong(seen(*ASKED, NEWS, CLEAR), plan(FORM)) == []


def test_a_press_that_opens_nothing_is_found():
    assert wrong(seen(shown(1.03, DOWN), PRESSED, CLEAR), plan(FORM)) == ["no form"]


def test_a_form_that_is_not_done_is_found():
    records = (shown(1.03, DOWN), PRESSED, OPENED, SENT_OFF, CLEAR)
    assert wrong(seen(*records), plan(FORM)) == ["form"]
    crash = Crash(at=at(1.1), until=at(1.101))
    assert wrong(seen(*records), plan(FORM, faults=(crash,))) == []
    assert wrong(seen(*records), plan(FORM, daemons=2)) == []


def test_a_silence_that_is_added_twice_or_not_at_all_is_found():
    twice = silence(at(1.6), key="s-2")
    assert wrong(seen(*ASKED, twice, NEWS, CLEAR), plan(FORM)) == ["twice"]
    assert wrong(seen(*ASKED[:-1], NEWS, CLEAR), plan(FORM)) == ["form"]


def test_a_silence_that_ends_at_another_time_is_found():
    longer = silence(at(1.65))
    assert wrong(seen(*ASKED[:-1], longer, NEWS, CLEAR), plan(FORM)) == ["form"]


def test_who_is_disturbed_under_a_silence_is_found():
    news = shown(1.4, DOWN, ts="3")
    closed = shown(1.35, UP, edit=True)
    over = shown(1.77, UP, ts="3", edit=True)
    assert "disturbed" in wrong(seen(*ASKED, closed, news, NEWS, over), plan(FORM))


def test_what_is_not_said_again_after_a_silence_is_found():
    assert wrong(seen(*ASKED, CLEAR), plan(FORM)) == ["lost"]


def test_what_fails_after_a_silence_and_is_not_shown_is_found():
    again = (shown(2.03, DOWN, ts="3"), shown(2.52, UP, ts="3", edit=True))
    assert wrong(seen(*ASKED, NEWS, CLEAR, *again), plan(FORM, *AGAIN)) == []
    assert wrong(seen(*ASKED, NEWS, CLEAR), plan(FORM, *AGAIN)) == ["lost"]


RESOLVED = replace(FORM, length="resolved")
LONG = replace(FORM, length="4h")
END = replace(FORM, at=at(1.3), what="unsilence")
DAYS = {
    "for a while": plan(FORM, *AGAIN),
    "delivered again": plan(replace(FORM, is_sent_again=True), *AGAIN),
    "until a time": plan(replace(FORM, until=at(1.4)), *AGAIN),
    "until it is resolved": plan(RESOLVED, *AGAIN),
    "over two outages": plan(LONG, *AGAIN),
    "ended": plan(LONG, END, *AGAIN),
    "longer than it may": plan(replace(FORM, until=at(9 * 24)), END, *AGAIN),
    "before a crash": plan(
        replace(FORM, is_sent_again=True),
        *AGAIN,
        faults=(Crash(at=at(SENT), until=at(SENT + 0.01), steps=6),),
    ),
}


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_who_silences_by_a_form_has_their_way(day):
    trace = run(day)
    assert wrong(trace, day) == []
    assert list(trace.of("sent off"))


def _longer(asked, request, now, *, confirmed, ask=silencing.silence_request):
    return structs.replace(ask(asked, request, now, confirmed=confirmed), length=timedelta(hours=1))


@pytest.mark.parametrize(
    ("owner", "name", "substitute", "day", "complaint"),
    [
        (SlackApi, "open_form", mock.AsyncMock(), "for a while", "no form"),
        (silencing, "silence_request", _longer, "for a while", "form"),
        (silencing.Silencer, "_end", mock.AsyncMock(return_value=None), "ended", "form"),
        (engine_silences, "_end", lambda *_, **__: None, "ended", "lost"),
    ],
)
def test_sabotage_of_forms_is_found(owner, name, substitute, day, complaint):
    with mock.patch.object(owner, name, substitute):
        assert complaint in wrong(run(DAYS[day]), DAYS[day])
