"""Silences in Slack: the form that adds one, what it asks twice, and the form that ends one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from slack_sdk.models import blocks as kit

from watcher import model, ports
from watcher.clock import Clock
from watcher.operations import silences
from watcher.operations.commands import CommandRejectedError, CommandService
from watcher.operations.silences import SilencePlan, SilenceRequest
from watcher.receivers.slack import blocks, notification
from watcher.receivers.slack.blocks import escape, plain
from watcher.receivers.slack.interactive import buttons, forms
from watcher.receivers.slack.interactive.forms import Asked, FormError, Origin
from watcher.receivers.slack.interactive.payloads import Submission
from watcher.receivers.slack.interactive.requests import Answer, Request
from watcher.text import clean

CONFIRM = "silence_confirmed"  # the form that asks whether it is really meant
LENGTH, BEGIN, END, MATCHERS, COMMENT, WHICH = (
    *("length", "begin", "end", "matchers", "comment", "which"),
)
FIELD_OF = {buttons.SILENCE: MATCHERS}  # where a form says what only the engine found
PREVIEW_SECONDS = 1.0  # of the 3 that Slack waits for a form
# Characters. Both have to fit into `private_metadata` with its 3,000, each written as `\"`.
LONGEST_MATCHERS = 900
LONGEST_COMMENT = 300
MOST_LISTED = 5  # sets of matchers that a form or an answer names
_LENGTHS = {
    "30m": "30 minutes",
    "1h": "1 hour",
    "4h": "4 hours",
    "8h": "8 hours",
    "1d": "1 day",
    "7d": "7 days",
}
_USUAL = "1h"
_UNTIL = {
    model.SilenceUntil.RESOLVED: "Until it is resolved",
    model.SilenceUntil.ENDED: "Until the booking ends",
}
_ALL = "all"
_GRACE = timedelta(minutes=1)  # Slack's picker has no seconds


class Silencer:
    """Builds the forms, and carries them out."""

    def __init__(
        self, *, commands: CommandService, reader: ports.IncidentReader, clock: Clock
    ) -> None:
        self._commands = commands
        self._reader = reader
        self._clock = clock

    async def form(self, action: str, view: model.IncidentView, origin: Origin) -> forms.View:
        """Return the form for a press. Raises CommandRejectedError where there is nothing to do."""
        if action == buttons.SILENCE:
            return silence_form(view, origin, await self._shown(view))
        active = await self._active(view.incident)
        if not active:
            raise _nothing_to_end(view.incident)
        return end_form(view, origin, active, self._clock.now())

    async def carry_out(self, submission: Submission, request: Request) -> Answer:
        """Carry a form out. Raises FormError and CommandRejectedError."""
        if request.action == buttons.UNSILENCE:
            return await self._end(submission, request)
        origin = forms.origin_of(submission)
        confirmed = request.action == CONFIRM
        asked = origin.asked if confirmed and origin.asked else asked_of(submission)
        wanted = silence_request(asked, request, self._clock.now(), confirmed=confirmed)
        view = await self._commands.unresolved_view(request.incident)
        if not confirmed:
            plan = await self._commands.plan_silence(wanted)
            if question := doubts(plan):
                form = forms.replace(confirm_form(view, origin, asked, question))
                return Answer([f"Nothing is silenced yet. {question}"], form=form)
        return await self._add(wanted, view, request)

    async def _add(
        self, wanted: SilenceRequest, view: model.IncidentView, request: Request
    ) -> Answer:
        plan = await self._commands.silence(wanted, idempotency_key=request.key)
        silence, now = plan.silence, self._clock.now()
        if view.incident.suppressed_by:  # otherwise the silence makes an entry itself
            text = f"silenced {silences.describe_end(silence, now)} as well"
            await self._commands.add_note(
                request.incident, text, request.by, idempotency_key=request.key
            )
        return Answer(added(silence, plan, notification.circuit(view), now), public=True)

    async def _shown(self, view: model.IncidentView) -> str:
        """Return what a silence of the incident's alerts matches now, in mrkdwn."""
        incident = view.incident
        wanted = SilenceRequest(
            by="-", incident=incident.id, until=model.SilenceUntil.RESOLVED, confirmed=True
        )
        try:
            async with asyncio.timeout(PREVIEW_SECONDS):
                plan = await self._commands.plan_silence(wanted)
        except CommandRejectedError as error:
            return escape(str(error), 500)
        except TimeoutError:
            return "What it matches takes long to find out. You are asked again where it matters."
        return f"It {escape(str(plan.preview))}:\n{_sets(plan.silence)}"

    async def _active(self, incident: model.Incident) -> list[model.Silence]:
        ids = buttons.silences_of(incident)
        return [
            silence
            for silence in await self._reader.silences(self._clock.now())
            if silence.id in ids
        ]

    async def _end(self, submission: Submission, request: Request) -> Answer:
        view = await self._commands.incident_view(request.incident)
        chosen = submission.field(WHICH).selected_option
        active = [silence.id for silence in await self._active(view.incident)]
        ended = active if chosen is None or chosen.value == _ALL else [chosen.value]
        if not ended:
            raise _nothing_to_end(view.incident)
        for silence in ended:
            await self._commands.expire_silence(silence, request.by)
        named = escape(", ".join(ended), 300)
        circuit = escape(notification.circuit(view))
        line = f"\N{BELL} *{circuit}: silence ended* ({named}, by {escape(request.by, 80)})"
        return Answer([f"{line}\nWhatever still fires is posted again."], public=True)


