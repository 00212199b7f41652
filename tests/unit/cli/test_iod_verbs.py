"""`watcher iod`, in both dialects."""

from __future__ import annotations

import json
from functools import partial

import pytest
from structlog.testing import capture_logs

from watcher import simulator
from watcher.clock import SystemClock
from watcher.operations import control_socket
from watcher.simulator import scenario
from watcher.store import store

WORLD = """
world:
  iod:
    takes: 1h
    connections:
      c1: {bandwidth: 500 Mbps, location: New York}
      c2: {bandwidth: 1gbps, location: Denver, status: suspended}
"""
SOURCE = """
[sources.{{name}}]
kind = "internet_on_demand"
account = "lumen"
base_url = "{at.lumen_url}"
dialect = "{{dialect}}"
customer_number = "{credentials.lumen_customer_number}"
"""


@pytest.fixture
async def sim():
    async with simulator.Simulator(
        scenario.parse(WORLD, name="iod.yaml"), with_broker=False
    ) as running:
        yield running


def section(name: str, dialect: str) -> str:
    return SOURCE.replace("{{name}}", name).replace("{{dialect}}", dialect)


@pytest.fixture(params=["connections", "naas"])
def config(request, sim, write_config) -> str:
    return str(write_config(sim, section("iod", request.param)))


@pytest.mark.covers("iod/by-hand")
async def test_list_prints_a_line_for_each_connection(config, watcher):
    done = await watcher("iod", "list", "-c", config)
    assert (done.code, done.err) == (0, "")
    first, second = done.out.splitlines()
    assert first.split()[:4] == ["c1", first.split()[1], "500", "Mbps"]
    assert second.split()[:4] == ["c2", second.split()[1], "1", "Gbps"]


@pytest.mark.covers("iod/by-hand")
async def test_list_and_show_print_json_for_programs(config, watcher):
    done = await watcher("iod", "list", "--json", "-c", config)
    assert [connection["bandwidth_mbps"] for connection in json.loads(done.out)] == [500.0, 1000.0]
    done = await watcher("iod", "show", "c2", "--json", "-c", config)
    assert json.loads(done.out)["id"] == "c2"


