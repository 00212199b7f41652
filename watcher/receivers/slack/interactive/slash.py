"""The slash command: its subcommands, and what they read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from watcher import model, ports
from watcher.clock import Clock
from watcher.oncall.rota import OnCall
from watcher.operations import explain
from watcher.receivers.slack.blocks import code, escape
from watcher.receivers.slack.interactive import listings
from watcher.receivers.slack.interactive.requests import Answer
from watcher.text import clean

MOST_LISTED = 1_000  # incidents that are counted
MOST_SEARCHED = 20_000  # subjects
_PAGE = 2_000
_LIVE = (model.IncidentStatus.OPEN, model.IncidentStatus.ACKNOWLEDGED)


class SlashCommands:
    """Answers the slash command; a word that is none of ours gets the help."""

    def __init__(
        self,
        *,
        reader: ports.IncidentReader,
        clock: Clock,
        on_call: Callable[[], Sequence[OnCall]] = tuple,
        by_time: explain.ByTime = explain.nothing_by_time,
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._on_call = on_call
        self._by_time = by_time
        self._subcommands: Mapping[str, Callable[[str, str], Awaitable[list[str]]]] = {
            "open": self._open,
            "services": self._services,
            "silences": self._silences,
            "why": self._why,
            "oncall": self._oncall,
        }

    async def answer(self, command: str, text: str) -> Answer:
        """Answer what was typed behind the command; nothing at all lists what is open."""
        word, _, rest = clean(text, 200).partition(" ")
        if not word:
            return Answer(await self._open("", command))
        if subcommand := self._subcommands.get(word.casefold()):
            return Answer(await subcommand(rest.strip(), command))
        unknown = "" if word.casefold() == "help" else word
        return Answer(listings.sections(listings.help_lines(command, unknown=unknown)))

    async def _open(self, _: str, __: str) -> list[str]:
        now = self._clock.now()
        incidents = await self._reader.incidents(statuses=_LIVE, limit=MOST_LISTED)
        health = await self._reader.sources()
        silences = await self._reader.silences(now)
        return listings.sections(listings.incident_list(incidents, health, silences, now))

    async def _oncall(self, _: str, __: str) -> list[str]:
        return listings.sections(listings.on_call_list(self._on_call()))

    async def _silences(self, _: str, __: str) -> list[str]:
        now = self._clock.now()
        return listings.sections(listings.silence_list(await self._reader.silences(now), now))

    async def _services(self, text: str, _: str) -> list[str]:
        """List subjects; a text that names a source and a slash narrows the search to it."""
        health = await self._reader.sources()
        source = text.partition("/")[0]
        source = source if "/" in text and any(seen.source == source for seen in health) else ""
        matching: list[model.Subject] = []
        searched, after = 0, ""
        while searched < MOST_SEARCHED:
            page = await self._reader.subjects(source=source, after=after, limit=_PAGE)
            matching += [subject for subject in page if listings.matches(subject, text)]
            searched += len(page)
            if len(page) < _PAGE:
                break
            after = page[-1].key
        cut = searched if searched >= MOST_SEARCHED else None
        lines = listings.subject_list(matching, health, self._clock.now(), text=text, searched=cut)
        return listings.sections(lines)

    async def _why(self, key: str, command: str) -> list[str]:
        now = self._clock.now()
        lines = await explain.explain(self._reader, key, now, self._by_time) if key else []
        if lines:
            return listings.plain_lines(lines)
        command = escape(command, 40) or "/watcher"
        missing = f"There is no incident or service {code(key, 80)}." if key else "Which one?"
        return [f"{missing} `{command} open` and `{command} services` list the ids."]
