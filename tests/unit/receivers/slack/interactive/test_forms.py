"""Forms in the simulated Slack: opened by a press, filled in, sent off, and answered."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.fakes.slack_user import running, stepped, until
from watcher import model
from watcher.clock import SystemClock
from watcher.receivers.slack.interactive import silencing

ANN = {"user": "U0ANN", "name": "ann"}
OWN = "rule=vyvx-service-down subject=vyvx/1234567"


def words(view):
    return "\n".join(
        block["text"]["text"] for block in view["blocks"] if block["type"] == "section"
    )


def fields(view):
    return [block["block_id"] for block in view["blocks"] if block["type"] == "input"]


async def test_a_note_is_written_in_a_form_and_stands_on_the_timeline(slack, session, store):
    async with running(slack, session, store) as person:
        await person.choose("note", **ANN)
        form = await person.form("U0ANN")
        assert "NYC Arena uplink is offline" in words(form)
        text = "carrier says\n<!channel> 04:00\x07"
        assert await person.fills_in(values={"text": text}, **ANN) == {}
        assert await stepped(store) == [
            model.Noted(incident="w-7k3m", by="ann", text="carrier says <!channel> 04:00")
        ]
        assert await person.hears() == (
            "*NYC Arena uplink is offline: likely Lumen side* (w-7k3m):"
            " your note stands in the thread."
        )
        assert not slack.modals.front("U0ANN")


async def test_resolving_asks_for_a_word(slack, session, store):
    async with running(slack, session, store) as person:
        await person.press("resolve", **ANN)
        assert "not called recovered" in words(await person.form("U0ANN"))
        assert await person.fills_in(values={"text": "planned works"}, **ANN) == {}
        assert await stepped(store) == [
            model.ResolvedByHand(incident="w-7k3m", by="ann", text="planned works")
        ]
        assert "resolved, with your reason in the thread" in await person.hears()


@pytest.mark.parametrize("action", ["note", "resolve"])
@pytest.mark.parametrize("text", [" ", " \n\x00 "])
async def test_a_form_with_nothing_in_it_stays_open_and_changes_nothing(
    slack, session, store, action, text
):
    async with running(slack, session, store) as person:
        await (person.choose("note") if action == "note" else person.press(action))
        errors = await person.fills_in(values={"text": text})
        assert errors == {"text": "Write at least a word: others read it later."}
        assert slack.modals.front("U0SOMEBODY")
        assert not store.commands


async def test_a_form_that_is_sent_too_late_says_so_below_what_was_typed(
    slack, session, store, builder
):
    async with running(slack, session, store) as person:
        await person.press("resolve")
        await person.form()
        builder.resolve()
        store.view = builder.incident_view()
        errors = await person.fills_in(values={"text": "planned works"})
        assert errors["text"].startswith("w-7k3m is already resolved: recovered at 03:40:22")
        assert not store.commands


async def test_a_form_that_is_corrected_after_the_engine_refused_it_is_another_one(
    slack, session, store
):
    store.refusal = "not now"
    async with running(slack, session, store) as person:
        await person.press("resolve")
        assert await person.fills_in(values={"text": "works"}) == {"text": "not now"}
        store.refusal = ""
        assert await person.fills_in(values={"text": "planned works"}) == {}


async def test_a_form_that_comes_twice_is_carried_out_once(slack, session, store):
    async with running(slack, session, store) as person:
        await person.choose("note")
        assert await person.fills_in(values={"text": "once"}, times=2) == {}
        await person.types("help")
        await until(lambda: len(slack.workspace.ephemeral_messages) >= 2)
        assert len(store.commands) == 1


async def test_who_may_not_press_may_not_send_a_form_either(slack, session, store):
    async with running(slack, session, store, allowed_users=("U0ANN",)) as person:
        await person.press("resolve", **ANN)
        view = await person.form("U0ANN")
        slack.modals.open["U0BOB"] = [view]
        await person.fills_in(values={"text": "mine"}, user="U0BOB", name="bob")
        shown = slack.modals.front("U0BOB")
        assert shown["title"]["text"] == "Nothing was changed"
        assert "You may not do this" in words(shown)
        assert not store.commands


async def test_a_form_that_waits_for_the_leader_closes_and_is_answered_later(slack, session, store):
    store.leads = False
    async with running(slack, session, store, patience=0.05) as person:
        await person.choose("note")
        assert await person.fills_in(values={"text": "later"}) == {}
        assert (await person.hears()).startswith("Watcher has it, and waits")
        store.leads = True
        assert "your note stands in the thread." in await person.hears(2)


async def test_a_silence_says_what_it_matches_before_and_what_it_mutes_after(slack, session, store):
    async with running(slack, session, store) as person:
        await person.press("silence", **ANN)
        form = await person.form("U0ANN")
        assert f"It matches 1 subject, 1 open incident:\n\N{BULLET} `{OWN}`" in words(form)
        values = {"length": "4h", "comment": "works <!here>"}
        assert await person.fills_in(values=values, **ANN) == {}
        (command,) = await stepped(store)
        silence = command.silence
        assert (silence.written, silence.by) == (OWN, "ann")
        assert silence.comment == "works <!here>"
        assert silence.end - silence.begin == timedelta(hours=4)
        (reply,) = await until(person.thread)
        assert "NYC Arena uplink: silenced until" in reply["text"]
        assert "by ann: works &lt;!here&gt;" in reply["text"]


@pytest.mark.parametrize("until_", ["resolved", "ended"])
async def test_a_silence_lasts_until_something_happens(slack, session, store, until_):
    async with running(slack, session, store) as person:
        await person.press("silence")
        assert await person.fills_in(values={"length": until_}) == {}
        (command,) = await stepped(store)
        assert (command.silence.until, command.silence.incident) == (until_, "w-7k3m")


async def test_the_end_of_a_booking_is_offered_only_where_there_is_one(slack, session, store):
    store.view = replace(store.view, subjects={})
    async with running(slack, session, store) as person:
        await person.press("silence")
        (length,) = [b for b in (await person.form())["blocks"] if b.get("block_id") == "length"]
        values = [option["value"] for option in length["element"]["options"]]
        assert "resolved" in values
        assert "ended" not in values


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"matchers": "vyvx"}, "matchers", "'vyvx' is not a matcher"),
        ({"matchers": 'rule="vyvx'}, "matchers", "No closing quotation"),
        ({"end": 1_000_000_000}, "end", "That is past"),
        ({"begin": 1_000_000_000}, "begin", "That is past"),
        ({"begin": 4_000_007_200, "end": 4_000_000_000}, "end", "would end before it begins"),
        ({"begin": 9_999_999_999_999}, "begin", "not a time"),
    ],
)
async def test_a_silence_that_makes_no_sense_says_why_below_its_field(  # noqa: PLR0917  # fixtures
    slack, session, store, values, field, sentence
):
    async with running(slack, session, store) as person:
        await person.press("silence")
        errors = await person.fills_in(values=values)
        assert list(errors) == [field]
        assert sentence in errors[field]
        assert slack.modals.front("U0SOMEBODY")
        assert not store.commands


async def test_a_matcher_that_no_engine_knows_says_so(slack, session, store):
    async def objecting(silence):
        return model.SilencePreview(objection="colour=red: expected rule, subject")

    async with running(slack, session, store, preview=objecting) as person:
        await person.press("silence")
        errors = await person.fills_in(values={"matchers": "colour=red"})
        assert errors == {"matchers": "colour=red: expected rule, subject"}
        assert not store.commands


@pytest.mark.parametrize(
    ("preview", "question"),
    [
        (
            model.SilencePreview(subjects=12, incidents=("w-7k3m",), everything=True),
            "This silence matches 12 subjects (everything), 1 open incident.",
        ),
        (model.SilencePreview(), "This silence matches nothing now."),
        (
            model.SilencePreview(subjects=1, unknown=("no subject has the label sit",)),
            "No subject has the label sit.",
        ),
    ],
)
async def test_a_silence_that_hides_much_or_nothing_is_asked_for_twice(
    slack, session, store, preview, question
):
    async def previewing(_):
        return preview

    async with running(slack, session, store, preview=previewing) as person:
        await person.press("silence")
        values = {"matchers": "subject=*\nlabels.sit=NYC", "comment": "works"}
        assert await person.fills_in(values=values) == {}
        assert not store.commands
        form = await person.form()
        assert form["title"]["text"] == "Really silence it?"
        assert question in words(form)
        assert "`subject=*`" in words(form)
        assert await person.fills_in() == {}
        (command,) = await stepped(store)
        assert command.silence.written == "subject=* or labels.sit=NYC"
        assert command.silence.comment == "works"


@pytest.mark.parametrize("character", ['"', "\\", "\x01", "é", "\N{BELL}"])
async def test_a_form_keeps_the_longest_that_was_typed_while_it_asks_again(
    slack, session, store, character
):
    """More than Slack keeps with a form would have ended the daemon."""

    async def everything(_):
        return model.SilencePreview(subjects=9, everything=True)

    async with running(slack, session, store, preview=everything) as person:
        await person.press("silence")
        matchers = f"rule='{character * (silencing.LONGEST_MATCHERS - 7)}'"
        values = {"matchers": matchers, "comment": character * silencing.LONGEST_COMMENT}
        assert await person.fills_in(values=values) == {}
        assert (await person.form())["title"]["text"] == "Really silence it?"
        assert await person.fills_in() == {}
        (command,) = await stepped(store)
        assert command.silence.matchers[0].value.strip() in matchers


async def test_a_silence_of_what_is_silenced_is_on_the_timeline_too(slack, session, store):
    incident = replace(store.view.incident, suppressed_by=("silence s-1 by bob",))
    store.view = replace(store.view, incident=incident)
    async with running(slack, session, store) as person:
        await person.press("silence", **ANN)
        await person.fills_in(**ANN)
        _, note = await stepped(store, 2)
        assert (note.incident, note.by) == ("w-7k3m", "ann")
        assert note.text.startswith("silenced until ")


async def test_a_storm_is_not_silenced_subject_by_subject(slack, session, store):
    counts = {model.AlertState.FIRING: 400}
    store.view = replace(store.view, alert_counts=counts)
    async with running(slack, session, store) as person:
        await person.press("silence")
        assert "w-7k3m has 400 firing alerts: name matchers" in words(await person.form())
        errors = await person.fills_in()
        assert "w-7k3m has 400 firing alerts" in errors["matchers"]
        assert not store.commands
        assert await person.fills_in(values={"matchers": "rule=vyvx-*"}) == {}


def silence(identity, by="bob"):
    now = SystemClock().now()
    return model.Silence(
        id=identity,
        matchers=(model.Matcher(name="rule", value="vyvx-*"),),
        begin=now,
        end=now + timedelta(hours=2),
        by=by,
        comment="works",
    )


async def test_a_silence_is_ended_from_the_menu_after_it_was_shown(slack, session, store):
    store.silenced(silence("s-1"))
    async with running(slack, session, store) as person:
        await person.choose("unsilence", **ANN)
        form = await person.form("U0ANN")
        assert "rule=vyvx-* until" in words(form)
        assert "by bob: works" in words(form)
        assert fields(form) == []
        assert await person.fills_in(**ANN) == {}
        assert model.Unsilenced(silence="s-1", by="ann") in store.commands.values()
        (reply,) = await until(person.thread)
        assert "silence ended* (s-1, by ann)" in reply["text"]


async def test_of_several_silences_one_is_chosen_or_all(slack, session, store):
    store.silenced(silence("s-1"))
    store.silenced(silence("s-2"))
    async with running(slack, session, store) as person:
        await person.choose("unsilence")
        assert await person.fills_in(values={"which": "s-2"}) == {}
        assert [c.silence for c in store.commands.values() if isinstance(c, model.Unsilenced)] == [
            "s-2"
        ]
        await person.choose("unsilence")
        form = await person.form()
        assert fields(form) == []  # one is left
        await person.fills_in()
        assert len([c for c in store.commands.values() if isinstance(c, model.Unsilenced)]) == 2


async def test_a_silence_that_has_ended_meanwhile_leaves_nothing_to_end(slack, session, store):
    store.silenced(silence("s-1"))
    async with running(slack, session, store) as person:
        store.commands["end"] = model.Unsilenced(silence="s-1", by="bob")
        await person.choose("unsilence")
        assert await person.hears() == "no silence holds w-7k3m back now: nothing to end"


async def test_a_preview_that_takes_long_does_not_keep_the_form(slack, session, store, monkeypatch):
    monkeypatch.setattr(silencing, "PREVIEW_SECONDS", 0.01)

    async def for_ever(_):
        await until(lambda: False)

    async with running(slack, session, store, preview=for_ever) as person:
        await person.press("silence")
        assert "takes long to find out" in words(await person.form())
