"""The parent message of an incident's thread: posted once, edited in place, replaced at need.

A message that Slack no longer lets Watcher edit is *frozen*: a workspace may forbid late edits.
Its thread still takes replies, so nothing is posted as long as it says what matters, the status and
the severity. When these change, a new parent takes its place, which links to it and says why, and
the old thread gets a last reply that leads to the new one. A deleted one is replaced at once.

What is kept of it is in the receipt's `handle`: `channel` and `ts`; `duplicate` and `late`, which
later edits repeat; `shows`; `frozen` with Slack's code; `note`, what it replaces; `left`, the old
thread that has not got its last reply yet; `gone`, the deleted message that nothing replaces yet.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from msgspec import Struct
from msgspec.structs import replace

from watcher import model
from watcher.operations.links import NOWHERE, Addresses
from watcher.receivers.slack import blocks, notification, refusals, thread
from watcher.receivers.slack.message import SlackMessage, render_parent
from watcher.receivers.slack.refusals import GoneError, RefusedError
from watcher.receivers.slack.session import MOVED, PARENT, SlackSession
from watcher.receivers.slack.template import MessageTemplate

log = structlog.get_logger()
_DUPLICATE, _LATE, _SHOWS, _NOTE = "duplicate", "late", "shows", "note"
_FROZEN, _LEFT, _GONE = "frozen", "left", "gone"
_LINK = "link"  # of a frozen message


class Appearance(Struct, frozen=True, kw_only=True, gc=False):
    """What a receiver adds to each parent."""

    mention: str = ""
    buttons: bool = False
    template: MessageTemplate | None = None
    addresses: Addresses = NOWHERE


def is_posted(session: SlackSession) -> bool:
    """Return whether there is a parent."""
    return "ts" in session.receipt.handle


async def bring_up_to_date(
    session: SlackSession, appearance: Appearance, last_failure: thread.LastFailure
) -> bool:
    """Post the parent, edit it, or replace it; return whether it has just mentioned people.

    Raises TemporaryError, PermanentError or GoneError.
    """
    handle = session.receipt.handle
    if not is_posted(session):
        await _post(session, appearance, last_failure)
        return True
    if session.receipt.parent_version != session.view.incident.version:
        if _FROZEN not in handle:
            await _edit(session, appearance)
        if _FROZEN in session.receipt.handle:
            await _replace_if_outdated(session, appearance, last_failure)
    if _LEFT in session.receipt.handle and session.may_post:
        await _lead_on(session)
    return False


async def forget(session: SlackSession) -> None:
    """Note that the parent was deleted: the incident needs a new one, with its files."""
    handle = session.receipt.handle
    gone = {_GONE: handle["ts"]} if "ts" in handle else {}
    await session.save(handle=gone, parent_version=0, files={}, intent="")
    session.unconfirmed = ""


def predecessor(handle: Mapping[str, str]) -> str:
    """Return the ts of the message that the next parent replaces; empty for the first one."""
    return handle.get("ts") or handle.get(_GONE, "")


async def adopt(session: SlackSession, *, channel: str, ts: str, version: int, late: str) -> None:
    """Keep a parent that was posted, in the place of the one before."""
    before = session.receipt.handle
    incident = session.view.incident
    shows = _face(incident) if version == incident.version else ""
    handle = {"channel": channel, "ts": ts, _SHOWS: shows}
    handle |= {_DUPLICATE: "possible"} if session.unconfirmed == PARENT else {}
    handle |= {_LATE: late} if late else {}
    note = _note(before)
    handle |= {_NOTE: note} if note else {}
    handle |= {_LEFT: before["ts"], _FROZEN + _LEFT: before[_FROZEN]} if _FROZEN in before else {}
    await session.save(handle=handle, parent_version=version, intent="")


async def _post(
    session: SlackSession, appearance: Appearance, last_failure: thread.LastFailure
) -> None:
    incident = session.view.incident
    handle = session.receipt.handle
    replaces = predecessor(handle)
    late = handle.get(_LATE, "")
    if not replaces:
        late = thread.late_notice(incident, session.now, last_failure)
    message = _render(
        session,
        # One that replaces another is an edit by other means, and mentions nobody.
        replace(appearance, mention="") if _FROZEN in handle else appearance,
        duplicate=session.unconfirmed == PARENT,
        late=late,
        note=_note(handle),
    )
    more = {"replaces": replaces} if replaces else {}
    payload = session.payload(version=incident.version, **more)
    channel, ts = await session.perform(
        PARENT,
        lambda: refusals.send_or_stub(
            message, lambda form: session.api.post(form, payload=payload), incident
        ),
    )
    await adopt(session, channel=channel, ts=ts, version=incident.version, late=late)


async def _edit(session: SlackSession, appearance: Appearance) -> None:
    handle = session.receipt.handle
    channel, ts = session.thread
    message = _render(
        session,
        appearance,
        duplicate=_DUPLICATE in handle,
        late=handle.get(_LATE, ""),
        note=handle.get(_NOTE, ""),
    )
    try:
        await refusals.send(message, lambda form: session.api.update(form, channel=channel, ts=ts))
    except RefusedError as refusal:
        if not refusal.is_of_one_act:
            raise
        log.warning("Slack refused an edit", incident=session.view.incident.id, code=refusal.code)
        link = await session.api.permalink(channel=channel, ts=ts)
        frozen = {_FROZEN: refusal.code} | ({_LINK: link} if link else {})
        await session.save(handle={**handle, **frozen})
        return
    # Editing twice does no harm, so this becomes durable with the next post or at the end.
    incident = session.view.incident
    session.receipt = replace(
        session.receipt,
        parent_version=incident.version,
        handle={**handle, _SHOWS: _face(incident)},
    )


async def _replace_if_outdated(
    session: SlackSession, appearance: Appearance, last_failure: thread.LastFailure
) -> None:
    incident = session.view.incident
    if session.may_post and session.receipt.handle.get(_SHOWS) != _face(incident):
        try:
            await _post(session, appearance, last_failure)
        except RefusedError as refusal:
            if not refusal.is_of_one_act:
                raise
            log.warning("Slack refused a new parent", incident=incident.id, code=refusal.code)
    session.receipt = replace(session.receipt, parent_version=incident.version)


async def _lead_on(session: SlackSession) -> None:
    """Post the last reply to a thread that goes on elsewhere."""
    handle = dict(session.receipt.handle)
    old, code = handle.pop(_LEFT), handle.pop(_FROZEN + _LEFT, "")
    link = await session.api.permalink(channel=handle["channel"], ts=handle["ts"])
    where = f"<{link}|a new message>" if link else "a new message of this channel"
    text = f"continued in {where}: {refusals.reason(code)}"
    message = SlackMessage(
        text=f"{notification.headline(session.view)} · {text}",
        blocks=[blocks.section(text[0].upper() + text[1:])],
    )
    payload = session.payload(moved=handle["ts"])
    try:
        await session.perform(
            MOVED,
            lambda: refusals.send(
                message, lambda form: session.api.post(form, payload=payload, thread=old)
            ),
        )
    except (RefusedError, GoneError) as refusal:
        log.warning("an old thread got no last reply", reason=str(refusal))
    await session.save(handle=handle, intent="")


def moved(session: SlackSession) -> tuple[str, str]:
    """Return the old thread and the new parent, of which its last reply speaks."""
    return session.receipt.handle.get(_LEFT, ""), session.receipt.handle["ts"]


async def forget_old_thread(session: SlackSession) -> None:
    """Note that the old thread has its last reply."""
    unneeded = {_LEFT, _FROZEN + _LEFT}
    handle = {k: v for k, v in session.receipt.handle.items() if k not in unneeded}
    await session.save(handle=handle, intent="")


def _render(
    session: SlackSession, appearance: Appearance, *, duplicate: bool, late: str, note: str
) -> SlackMessage:
    return render_parent(
        session.view,
        now=session.now,
        mention=appearance.mention,
        duplicate=duplicate,
        late=late,
        note=note,
        buttons=appearance.buttons,
        template=appearance.template,
        page=appearance.addresses.page(session.view.incident.id),
    )


def _face(incident: model.Incident) -> str:
    """Return what a frozen message must not show wrongly."""
    return f"{incident.status}/{incident.severity}"


def _note(before: Mapping[str, str]) -> str:
    """Return what a new parent says of the message that it replaces."""
    if _GONE in before:
        return "replaces a message that was deleted"
    if _FROZEN not in before:
        return ""
    link = before.get(_LINK, "")
    earlier = f"<{link}|an earlier message>" if link else "an earlier message"
    return f"replaces {earlier}: {refusals.reason(before[_FROZEN])}"
