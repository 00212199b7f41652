"""The unix socket behind the command line: the one way for a person on the host to change things.

Law: whoever may open the socket may use it; its file permissions are the authorisation. A change
is a row of the inbox, and the answer comes when it has been stepped and committed.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from watcher import clock as time
from watcher import model, ports, why

MODE = 0o660
ANSWER_SECONDS = 10.0
_LOOK_SECONDS = 0.02

Act = Callable[[str, str], model.Command]
_ACTS: Mapping[str, Act] = {
    "ack": lambda incident, by: model.Acknowledged(incident=incident, by=by),
    "unack": lambda incident, by: model.Unacknowledged(incident=incident, by=by),
    "resolve": lambda incident, by: model.ResolvedByHand(incident=incident, by=by),
    "diagnose": lambda incident, by: model.DiagnosisWanted(incident=incident, by=by),
    "approve": lambda incident, by: model.RemedyApproved(incident=incident, by=by),
    "refuse": lambda incident, by: model.RemedyRefused(incident=incident, by=by),
}
_OF_REMEDY = frozenset({"approve", "refuse"})


class _Silence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a request for a silence says."""

    matchers: tuple[model.Matcher, ...]
    seconds: float
    by: str
    comment: str = ""


class Control:
    """Answers requests in JSON; an error is `{"error": sentence}` with a fitting HTTP status."""

    def __init__(
        self,
        *,
        library: ports.Library,
        inbox: ports.Inbox,
        ingest: time.Bell,
        clock: time.Clock,
        status: Callable[[], Awaitable[object]],
        reload: Callable[[], Awaitable[str]],
    ) -> None:
        self._library = library
        self._inbox = inbox
        self._ingest = ingest
        self._clock = clock
        self._status = status
        self._reload = reload

    def serve(self, path: Path) -> AbstractAsyncContextManager[None]:
        """Listen on `path` while the context lasts.

        Raises model.PermanentError when the socket cannot be made there.
        """
        app = web.Application()
        app.add_routes(
            [
                web.get("/status", self._get_status),
                web.get("/incidents", self._get_incidents),
                web.get("/why/{key:.+}", self._get_why),
                web.post("/incidents/{id}/note", self._post_note),
                web.post(f"/incidents/{{id}}/{{act:{'|'.join(_ACTS)}}}", self._post_act),
                web.get("/silences", self._get_silences),
                web.post("/silences", self._post_silence),
                web.post("/silences/{id}/expire", self._post_expire),
                web.post("/reload", self._post_reload),
            ]
        )
        return _listening(app, path)

    async def _get_status(self, _: web.Request) -> web.Response:
        return _json(await self._status())

    async def _get_incidents(self, request: web.Request) -> web.Response:
        live = (model.IncidentStatus.OPEN, model.IncidentStatus.ACKNOWLEDGED)
        statuses = None if request.query.get("all") else live
        return _json({"incidents": await self._library.incidents(statuses=statuses)})

    async def _get_why(self, request: web.Request) -> web.Response:
        key, now = request.match_info["key"], self._clock.now()
        health = {one.source: one for one in await self._library.sources()}
        dossier = await self._library.dossier(key)
        if dossier is not None:
            receipts = await self._library.receipts(key)
            return _json({"why": why.of_incident(dossier, receipts, health, now)})
        subject = await self._library.subject(key)
        if subject is not None:
            alerts = await self._library.alerts(key)
            return _json({"why": why.of_subject(subject, alerts, health, now)})
        return _refused(404, f"there is no incident and no subject {key}")

    async def _post_note(self, request: web.Request) -> web.Response:
        body = await request.json()
        by, text = str(body.get("by") or ""), str(body.get("text") or "")
        if not by or not text:
            return _refused(400, "a note needs its text, and who writes it")
        incident = request.match_info["id"]
        return await self._act(incident, "note", model.Noted(incident=incident, by=by, text=text))

    async def _post_act(self, request: web.Request) -> web.Response:
        incident, act = request.match_info["id"], request.match_info["act"]
        by = str((await request.json()).get("by") or "")
        if not by:
            return _refused(400, "who does it? the request names nobody in `by`")
        dossier = await self._library.dossier(incident)
        if dossier and dossier.incident.status is model.IncidentStatus.RESOLVED:
            return _refused(409, f"{incident} is over already")
        if dossier and act in _OF_REMEDY:
            remedy = dossier.incident.remedy
            if remedy is None:
                return _refused(409, f"no change of bandwidth is proposed for {incident}")
            if why := remedy.objection():
                return _refused(409, f"{incident}: {why}")
        return await self._act(incident, act, _ACTS[act](incident, by))

    async def _act(self, incident: str, act: str, command: model.Command) -> web.Response:
        """Put a command in and answer when it has been stepped."""
        if await self._library.dossier(incident) is None:
            return _refused(404, f"there is no incident {incident}")
        key = f"{act}/{incident}/{time.token()}"
        await self._inbox.submit(key, command, self._clock.now())
        self._ingest.ring()
        if not await self._stepped(key):
            return _refused(
                504, f"{act} of {incident} is recorded, but nobody has acted on it yet; see status"
            )
        dossier = await self._library.dossier(incident)
        return _json({"incident": dossier and dossier.incident})

    async def _get_silences(self, _: web.Request) -> web.Response:
        return _json({"silences": await self._library.silences(self._clock.now())})

    async def _post_silence(self, request: web.Request) -> web.Response:
        """Add a silence that begins now; `seconds` is its length."""
        now = self._clock.now()
        try:
            wanted = msgspec.convert(await request.json(), _Silence)
        except (ValueError, msgspec.ValidationError) as error:
            return _refused(400, f"this is no silence: {error}")
        silence = model.Silence(
            id=f"s-{time.token()[:8]}",
            matchers=wanted.matchers,
            begin=now,
            end=now + timedelta(seconds=wanted.seconds),
            by=wanted.by,
            comment=wanted.comment,
        )
        key = f"silence/{silence.id}"
        await self._inbox.submit(key, model.Silenced(silence=silence), now)
        self._ingest.ring()
        if not await self._stepped(key):
            return _refused(504, f"{silence.id} is recorded, but nobody has acted on it yet")
        if all(each.id != silence.id for each in await self._library.silences(now)):
            matchers = " ".join(map(str, silence.matchers))
            return _refused(
                400,
                f"{matchers or 'nothing'} cannot be silenced: expected rule, subject, source, "
                "severity or labels.NAME before each sign, and a time that is not over",
            )
        return _json({"silence": silence})

    async def _post_expire(self, request: web.Request) -> web.Response:
        silence, now = request.match_info["id"], self._clock.now()
        by = str((await request.json()).get("by") or "")
        if all(each.id != silence for each in await self._library.silences(now)):
            return _refused(404, f"there is no silence {silence} that is not over")
        key = f"unsilence/{silence}/{time.token()}"
        await self._inbox.submit(key, model.Unsilenced(silence=silence, by=by), now)
        self._ingest.ring()
        if not await self._stepped(key):
            return _refused(504, f"the end of {silence} is recorded, but nobody has acted on it")
        return _json({"expired": silence})

    async def _post_reload(self, _: web.Request) -> web.Response:
        try:
            return _json({"reloaded": await self._reload()})
        except model.FaultyConfigError as error:
            return _refused(422, str(error))

    async def _stepped(self, key: str) -> bool:
        deadline = self._clock.monotonic() + ANSWER_SECONDS
        while not await self._library.consumed(key):
            if self._clock.monotonic() > deadline:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True


