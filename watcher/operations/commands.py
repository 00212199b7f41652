"""What people ask of Watcher, whether by command line, Slack or MQTT: checked, applied, answered.

A change becomes a row of the inbox. The answer is given once the leader has consumed the row and
committed its effects, so it shows the incident as it is after the change.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus

from msgspec.structs import replace

from watcher import model, ports
from watcher.backoff import Backoff
from watcher.clock import Clock, Wakeup, token
from watcher.operations import links, people, silences
from watcher.operations.carrier_packet import NOTHING_OF_OURS, PacketOptions, render_packet
from watcher.operations.silences import SilencePlan, SilenceRequest
from watcher.text import clean

ANSWER_SECONDS = 10.0
# How often a command is looked for among the consumed ones: the leader mostly is quick.
_POLL = Backoff(first=0.02, longest=0.25)

LONGEST_NUMBER = 80  # characters of a ticket's number
LONGEST_TEXT = 1_000  # characters of a note or a reason; both stand on one line

_IncidentCommand = (
    model.Acknowledged
    | model.Unacknowledged
    | model.ResolvedByHand
    | model.DiagnosisWanted
    | model.RemedyApproved
    | model.RemedyRefused
)
_Action = Callable[[str, str], _IncidentCommand]
_ACTIONS: Mapping[str, _Action] = {
    "ack": lambda incident, by: model.Acknowledged(incident=incident, by=by),
    "unack": lambda incident, by: model.Unacknowledged(incident=incident, by=by),
    "resolve": lambda incident, by: model.ResolvedByHand(incident=incident, by=by),
    "diagnose": lambda incident, by: model.DiagnosisWanted(incident=incident, by=by),
    "approve": lambda incident, by: model.RemedyApproved(incident=incident, by=by),
    "refuse": lambda incident, by: model.RemedyRefused(incident=incident, by=by),
}
_REMEDY_ACTIONS = frozenset({"approve", "refuse"})
ACTIONS = tuple(_ACTIONS)  # what a person may do with an incident, apart from adding a note


class CommandRejectedError(Exception):
    """The command cannot be carried out; the sentence is for the person who sent it.

    `field` names the argument that is wrong, where one is.
    """

    def __init__(self, status: HTTPStatus, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.field = field


class ConfirmationNeededError(CommandRejectedError):
    """A silence that hides much has to be confirmed; nothing has changed."""

    def __init__(self, plan: SilencePlan) -> None:
        super().__init__(HTTPStatus.CONFLICT, f"{plan.confirmation}: it has to be confirmed")
        self.plan = plan


async def _preview_nothing(_: model.Silence) -> model.SilencePreview:
    return model.SilencePreview()


class CommandService:
    """Carries out commands. Every method raises CommandRejectedError.

    A command with an `idempotency_key` may arrive more than once, as a broker's message or Slack's
    envelope can; it is carried out once.
    """

    def __init__(
        self,
        *,
        reader: ports.IncidentReader,
        inbox: ports.Inbox,
        ingest: Wakeup,
        clock: Clock,
        receivers: Collection[str] = (),
        preview: Callable[[model.Silence], Awaitable[model.SilencePreview]] = _preview_nothing,
        longest_silence: timedelta = silences.LONGEST,
        packet_options: PacketOptions = NOTHING_OF_OURS,
        drilled: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader = reader
        self._inbox = inbox
        self._ingest = ingest
        self._clock = clock
        self._receivers = receivers
        self._preview = preview
        self._longest_silence = longest_silence
        self._packet_options = packet_options
        self.addresses = packet_options.addresses
        self._drilled = drilled

    async def act(
        self, incident: str, action: str, by: str, *, idempotency_key: str = ""
    ) -> model.Incident:
        """Carry out one of ACTIONS on an incident, and return the incident after it."""
        _require_person(by)
        return await self._act(action, _ACTIONS[action](incident, by), idempotency_key)

    async def resolve(
        self, incident: str, by: str, *, text: str = "", idempotency_key: str = ""
    ) -> model.Incident:
        """Resolve an incident, with the reason in the person's words."""
        _require_person(by)
        command = model.ResolvedByHand(incident=incident, by=by, text=clean(text, LONGEST_TEXT))
        return await self._act("resolve", command, idempotency_key)

    async def add_note(
        self, incident: str, text: str, by: str, *, idempotency_key: str = ""
    ) -> model.Incident:
        """Add a note to an incident's timeline, and return the incident after it."""
        text = clean(text, LONGEST_TEXT)
        if not by or not text:
            raise CommandRejectedError(HTTPStatus.BAD_REQUEST, "a note needs `text` and `by`")
        noted = model.Noted(incident=incident, by=by, text=text)
        key = f"note/{incident}/{idempotency_key or token()}"
        return await self._apply(incident, "note", noted, key)

    async def record_ticket(
        self,
        incident: str,
        by: str,
        *,
        number: str = "",
        url: str = "",
        state: model.TicketState | None = None,
        idempotency_key: str = "",
    ) -> model.Incident:
        """Record the carrier's ticket, or where it stands; return the incident after it."""
        _require_person(by)
        number = _whole("number", number, LONGEST_NUMBER)
        url = _whole("url", url, LONGEST_TEXT)
        if url and not url.startswith(("https://", "http://")):
            raise CommandRejectedError(
                HTTPStatus.BAD_REQUEST,
                "the ticket's address has to start with https://",
                field="url",
            )
        view = await self.incident_view(incident)
        if not number and view.incident.ticket is None:
            raise CommandRejectedError(
                HTTPStatus.CONFLICT, f"{incident} has no ticket yet: name its number"
            )
        command = model.TicketRecorded(
            incident=incident, by=by, number=number, url=url, state=state
        )
        key = f"ticket/{incident}/{idempotency_key or token()}"
        return await self._apply(incident, "ticket", command, key)

    async def decide_work(
        self, decision: model.WorkConfirmed | model.WorkDismissed, *, idempotency_key: str = ""
    ) -> None:
        """Record what a person says of planned works: that they count, or that they do not."""
        _require_person(decision.by)
        key = f"work/{decision.work}/{idempotency_key or token()}"
        await self.submit(key, decision, f"the decision about {decision.work}")

    async def add_silence(
        self,
        matchers: tuple[model.Matcher, ...] = (),
        *,
        by: str,
        or_matchers: tuple[tuple[model.Matcher, ...], ...] = (),
        begin: datetime | None = None,
        length: timedelta | None = None,
        end: datetime | None = None,
        until: model.SilenceUntil | None = None,
        incident: str = "",
        comment: str = "",
        ticket: str = "",
        confirmed: bool = False,
        idempotency_key: str = "",
    ) -> model.Silence:
        """Add a silence, as `silence` does, and return it."""
        request = SilenceRequest(
            sets=(matchers, *or_matchers) if matchers or or_matchers else (),
            by=by,
            begin=begin,
            length=length,
            end=end,
            until=until,
            incident=incident,
            comment=comment,
            ticket=ticket,
            confirmed=confirmed,
        )
        return (await self.silence(request, idempotency_key=idempotency_key)).silence

    async def silence(self, request: SilenceRequest, *, idempotency_key: str = "") -> SilencePlan:
        """Add a silence; return it with what it matches.

        Raises ConfirmationNeededError where the request has to be confirmed and is not.
        """
        identity = f"s-{hashlib.sha256((idempotency_key or token()).encode()).hexdigest()[:8]}"
        key = f"silence/{identity}"
        refusal = await self._inbox.outcome(key)
        if refusal:
            raise CommandRejectedError(HTTPStatus.CONFLICT, refusal)
        if refusal is not None:  # it has come before, and was carried out
            active = await self._active_silence(identity)
            return SilencePlan(silence=active, preview=await self._preview(active))
        plan = await self.plan_silence(request, identity=identity)
        if plan.confirmation and not request.confirmed:
            raise ConfirmationNeededError(plan)
        await self.submit(key, model.Silenced(silence=plan.silence), identity)
        return replace(plan, silence=await self._active_silence(identity))

    async def plan_silence(self, request: SilenceRequest, *, identity: str = "") -> SilencePlan:
        """Return the silence that a request asks for, and what it matches now. Adds nothing."""
        _require_person(request.by)
        request = replace(
            request,
            comment=clean(request.comment, LONGEST_TEXT),
            ticket=clean(request.ticket, LONGEST_TEXT),
        )
        try:
            return await self._plan(request, identity)
        except ValueError as error:
            raise CommandRejectedError(HTTPStatus.BAD_REQUEST, str(error)) from error

    async def _plan(self, request: SilenceRequest, identity: str) -> SilencePlan:
        now = self._clock.now()
        if request.incident:
            view = await self.unresolved_view(request.incident)
            if not request.sets:
                request = replace(request, sets=silences.matchers_of(view))
        silence = silences.build(request, identity, now, self._longest_silence)
        if silence.until is model.SilenceUntil.RESOLVED and not silence.incident:
            matched = (await self._preview(replace(silence, until=None))).incidents
            if len(matched) != 1:
                raise ValueError(silences.which_incident(matched))
            silence = replace(silence, incident=matched[0])
        preview = await self._preview(silence)
        if preview.objection:
            raise ValueError(preview.objection)
        confirmation = silences.confirmation(silence, preview, self._longest_silence)
        return SilencePlan(silence=silence, preview=preview, confirmation=confirmation)

    async def _active_silence(self, identity: str) -> model.Silence:
        for silence in await self._reader.silences(self._clock.now()):
            if silence.id == identity:
                return silence
        raise CommandRejectedError(HTTPStatus.CONFLICT, f"the silence {identity} is over")

    async def expire_silence(self, silence: str, by: str, *, idempotency_key: str = "") -> None:
        """End an active silence now."""
        _require_person(by)
        key = f"unsilence/{silence}/{idempotency_key or token()}"
        now = self._clock.now()
        if await self._inbox.outcome(key) is None and all(
            active.id != silence for active in await self._reader.silences(now)
        ):
            raise CommandRejectedError(
                HTTPStatus.NOT_FOUND, f"there is no active silence {silence}"
            )
        await self.submit(key, model.Unsilenced(silence=silence, by=by), f"the end of {silence}")

    async def unresolved_view(self, incident: str) -> model.IncidentView:
        """Read an incident that is not resolved."""
        view = await self.incident_view(incident)
        if view.incident.status is model.IncidentStatus.RESOLVED:
            ends = [e.text for e in view.timeline if e.kind is model.EntryKind.RESOLVED]
            how = f": {ends[-1]}" if ends else ""
            raise CommandRejectedError(HTTPStatus.CONFLICT, f"{incident} is already resolved{how}")
        return view

    async def start_drill(
        self, receivers: Collection[str], *, by: str, page: bool = False
    ) -> model.Incident:
        """Open a test incident for these receivers, or for all if none is named."""
        _require_person(by)
        configured = ", ".join(self._receivers)
        if unknown := [name for name in receivers if name not in self._receivers]:
            raise CommandRejectedError(
                HTTPStatus.BAD_REQUEST,
                f"there is no receiver {', '.join(unknown)}; configured: {configured or 'none'}",
            )
        if not configured:
            raise CommandRejectedError(
                HTTPStatus.CONFLICT, "there is no receiver to send a drill to"
            )
        idempotency_key = token()
        incident = f"w-{hashlib.sha256(idempotency_key.encode()).hexdigest()[:8]}"
        notified = tuple(dict.fromkeys(receivers or self._receivers))
        wanted = model.DrillWanted(incident=incident, receivers=notified, by=by, page=page)
        await self.submit(f"drill/{idempotency_key}", wanted, "the drill")
        self._drilled()
        return (await self.incident_view(incident)).incident

    async def packet(self, incident: str) -> list[str]:
        """Return the carrier packet of an incident, line by line."""
        view = await self.incident_view(incident)
        return render_packet(view, self._clock.now(), self._packet_options)

    async def incident_view(self, incident: str) -> model.IncidentView:
        """Read an incident, resolved or not."""
        view = await self._reader.incident_view(incident)
        if view is None:
            raise CommandRejectedError(HTTPStatus.NOT_FOUND, links.no_incident(incident))
        return view

    def _check_allowed(self, view: model.IncidentView, action: str) -> None:
        """Reject an action that the incident's state does not allow."""
        incident = view.incident
        is_acknowledged = incident.acks or incident.status is model.IncidentStatus.ACKNOWLEDGED
        if action == "unack" and not is_acknowledged:
            raise CommandRejectedError(HTTPStatus.CONFLICT, f"{incident.id} is not acknowledged")
        if action == "diagnose" and not view.alert_counts.get(model.AlertState.FIRING):
            raise CommandRejectedError(
                HTTPStatus.CONFLICT, f"{incident.id} has no firing subject: nothing to diagnose"
            )
        if action not in _REMEDY_ACTIONS:
            return
        if incident.remedy is None:
            raise CommandRejectedError(
                HTTPStatus.CONFLICT, f"no bandwidth change is proposed for {incident.id}"
            )
        if why := incident.remedy.objection():
            raise CommandRejectedError(HTTPStatus.CONFLICT, f"{incident.id}: {why}")

    async def _act(
        self, action: str, command: _IncidentCommand, idempotency_key: str
    ) -> model.Incident:
        incident = command.incident
        key = f"{action}/{incident}/{idempotency_key or token()}"
        if await self._inbox.outcome(key) is None:
            self._check_allowed(await self.unresolved_view(incident), action)
            if action == "approve":
                _require_somebody(command.by)
        return await self._apply(incident, action, command, key)

    async def _apply(
        self, incident: str, action: str, command: model.Command, key: str
    ) -> model.Incident:
        await self.incident_view(incident)
        await self.submit(key, command, f"{action} of {incident}")
        return (await self.incident_view(incident)).incident

    async def submit(self, key: str, command: model.Command, request: str) -> bool:
        """Add a command to the inbox, once for each key, and wait until it has been consumed.

        Return whether it is new. What the engine then refuses is refused here, in its words.
        """
        new = await self._inbox.submit(key, command, self._clock.now())
        self._ingest.set()
        deadline = self._clock.monotonic() + ANSWER_SECONDS
        looks = 0
        while (refusal := await self._inbox.outcome(key)) is None:
            if self._clock.monotonic() > deadline:
                raise CommandRejectedError(
                    HTTPStatus.GATEWAY_TIMEOUT,
                    f"{request}: accepted, but not processed yet: is any daemon the leader?"
                    " See `watcher status`",
                )
            looks += 1
            await asyncio.sleep(_POLL.delay(1 + looks // 10))
        if refusal:
            raise CommandRejectedError(HTTPStatus.CONFLICT, refusal)
        return new


def _whole(field: str, text: str, longest: int) -> str:
    """Return text that would be of no use if it were cut, cleaned."""
    cleaned = clean(text, longest + 1)
    if len(cleaned) > longest:
        sentence = f"the ticket's {field} may have at most {longest} characters"
        raise CommandRejectedError(HTTPStatus.BAD_REQUEST, sentence, field=field)
    return cleaned


def _require_person(by: str) -> None:
    if not by:
        raise CommandRejectedError(
            HTTPStatus.BAD_REQUEST, "`by` is required: who is making this change"
        )


def _require_somebody(by: str) -> None:
    if people.is_nobody(by):
        raise CommandRejectedError(
            HTTPStatus.FORBIDDEN,
            f"{by} is nobody's name, and this costs money: approve it from your own login, with"
            " sudo, or say who you are with --by NAME",
        )
