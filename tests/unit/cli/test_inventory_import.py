"""`watcher inventory import`: circuits of NetBox and Nautobot become an inventory that loads."""

from __future__ import annotations

import pytest
import yaml
from aiohttp import web

from watcher import ruleset
from watcher.rule_tests import schema
from watcher.rule_tests.load import traits
from watcher.vendors.catalog import VENDORS


def netbox_circuit(number, provider="Orange Business", **more):
    return {
        "cid": f"LD{number}",
        "provider": {"id": 1, "name": provider, "slug": "orange"},
        "status": {"value": "active", "label": "Active"},
        "tenant": {"name": "acme"},
        "commit_rate": 500_000,
        "termination_a": {"termination": {"name": "PAR1"}, "termination_type": "dcim.site"},
        "termination_z": {"site": {"name": "LON2", "slug": "lon2"}},
        **more,
    }


@pytest.fixture
async def serve():
    runners = []

    async def start(handler):
        app = web.Application()
        app.router.add_get("/api/circuits/circuits/", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


def load(path):
    return ruleset.load(
        [str(path.parent / "r.yaml")],
        inventory=path,
        sources={kind: traits(kind, schema.Source(kind=kind)) for kind in VENDORS},
        receivers=(),
    )


async def test_two_thousand_circuits_come_page_by_page_and_load(
    serve, watcher, monkeypatch, tmp_path
):
    tokens, pages = set(), []

    async def answer(request):
        tokens.add(request.headers.get("Authorization"))
        offset, limit = int(request.query.get("offset", 0)), int(request.query["limit"])
        pages.append(offset)
        end = min(offset + limit, 2_000)
        # As behind a proxy that NetBox does not know of: another host, which gets no token.
        following = f"http://internal.example/api/circuits/circuits/?limit={limit}&offset={end}"
        return web.json_response(
            {
                "results": [netbox_circuit(n) for n in range(offset, end)],
                "next": following if end < 2_000 else None,
            }
        )

    monkeypatch.setenv("NETBOX_TOKEN", "t0k3n")
    file = tmp_path / "inventory.yaml"
    none = str(tmp_path / "none.toml")
    done = await watcher(
        "inventory", "import", "--netbox", await serve(answer), "-o", str(file), "-c", none
    )
    assert done.code == 0, done.err
    assert f"{file}: written, 2,000 circuits" in done.out
    assert (tokens, len(pages)) == ({"Token t0k3n"}, 10)
    (tmp_path / "r.yaml").write_text("rules: [{name: b, source: '*', blind: 5m}]")
    entry = load(file).inventory.entry("evpl/LD7", {})
    assert entry.labels == {
        "provider": "Orange Business",
        "site": "PAR1",
        "site_z": "LON2",
        "tenant": "acme",
    }
    assert entry.expected_mbps == 500
    assert (entry.circuit_ids, entry.provider) == (("LD7",), "Orange")


async def test_nautobot_is_read_as_well_and_a_refused_token_is_said(serve, watcher, tmp_path):
    circuit = {
        "cid": "C1",
        "provider": {"name": "Lumen"},
        "status": {"name": "Active"},
        "commit_rate": None,
        "circuit_termination_a": {"location": {"name": "DEN"}},
    }
    none = str(tmp_path / "none.toml")

    async def answer(request):
        return web.json_response({"results": [circuit], "next": None})

    async def refuse(request):
        return web.json_response({"detail": "Invalid token"}, status=403)

    done = await watcher("inventory", "import", "--nautobot", await serve(answer), "-c", none)
    assert yaml.safe_load(done.out)["subjects"] == {
        "internet_on_demand/C1": {
            "circuit_ids": ["C1"],
            "provider": "Lumen",
            "labels": {"provider": "Lumen", "site": "DEN"},
        }
    }
    done = await watcher("inventory", "import", "--nautobot", await serve(refuse), "-c", none)
    assert done.code == 1
    assert "refuses the token (HTTP 403)" in done.err


async def test_an_export_maps_providers_to_sources_and_names_what_is_left_out(watcher, tmp_path):
    export = tmp_path / "circuits.csv"
    export.write_text(
        "Circuit ID,Provider,Status,Side A,Side Z,Commit Rate (Kbps),Description\n"
        "LD1,Orange,Active,PAR1,LON2,100000,x\n"
        "LD2,Orange,Decommissioned,PAR1,LON2,,gone\n"
        "Z1,Zayo,Active,DEN,,,x\n"
        "Y1,Some Telco,Active,DEN,,,x\n",
        encoding="utf-8-sig",
    )
    none = str(tmp_path / "none.toml")
    done = await watcher(
        "inventory", "import", "--netbox", str(export), "--map", "zayo=lines", "-c", none
    )
    subjects = yaml.safe_load(done.out)["subjects"]
    assert sorted(subjects) == ["evpl/LD1", "lines/Z1"]
    assert {key: (entry["circuit_ids"], entry["provider"]) for key, entry in subjects.items()} == {
        "evpl/LD1": (["LD1"], "Orange"),
        "lines/Z1": (["Z1"], "Zayo"),
    }
    assert 'left out: 1 circuit of Some Telco; --map "Some Telco=SOURCE"' in done.err


async def test_what_the_inventory_has_already_is_left_out_and_no_file_is_written_over(
    watcher, tmp_path
):
    export = tmp_path / "circuits.csv"
    export.write_text("cid,provider\nLD1,Orange\nLD2,Orange\n")
    (tmp_path / "inventory.yaml").write_text("subjects: {lines/LD1: {labels: {a: b}}}\n")
    config = tmp_path / "config.toml"
    config.write_text(
        'inventory = "inventory.yaml"\n[sources.lines]\nkind = "evpl"\n'
        'operator_code = "a"\napplication_id = "b"\n'
    )
    words = ("inventory", "import", "--netbox", str(export), "-c", str(config))
    done = await watcher(*words)
    assert list(yaml.safe_load(done.out)["subjects"]) == ["lines/LD2"]
    assert "in the inventory already: 1 circuit" in done.err
    done = await watcher(*words, "-o", str(tmp_path / "inventory.yaml"))
    assert done.code == 1
    assert "exists: name a new file" in done.err
