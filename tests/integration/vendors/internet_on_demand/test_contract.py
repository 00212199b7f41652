"""The Internet On-Demand client against Prism, a mock server run on the vendor's own document.

Prism checks every request against the document and answers with what the document allows. The
document is Lumen's and stays out of this repository: WATCHER_VENDOR_DOCS names its folder, else it
is looked for beside the checkout. Without it there is nothing to check against, not even in CI.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.servers import node
from tests.servers.programs import unavailable
from watcher import model
from watcher.vendors.http.api import VendorApi
from watcher.vendors.internet_on_demand.client import Connection, ConnectionsClient, Order

PRISM = "@stoplight/prism-cli@5.14.2"
REPO = Path(__file__).parents[4]

pytestmark = pytest.mark.timeout(400)  # the first run installs Prism


@pytest.fixture(scope="module")
def document(tmp_path_factory) -> Path:
    """The document, without the words around it."""
    folder = Path(os.environ.get("WATCHER_VENDOR_DOCS", REPO.parent / "shared" / "vendor-docs"))
    for page in sorted(folder.glob("*.txt")):
        _, mark, text = page.read_text(encoding="utf-8").partition("openapi: 3")
        if mark and "/internet-on-demand/connections:" in text:
            file = tmp_path_factory.mktemp("iod") / "openapi.yaml"
            file.write_text(mark + text, encoding="utf-8")
            return file
    reason = f"no OpenAPI document of Internet On-Demand in {folder}: set WATCHER_VENDOR_DOCS"
    if folder.is_dir():
        unavailable(reason)
    pytest.skip(f"{reason} (it is not ours to publish, so a clone has none)")


@pytest.fixture(scope="module")
def prism(document) -> str:
    """Prism's program; installed once, into the cache of the user who runs the tests."""
    return str(node.modules(PRISM) / ".bin" / "prism")


@pytest.fixture(params=["static", "dynamic"])
async def prism_url(request, prism, document, unused_port):
    """Run Prism on a free port; it answers with examples, or with anything the document allows."""
    words = ["mock", str(document), "--host", "127.0.0.1", "--port", str(unused_port), "--errors"]
    if request.param == "dynamic":
        words.append("--dynamic")
    process = await asyncio.create_subprocess_exec(
        prism, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    output = ""
    async with asyncio.timeout(60):
        while "is listening on" not in output:
            line = await process.stdout.readline()
            assert line, f"Prism ended: {output}"
            output += line.decode()
    drain = asyncio.create_task(process.stdout.read())
    yield f"http://127.0.0.1:{unused_port}"
    process.terminate()
    await process.wait()
    await drain


@pytest.fixture
def client(prism_url, connect, oauth2_account) -> ConnectionsClient:
    return ConnectionsClient(connect(oauth2_account, url=prism_url, seconds=20))


@pytest.mark.covers("iod/list", "iod/one", "iod/create", "iod/set-bandwidth", "iod/judged")
async def test_every_request_and_every_answer_agree_with_the_vendors_own_document(client):
    inventory = await client.all()
    assert inventory.complete
    for connection in inventory.connections:
        assert connection.status in {"active", "provisioning", "suspended", "terminated", ""}
    (connection,) = await asyncio.gather(client.connection("conn 1/2"), return_exceptions=True)
    # Nothing is required of a connection, so Prism may well leave its id out.
    assert isinstance(connection, Connection) or "without an id" in str(connection)
    await client.create(location="LOC-1", mbps=2000, description="backup")
    assert await client.set_bandwidth("conn 1/2", 500, reference="w") == Order()


@pytest.mark.covers("iod/judged", "iod/401-404")
async def test_a_request_without_a_token_is_refused(prism_url, connect):
    with pytest.raises(model.PermanentError, match="answered 401"):
        await ConnectionsClient(connect(url=prism_url, seconds=20)).all()


@pytest.mark.covers("iod/judged")
async def test_a_request_that_the_document_does_not_allow_is_refused(
    prism_url, connect, oauth2_account
):
    api: VendorApi = connect(oauth2_account, url=prism_url, seconds=20)
    reply = await api.send("POST", "/internet-on-demand/connections", {"bandwidth": 5})
    assert 400 <= reply.status < 500
