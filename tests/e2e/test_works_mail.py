"""Notices by mail and as files reach the daemon, and a mailbox that fails is an incident."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import aiomqtt
import pytest

from tests.e2e.test_on_call import verb
from tests.eventually import eventually
from tests.fakes import carrier_messages as carrier
from tests.fakes.imap import PASSWORD, USER, FakeImap
from watcher.clock import SystemClock
from watcher.store import store

BLIND = """
  - name: source-blind
    source: "*"
    blind: 1s
    severity: warning
    title: "{{ source }} cannot be seen: {{ error }}"
"""


@pytest.fixture
async def mailbox():
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(FakeImap().serving())


@pytest.fixture
def notices(home, mailbox):
    """Return the folder of an installation that reads notices."""
    folder = home / "works"
    folder.mkdir()
    settings = (
        '[works]\ndirectory = "works"\ninterval = "200ms"\nblind_after = "1s"\n'
        f'[works.imap]\nhost = "127.0.0.1"\nport = {mailbox.port}\ntls = false\n'
        f"username = '{USER}'\npassword = '{PASSWORD}'\n"
    )
    config, rules = home / "config.toml", home / "rules.yaml"
    config.write_text(config.read_text() + settings)
    rules.write_text(rules.read_text() + BLIND)
    return folder


def message(work: str) -> bytes:
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)  # noqa: TID251  # the daemon runs by this clock
    listed = carrier.circuits(("1-AAA", "Outage"))
    window = carrier.window(begin, begin + timedelta(hours=4))
    return carrier.mail(page=carrier.lumen_page(work, (window, listed)), message_id=work)


async def works(home) -> set[str]:
    async with store.open_to_read(f"sqlite:///{home}/watcher.db", clock=SystemClock()) as opened:
        return {work.notice.id for work in await opened.queries.works()}


async def test_notices_come_by_mail_and_as_files_and_are_read_once(daemon, home, notices, mailbox):
    mailbox.add(message("1001"))
    mailbox.add(b"Message-ID: <lunch>\r\nSubject: Lunch\r\n\r\nLunch?\r\n")
    async with daemon() as running:
        (notices / "a.eml").write_bytes(message("1002"))

        async def are_read() -> bool:
            return {"1001", "1002"} <= await works(home)

        await eventually(are_read)
        assert [path.name for path in (notices / "imported").iterdir()] == ["a.eml"]
        [kept] = (notices / "rejected").glob("*.reason.txt")
        assert "Lunch" in kept.read_text()
        assert await running.stop() == 0
    mailbox.add(message("1003"))
    async with daemon():

        async def is_read() -> bool:
            return "1003" in await works(home)

        await eventually(is_read)
    assert mailbox.sent == 3


async def test_a_login_that_is_refused_is_an_incident_and_no_empty_calendar(
    world, daemon, notices, mailbox, mosquitto
):
    home = notices.parent
    mailbox.faults["LOGIN"] = f"NO [AUTHENTICATIONFAILED] {PASSWORD} is wrong"
    async with daemon() as running:

        async def is_posted() -> bool:
            return any("works" in json.dumps(parent) for parent in await world.parents())

        await eventually(is_posted)
        status = await verb(home, "status")
        assert "refuses the login of 'noc@example.net'" in status
        assert PASSWORD not in status + running.log.read_text()
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            await client.subscribe("watcher/sources/works")
            health = json.loads((await anext(aiter(client.messages))).payload)
        assert health["sight"] == "blind"
        checked = await verb(home, "check", "--connect")
        assert "works.imap" in checked
        assert "set works.imap.username and works.imap.password" in checked
        mailbox.faults.clear()

        async def is_seen() -> bool:
            return "works" in (shown := await verb(home, "status")) and "refuses" not in shown

        await eventually(is_seen)
