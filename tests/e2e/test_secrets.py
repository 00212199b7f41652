"""Every secret is a canary, everybody who is asked repeats it, and it comes out at no door."""

from __future__ import annotations

import asyncio
import io
import re
import sys

import aiohttp
import pytest
from aiohttp import web
from typer.testing import CliRunner

from tests.eventually import eventually
from tests.servers.ports import free_port
from watcher import cli, logs, settings
from watcher.daemon import app
from watcher.daemon.secrets import secrets_in
from watcher.http.redaction import Redactor

CONFIG = """
rules = ["rules.yaml"]
[accounts.mpa]
kind = "mpa"
key_id = "key"
secret = "canary-mpa-secret"
[accounts.orange]
kind = "oauth2"
token_url = "{url}/token/orange"
client_id = "id"
client_secret = "canary-orange secret+/"
[accounts.lumen]
kind = "oauth2"
token_url = "{url}/token/lumen"
client_id = "id"
client_secret = "canary-lumen-secret"
[sources.vyvx]
kind = "vyvx"
account = "mpa"
base_url = "{url}/api"
[sources.evpl]
kind = "evpl"
account = "orange"
base_url = "{url}/api"
operator_code = "OP"
application_id = "APP"
[sources.iod]
kind = "internet_on_demand"
account = "lumen"
base_url = "{url}/api"
[receivers.noc]
kind = "slack"
channel = "C0123456789"
[receivers.broken]
kind = "webhook"
url = "{url}/broken/canary-in-a-path"
secret = "canary-webhook-secret"
[receivers.bridge]
kind = "webhook"
url = "{url}/bridge/canary-in-another-path"
[receivers.programs]
kind = "mqtt"
[slack]
bot_token = "xoxb-canary-bot"
app_token = "xapp-canary-app"
api_url = "{url}/slack"
[mqtt]
port = {closed}
username = "watcher"
password = "canary-mqtt-password"
[web]
listen = "127.0.0.1:{port}"
token = "canary-web-token"
[control]
socket = "c.sock"
[heartbeat]
url = "{url}/heartbeat/canary-heartbeat"
"""
RULES = "rules: [{name: blind, source: '*', blind: 1s}]"
TOKEN = "canary-access-token"


class Echo:
    """Answers everybody with everything that was sent, as an error; keeps what `bridge` is sent."""

    def __init__(self) -> None:
        self.documents: list[bytes] = []
        self.posts: list[bytes] = []
        self.asked: set[str] = set()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{what}/{rest:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.Response:
        what, body = request.match_info["what"], await request.read()
        self.asked.add(request.path if what == "token" else what)
        repeated = (
            f"{dict(request.headers)} {request.path_qs} {body[:500].decode(errors='replace')}"
        )
        if what == "bridge":
            self.documents.append(body)
            return web.Response(status=204)
        if what == "slack":
            self.posts.append(body)
            error = {"ok": False, "error": "invalid_auth", "needed": repeated}
            return web.json_response(error | {"response_metadata": {"messages": [repeated]}})
        if request.path == "/token/lumen":
            return web.json_response({"access_token": TOKEN, "expires_in": 300})
        error = {"error": "invalid_client", "error_description": repeated, "message": repeated}
        status = {"api": 403, "token": 401}.get(what, 500)
        headers = {"X-Request-Id": request.headers.get("Authorization", "none")}
        return web.json_response(error, status=status, headers=headers)


async def get(port: int, path: str) -> bytes:
    headers = {"Authorization": "Bearer canary-web-token"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return await response.read()


@pytest.fixture
def log(monkeypatch):
    """What the daemon logs, as the journal would keep it."""
    lines = io.StringIO()
    monkeypatch.setattr(sys, "stdout", lines)
    logs.configure()
    yield lines
    logs.hide(str)


async def test_no_secret_comes_out_at_any_door(tmp_path, log, monkeypatch):
    echo, port = Echo(), free_port()
    runner = web.AppRunner(echo.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(url=url, port=port, closed=free_port()))
    (tmp_path / "rules.yaml").write_text(RULES)
    loaded, stop = settings.load(config), asyncio.Event()
    secrets = [*secrets_in(loaded), TOKEN]
    canaries = [secret for secret in secrets if "canary" in secret]
    for canary in re.findall(r'canary[^"]*', CONFIG):
        assert any(canary in secret for secret in canaries), f"{canary} is missed"
        canaries.append(canary)

    async def shown(*words: str) -> bytes:
        done = await asyncio.to_thread(
            CliRunner().invoke, cli.program, [*words, "--config", str(config)]
        )
        return done.output.encode()

    async def everybody_has_failed() -> bool:
        status = (await shown("status")).decode()
        for name in ("noc", "broken", "programs", "vyvx", "evpl", "iod"):
            (line,) = [line for line in status.splitlines() if line.split()[:1] == [name]]
            assert "failing" in line or "blind" in line
        return any(b"receiver" in document for document in echo.documents)

    async with asyncio.TaskGroup() as group:
        group.create_task(app.run(loaded, stop=stop))
        try:
            await eventually(everybody_has_failed)
            outcome = {
                "status": await shown("status") + await shown("status", "--json"),
                "incidents": await shown("incidents", "--all"),
                "board": await get(port, "/"),
                "metrics": await get(port, "/metrics"),
                "api": await get(port, "/api/v1/incidents") + await get(port, "/api/v1/sources"),
                "connect": await shown("check", "--connect"),
            }
        finally:
            stop.set()
    await runner.cleanup()
    outcome |= {
        "documents": b"".join(echo.documents),
        "Slack": b"".join(echo.posts),
        "log": log.getvalue().encode(),
    }
    outcome |= {path.name: path.read_bytes() for path in tmp_path.glob("watcher.db*")}
    assert "watcher.db" in outcome
    wanted = {"/token/orange", "/token/lumen", "api", "slack", "broken", "bridge", "heartbeat"}
    assert wanted <= echo.asked
    redact = Redactor(canaries)
    for name, written in outcome.items():
        text = written.decode(errors="replace")
        assert "***" in text or name not in {"status", "log"}, name
        assert redact(text) == text, f"a secret is in {name}"
        assert "canary" not in text, name
