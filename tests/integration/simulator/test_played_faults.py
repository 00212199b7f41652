"""Every fault that the simulated vendors can play, before the real clients."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from yarl import URL

from tests.fakes.vendor_account import make_account
from tests.unit.simulator.conftest import playing
from watcher import model, simulator
from watcher.http import exchange
from watcher.simulator import quotas, world
from watcher.simulator import scenario as script
from watcher.vendors.http.api import VendorApi
from watcher.vendors.vyvx.client import VyvxClient

WORLD = """
world:
  vyvx: {services: {"1": {name: USA East}, "2": {state: offline}}}
  evpl: {lines: {L1: {}}}
  diagnostics: {services: {SVC1: {takes: 0s}}}
"""


@pytest.fixture
def scenario() -> simulator.Scenario:
    return script.parse(WORLD, name="faults.yaml")


@pytest.fixture
def statuses(sim, account_of):
    """Ask for the status of all, as the source does."""
    api = VendorApi(
        account_of("vyvx"), sim.vyvx_url, timeout=timedelta(seconds=5), cap=exchange.MEGABYTE
    )
    return VyvxClient(api).statuses


def vyvx_fault(sim, **fault: object) -> None:
    sim.change(fault={"vendor": "vyvx", **fault})


@pytest.mark.covers(
    "http/hang", "http/reset", "http/no-json", "http/trouble", "http/huge-body", "http/redirect"
)
@pytest.mark.parametrize(
    ("kind", "message", "asked"),
    [
        ("stall", "did not answer completely within", 1),
        ("hang", "did not answer completely within", 1),
        ("reset", "broke off", 3),
        ("torn", "broke off", 3),
        ("truncated", "broke off", 3),
        ("http_502", "answered 502: an HTML page", 3),
        ("http_503", "answered 503", 3),
        ("html", "answered 200 with an HTML page", 1),
        ("empty", "answered 200 with an empty body", 1),
        ("huge", "answered with more than 1 MB", 3),
        ("redirect", "a redirect to https://elsewhere.example/login; redirects are not", 3),
    ],
)
async def test_a_fault_of_the_api_is_temporary_and_in_words(sim, account_of, kind, message, asked):
    slow = timedelta(seconds=0.2 if kind in {"stall", "hang"} else 5)
    api = VendorApi(account_of("vyvx"), sim.vyvx_url, timeout=slow, cap=exchange.MEGABYTE)
    vyvx_fault(sim, kind=kind)
    with pytest.raises(model.TemporaryError, match=message):
        await VyvxClient(api).statuses()
    assert sim.world.calls["vyvx.active"] == asked


@pytest.mark.covers("http/gzip", "http/content-type", "http/duplicate-keys", "http/unknown-fields")
@pytest.mark.parametrize("kind", ["gzip", "mistyped", "doubled", "extra"])
async def test_the_same_in_other_bytes_is_the_same(sim, statuses, kind):
    before = await statuses()
    vyvx_fault(sim, kind=kind)
    assert await statuses() == before
    assert set(before.services) == {"1", "2"}


@pytest.mark.covers("http/429", "http/retry-after")
@pytest.mark.parametrize(
    ("retry_after", "delay"),
    [
        ("", 5),
        ("30", 30),
        (format_datetime(datetime(2026, 5, 14, 12, 1, tzinfo=UTC), usegmt=True), 60),
    ],
)
async def test_a_429_is_waited_out(sim, statuses, clock, retry_after, delay):
    vyvx_fault(sim, kind="http_429", retry_after=retry_after, times=1)
    with pytest.raises(model.TemporaryError) as caught:
        await statuses()
    assert caught.value.delay == delay
    with pytest.raises(model.HeldBackError):
        await statuses()
    clock.advance(delay)
    assert (await statuses()).services
    assert sim.world.calls["vyvx.active"] == 2


async def test_a_fault_can_let_the_first_requests_pass(sim, statuses):
    vyvx_fault(sim, kind="http_400", skip=1, times=1)
    await statuses()
    with pytest.raises(model.PermanentError):
        await statuses()
    await statuses()


@pytest.mark.covers("vyvx/clock-skew")
@pytest.mark.parametrize(("skew", "side"), [("20m", "behind"), ("-20m", "ahead of")])
async def test_a_vendor_whose_clock_is_another_refuses_the_signature(sim, statuses, skew, side):
    sim.change(skew=skew)
    with pytest.raises(model.PermanentError, match=f"clock is 20 min {side} the vendor's"):
        await statuses()


@pytest.mark.covers("http/latency")
def test_latency_has_its_median_and_its_tail_and_is_repeatable():
    latency = quotas.Latency(p50="200ms", p99="2s")
    quota, same = (quotas.Quotas(seed=7, latencies={"vyvx": latency}) for _ in range(2))
    drawn = sorted(quota.delay("vyvx") for _ in range(20_000))
    assert drawn[10_000] == pytest.approx(0.2, rel=0.05)
    assert drawn[19_800] == pytest.approx(2.0, rel=0.15)
    assert sorted(same.delay("vyvx") for _ in range(20_000)) == drawn
    assert quota.delay("orange") == 0


@pytest.mark.covers("http/latency")
async def test_a_slow_vendor_is_waited_for_up_to_the_timeout(sim, account_of, statuses):
    sim.change(latency={"vendor": "vyvx", "p50": "20ms", "p99": "20ms"})
    began = asyncio.get_running_loop().time()
    assert (await statuses()).services
    assert asyncio.get_running_loop().time() - began >= 0.015
    sim.change(latency={"vendor": "vyvx", "p50": "10s", "p99": "10s"})
    hasty = VendorApi(account_of("vyvx"), sim.vyvx_url, timeout=timedelta(seconds=0.05))
    with pytest.raises(model.TemporaryError, match="did not answer completely"):
        await VyvxClient(hasty).statuses()


def test_a_latency_whose_tail_is_before_its_middle_is_refused(sim):
    with pytest.raises(script.ScenarioError, match="p50 must be above 0 and at most p99"):
        sim.change(latency={"vendor": "vyvx", "p50": "2s", "p99": "1s"})


@pytest.mark.covers("http/quota")
async def test_a_quota_a_minute_is_waited_out(sim, statuses, clock):
    sim.change(quota={"vendor": "vyvx", "per_minute": 2})
    await statuses()
    await statuses()
    clock.advance(15)
    with pytest.raises(model.TemporaryError, match="rate limit") as caught:
        await statuses()
    assert caught.value.delay == 45
    clock.advance(45)
    assert (await statuses()).services


@pytest.mark.covers("http/latency", "http/quota")
def test_latency_and_quotas_come_from_the_scenario(clock):
    text = "{latency: {vyvx: {p50: 1s, p99: 1s}}, quotas: {orange: {per_month: 9, used: 9}}}"
    played = world.World(scenario=simulator.parse(f"world: {text}", name="w.yaml"), clock=clock)
    assert played.quotas.delay("vyvx") == 1
    month = datetime(2026, 6, 1, tzinfo=UTC) - played.now()
    assert played.quotas.spend("orange", played.now()) == month.total_seconds()
    assert played.quotas.spend("vyvx", played.now()) is None


@pytest.mark.covers("token/lifetime-text")
@pytest.mark.parametrize(
    ("form", "tokens"), [("own", 1), ("text", 1), ("number", 1), ("missing", 3)]
)
@pytest.mark.parametrize("vendor", ["orange", "lumen"])
async def test_a_lifetime_is_read_however_it_is_written(clock, session, vendor, form, tokens):
    async with playing(f"world: {{tokens: {{told: {form}}}}}", clock) as sim:
        account = make_account(sim, vendor, session, clock)
        for _ in range(3):
            await account.auth.headers("GET", URL("https://x"))
            clock.advance(400)
        assert sim.world.calls[f"{vendor}.token"] == tokens


@pytest.mark.covers("token/lifetime")
async def test_a_token_of_five_seconds_is_replaced_again_and_again(clock, session):
    text = "world: {tokens: {lumen: 5s}, iod: {connections: {c1: {}}}}"
    async with playing(text, clock) as sim:
        api = VendorApi(
            make_account(sim, "lumen", session, clock), sim.lumen_url, timeout=timedelta(seconds=5)
        )
        for _ in range(4):
            await api.get("/internet-on-demand/connections")
            clock.advance(5)
        assert sim.world.calls["lumen.token"] == 4
        assert sim.world.calls["lumen.connections"] == 4


@pytest.mark.covers("token/single-flight", "token/revoked")
async def test_a_storm_of_401_fetches_one_token(sim, account_of):
    api = VendorApi(account_of("lumen"), sim.lumen_url, timeout=timedelta(seconds=5))
    path = "/internet-on-demand/connections"
    await api.get(path)
    sim.change(revoke="lumen")
    sim.world.clock.advance(1)
    await asyncio.gather(*(api.get(path) for _ in range(20)))
    assert sim.world.calls["lumen.token"] == 2


@pytest.mark.covers("token/rotated")
async def test_a_rotated_secret_is_named(sim, account_of):
    api = VendorApi(account_of("lumen"), sim.lumen_url, timeout=timedelta(seconds=5))
    await api.get("/internet-on-demand/connections")
    sim.change(rotate="lumen")
    with pytest.raises(model.PermanentError, match=r"client_secret of \[accounts.lumen\]"):
        await api.get("/internet-on-demand/connections")


@pytest.mark.covers("token/error-as-200")
async def test_a_refusal_that_comes_as_200_is_one(sim, account_of):
    body = {"error": "invalid_client"}
    sim.change(fault={"vendor": "lumen", "kind": "answer", "endpoint": "token", "body": body})
    with pytest.raises(model.PermanentError, match="check client_id and client_secret"):
        await account_of("lumen").auth.headers("GET", URL("https://x"))


OURS = {"client_id": "{id}", "client_secret": "{secret}"}


@pytest.mark.covers("token/wrong-url", "token/refused-as-500")
@pytest.mark.parametrize(
    ("path", "form", "expected"),
    [
        ("oauth/token", {"grant_type": "client_credentials"}, (404, "404")),
        ("oauth/v1/token", {"grant_type": "client_credentials"}, (401, "invalid_client")),
        ("oauth/v1/token", OURS, (500, "invalid_grant_type")),
    ],
)
async def test_the_token_urls_of_old_refuse_in_their_own_way(sim, http, path, form, expected):
    credentials = sim.credentials
    filled = {
        name: value.format(id=credentials.lumen_client_id, secret=credentials.lumen_client_secret)
        for name, value in form.items()
    }
    async with http.post(f"{sim.lumen_url}/{path}", data=filled) as answer:
        body = await answer.json()
    assert (answer.status, body.get("code") or body["ErrorCode"]) == expected


async def test_the_legacy_url_gives_tokens(sim, http):
    credentials = sim.credentials
    form = {
        "grant_type": "client_credentials",
        "client_id": credentials.lumen_client_id,
        "client_secret": credentials.lumen_client_secret,
    }
    async with http.post(f"{sim.lumen_url}/oauth/v1/token", data=form) as answer:
        assert "access_token" in await answer.json()
