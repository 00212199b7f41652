"""Where people's wishes come in, through whichever door: checked, stepped, answered.

Law: a change is a row of the inbox, and the answer comes when it has been stepped and committed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from http import HTTPStatus

from watcher import model, ports
from watcher.clock import Clock, Wakeup, token

ANSWER_SECONDS = 10.0
_LOOK_SECONDS = 0.02

_Act = Callable[[str, str], model.Command]
_ACTS: Mapping[str, _Act] = {
    "ack": lambda incident, by: model.Acknowledged(incident=incident, by=by),
    "unack": lambda incident, by: model.Unacknowledged(incident=incident, by=by),
    "resolve": lambda incident, by: model.ResolvedByHand(incident=incident, by=by),
    "diagnose": lambda incident, by: model.DiagnosisWanted(incident=incident, by=by),
    "approve": lambda incident, by: model.RemedyApproved(incident=incident, by=by),
    "refuse": lambda incident, by: model.RemedyRefused(incident=incident, by=by),
}
_OF_REMEDY = frozenset({"approve", "refuse"})
ACTS = tuple(_ACTS)  # what a person may do with an incident, beside a note


class CommandRejectedError(Exception):
    """What is wished for cannot be done; the sentence is for who wished it."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class CommandService:
    """Every verb raises RefusedError.

    A `ticket` names one wish that may come in twice, as a broker's message or Slack's envelope
    does; it is obeyed once.
    """

    def __init__(
        self,
        *,
        library: ports.IncidentReader,
        inbox: ports.Inbox,
        ingest: Wakeup,
        clock: Clock,
        receivers: Collection[str] = (),
    ) -> None:
        self._library = library
        self._inbox = inbox
        self._ingest = ingest
        self._clock = clock
        self._receivers = receivers

    async def act(self, incident: str, act: str, by: str, *, ticket: str = "") -> model.Incident:
        """Do one of ACTS with an incident; how it is then."""
        _see_person(by)
        key = f"{act}/{incident}/{ticket or token()}"
        if not await self._library.consumed(key):
            self._examine(await self.open_dossier(incident), act)
        return await self._change(incident, act, _ACTS[act](incident, by), key)

    async def note(self, incident: str, text: str, by: str, *, ticket: str = "") -> model.Incident:
        """Write a note on an incident's timeline; how it is then."""
        if not by or not text:
            raise CommandRejectedError(
                HTTPStatus.BAD_REQUEST, "a note needs its text, and who writes it"
            )
        noted = model.Noted(incident=incident, by=by, text=text)
        key = f"note/{incident}/{ticket or token()}"
        return await self._change(incident, "note", noted, key)

    async def silence(
        self,
        matchers: tuple[model.Matcher, ...],
        *,
        length: timedelta,
        by: str,
        comment: str = "",
        ticket: str = "",
    ) -> model.Silence:
        """Add a silence that begins now."""
        now = self._clock.now()
        silence = model.Silence(
            id=f"s-{hashlib.sha256((ticket or token()).encode()).hexdigest()[:8]}",
            matchers=matchers,
            begin=now,
            end=now + length,
            by=by,
            comment=comment,
        )
        key = f"silence/{silence.id}"
        await self._step(key, model.Silenced(silence=silence), silence.id)
        kept = {each.id: each for each in await self._library.silences(now)}
        if silence.id not in kept:
            said = " ".join(map(str, silence.matchers))
            raise CommandRejectedError(
                HTTPStatus.BAD_REQUEST,
                f"{said or 'nothing'} cannot be silenced: expected rule, subject, source, "
                "severity or labels.NAME before each sign, and a time that is not over",
            )
        return kept[silence.id]

    async def expire(self, silence: str, by: str) -> None:
        """End a silence now."""
        now = self._clock.now()
        if all(each.id != silence for each in await self._library.silences(now)):
            raise CommandRejectedError(
                HTTPStatus.NOT_FOUND, f"there is no silence {silence} that is not over"
            )
        key = f"unsilence/{silence}/{token()}"
        await self._step(key, model.Unsilenced(silence=silence, by=by), f"the end of {silence}")

    async def open_dossier(self, incident: str) -> model.IncidentView:
        """Read an incident that is not over."""
        view = await self.incident_view(incident)
        if view.incident.status is model.IncidentStatus.RESOLVED:
            raise CommandRejectedError(HTTPStatus.CONFLICT, f"{incident} is over already")
        return view

    async def drill(
        self, receivers: Collection[str], *, by: str, page: bool = False
    ) -> model.Incident:
        """Open an incident about nothing, for these receivers, or for all if none is named."""
        _see_person(by)
        known = ", ".join(self._receivers)
        if unknown := [name for name in receivers if name not in self._receivers]:
            raise CommandRejectedError(
                HTTPStatus.BAD_REQUEST,
                f"there is no receiver {', '.join(unknown)}; there is {known or 'none'}",
            )
        if not known:
            raise CommandRejectedError(HTTPStatus.CONFLICT, "there is no receiver to drill")
        ticket = token()
        incident = f"w-{hashlib.sha256(ticket.encode()).hexdigest()[:8]}"
        told = tuple(dict.fromkeys(receivers or self._receivers))
        wanted = model.DrillWanted(incident=incident, receivers=told, by=by, page=page)
        await self._step(f"drill/{ticket}", wanted, "the drill")
        return (await self.incident_view(incident)).incident

    async def incident_view(self, incident: str) -> model.IncidentView:
        """Read an incident, over or not."""
        view = await self._library.incident_view(incident)
        if view is None:
            raise CommandRejectedError(HTTPStatus.NOT_FOUND, f"there is no incident {incident}")
        return view

    def _examine(self, view: model.IncidentView, act: str) -> None:
        """Refuse what the incident does not allow as it is."""
        incident = view.incident
        if act == "unack" and incident.status is not model.IncidentStatus.ACKNOWLEDGED:
            raise CommandRejectedError(HTTPStatus.CONFLICT, f"{incident.id} is not acknowledged")
        if act == "diagnose" and not view.alert_counts.get(model.AlertState.FIRING):
            raise CommandRejectedError(
                HTTPStatus.CONFLICT, f"{incident.id} is about no subject: nothing to examine"
            )
        if act not in _OF_REMEDY:
            return
        if incident.remedy is None:
            raise CommandRejectedError(
                HTTPStatus.CONFLICT, f"no change of bandwidth is proposed for {incident.id}"
            )
        if why := incident.remedy.objection():
            raise CommandRejectedError(HTTPStatus.CONFLICT, f"{incident.id}: {why}")

    async def _change(
        self, incident: str, act: str, command: model.Command, key: str
    ) -> model.Incident:
        await self.incident_view(incident)
        await self._step(key, command, f"{act} of {incident}")
        return (await self.incident_view(incident)).incident

    async def _step(self, key: str, command: model.Command, wish: str) -> None:
        """Put a command in, once for each key, and wait until it has been stepped."""
        await self._inbox.submit(key, command, self._clock.now())
        self._ingest.set()
        deadline = self._clock.monotonic() + ANSWER_SECONDS
        while not await self._library.consumed(key):
            if self._clock.monotonic() > deadline:
                raise CommandRejectedError(
                    HTTPStatus.GATEWAY_TIMEOUT,
                    f"{wish} is recorded, but nobody has acted on it yet; see status",
                )
            await asyncio.sleep(_LOOK_SECONDS)


def _see_person(by: str) -> None:
    if not by:
        raise CommandRejectedError(
            HTTPStatus.BAD_REQUEST, "who does it? the request names nobody in `by`"
        )