async def ask(path: Path, method: str, resource: str, body: object = None) -> Any:
    """Ask the daemon behind the socket at `path`, and return its answer.

    Raises model.PermanentError in the daemon's own words, or when there is no daemon.
    """
    connector = aiohttp.UnixConnector(str(path))
    data = None if body is None else msgspec.json.encode(body)
    try:
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, f"http://watcher{resource}", data=data) as response,
        ):
            answer = msgspec.json.decode(await response.read())
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, PermissionError):
            sentence = f"you may not open {path}: try it as root"
        else:
            sentence = f"no daemon listens on {path}: is it running? (systemctl status watcher)"
        raise model.PermanentError(sentence) from error
    except (aiohttp.ClientError, msgspec.DecodeError) as error:
        raise model.PermanentError(f"what answers on {path} is no Watcher: {error}") from error
    if "error" in answer:
        raise model.PermanentError(answer["error"])
    return answer


@asynccontextmanager
async def _listening(app: web.Application, path: Path) -> AsyncIterator[None]:
    _clear(path)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        before = os.umask(0o777 & ~MODE)
        try:
            await web.UnixSite(runner, path).start()
        except OSError as error:
            raise model.PermanentError(
                f"the control socket {path} cannot be made ({error.strerror}): "
                "set [control] socket to a path in a directory that Watcher may write to"
            ) from error
        finally:
            os.umask(before)
        yield
    finally:
        await runner.cleanup()
        _clear(path)


def _clear(path: Path) -> None:
    """Remove our socket, or the one that a killed daemon left; the lease says who is alive."""
    try:
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    except FileNotFoundError:
        pass


def _json(body: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


def _refused(status: int, sentence: str) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode({"error": sentence}),
        content_type="application/json",
    )
