"""Health, metrics, who may read, and what every answer has, over real HTTP."""

from __future__ import annotations

import base64
import re

import pytest
from structlog.testing import capture_logs

from tests.fakes import sample_data
from tests.unit.web.conftest import parts
from watcher import model
from watcher.logs import LimitedLog
from watcher.web import middleware, server
from watcher.web.settings import Web

PAGES = ("/", "/incidents/w-none", "/api/v1/incidents", "/static/watcher.css")


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


async def test_health_is_fine_only_while_progress_is_real(serve):
    reasons = [""]
    async with serve(stuck=lambda: reasons[0]) as site:
        fine = await site.get("/healthz")
        assert (fine.status, fine.text) == (200, "ok")
        reasons[0] = "ingest has made no progress for 31 s"
        stuck = await site.get("/healthz")
        assert (stuck.status, stuck.text) == (503, "ingest has made no progress for 31 s")


async def test_it_is_ready_once_the_state_is_loaded(serve):
    async with serve(ready=lambda: False) as site:
        assert (await site.get("/readyz")).status == 503
    async with serve() as site:
        assert (await site.get("/readyz")).status == 200


async def test_a_database_that_fails_is_no_reason_to_restart(site, reader):
    reader.broken = "database watcher.db is locked"
    assert (await site.get("/healthz")).status == 200


async def test_every_label_set_is_there_from_the_start(site):
    answer = await site.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'watcher_source_polls_total{outcome="failed",source="vyvx"} 0.0' in answer.text
    assert 'watcher_delivery_owed{receiver="noc"} 0.0' in answer.text


async def test_metrics_are_openmetrics_for_who_accepts_that(site, reader):
    reader.open(sample_data.incident("w-drill", source="drill", flags=("drill",)))
    answer = await site.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    assert "_created" not in answer.text
    [drill] = re.findall(r"^watcher_drill_last_timestamp_seconds (\S+)$", answer.text, re.MULTILINE)
    assert float(drill) == sample_data.BEGIN.timestamp()
    plain = await site.get("/metrics", Accept="text/html")
    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize("path", ["/healthz", "/metrics", *PAGES])
async def test_a_reader_without_the_token_is_refused(serve, path):
    async with serve(token="open-sesame") as site:
        refused = await site.get(path)
        assert refused.status == 401
        assert refused.headers["WWW-Authenticate"].startswith("Basic ")  # so that a browser asks
        assert "open-sesame" not in refused.text
        for header in ("Bearer open-sesame", "bearer open-sesame", basic("open-sesame")):
            assert (await site.get(path, Authorization=header)).status in {200, 404}


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer open-sesam",
        "Bearer open-sesame2",
        "open-sesame",
        "Digest open-sesame",
        "Basic open-sesame",
        "Basic !!!",
        "Basic " + base64.b64encode(b"open-sesame").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        basic(""),
        "Bearer \xf6\xe9",
    ],
)
async def test_what_is_not_the_token_opens_nothing(serve, header):
    async with serve(token="open-sesame") as site:
        assert (await site.get("/", Authorization=header)).status == 401


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_token_only_names_of_loopback_are_answered(site, path):
    for name in ("rebound.example", "rebound.example:9464", "[", ""):
        assert (await site.get(path, Host=name)).status in {400, 421}
    for name in (f"127.0.0.1:{site.port}", "localhost", "[::1]:9464"):
        assert (await site.get(path, Host=name)).status in {200, 404}


async def test_health_and_metrics_answer_by_any_name(site):
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await site.get(path, Host="ops1.example")).status == 200


async def test_with_a_token_any_name_is_answered(serve):
    async with serve(token="open-sesame") as site:
        answer = await site.get("/", Authorization="Bearer open-sesame", Host="ops1.example")
        assert answer.status == 200


@pytest.mark.parametrize("path", [*PAGES, "/healthz", "/nowhere"])
async def test_every_answer_is_inert(site, path):
    headers = (await site.get(path)).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", PAGES)
async def test_nothing_can_be_changed(site, method, path):
    answer = await site.get(path, method=method)
    assert answer.status == 405
    assert "read-only: this method is not allowed" in answer.text


@pytest.mark.parametrize("path", ["/", "/static/watcher.css", "/api/v1/sources", "/healthz"])
async def test_a_head_is_answered_without_a_body(site, path):
    answer = await site.get(path, method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../settings.py",
        "/static/..%2fsettings.py",
        "/static/%2e%2e/settings.py",
        "/static/board.html",
        "/incidents/../../etc/passwd",
        "/incidents/..%2f..%2fetc%2fpasswd",
        "/incidents/",
        "/subjects/",
        "/subjects/../../etc/passwd",
        "/subjects/vyvx%2f%00",
        "/subjects/vyvx/%0d%0aSet-Cookie:%20a=b",
        "/subjects/vyvx/%ff",
        "/subjects/" + "x" * 2_000,
        "/api/v1/incidents/w-1/reports/../../../../etc/passwd",
        "/api/v1/incidents/w-1/reports/..%2f..%2fr.pdf",
        "/api/v1/incidents/w-1/reports/r%00.pdf",
        "/api/v1/nothing",
        "/.git/config",
        "//etc/passwd",
    ],
)
async def test_tricks_with_paths_find_nothing(site, path):
    answer = await site.get(path)
    assert answer.status == 404, answer.text
    assert "Set-Cookie" not in answer.headers
    if path.startswith("/api/"):
        assert answer.json["status"] == answer.status


async def test_an_address_in_use_is_said_in_words(site, serve, reader, clock):
    with pytest.raises(model.PermanentError, match="cannot listen on"):
        async with server.serve(
            Web(listen=f"127.0.0.1:{site.port}"),
            stuck=lambda: "",
            ready=lambda: True,
            reporter=sample_data.reporter(reader),
            **parts(reader),
            clock=clock,
        ):
            pass


async def test_wrong_tokens_are_answered_ever_later_and_are_a_few_lines(serve, monkeypatch):
    waited = []

    async def sleep(seconds):
        if seconds:  # aiohttp yields with 0
            waited.append(seconds)

    monkeypatch.setattr(middleware.asyncio, "sleep", sleep)
    async with serve(token="open-sesame") as site:
        with capture_logs() as logs:
            for number in range(30):
                await site.get("/", Authorization=f"Bearer wrong-{number}")
        tried = len(waited)
        assert (await site.get("/", Authorization="Bearer open-sesame")).status == 200
        assert (await site.get("/")).status == 401  # a browser asks without one first
    assert waited[:4] == [0.25, 0.5, 1.0, 2.0]
    assert (max(waited), len(waited), tried) == (8.0, 30, 30)
    assert {line["event"] for line in logs} == {"wrong token"}
    assert {line["peer"] for line in logs} == {"127.0.0.1"}
    assert len(logs) == LimitedLog.MOST
    assert "wrong-" not in str(logs)


def test_the_peers_whose_wrong_tokens_are_counted_are_bounded():
    wrong = middleware._WrongTokens()
    for number in range(2 * middleware.MOST_PEERS):
        wrong.delay(str(number))
    assert len(wrong._tried) == middleware.MOST_PEERS


async def test_few_reports_are_sent_at_a_time_and_the_next_one_has_to_wait(serve, monkeypatch):
    monkeypatch.setattr(middleware, "LARGE_BODIES", 0)
    async with serve() as site:
        answer = await site.get("/api/v1/incidents/w-1/reports/r-1.pdf")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "10"