async def test_a_connection_that_is_not_there_is_a_finding(config, watcher):
    done = await watcher("iod", "show", "c9", "-c", config)
    assert (done.code, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1


async def test_set_bandwidth_asks_and_orders_nothing_after_a_no(sim, config, watcher):
    done = await watcher("iod", "set-bandwidth", "c1", "2Gbps", "-c", config, answer="n\n")
    assert done.code == 1
    assert "from 500 Mbps to 2 Gbps?" in done.out
    assert done.err == "nothing was ordered\n"
    assert not sim.world.on_demand.pending


async def test_set_bandwidth_orders_once_when_it_is_confirmed(sim, config, watcher):
    done = await watcher("iod", "set-bandwidth", "c1", "2 Gbps", "-c", config, answer="y\n")
    assert done.code == 0
    assert done.err.startswith("not counted among the changes of the day: database")
    assert "accepted" in done.out
    assert "`watcher iod show c1`" in done.out
    assert sim.world.on_demand.pending["c1"].bandwidth == "2 Gbps"
    assert sum(sim.world.on_demand.taken.values()) == 1


async def test_a_script_confirms_beforehand(sim, config, watcher):
    done = await watcher("iod", "set-bandwidth", "c1", "600mbps", "--yes", "-c", config)
    assert (done.code, "c1" in sim.world.on_demand.pending) == (0, True)


@pytest.mark.covers("iod/changes-per-day")
async def test_manual_changes_are_counted_with_those_of_the_daemon(
    sim, write_config, watcher, tmp_path
):
    more = section("iod", "naas") + "changes_per_day = 1\n"
    config = str(write_config(sim, more))
    url = f"sqlite:///{tmp_path / 'watcher.db'}"
    async with store.open(url, clock=SystemClock()):
        done = await watcher("iod", "set-bandwidth", "c1", "2Gbps", "--yes", "-c", config)
        assert (done.code, done.err) == (0, "")
        done = await watcher("iod", "set-bandwidth", "c2", "2Gbps", "--yes", "-c", config)
    assert done.code == 1
    assert done.err == (
        "all 1 changes of today are used up, so nothing was ordered;"
        " the limit resets at 00:00 UTC\n"
    )
    assert list(sim.world.on_demand.pending) == ["c1"]


@pytest.mark.covers("iod/changes-per-day")
async def test_the_daemon_counts_a_manual_change(sim, write_config, watcher, tmp_path):
    """It has the database; a second process that writes could lose its commits."""
    more = section("iod", "naas") + '[control]\nsocket = "c.sock"\n'
    config = str(write_config(sim, more))
    counted: list[str] = []

    async def count_change(source: str) -> bool:
        counted.append(source)
        return len(counted) == 1

    async def nothing():
        return {}

    control = control_socket.ControlSocket(
        reader=None,
        commands=None,
        clock=SystemClock(),
        status=nothing,
        reload=nothing,
        count_change=count_change,
    )
    async with control.serve(tmp_path / "c.sock"):
        with capture_logs() as logged:
            words = ("iod", "set-bandwidth", "c1", "2Gbps", "--yes", "--by", "ana", "-c", config)
            done = await watcher(*words)
        assert (done.code, done.err) == (0, "")
        (entry,) = [entry for entry in logged if entry["event"] == "a change is ordered by hand"]
        assert (entry["source"], entry["what"]) == ("iod", "c1 to 2 Gbps")
        assert entry["by"].startswith("ana")
        done = await watcher("iod", "set-bandwidth", "c2", "2Gbps", "--yes", "-c", config)
    assert done.code == 1
    assert "changes of today are used up" in done.err
    assert counted == ["iod", "iod"]
    assert not (tmp_path / "watcher.db").exists()


@pytest.mark.covers("iod/changes-per-day")
async def test_while_a_daemon_has_the_database_nobody_else_writes_to_it(
    sim, write_config, watcher, tmp_path, monkeypatch
):
    config = str(write_config(sim, section("iod", "naas") + '[control]\nsocket = "c.sock"\n'))
    url = f"sqlite:///{tmp_path / 'watcher.db'}"
    async with store.open(url, clock=SystemClock()) as opened:
        await opened.leadership.acquire("ops1")  # and its control socket does not answer
        monkeypatch.setattr(store, "open_alone", partial(store.open_alone, busy_timeout=0.1))
        done = await watcher("iod", "set-bandwidth", "c1", "2Gbps", "--yes", "-c", config)
        day = SystemClock().now().date()
        assert (
            await opened.call_counter.used(
                f"changes/{sim.credentials.lumen_customer_number}", f"{day}"
            )
            == 0
        )
    assert done.code == 0
    assert "not counted among the changes of the day: another daemon (ops1, process" in done.err


async def test_a_script_that_does_not_confirm_orders_nothing(sim, config, watcher):
    done = await watcher("iod", "set-bandwidth", "c1", "600mbps", "-c", config)
    assert (done.code, sim.world.on_demand.pending) == (1, {})


async def test_the_bandwidth_it_has_is_not_ordered_again(sim, config, watcher):
    done = await watcher("iod", "set-bandwidth", "c1", "500Mbps", "--yes", "-c", config)
    assert (done.code, "already" in done.out) == (0, True)
    assert not sim.world.on_demand.pending


async def test_a_change_upon_a_change_is_a_finding(sim, config, watcher):
    await watcher("iod", "set-bandwidth", "c1", "2Gbps", "--yes", "-c", config)
    done = await watcher("iod", "set-bandwidth", "c1", "3Gbps", "--yes", "-c", config)
    assert done.code == 1
    assert "wait until it is done" in done.err


async def test_a_lost_reply_ends_with_the_advice_to_look(sim, config, watcher):
    for endpoint in ("bandwidth", "order"):
        sim.change(fault={"vendor": "lumen", "kind": "drop", "endpoint": endpoint})
    done = await watcher("iod", "set-bandwidth", "c1", "2Gbps", "--yes", "-c", config)
    assert done.code == 1
    assert "check before repeating" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("bandwidth", ["500", "fast", "0.5 Mbps", "5000 Gbps"])
async def test_a_bandwidth_that_cannot_be_ordered_is_a_usage_error(sim, config, watcher, bandwidth):
    done = await watcher("iod", "set-bandwidth", "c1", bandwidth, "--yes", "-c", config)
    assert done.code == 2
    assert bandwidth in done.err
    assert not sim.world.on_demand.pending


async def test_create_orders_a_connection_in_the_published_dialect(sim, write_config, watcher):
    config = str(write_config(sim, section("iod", "connections")))
    done = await watcher("iod", "create", "LOC-1", "1 Gbps", "-c", config, answer="y\n")
    assert done.code == 0
    assert "Order a connection of 1 Gbps at LOC-1?" in done.out
    assert "accepted as conn-" in done.out


@pytest.mark.covers("naas/no-create")
async def test_create_is_refused_where_its_form_is_not_known(sim, write_config, watcher):
    config = str(write_config(sim, section("iod", "naas")))
    done = await watcher("iod", "create", "LOC-1", "1 Gbps", "--yes", "-c", config)
    assert done.code == 1
    assert "portal" in done.err


async def test_one_of_several_sources_must_be_named(sim, write_config, watcher):
    config = str(write_config(sim, section("east", "connections") + section("west", "naas")))
    done = await watcher("iod", "list", "-c", config)
    assert done.code == 2
    assert "--source east|west" in done.err
    done = await watcher("iod", "list", "-c", config, "--source", "west")
    assert done.code == 0


async def test_without_such_a_source_the_configuration_is_invalid(sim, write_config, watcher):
    config = str(write_config(sim, ""))
    done = await watcher("iod", "list", "-c", config)
    assert (done.code, "no source of kind internet_on_demand" in done.err) == (2, True)
    done = await watcher("iod", "list", "-c", config, "--source", "iod")
    assert (done.code, "[sources.iod]" in done.err) == (2, True)
