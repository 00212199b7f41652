"""`watcher check --connect` says what works, what is not entitled and what is misconfigured."""

from __future__ import annotations

import pytest

from watcher import simulator
from watcher.simulator import scenario

WORLD = """
world:
  vyvx:
    services:
      "1": {state: online}
      "2": {state: offline}
      "3": {state: offline}
  evpl:
    lines:
      LD1: {utilization: 60, wobble: 1}
      LD2: {utilization: 20, wobble: 1}
  iod:
    connections:
      c1: {bandwidth: 500 Mbps}
      c2: {bandwidth: "200"}
"""
ALL = """
[accounts.vyvx]
kind = "mpa"
key_id = "{credentials.vyvx_key_id}"
secret = "{credentials.vyvx_secret}"

[accounts.orange]
kind = "oauth2"
token_url = "{at.orange_token_url}"
client_id = "{credentials.orange_client_id}"
client_secret = "{credentials.orange_client_secret}"
calls_per_month = 5000

[sources.vyvx]
kind = "vyvx"
account = "vyvx"
base_url = "{at.vyvx_url}"

[sources.evpl]
kind = "evpl"
account = "orange"
base_url = "{at.orange_url}"
operator_code = "{credentials.orange_operator_code}"
application_id = "{credentials.orange_application_id}"

[sources.iod]
kind = "internet_on_demand"
account = "lumen"
base_url = "{at.lumen_url}"
dialect = "connections"
customer_number = "{credentials.lumen_customer_number}"
bandwidth_unit = "Mbps"

[diagnostics]
account = "lumen"
base_url = "{at.lumen_url}"

[preorder]
account = "lumen"
url = "{at.lumen_url}/pxQualify"
sales_code = "S"

[web]
listen = ""
"""


@pytest.fixture
async def sim():
    async with simulator.Simulator(
        scenario.parse(WORLD, name="check.yaml"), with_broker=False
    ) as running:
        yield running


@pytest.fixture
def check(sim, write_config, watcher):
    """Check the whole config, with a few words of it replaced."""

    async def run(*changes: tuple[str, str]):
        text = ALL
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        done = await watcher("check", "--connect", "-c", str(write_config(sim, text)))
        results = [line for line in done.out.splitlines()[1:] if not line.startswith("note: ")]
        lines = [line.split(maxsplit=2) for line in results]
        return done.code, {(level, name.rstrip(":")): sentence for level, name, sentence in lines}

    return run


async def test_what_works_is_listed_with_what_a_first_poll_saw(check):
    code, results = await check()
    assert code == 0
    assert {level for level, _ in results} == {"ok"}
    assert results["ok", "accounts.lumen"] == "credentials accepted"
    assert "state offline (2), online (1)" in results["ok", "sources.vyvx"]
    assert results["ok", "sources.vyvx"].startswith("sees 3 subjects")
    assert "utilization " in results["ok", "sources.evpl"]
    assert "samples" in results["ok", "sources.evpl"]
    assert (
        results["ok", "sources.iod"]
        == "sees 2 subjects, status active (2), bandwidth_mbps 200 to 500"
    )
    assert (
        "no diagnosis was run, so the entitlement is not verified" in results["ok", "diagnostics"]
    )
    assert "no address was asked for, so the entitlement" in results["ok", "preorder"]


async def test_a_database_that_is_not_there_yet_is_fine_and_not_created(check, tmp_path):
    code, results = await check()
    assert code == 0
    assert results["ok", "store"].endswith("does not exist yet: the daemon creates it")
    assert not (tmp_path / "watcher.db").exists()


async def test_a_folder_in_which_no_database_can_be_created_is_said(check):
    code, results = await check(("[web]", '[store]\nurl = "sqlite:///nowhere/watcher.db"\n[web]'))
    assert code == 1
    assert "does not exist: create it" in results["FAIL", "store"]


async def test_the_state_directory_of_the_unit_is_fine_before_its_first_start(
    check, tmp_path, monkeypatch
):
    monkeypatch.setattr("watcher.store.store.UNIT_STATE", tmp_path / "state")
    url = f"sqlite:///{tmp_path}/state/watcher.db"
    code, results = await check(("[web]", f'[store]\nurl = "{url}"\n[web]'))
    assert code == 0
    assert results["ok", "store"].endswith("the systemd unit creates it when it starts")


async def test_a_database_server_that_does_not_answer_is_said(check, unused_tcp_port):
    url = f"postgresql://watcher:hunter2@127.0.0.1:{unused_tcp_port}/watcher"
    code, results = await check(("[web]", f'[store]\nurl = "{url}"\n[web]'))
    assert code == 1
    assert "cannot be reached" in results["FAIL", "store"]
    assert "hunter2" not in results["FAIL", "store"]


async def test_it_runs_no_diagnosis_asks_px_nothing_and_changes_nothing(sim, check):
    await check()
    asked = set(sim.world.calls)
    assert not asked & {"lumen.diagnostics", "lumen.pxqualify", "lumen.order", "lumen.bandwidth"}


async def test_a_clock_that_is_off_is_named_with_its_span(sim, check):
    sim.change(stale="10m")
    code, results = await check()
    assert code == 1
    assert "behind this machine's: check the clock" in results["WARN", "sources.vyvx"]


async def test_a_refused_signature_names_its_keys(check):
    code, results = await check(("{credentials.vyvx_secret}", "wrong"))
    assert code == 1
    assert "check key_id and secret of [accounts.vyvx]" in results["FAIL", "sources.vyvx"]
    assert ("ok", "sources.evpl") in results


