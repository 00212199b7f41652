"""The page that lists incidents."""

from __future__ import annotations

import pytest

from tests.fakes import sample_data
from tests.unit.web.test_pages import Tags, words
from watcher.web import history


@pytest.fixture
async def night(serve, reader):
    sample_data.bad_night(reader)
    reader.open(
        sample_data.incident("w-drill", source="drill", flags=("drill",), title="DRILL: nothing")
    )
    async with serve() as site:
        yield site


async def test_what_is_open_and_what_was_is_listed_and_drills_are_apart(night):
    page = words((await night.get("/incidents")).text)
    assert "NYC Arena uplink is offline" in page
    assert "resolved Chicago feed 3 is offline Recovered; critical, since" in page
    assert "DRILL" not in page
    drills = words((await night.get("/incidents?drills=only")).text)
    assert "DRILL: nothing" in drills
    assert "NYC Arena" not in drills


async def test_the_list_is_filtered_by_the_address_and_the_form_shows_it(night):
    answer = await night.get("/incidents?status=acknowledged&severity=&q=paris&rule=&from=")
    page = words(answer.text)
    assert "Paris to London" in page
    assert "NYC Arena" not in page
    fields = [names for tag, names in Tags(answer.text).seen if tag in {"input", "option"}]
    assert any(field.get("value") == "paris" for field in fields)
    assert any(field.get("value") == "acknowledged" and "selected" in field for field in fields)


async def test_a_long_list_goes_on_where_it_ended(serve, reader, monkeypatch):
    monkeypatch.setattr(history, "PER_PAGE", 2)
    sample_data.bad_night(reader)
    seen, address = [], "/incidents"
    async with serve() as site:
        while address:
            answer = await site.get(address)
            links = [names for tag, names in Tags(answer.text).seen if tag == "a"]
            seen += [link["href"] for link in links if link["href"].startswith("/incidents/")]
            older = [link["href"] for link in links if link.get("rel") == "next"]
            address = older[0] if older else ""
    assert sorted(seen) == sorted(f"/incidents/{name}" for name in reader.kept)


async def test_what_the_wall_does_not_show_is_listed_behind_its_counts(serve, reader):
    sample_data.full_house(reader, subjects=100, incidents=60)
    async with serve() as site:
        board = await site.get("/")
        links = [names["href"] for tag, names in Tags(board.text).seen if tag == "a"]
        rest = [link for link in links if link.startswith("/incidents?status")]
        assert len(rest) >= 3
        for link in rest:
            listed = await site.get(link)
            assert "none fits" not in words(listed.text), link