def silence_form(view: model.IncidentView, origin: Origin, shown: str) -> forms.View:
    """Return the form that adds a silence; `shown` says what it matches now."""
    choices = dict(_LENGTHS) | {str(until): label for until, label in _UNTIL.items()}
    if not any(subject.bookings for subject in view.subjects.values()):
        del choices[str(model.SilenceUntil.ENDED)]
    options = {value: _option(label, value) for value, label in choices.items()}
    length = kit.StaticSelectElement(
        action_id=LENGTH, options=list(options.values()), initial_option=options[_USUAL]
    )
    return forms.form(
        buttons.SILENCE,
        "Silence",
        "Silence",
        origin,
        [
            forms.about(view),
            blocks.section(shown),
            forms.field(LENGTH, "How long", length),
            forms.text_field(
                COMMENT,
                "Comment",
                hint="Why, or the ticket. Everybody sees it.",
                longest=LONGEST_COMMENT,
                optional=True,
                multiline=False,
            ),
            forms.field(
                END,
                "Or until exactly",
                kit.DateTimePickerElement(action_id=END),
                optional=True,
            ),
            forms.field(
                BEGIN, "Begins later", kit.DateTimePickerElement(action_id=BEGIN), optional=True
            ),
            forms.text_field(
                MATCHERS,
                "Something else",
                hint="Matchers, as in labels.site=NYC rule=vyvx-*; each line is a set of its own.",
                longest=LONGEST_MATCHERS,
                optional=True,
            ),
        ],
    )


def confirm_form(
    view: model.IncidentView, origin: Origin, asked: Asked, question: str
) -> forms.View:
    """Return the form that asks whether a silence is meant that hides much, or nothing."""
    kept = Origin(
        incident=origin.incident,
        channel=origin.channel,
        url=origin.url,
        message_ts=origin.message_ts,
        asked=asked,
    )
    parts = [forms.about(view), blocks.section(f"\N{WARNING SIGN} {question}")]
    return forms.form(CONFIRM, "Really silence it?", "Silence it", kept, parts)


def end_form(
    view: model.IncidentView, origin: Origin, active: Sequence[model.Silence], now: datetime
) -> forms.View:
    """Return the form that ends the silences of an incident, or one of them."""
    lines = [
        f"\N{BULLET} {escape(silences.describe(silence, now), 400)} \N{MIDDLE DOT}"
        f" {escape(silence.id, 40)}"
        for silence in active
    ]
    parts = [forms.about(view), blocks.section(blocks.fit_lines(lines))]
    if len(active) > 1:
        options = [_option("All of them", _ALL)]
        options += [_option(silence.id, silence.id) for silence in active[:50]]
        which = kit.StaticSelectElement(action_id=WHICH, options=options, initial_option=options[0])
        parts.append(forms.field(WHICH, "Which one", which))
    parts.append(blocks.section("Whatever still fires then is posted again."))
    return forms.form(buttons.UNSILENCE, "End silence", "End it", origin, parts)


