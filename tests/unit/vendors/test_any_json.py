"""Whatever JSON a vendor sends, reading it gives a value or a TemporaryError, and nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from watcher import model
from watcher.http import exchange
from watcher.vendors.evpl.client import join_pages, parse_page
from watcher.vendors.http import errors
from watcher.vendors.vyvx.client import _FIRST, parse_details, parse_history
from watcher.vendors.vyvx.statuses import StatusReader

WORDS = (  # noqa: SIM905  # one word a line would fill a page
    "data services state ingress_state time timestamp name po_number notes origins destinations"
    " reservations schedule scheduled actual activated terminal start end history events interval"
    " message id 1 entries hasNext objectInstanceId metric_name performanceValues timeStamp value"
    " code error detail exception fault faultstring description"
).split()
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "online", "2021-09-28T12:56:00-04:00", "9999-12-31T23:59:59-14:00"])
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=25,
)
services = st.fixed_dictionaries(
    {"data": st.fixed_dictionaries({"services": st.dictionaries(st.just("1"), anything)})}
)


def reply(body: bytes, status: int = 200) -> exchange.Reply:
    return exchange.Reply(
        place="GET /x", status=status, headers=CIMultiDictProxy(CIMultiDict()), body=body
    )


READERS = {
    "statuses": lambda text: StatusReader().read(text),
    "details": lambda text: parse_details(text, "1"),
    "history": lambda text: parse_history(text, "1"),
    "page": lambda text: join_pages([parse_page(text)[0]]),
}


def survives(read, body: bytes) -> None:
    try:
        read(reply(body))
    except model.TemporaryError as error:
        assert str(error).startswith("GET /x")  # noqa: PT017  # what else is raised fails the test


@pytest.mark.covers("http/any-json")
@pytest.mark.parametrize("name", READERS)
@given(body=anything | services)
def test_any_json_is_survived(name, body):
    survives(READERS[name], json.dumps(body, allow_nan=False).encode() if _finite(body) else b"")


@pytest.mark.covers("http/any-json")
@pytest.mark.parametrize("name", READERS)
@given(body=st.binary(max_size=50))
def test_any_bytes_are_survived(name, body):
    survives(READERS[name], body)


@pytest.mark.covers("http/any-json")
@given(body=anything, raw=st.binary(max_size=50), status=st.integers(201, 599))
def test_any_error_reply_gives_a_bounded_sentence(body, raw, status):
    for content in (raw, json.dumps(body).encode()):
        fault = errors.parse_error(reply(content, status), now=_FIRST, redact=lambda text: text)
        text = str(errors.as_exception(fault, "check it"))
        assert f"answered {status}" in text
        assert len(text) < 800
        assert text.isprintable()


def _finite(body: object) -> bool:
    try:
        json.dumps(body, allow_nan=False)
    except ValueError:
        return False
    return True
