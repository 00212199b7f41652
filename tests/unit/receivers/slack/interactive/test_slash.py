"""The slash command, typed in the simulated Slack and answered to who typed it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.incident_builder import BEGIN
from tests.fakes.slack_user import running
from watcher import model
from watcher.clock import SystemClock
from watcher.oncall.rota import OnCall


def shown(slack):
    return "\n".join(
        block["text"]["text"] for block in slack.workspace.ephemeral_messages[-1]["blocks"]
    )


@pytest.mark.parametrize("text", ["", "open", "  OPEN "])
async def test_what_is_open_is_listed_to_who_types_it(slack, session, store, text):
    async with running(slack, session, store) as person:
        assert await person.types(text, user="U0ANN") == {"acknowledged": True}
        assert await person.hears() == "*1 open incident*"
    (message,) = slack.workspace.ephemeral_messages
    assert message["to"] == "U0ANN"
    assert "NYC Arena uplink is offline" in shown(slack)
    assert "*evpl* is blind" in shown(slack)
    assert not store.commands


async def test_silences_are_listed_with_author_and_end_and_beside_what_is_open(
    slack, session, store
):
    now = SystemClock().now()
    silence = model.Silence(
        id="s-1",
        matchers=(model.Matcher(name="rule", value="vyvx-*"),),
        begin=now,
        end=now + timedelta(hours=2),
        by="ann",
        comment="<!here>",
    )
    async with running(slack, session, store) as person:
        await person.types("silences")
        assert await person.hears() == "*Nothing is silenced*"
        store.commands["s"] = model.Silenced(silence=silence)
        await person.types("silences")
        assert await person.hears(2) == "*1 silence*"
        assert "rule=vyvx-* until" in shown(slack)
        assert "by ann: &lt;!here&gt;" in shown(slack)
        await person.types("open")
        await person.hears(3)
        assert "*1 silence*" in shown(slack)


async def test_services_are_found_by_part_of_a_name_with_how_they_are(
    slack, session, store, builder
):
    other = model.Subject(key="evpl/L1", source="evpl", fields={"utilization": 81.5}, since=BEGIN)
    store.all_subjects = [other, builder.subject]
    async with running(slack, session, store) as person:
        await person.types("services arena")
        assert "1 service with" in await person.hears()
        assert "NYC Arena uplink: *offline* since 2026-11-21 03:10:22 UTC" in shown(slack)
        assert "vyvx/1234567" in shown(slack)
        await person.types("services")
        assert await person.hears(2) == "*2 services*"
        assert "evpl/L1: last known utilization 81.5" in shown(slack)  # its source is blind
        await person.types("services <!here>")
        assert await person.hears(3) == (
            "*No services with \N{LEFT DOUBLE QUOTATION MARK}&lt;!here&gt;"
            "\N{RIGHT DOUBLE QUOTATION MARK}*"
        )


async def test_why_explains_an_incident_or_a_service_or_says_that_there_is_none(
    slack, session, store, builder
):
    store.all_subjects = [builder.subject]
    async with running(slack, session, store) as person:
        await person.types("why w-7k3m")
        assert (await person.hears()).startswith("*w-7k3m: NYC Arena uplink is offline")
        assert "opened: offline since 03:10:22 UTC" in shown(slack)
        await person.types("why vyvx/1234567")
        assert "vyvx/1234567 (NYC Arena uplink): state offline" in await person.hears(2)
        await person.types("why w-`none")
        assert "There is no incident or service" in await person.hears(3)
        await person.types("why")
        assert (await person.hears(4)).startswith("Which one?")


async def test_why_a_service_says_when_the_time_changes_its_rules(slack, session, store, builder):
    def by_time(source, rule):
        return [f"rule daytime of {source} reads the time {rule}".strip()]

    store.all_subjects = [builder.subject]
    async with running(slack, session, store, by_time=by_time) as person:
        await person.types("why vyvx/1234567")
        await person.hears()
        assert shown(slack).splitlines()[-1] == "rule daytime of vyvx reads the time"
        await person.types("why w-7k3m")
        await person.hears(2)
        assert "reads the time vyvx-service-down" in shown(slack)


async def test_who_is_on_call_is_named_and_not_mentioned(slack, session, store):
    shift = OnCall(
        rota="video",
        person="ann <!here>",
        mention="<@U0ANN>",
        until=datetime(2026, 11, 30, 8, tzinfo=UTC),
        next="bob",
    )
    async with running(slack, session, store, on_call=lambda: [shift]) as person:
        await person.types("oncall")
        assert await person.hears() == (
            "*video*: ann &lt;!here&gt; until Mon 30 Nov 08:00 UTC, then bob"
        )
    async with running(slack, session, store) as person:
        await person.types("oncall")
        assert await person.hears(2) == "*No rotas*: rule files can say who is on call"


async def test_a_word_that_is_none_gets_the_help_and_never_silence(slack, session, store):
    async with running(slack, session, store) as person:
        await person.types("help")
        assert await person.hears() == "*Watcher*"
        assert "`/watcher silences`" in shown(slack)
        await person.types("sielnces <!channel>`")
        assert (await person.hears(2)).startswith("There is no `sielnces`. Type one of these:")
        assert "`/watcher open`" in shown(slack)


async def test_a_stranger_is_shown_nothing(slack, session, store):
    async with running(slack, session, store, allowed_users=("U0ANN",)) as person:
        await person.types(user="U0BOB")
        assert (await person.hears()).startswith("You may not do this")
        assert "NYC" not in str(slack.workspace.ephemeral_messages)


async def test_a_long_answer_is_cut_to_what_slack_takes(slack, session, store, builder):
    for number in range(500):
        builder.add_entry(model.EntryKind.NOTED, f"note {number} " + "x" * 300, by="ann")
    store.view = builder.incident_view()
    async with running(slack, session, store) as person:
        await person.types("why w-7k3m")
        await person.hears()
        assert "more" in shown(slack).splitlines()[-1]
        assert len(shown(slack)) < 13_000