async def test_wrong_credentials_are_reported_at_the_account_and_at_its_sources(check):
    code, results = await check(("{credentials.orange_client_secret}", "wrong"))
    assert code == 1
    assert "client_secret of [accounts.orange]" in results["FAIL", "accounts.orange"]
    assert ("FAIL", "sources.evpl") in results


SLACK = """
[receivers.noc]
kind = "slack"
channel = "{credentials.slack_channel}"

[slack]
bot_token = "{credentials.slack_bot_token}"
app_token = "{credentials.slack_app_token}"
api_url = "{at.slack_api_url}"
"""


async def test_both_tokens_of_slack_are_tried_and_nothing_is_posted(sim, check):
    code, results = await check(("[web]", f"{SLACK}\n[web]"))
    assert code == 0
    assert results["ok", "slack.app_token"] == "may open a socket for buttons and the slash command"
    assert results["ok", "receivers.noc"].startswith("posts to C0123456789 as watcher")
    assert "slack.chat.postMessage" not in sim.world.calls


async def test_a_bot_token_in_place_of_the_apps_is_reported(check):
    swapped = SLACK.replace("slack_app_token", "slack_bot_token")
    code, results = await check(("[web]", f"{swapped}\n[web]"))
    assert code == 1
    assert (
        "set slack.app_token to an app-level token (xapp-...)" in results["FAIL", "slack.app_token"]
    )


VYVX, EVPL, IOD = "sources.vyvx", "sources.evpl", "sources.iod"
# What is wrong in the config or at the vendor, where it is reported, and in which words.
WRONG = {
    "this machine's clock": (
        [],
        {"skew": "20m30s"},
        (VYVX, "this machine's clock is 20 min behind the vendor's: correct it; if"),
    ),
    "the token's address": (
        [("{at.orange_token_url}", "{at.lumen_url}/oauth/token")],
        {},
        ("accounts.orange", "check token_url of [accounts.orange]"),
    ),
    "the API's address": (
        [('"{at.vyvx_url}"', '"{at.vyvx_url}/customer"')],
        {},
        (VYVX, "check base_url"),
    ),
    "the account's name": ([('account = "vyvx"\n', "")], {}, (VYVX, "set `account`")),
    "ApplicationID": (
        [("{credentials.orange_application_id}", "the-portals-own")],
        {},
        (EVPL, "has no subscription; subscribe the application to this API"),
    ),
    "the customer's number": (
        [('"connections"', '"naas"'), ("{credentials.lumen_customer_number}", "1-OTHER")],
        {},
        (IOD, 'set dialect = "connections", or check customer_number'),
    ),
    "a quota that is used up": (
        [],
        {"quota": {"vendor": "orange", "per_month": 9, "used": 9}},
        (EVPL, "rate limit exceeded, or the application's quota is used up"),
    ),
    "a vendor that is down": (
        [],
        {"fault": {"vendor": "vyvx", "kind": "http_503"}},
        (VYVX, "answered 503: an HTML page instead of JSON"),
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_problem_is_reported_where_it_is_with_what_to_do(sim, check, wrong):
    changes, happens, (where, words) = WRONG[wrong]
    if happens:
        sim.change(**happens)
    code, results = await check(*changes)
    assert code == 1
    assert words in results["FAIL", where]
    assert ".;" not in results["FAIL", where]
    assert ("ok", IOD if where == VYVX else VYVX) in results


async def test_a_missing_entitlement_is_not_taken_for_a_wrong_secret(sim, check):
    fault = {"vendor": "lumen", "kind": "http_403", "endpoint": "connections"}
    sim.change(fault=fault)
    sim.change(fault=fault | {"endpoint": "inventory"})
    code, results = await check()
    assert code == 1
    assert ("ok", "accounts.lumen") in results
    assert "not entitled" in results["FAIL", "sources.iod"]


@pytest.mark.covers("evpl/unit-off")
async def test_a_wrong_unit_is_said(check):
    code, results = await check(
        ('application_id = "{credentials', 'unit = "ratio"\napplication_id = "{credentials')
    )
    assert code == 1
    assert "check `unit`" in results["FAIL", "sources.evpl"]


@pytest.mark.covers("iod/bandwidth-unit")
async def test_a_bandwidth_without_a_unit_is_said(check):
    code, results = await check(('bandwidth_unit = "Mbps"', ""))
    assert code == 1
    assert "check `bandwidth_unit`" in results["WARN", "sources.iod"]
    assert "(1 unknown)" in results["ok", "sources.iod"]


@pytest.mark.covers("iod/wrong-dialect")
async def test_the_dialect_that_answers_is_named(sim, check):
    body = {"code": "404", "message": "Not Found"}
    fault = {"vendor": "lumen", "kind": "answer", "status": 404, "body": body}
    sim.change(fault=fault | {"endpoint": "connections"})
    code, results = await check()
    assert code == 1
    assert 'set dialect = "naas"' in results["FAIL", "sources.iod"]


@pytest.mark.covers("iod/wrong-dialect")
async def test_without_a_customer_number_the_other_dialect_is_only_hinted_at(sim, check):
    sim.change(fault={"vendor": "lumen", "kind": "http_404", "endpoint": "connections"})
    _, results = await check(('customer_number = "{credentials.lumen_customer_number}"', ""))
    assert "set dialect and customer_number" in results["FAIL", "sources.iod"]


@pytest.mark.covers("http/budget")
async def test_a_budget_that_cannot_last_the_month_is_said(check):
    code, results = await check(("calls_per_month = 5000", "calls_per_month = 2500"))
    assert code == 1
    assert "2976 calls a month" in results["WARN", "accounts.orange"]


async def test_preorder_without_its_sales_code_is_said(check):
    code, results = await check(('sales_code = "S"', ""))
    assert (code, results["WARN", "preorder"]) == (1, "sales_code is empty")
