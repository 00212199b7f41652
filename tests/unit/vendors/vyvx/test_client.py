"""Vyvx replies, as documented and as they must be survived."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from structlog.testing import capture_logs

from watcher import model
from watcher.vendors.vyvx.client import MOST_NOTES, STATUS_CAP, VyvxClient
from watcher.vendors.vyvx.statuses import Service, Statuses

NOW = datetime(2019, 1, 2, 15, 4, 5, tzinfo=UTC)


@pytest.fixture
def client(vendor, connect, mpa_account) -> VyvxClient:
    return VyvxClient(connect(mpa_account, url=f"{vendor.url}/vyvx/v1.0", attempts=1))


@pytest.mark.covers("vyvx/status-all")
async def test_the_status_of_all_is_read_as_documented(vendor, client, fixture_bytes):
    vendor.replies(body=fixture_bytes("vyvx/status.json"))
    statuses = await client.statuses()
    assert vendor.asked[0].path == "/vyvx/v1.0/customer/service/_active/status"
    assert statuses == Statuses(
        services={
            "1234567": Service("offline", "online"),
            "9999999": Service("online", "online"),
        },
        time=NOW,
    )


@pytest.mark.covers("vyvx/malformed-entry")
async def test_malformed_entries_cost_only_themselves(vendor, client, fixture_bytes):
    vendor.replies(body=fixture_bytes("vyvx/status_odd.json"))
    statuses = await client.statuses()
    assert statuses.services == {
        "1": Service("Offline", "ONLINE"),
        "2": Service("flummoxed", None),
        "3": Service(None, None),
    }
    assert statuses.unreadable == ("4", "5", "6", "7", "new line", "")
    assert statuses.time == NOW


@pytest.mark.covers("http/hostile-text")
async def test_an_id_of_ten_megabytes_is_unreadable_and_cut(vendor, connect):
    entry = {"state": "online", "ingress_state": "online"}
    body = msgspec.json.encode({"data": {"services": {"x" * 10**7: entry, "1": entry}}})
    vendor.replies(body=body)
    statuses = await VyvxClient(connect(cap=STATUS_CAP)).statuses()
    assert list(statuses.services) == ["1"]
    assert [len(i) for i in statuses.unreadable] == [200]


@pytest.mark.covers("vyvx/empty")
async def test_no_active_reservations_is_an_answer(vendor, client):
    vendor.replies(body=b'{"data": {"services": {}, "time": "2019-01-02T15:04:05.000Z"}}')
    assert await client.statuses() == Statuses(services={}, time=NOW)


@pytest.mark.covers("http/duplicate-keys")
async def test_of_a_service_named_twice_the_later_counts(vendor, client):
    vendor.replies(body=b'{"data":{"services":{"1":{"state":"online"},"1":{"state":"offline"}}}}')
    assert (await client.statuses()).services == {"1": Service("offline")}


@pytest.mark.covers("vyvx/time-places")
@pytest.mark.parametrize(
    ("body", "moment"),
    [
        ('{"data": {"services": {}, "timestamp": "2019-01-02T15:04:05Z"}}', NOW),
        ('{"data": {"services": {}}, "time": "2019-01-02T10:04:05-05:00"}', NOW),
        ('{"data": {"services": {}}, "timestamp": "2019-01-02T15:04:05.000Z"}', NOW),
        ('{"data": {"services": {}, "time": 1546441445}, "time": ""}', "header"),
        ('{"data": {"services": {}}}', "header"),
    ],
)
async def test_the_vendors_time_is_found_wherever_it_stands(vendor, client, body, moment):
    vendor.replies(text=body, headers={"Date": "Wed, 02 Jan 2019 15:00:00 GMT"})
    time = (await client.statuses()).time
    assert time == (NOW.replace(minute=0, second=0) if moment == "header" else moment)


@pytest.mark.covers("http/no-json", "vyvx/smart-quotes")
@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        '"x"',
        "",
        "<html></html>",
        '{"data": null}',
        '{"data": {}}',
        '{"data": {"services": []}}',
        '{"data": {"services": null}}',
        '{"data": {"services": {"1": {"state": "online"',
        "{“data”: {“services”: {“1”: {“state”: “offline”,”ingress_state”: “online”}}}}",
        '{"data": {"services": {"1": {"state": "online"},}}}',
        '{"error": "quota"}',
    ],
)
async def test_a_body_that_is_not_a_status_is_temporary(vendor, client, body):
    vendor.replies(text=body)
    with pytest.raises(model.TemporaryError, match="answered 200"):
        await client.statuses()


async def test_a_reply_without_one_readable_service_is_no_snapshot(vendor, client):
    vendor.replies(text='{"data": {"services": {"1": 1, "2": 2}}}')
    with pytest.raises(model.TemporaryError, match="none of its 2 services"):
        await client.statuses()


@pytest.mark.covers("vyvx/status-one", "vyvx/two-ids")
async def test_the_status_of_one_is_read_even_under_another_key(vendor, client):
    vendor.replies(text='{"data": {"services": {"77": {"state": "offline"}}}}')
    assert await client.status("a/b") == Service("offline")
    assert vendor.asked[0].raw_path == "/vyvx/v1.0/customer/service/a%2Fb/status"


@pytest.mark.covers("vyvx/status-one")
async def test_the_status_of_one_among_others_must_be_named(vendor, client, fixture_bytes):
    vendor.replies(body=fixture_bytes("vyvx/status.json"))
    with pytest.raises(model.TemporaryError, match="without service 5"):
        await client.status("5")


@pytest.mark.covers("vyvx/details", "vyvx/terminal", "vyvx/open-end", "vyvx/offsets", "vyvx/race")
async def test_details_become_labels_bookings_and_notes(vendor, client, fixture_bytes):
    vendor.replies(body=fixture_bytes("vyvx/details.json"))
    details = await client.details("1234567")
    assert vendor.asked[0].path == "/vyvx/v1.0/customer/service/1234567/details"
    assert details.labels == {
        "name": "USA East",
        "po_number": "12345",
        "origin": "COMCAST MEDIA CENTER 1 (DCF)",
        "origin_city": "Centennial",
        "origin_abbr": "DNVRCOCOMCSTDN",
        "origin_country": "US",
        "destination": "DSS | KMTC, ATL TSC",
        "destination_city": "Kings Mountain, Atlanta",
        "destination_abbr": "CHRLNCDSS, ATLNGATSC",
        "destination_country": "US",
    }
    booked = model.Window(
        start=datetime(2021, 1, 29, 21, tzinfo=UTC), end=datetime(2021, 12, 6, 4, 59, tzinfo=UTC)
    )
    assert details.bookings == (
        model.Booking(
            id="1234567",
            scheduled=booked,
            reserved=booked,
            actual=model.Window(start=booked.start),
            activated=(model.Window(start=datetime(2021, 1, 29, 22, 8, 4, 86_000, tzinfo=UTC)),),
        ),
    )
    assert details.notes == (
        "2021-09-29 12:00 UTC: Second note",
        "2021-09-28 16:56 UTC: Test Note",
    )


@pytest.mark.covers("vyvx/open-end", "vyvx/two-ids", "vyvx/several-reservations", "vyvx/terminal")
async def test_odd_details_keep_what_can_be_read(vendor, client, fixture_bytes):
    vendor.replies(body=fixture_bytes("vyvx/details_odd.json"))
    with capture_logs() as logs:
        details = await client.details("1")
    assert details.labels == {
        "name": "Cup final <!channel>",
        "po_number": "4711",
        "destination": "TSC",
    }
    activated = model.Window(start=datetime(2021, 1, 29, 22, 8, 4, 86_000, tzinfo=UTC))
    assert details.bookings == (
        model.Booking(id="1", activated=(activated,), terminal=True),
        model.Booking(id="1"),
    )
    assert details.notes == ("2021-09-28 12:56 UTC: dated", "undated")
    assert logs[0]["answered"] == "7654321"


@pytest.mark.covers("vyvx/status-for-details")
async def test_a_status_in_place_of_details_leaves_them_unavailable(vendor, client):
    vendor.replies(text='{"data": {"services": {"1": {"state": "online"}}}}')
    with pytest.raises(model.TemporaryError, match="details unavailable"):
        await client.details("1")


@pytest.mark.covers("vyvx/ended-404")
async def test_details_of_an_ended_reservation_are_permanently_gone(vendor, client):
    vendor.replies(status=404)
    with pytest.raises(model.PermanentError):
        await client.details("1")


@pytest.mark.covers("http/hostile-text")
async def test_hostile_details_are_bounded(vendor, client):
    note = {"date": "2021-09-28T12:56:00Z", "message": "n" * 10_000}
    place = {"name": "p" * 10_000}
    entry = {"name": "x" * 1_000_000, "notes": [note] * 100, "origins": [place] * 100}
    vendor.replies(body=msgspec.json.encode({"data": {"services": {"1": entry}}}))
    details = await client.details("1")
    assert max(len(text) for text in details.labels.values()) == 200
    assert len(details.notes) == MOST_NOTES
    assert max(len(note) for note in details.notes) < 1_100


@pytest.mark.covers("vyvx/history", "vyvx/history-start", "vyvx/history-order")
async def test_history_is_asked_with_a_start_and_read_oldest_first(vendor, client, fixture_bytes):
    vendor.replies(body=fixture_bytes("vyvx/history.json"))
    alarms = await client.history("1234567", NOW, NOW.replace(day=3))
    assert list(vendor.asked[0].query.items()) == [
        ("start", "2019-01-02T15:04:05.000Z"),
        ("end", "2019-01-03T15:04:05.000Z"),
    ]
    assert alarms == (
        model.AlarmRecord(
            state="degraded",
            message="CC errors",
            start=NOW.replace(hour=16, minute=0, second=0),
            end=NOW.replace(hour=17, minute=0, second=0),
        ),
        model.AlarmRecord(
            state="offline", message="TS Loss", start=NOW.replace(hour=18, minute=0, second=0)
        ),
    )


async def test_services_read_the_same_beside_a_malformed_one(vendor, client, fixture_bytes):
    good = fixture_bytes("vyvx/status.json")
    vendor.replies(body=good)
    alone = await client.statuses()
    vendor.replies(body=good.replace(b'"services": {', b'"services": {"odd": 5, ', 1))
    beside = await client.statuses()
    assert (alone.services, alone.time) == (beside.services, beside.time)
    assert beside.unreadable == ("odd",)


@pytest.mark.covers("vyvx/many")
async def test_two_thousand_reservations_are_one_answer(vendor, client):
    services = {str(n): {"state": "online", "ingress_state": "online"} for n in range(2_000)}
    vendor.replies(body=msgspec.json.encode({"data": {"services": services}}))
    assert len((await client.statuses()).services) == 2_000


@pytest.mark.covers("vyvx/history-pages")
@pytest.mark.parametrize("says", [{"hasNext": "True"}, {"currentPage": 1, "totalPages": 3}])
@pytest.mark.parametrize("place", ["root", "data", "history"])
async def test_a_record_with_further_pages_is_not_taken_for_the_whole(vendor, client, says, place):
    parts = {"root": {}, "data": {}, "history": {}} | {place: says}
    history = {**parts["history"], "events": []}
    data = {**parts["data"], "services": {"1": {"history": history}}}
    vendor.replies(body=msgspec.json.encode({**parts["root"], "data": data}))
    with pytest.raises(model.TemporaryError, match="more pages"):
        await client.history("1", NOW, NOW.replace(day=3))
