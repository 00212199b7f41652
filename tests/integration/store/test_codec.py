"""The stored form of the nouns."""

import base64
import random
import typing
import zlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fakes import factories
from watcher import model, ports
from watcher.store import codec, journal, tables

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)
INSTANTS = st.datetimes(timezones=st.just(UTC))


@given(fields=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), SCALARS))
def test_every_readable_field_survives_with_its_type(fields):
    subject = factories.subject(fields=fields)
    read = codec.SUBJECT.decode(codec.encode(subject))
    assert read == subject
    assert [type(value) for value in read.fields.values()] == [
        type(value) for value in fields.values()
    ]


@given(at=INSTANTS)
def test_an_instant_survives_to_the_microsecond(at):
    moment = tables.Moment()
    stored = moment.process_bind_param(at, None)
    assert moment.process_result_value(stored, None) == at


@given(first=INSTANTS, second=INSTANTS)
def test_instants_sort_in_the_database_as_they_do_in_time(first, second):
    moment = tables.Moment()
    assert (first < second) == (
        moment.process_bind_param(first, None) < moment.process_bind_param(second, None)
    )


def test_another_zone_is_the_same_instant():
    there = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    stored = tables.Moment().process_bind_param(there, None)
    assert stored == tables.Moment().process_bind_param(datetime(2026, 1, 1, tzinfo=UTC), None)


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(TypeError):
        tables.Moment().process_bind_param(datetime(2026, 1, 1), None)  # noqa: DTZ001  # the point


def test_every_command_and_event_has_a_kind():
    assert set(codec._COMMANDS.values()) == set(typing.get_args(model.Command))
    assert set(codec._EVENTS.values()) == set(typing.get_args(model.Event))


def test_a_document_of_an_older_version_gets_the_defaults_of_new_fields():
    old = (
        codec.encode(factories.entry()).replace(',"by":""', "").replace('"text"', '"gone":1,"text"')
    )
    assert codec.ENTRY.decode(old) == factories.entry()


@pytest.mark.parametrize("data", ["", "{", "[]", '{"key": 1}', '{"key": "vyvx/1"}'])
def test_a_broken_document_is_reported_in_words(data):
    with pytest.raises(model.PermanentError, match="a stored Subject cannot be read"):
        codec.SUBJECT.decode(data)


def test_sharing_fields_changes_no_subject():
    subjects = [factories.subject(fields={"a": value}) for value in (1, True, 1.0, 1, "1")]
    shared = list(codec.share_fields(subjects))
    assert shared == subjects
    assert [type(subject.fields["a"]) for subject in shared] == [int, bool, float, int, str]
    assert shared[0].fields is shared[3].fields
    assert shared[3] == replace(subjects[3])


def test_an_alert_of_an_earlier_version_remembers_no_direction():
    row = '{"rule":"full","subject":"evpl/a","state":"firing","since":"2026-11-21T03:00:00Z"}'
    assert codec.ALERT.decode(row).measured is None


@given(since=st.none() | INSTANTS, covered=st.none() | st.timedeltas())
def test_what_an_alert_remembers_of_its_directions_survives(since, covered):
    measured = model.Measured(direction="out", covered=covered, held={"in": None, "out": since})
    alert = model.Alert(
        rule="full",
        subject="evpl/a",
        since=datetime(2026, 11, 21, 12, tzinfo=UTC),
        measured=measured,
    )
    assert codec.ALERT.decode(codec.encode(alert)) == alert


def test_a_long_poll_is_encoded_in_pieces_as_it_would_be_in_one():
    start = datetime(2026, 3, 1, tzinfo=UTC)
    poll = model.Polled(
        source="vyvx",
        seen=tuple(
            model.Observed(key=f"vyvx/{n}", fields={"state": "online"}) for n in range(2_500)
        ),
        samples=tuple(
            model.Sample(
                subject="vyvx/1",
                metric="load",
                direction="in",
                at=start + timedelta(minutes=n),
                value=float(n),
            )
            for n in range(1_001)
        ),
        remarks=('a remark with "seen":[] in it',),
        total=2_500,
    )
    assert codec.encode_event(poll).replace("\n", "") == codec.encode(poll)
    assert codec.decode_record("polled", codec.encode_event(poll)) == poll


def test_a_long_record_is_decoded_in_parts_to_the_same(monkeypatch):
    """One call would keep Python's lock, and so the event loop, for as long as it takes."""
    longest = 0
    decode = codec.Document.decode

    def measured(self, data):
        nonlocal longest
        longest = max(longest, len(data))
        return decode(self, data)

    poll = model.Polled(
        source="vyvx",
        total=9_000,
        seen=tuple(
            model.Observed(key=f"vyvx/{number}", fields={"state": 'on\nl"ine]', "n": 1.5})
            for number in range(9_000)
        ),
        samples=tuple(factories.sample(subject=f"evpl/{number}") for number in range(9_000)),
        remarks=("seen",),
    )
    loaded = ports.Loaded(
        subjects=tuple(factories.subject(key=f"vyvx/{number}") for number in range(9_000)),
        alerts=(factories.alert(),),
    )
    rows = {
        name: [codec.encode(noun) for noun in getattr(loaded, name)]
        for name in ("subjects", "alerts", "works")
    }
    in_lines = journal._unpack(journal._pack(rows, ()))
    for kind, record, text in (
        ("polled", poll, codec.encode(poll)),  # as earlier versions wrote it
        ("polled", poll, codec.encode_event(poll)),
        ("checkpoint", loaded, codec.encode(loaded)),
        ("checkpoint", loaded, in_lines),
    ):
        monkeypatch.setattr(codec.Document, "decode", measured)
        assert codec.decode_record(kind, text) == record
        monkeypatch.setattr(codec.Document, "decode", decode)
        assert longest < len(text) / 100
        with pytest.raises(model.PermanentError, match="cannot be read"):
            codec.decode_record(kind, text[:-1] + ',"complete":7,"subjects":[1]}')


def test_a_checkpoint_is_packed_in_blocks_as_it_would_be_in_one():
    digits = random.Random(1).randbytes(100_000).hex()  # noqa: S311  # hardly gets smaller
    row = codec.encode(factories.subject(labels={"name": digits}))
    packed = journal._pack({"subjects": [row] * 3}, ())
    assert len(packed) > 2 * journal._BLOCK
    text = journal._unpack(packed)
    whole = base64.b85encode(zlib.compress(text.encode(), 1)).decode()
    assert packed == whole  # so that what earlier versions wrote is read, and they read this
    (subject, *_) = codec.decode_record("checkpoint", text).subjects
    assert subject.labels["name"] == digits
