"""`watcher report`, over the database of a night that was played."""

from __future__ import annotations

import asyncio
import csv
import io
import json

import pypdfium2
import pytest
from typer.testing import CliRunner

from tests.integration.golden import player
from watcher.cli import program

NIGHT = ("--month", "2026-11")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    addresses = {"URL": "http://127.0.0.1:9", "MQTT_PORT": "1883"}
    home = tmp_path_factory.mktemp("night")
    config = player.furnish(player.DATA / "night", home, addresses)
    asyncio.run(_play(config))
    return config


async def _play(config):
    async with player.open_installation(config, player.PlayedClock()) as installation:
        async for _ in player.play(installation, "night"):
            pass


def report(config, *arguments):
    return CliRunner().invoke(program, ["report", "--config", str(config), *arguments])


def test_a_night_is_reported_as_text_and_as_programs_read_it(config):
    shown = report(config, *NIGHT)
    assert shown.exit_code == 0, shown.output
    assert "14 circuits" in shown.output.splitlines()[0]
    assert all(len(line) <= 80 for line in shown.output.splitlines())
    document = json.loads(report(config, *NIGHT, "--json").output)
    final = next(circuit for circuit in document["circuits"] if circuit["subject"] == "vyvx/100")
    # What the night's journal says of it: 02:02:00 to 02:21:40, and 02:25:00 to 02:29:10.
    first, second, _ = final["outages"]
    assert (first["start"], first["minutes"]) == ("2026-11-21T02:02:00.000Z", 19.67)
    assert (second["start"], second["likely_side"]) == ("2026-11-21T02:25:00.000Z", "source")
    # From its last poll on nothing is known: no daemon ran.
    assert final["minutes"]["blind"] > 9_000
    (row,) = csv.DictReader(
        io.StringIO(report(config, *NIGHT, "--csv", "--subject", "vyvx/100").output)
    )
    assert float(row["down"]) == final["minutes"]["down"]


def test_circuits_can_be_chosen_by_key_and_by_label(config):
    chosen = json.loads(report(config, *NIGHT, "--json", "--label", "customer=acme").output)
    assert [circuit["subject"] for circuit in chosen["circuits"]] == ["vyvx/100"]
    unknown = report(config, *NIGHT, "--subject", "vyvx/999")
    assert unknown.exit_code == 1
    assert "nothing is recorded of vyvx/999 in 2026-11" in str(unknown.exception)


def test_a_page_and_a_pdf_are_written(config, tmp_path):
    page = report(config, *NIGHT, "--html", str(tmp_path / "r.html"))
    assert (page.exit_code, page.output) == (0, f"{tmp_path / 'r.html'}: written\n")
    assert "Cup final" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert report(config, *NIGHT, "--pdf", str(tmp_path / "r.pdf")).exit_code == 0
    page = pypdfium2.PdfDocument(tmp_path / "r.pdf")[0]
    assert "Cup final" in page.get_textpage().get_text_range()
    beyond = report(config, *NIGHT, "--html", str(tmp_path / "none" / "r.html"))
    assert "cannot be written: No such file or directory" in str(beyond.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--month", "November"], "is not a month: write YEAR-MONTH, as in 2026-11"),
        (["--zone", "Paris"], "'Paris' is not a time zone: write UTC or Europe/Paris"),
        (["--label", "acme"], "'acme' is not a label: write NAME=VALUE, as in site=NYC"),
    ],
)
def test_what_is_wrong_is_said_in_words(config, arguments, words):
    refused = report(config, *arguments)
    assert refused.exit_code == 2
    assert words in " ".join(refused.output.replace("│", " ").split())


def test_a_month_to_come_has_no_report(config):
    refused = report(config, "--month", "2999-01")
    assert refused.exit_code == 1
    assert str(refused.exception) == "2999-01 has not begun yet"
