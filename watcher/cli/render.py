"""Shows the message of an incident as a Slack channel would get it, without sending it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watcher import model
from watcher.cli import common
from watcher.cli.common import DEFAULT_CONFIG, AsJson, Config

if TYPE_CHECKING:
    from watcher.receivers.slack.message import SlackMessage
    from watcher.settings import Settings

program = typer.Typer()


@program.command()
def render(
    incident: Annotated[
        str, typer.Argument(metavar="INCIDENT", help="Its id or first letters; or --sample.")
    ] = "",
    *,
    sample: Annotated[bool, typer.Option("--sample", help="Show a made-up incident.")] = False,
    receiver: Annotated[
        str, typer.Option(metavar="NAME", help="Which Slack receiver; default: the first one.")
    ] = "",
    connect: Annotated[
        bool, typer.Option("--connect", help="Also have Slack validate the blocks.")
    ] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Show the Slack message of an incident: its notification and its blocks. Sends nothing."""
    from watcher import settings
    from watcher.clock import SystemClock
    from watcher.receivers.sample import sample_view

    if bool(incident) is sample:
        raise typer.BadParameter("name an incident, or use --sample")
    loaded = settings.load(config)
    name = _receiver(loaded, receiver)
    now = SystemClock().now()
    view = sample_view(now) if sample else asyncio.run(_view(loaded.store.url, incident))
    message = _message(loaded, name, view)
    if as_json:
        common.print_json({"text": message.text, "blocks": message.blocks})
    else:
        for line in _lines(message):
            typer.echo(line)
    if connect:
        _validate(loaded, name, message, quiet=as_json)


def _receiver(settings: Settings, name: str) -> str:
    slack = [key for key, section in settings.receivers.items() if section.kind == "slack"]
    if not slack:
        raise model.InvalidConfigError(("receivers: there is no Slack receiver",))
    if name and name not in slack:
        raise typer.BadParameter(
            f"there is no Slack receiver {name!r}; there are {', '.join(slack)}"
        )
    return name or slack[0]


async def _view(url: str, incident: str) -> model.IncidentView:
    from watcher.clock import SystemClock
    from watcher.store import store

    async with store.open_to_read(url, clock=SystemClock()) as database:
        return await common.stored_view(database.queries, incident)


def _message(settings: Settings, name: str, view: model.IncidentView) -> SlackMessage:
    from watcher.clock import SystemClock
    from watcher.daemon import factories
    from watcher.receivers.slack.message import render_parent

    channel = settings.receivers[name]
    template = factories.read_templates(settings).get(name)
    return render_parent(
        view,
        now=SystemClock().now(),
        mention=getattr(channel, "mention", ""),
        buttons=bool(settings.slack.app_token.get_secret_value()),
        template=template,
    )


def _lines(message: SlackMessage) -> list[str]:
    lines = ["notification:", f"  {message.text}", "", "blocks:"]
    for block in message.blocks:
        lines.append(f"  [{block['type']}]")
        lines += [f"    {line}" for text in _texts(block) for line in text.splitlines()]
    return lines


def _texts(block: dict[str, Any]) -> list[str]:
    """Return what a block says; of a button its label."""
    texts = [block.get("text"), *block.get("elements", ())]
    words = []
    for text in texts:
        inner = text.get("text") if isinstance(text, dict) else None
        if isinstance(inner, dict):
            words.append(f"({inner.get('text')})")
        elif isinstance(inner, str):
            words.append(inner)
        elif isinstance(text, dict) and text.get("options"):
            labels = [str(option["text"]["text"]) for option in text["options"]]
            words.append(f"(menu: {', '.join(labels)})")
    return words


def _validate(settings: Settings, name: str, message: SlackMessage, *, quiet: bool) -> None:
    """Have Slack judge the blocks; end with 1 where it finds a fault or does not judge them."""
    from watcher.cli import preflight

    try:
        faults = asyncio.run(preflight.validate(settings, name, message))
    except model.WatcherError as error:
        common.print_errors(f"Slack has not validated the blocks: {error}")
        raise typer.Exit(1) from error
    for fault in faults:
        common.print_errors(f"Slack: {fault}")
    if faults:
        raise typer.Exit(1)
    if not quiet:
        typer.echo("\nSlack finds no fault with the blocks.")
