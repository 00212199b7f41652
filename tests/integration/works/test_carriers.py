"""Mails of other carriers, read by circuit-maintenance-parser in an environment of its own."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes import carrier_messages as carrier
from watcher import model
from watcher.model import AffectedCircuit, WorkImpact, WorkStatus
from watcher.works.carriers_worker import provider_for
from watcher.works.reader import NoticeError, UnreadError, read_notices

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PYTHON = Path(__file__).parents[3] / ".venv" / "works" / "bin" / "python"
needs_parser = pytest.mark.skipif(
    not PYTHON.exists() and not os.environ.get("WATCHER_CI"),
    reason="needs circuit-maintenance-parser (make works)",
)
TEXT = """Northwind (AS65001),

Netflix (AS2906) will be performing scheduled maintenance in LA, at 2026-03-10 18:00:00+00:00 UTC.

Expected downtime will be approximately 60 minutes.

Your IPs:
192.0.2.1
2001:db8::1
"""


async def read(mail, python=PYTHON):
    return await read_notices(mail, origin="", now=NOW, parser_python=python)


def mail(text=TEXT, sender="Netflix CDN <cdnetops@netflix.com>"):
    return carrier.mail(text=text, sender=sender, subject="Maintenance", message_id="<7@x>")


@needs_parser
async def test_a_mail_that_we_have_no_reader_for_is_read_by_the_parser():
    (notice,) = await read(mail())
    assert (notice.provider, notice.status, notice.origin) == (
        "netflix",
        WorkStatus.CONFIRMED,
        "mail <7@x>",
    )
    assert [(w.begin.hour, w.end.hour) for w in notice.windows] == [(18, 19)]
    assert notice.circuits == tuple(
        AffectedCircuit(id=name, impact=WorkImpact.OUTAGE) for name in ("192.0.2.1", "2001:db8::1")
    )
    assert notice.sequence is None


@needs_parser
@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (mail(text="Lunch?"), "the mail is not a notice of netflix that can be read"),
        (mail(sender="ann@northwind.example"), "no reader is known for mails of northwind.example"),
        (mail(text=TEXT.replace("2026", "2025")), "is in the past: its last window ended at"),
    ],
)
async def test_what_the_parser_cannot_read_is_a_sentence(message, sentence):
    with pytest.raises(NoticeError, match=sentence):
        await read(message)


@needs_parser
async def test_no_language_model_is_ever_asked(monkeypatch):
    """Its client is not installed either; the variable would lead to it."""
    monkeypatch.setenv("PARSER_OPENAI_API_KEY", "secret")
    with pytest.raises(NoticeError, match="is not a notice of netflix that can be read"):
        await read(mail(text="Lunch?"))


async def test_a_python_that_is_not_there_or_lacks_the_parser_rejects_no_mail(tmp_path):
    """Nobody knows what the mail says: it stays where it is until somebody has put that right."""
    with pytest.raises(model.PermanentError, match=r"parser_python: .*/none: No such") as absent:
        await read(mail(), tmp_path / "none")
    with pytest.raises(model.PermanentError, match="ModuleNotFoundError: No module na") as bare:
        await read(mail(), Path("/usr/bin/python3"))
    assert not any(isinstance(caught.value, NoticeError) for caught in (absent, bare))


async def test_without_the_parser_the_mail_is_no_notice():
    with pytest.raises(NoticeError, match=r"the mail \('Maintenance'\) is not a notice"):
        await read_notices(mail(), origin="", now=NOW)


class Provider:
    def __init__(self, kind, organizer):
        self.get_provider_type = lambda: kind
        self.get_default_organizer = lambda: organizer


@pytest.mark.parametrize(
    ("sender", "kind"),
    [
        ("zayo.com", "zayo"),
        ("mail.zayo.com", "zayo"),
        ("exainfra.net", "gtt"),
        ("colt.net", "colt"),
        ("notzayo.com", None),
        ("lumen.com", None),
        ("", None),
    ],
)
def test_the_senders_domain_says_whose_mail_it_is(sender, kind):
    providers = [
        Provider("genericprovider", None),
        Provider("zayo", "mr@zayo.com"),
        Provider("gtt", "InfraCo.CM@exainfra.net"),
        Provider("colt", "PlannedWorks@colt.example"),
        Provider("lumen", "smc@lumen.com"),
    ]
    provider = provider_for(sender, providers)
    assert (provider and provider.get_provider_type()) == kind


async def test_a_parser_that_is_killed_is_a_passing_failure(tmp_path):
    parser = tmp_path / "python"
    parser.write_text("#!/bin/sh\nkill -9 $$\n")
    parser.chmod(0o755)
    with pytest.raises(UnreadError, match="circuit-maintenance-parser was killed by signal 9"):
        await read(mail(), python=parser)