def asked_of(submission: Submission) -> Asked:
    """Return what was filled in."""
    length = submission.field(LENGTH).selected_option
    matchers = (submission.field(MATCHERS).value or "")[:LONGEST_MATCHERS]
    lines = [clean(line, LONGEST_MATCHERS) for line in matchers.splitlines()]
    return Asked(
        length=length.value if length else _USUAL,
        begin=submission.field(BEGIN).selected_date_time,
        end=submission.field(END).selected_date_time,
        matchers="\n".join(line for line in lines if line),
        comment=clean(submission.field(COMMENT).value or "", LONGEST_COMMENT),
    )


def silence_request(
    asked: Asked, request: Request, now: datetime, *, confirmed: bool
) -> SilenceRequest:
    """Return the silence that was asked for. Raises FormError for a field that is wrong."""
    begin, end = _moment(BEGIN, asked.begin), _moment(END, asked.end)
    if begin is not None and begin < now - _GRACE:
        raise FormError(BEGIN, "That is past. Leave it empty to begin now.")
    if end is not None and end <= now:
        raise FormError(END, "That is past: a silence ends later than now.")
    if end is not None and begin is not None and end <= begin:
        raise FormError(END, "The silence would end before it begins.")
    until = asked.length if asked.length in tuple(model.SilenceUntil) else ""
    length = None if until or end is not None else _length(asked.length)
    return SilenceRequest(
        by=request.by,
        sets=_parse_sets(asked.matchers),
        begin=begin if begin is not None and begin > now else None,
        length=length,
        end=end,
        until=model.SilenceUntil(until) if until else None,
        incident=request.incident,
        comment=asked.comment,
        confirmed=confirmed,
    )


def doubts(plan: SilencePlan) -> str:
    """Return why a silence may not be what is meant, in mrkdwn; empty if nothing is odd."""
    sentences = [sentence for sentence in (plan.confirmation, *plan.preview.unknown) if sentence]
    if not plan.preview.subjects and not plan.preview.incidents:
        sentences.append("this silence matches nothing now")
    lines = [f"{escape(sentence[0].upper() + sentence[1:], 400)}." for sentence in sentences]
    return blocks.fit_lines([*lines, _sets(plan.silence)]) if lines else ""


def added(silence: model.Silence, plan: SilencePlan, circuit: str, now: datetime) -> list[str]:
    """Return the sections of the answer, which stand in the thread for everybody."""
    comment = f": {escape(silence.comment, 300)}" if silence.comment else ""
    begins = ""
    if silence.begin > now:
        begins = f"from {model.format_time(silence.begin, now, seconds=False)} "
    end = escape(silences.describe_end(silence, now), 200)
    by = escape(silence.by, 80)
    mark = "\N{BELL WITH CANCELLATION STROKE}"
    title = f"{mark} *{escape(circuit)}: silenced {begins}{end}* by {by}{comment}"
    rest = "Its resolution is still posted here, and so is whatever still fires when it ends."
    matched = f"It {escape(str(plan.preview))} \N{MIDDLE DOT} {escape(silence.id, 40)}"
    return list(blocks.paragraphs([title, matched, _sets(silence), rest]))


def _sets(silence: model.Silence) -> str:
    lines = [f"\N{BULLET} {blocks.code(' '.join(map(str, matchers)))}" for matchers in silence.sets]
    more = len(lines) - MOST_LISTED
    return "\n".join([*lines[:MOST_LISTED], *([f"and {more} more"] if more > 0 else [])])


def _parse_sets(text: str) -> tuple[tuple[model.Matcher, ...], ...]:
    try:
        return tuple(silences.parse_set(line) for line in text.splitlines())
    except ValueError as error:
        raise FormError(MATCHERS, str(error)) from error


def _length(text: str) -> timedelta:
    try:
        return model.parse_duration(text)
    except (ValueError, OverflowError) as error:
        raise FormError(LENGTH, str(error)) from error


def _moment(field: str, seconds: int | None) -> datetime | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise FormError(field, "That is not a time that Watcher can count with.") from error


def _nothing_to_end(incident: model.Incident) -> CommandRejectedError:
    sentence = f"no silence holds {incident.id} back now: nothing to end"
    return CommandRejectedError(HTTPStatus.CONFLICT, sentence)


def _option(label: str, value: str) -> kit.Option:
    return kit.Option(text=plain(label), value=value)
