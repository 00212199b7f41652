"""The form for the carrier's ticket in the simulated Slack: what it records and refuses."""

import pytest
from msgspec.structs import replace

from tests.fakes.incident_builder import BEGIN
from tests.fakes.slack_user import running, stepped
from watcher import model
from watcher.operations.commands import LONGEST_NUMBER, LONGEST_TEXT

ANN = {"user": "U0ANN", "name": "ann"}
URL = "https://carrier.example/tickets/4711?a=1&b=2"


def with_ticket(view, **fields):
    wanted = {"number": "4711", "url": URL, "by": "bob", "at": BEGIN} | fields
    return replace(view, incident=replace(view.incident, ticket=model.Ticket(**wanted)))


def initial(view):
    """What each field of a form is filled in with."""
    elements = {b["block_id"]: b["element"] for b in view["blocks"] if b["type"] == "input"}
    chosen = elements["state"]["initial_option"]["value"]
    texts = [elements[name].get("initial_value") for name in ("number", "url")]
    return (*texts, chosen)


async def test_a_ticket_is_recorded_with_its_number_address_and_state(slack, session, store):
    store.after = with_ticket(store.view, state=model.TicketState.IN_PROGRESS)
    async with running(slack, session, store) as person:
        await person.choose("ticket", **ANN)
        assert initial(await person.form("U0ANN")) == (None, None, "acknowledged")
        values = {"number": " 4711\n", "url": URL, "state": "inProgress"}
        assert await person.fills_in(values=values, **ANN) == {}
        assert await stepped(store) == [
            model.TicketRecorded(
                incident="w-7k3m",
                by="ann",
                number="4711",
                url=URL,
                state=model.TicketState.IN_PROGRESS,
            )
        ]
        assert await person.hears() == (
            "*NYC Arena uplink* (w-7k3m): ticket"
            " <https://carrier.example/tickets/4711?a=1&amp;b=2|4711> is recorded."
            " In progress: the carrier is working on it."
        )
        assert not slack.modals.front("U0ANN")


async def test_the_form_is_filled_in_with_the_ticket_that_is_recorded(slack, session, store):
    store.view = with_ticket(store.view, state=model.TicketState.PENDING)
    async with running(slack, session, store) as person:
        await person.choose("ticket")
        assert initial(await person.form()) == ("4711", URL, "pending")
        assert await person.fills_in(values={"state": "resolved"}) == {}
        (command,) = await stepped(store)
        assert (command.number, command.url, command.state) == ("4711", URL, "resolved")


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"number": " \x00 "}, "number", "Write the number"),
        ({"number": "x" * (LONGEST_NUMBER + 1)}, "number", "at most 80 characters"),
        ({"number": "1", "url": "carrier.example/1"}, "url", "valid URL"),  # says Slack itself
        ({"number": "1", "url": "ftp://carrier.example/1"}, "url", "has to start with https://"),
        ({"number": "1", "url": f"https://{'x' * LONGEST_TEXT}"}, "url", "at most 1000 characters"),
    ],
)
async def test_what_is_wrong_stands_below_its_field_and_changes_nothing(  # noqa: PLR0917  # fixtures
    slack, session, store, values, field, sentence
):
    async with running(slack, session, store) as person:
        await person.choose("ticket")
        errors = await person.fills_in(values=values)
        assert list(errors) == [field]
        assert sentence in errors[field]
        assert slack.modals.front("U0SOMEBODY")
        assert not store.commands


async def test_an_address_that_is_taken_out_is_said_to_stay(slack, session, store):
    store.view = with_ticket(store.view)
    async with running(slack, session, store) as person:
        await person.choose("ticket")
        errors = await person.fills_in(values={"url": ""})
        assert errors["url"].startswith("The address can be replaced, not removed.")
        assert await person.fills_in(values={"number": "4712", "url": ""}) == {}  # another ticket


async def test_what_the_engine_refuses_stands_below_the_number(slack, session, store):
    store.refusal = "there is no incident w-7k3m"
    async with running(slack, session, store) as person:
        await person.choose("ticket")
        errors = await person.fills_in(values={"number": "4711"})
        assert errors == {"number": "there is no incident w-7k3m"}


async def test_a_ticket_is_recorded_of_an_incident_that_is_just_over(
    slack, session, store, builder
):
    async with running(slack, session, store) as person:
        builder.resolve()
        store.view = builder.incident_view()
        await person.choose("ticket")
        assert await person.fills_in(values={"number": "4711"}) == {}
        (command,) = await stepped(store)
        assert command.number == "4711"
