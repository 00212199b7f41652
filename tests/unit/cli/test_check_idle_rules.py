"""`watcher check` names the rules that match nothing of what the daemon has seen."""

from __future__ import annotations

import pytest

from tests.fakes import factories
from watcher.clock import SystemClock
from watcher.store import store

CONFIG = """
rules = ["rules.yaml"]

[store]
url = "sqlite:///{folder}/w.db"

[accounts.lumen]
kind = "oauth2"
token_url = "https://127.0.0.1:1/token"
client_id = "watcher"
client_secret = "unused"

[sources.vyvx]
kind = "vyvx"
account = "lumen"
base_url = "https://127.0.0.1:1"
"""
RULES = """
rules:
  - {name: used, source: vyvx, transition: {field: state, to: offline}}
  - name: idle
    source: vyvx
    where: labels.customer == "nobody"
    transition: {field: state, to: offline}
"""
NOTE = "note: rules that match nothing that was seen: idle"


@pytest.fixture
def config(tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES)
    file = tmp_path / "config.toml"
    file.write_text(CONFIG.format(folder=tmp_path))
    return file


async def keep(folder, *kept):
    clock = SystemClock()
    async with store.open(f"sqlite:///{folder / 'w.db'}", clock=clock) as database:
        token = await database.leadership.acquire("ops1")
        await database.commits.commit(token, factories.commit(*kept))


async def test_a_rule_that_matches_nothing_of_what_was_seen_is_named(tmp_path, config, watcher):
    await keep(tmp_path, factories.subject("vyvx/1"), factories.health())
    done = await watcher("check", "-c", str(config))
    assert NOTE in done.out.splitlines(), done


async def test_nothing_is_said_before_the_source_was_seen(tmp_path, config, watcher):
    before_any_start = await watcher("check", "-c", str(config))
    assert "match nothing" not in before_any_start.out
    await keep(tmp_path, factories.subject("vyvx/1"))
    done = await watcher("check", "-c", str(config))
    assert "match nothing" not in done.out
