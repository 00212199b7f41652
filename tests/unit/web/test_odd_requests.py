"""Whatever a browser or a program asks the board for, it is answered, and never with 500."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.fakes import sample_data
from tests.fakes.fuzzing import examples
from tests.unit.web.conftest import parts
from watcher.web import server
from watcher.web.settings import Web

PATHS = st.sampled_from(
    [
        *(b"/", b"/incidents/", b"/subjects/", b"/api/v1/incidents", b"/api/v1/incidents/"),
        *(b"/api/v1/subjects?", b"/api/v1/sources", b"/static/", b"/healthz", b"/metrics"),
        *(b"/api/v1/incidents?status=", b"/api/v1/incidents?limit=", b"/../", b"/%2e%2e/"),
    ]
)
TAILS = st.binary(max_size=20) | st.text(max_size=10).map(lambda text: text.encode())
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"Host", b"Authorization", b"Accept", b"Range", b"Cookie", b"Expect"]),
        st.binary(max_size=20)
        | st.sampled_from([b"127.0.0.1", b"[::1", b"Basic !!!", b"bytes=0-", b"100-continue"]),
    ),
    max_size=3,
)


@pytest.mark.fuzz
@pytest.mark.parametrize("token", ["", "a token of the board"])
@examples(40)
@example(path=b"/", tail=b"", headers=[(b"Expect", b"\x80")], verb=b"GET")
@example(path=b"/", tail=b"", headers=[(b"Host", b""), (b"Expect", b"100-continue")], verb=b"GET")
@given(path=PATHS, tail=TAILS, headers=HEADERS, verb=st.sampled_from([b"GET", b"HEAD", b"POST"]))
def test_whatever_is_asked_for_is_answered_or_refused(token, path, tail, headers, verb):
    lines = b"".join(b"%s: %s\r\n" % header for header in headers)
    request = b"%s %s%s HTTP/1.1\r\nConnection: close\r\n%s\r\n" % (verb, path, tail, lines)

    async def scenario() -> bytes:
        reader = sample_data.InMemoryReader()
        async with server.serve(
            Web(listen="127.0.0.1:0", token=token),
            stuck=lambda: "",
            ready=lambda: True,
            reporter=sample_data.reporter(reader),
            **parts(reader),
            clock=sample_data.FakeClock(),
        ) as port:
            incoming, outgoing = await asyncio.open_connection("127.0.0.1", port)
            outgoing.write(request)
            outgoing.write_eof()
            async with asyncio.timeout(10):
                answer = await incoming.read()
            outgoing.close()
            return answer

    with capture_logs() as logs:
        answer = asyncio.run(scenario())
    assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert not [line for line in logs if line.get("exc_info")]
    if token:
        assert b" 200 " not in answer.partition(b"\r\n")[0]
