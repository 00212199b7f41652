"""A report's PDF is decoded and checked before anybody gets it."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.vendors.diagnostics.report import (
    MAX_BYTES,
    UnusableError,
    decode_pdf,
    describe_pdf,
    pdf_filename,
)

CONTENT = b"%PDF-1.4\n\xfb\xff\xbe\x00 body"
ENCODED = base64.b64encode(CONTENT).decode()


@pytest.mark.covers("diag/prefix")
@pytest.mark.parametrize(
    "text",
    [
        "data:application/pdf;base64," + ENCODED,
        "data:application/pdf;base64" + ENCODED,
        "DATA:Application/PDF;charset=utf-8;BASE64,\n" + ENCODED,
        ENCODED,
        "  " + ENCODED + "\n",
        "\r\n".join(ENCODED[i : i + 7] for i in range(0, len(ENCODED), 7)),
        ENCODED.rstrip("="),
        ENCODED + "==",
        base64.urlsafe_b64encode(CONTENT).decode(),
        "data:application/pdf;base64," + base64.urlsafe_b64encode(CONTENT).decode().rstrip("="),
    ],
)
def test_every_way_of_writing_base64_is_decoded(text):
    assert decode_pdf(text) == CONTENT


@pytest.mark.covers("diag/before-pdf")
@pytest.mark.parametrize(
    "before", [b"\n", b"\r\n\r\n", b" ", b"\xef\xbb\xbf", b"%!PS-Adobe-3.0\n", b"\0" * 1024]
)
def test_what_is_short_and_before_a_pdf_is_accepted_as_viewers_do(before):
    assert decode_pdf(base64.b64encode(before + CONTENT).decode()) == before + CONTENT


@given(st.binary(max_size=200))
def test_whatever_was_encoded_comes_back_byte_for_byte(tail):
    content = b"%PDF-" + tail
    assert (
        decode_pdf("data:application/pdf;base64," + base64.b64encode(content).decode()) == content
    )


@given(st.text())
def test_any_text_is_a_pdf_or_a_sentence(text):
    try:
        assert b"%PDF-" in decode_pdf(text)
    except UnusableError as error:
        assert str(error)  # noqa: PT017  # either outcome is right, but nothing else may be raised


@pytest.mark.covers("diag/pdf-broken")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("data:application/pdf;base64,%%%" + ENCODED, "not valid base64"),
        (ENCODED + "A", "not valid base64"),
        ("é" + ENCODED, "not valid base64"),
        ("data:application/pdf;base64,", "is not a PDF"),
        (base64.b64encode(b"<!DOCTYPE html>").decode(), "is not a PDF"),
        (base64.b64encode(b" " * 1025 + b"%PDF-1.4").decode(), "is not a PDF"),
    ],
)
def test_what_is_not_a_pdf_is_reported_in_words(text, sentence):
    with pytest.raises(UnusableError, match=sentence):
        decode_pdf(text)


@pytest.mark.covers("diag/huge")
def test_ten_megabytes_are_accepted_and_one_byte_more_is_not():
    largest = CONTENT + b"0" * (MAX_BYTES - len(CONTENT))
    assert decode_pdf(base64.b64encode(largest).decode()) == largest
    with pytest.raises(UnusableError, match="larger than 10 MB"):
        decode_pdf(base64.b64encode(largest + b"0").decode())


def test_a_text_far_beyond_the_cap_is_refused_before_it_is_copied():
    with pytest.raises(UnusableError, match="larger than 10 MB"):
        decode_pdf("A" * (MAX_BYTES * 2 + 1))


def test_a_report_is_named_and_measured():
    report = describe_pdf(CONTENT, run="r-1", service_id="SVC1", pages=2, preview=True)
    assert report.filename == "diagnostics-SVC1-r-1.pdf"
    assert (report.size, report.pages, report.preview) == (len(CONTENT), 2, True)
    assert report.sha256 == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    ("service_id", "run", "name"),
    [
        ("../../etc/passwd", "r1", "diagnostics-etc-passwd-r1.pdf"),
        ("<!channel>\r\n", "r1", "diagnostics-channel-r1.pdf"),
        ("L/KFFN/123 456", "a.b", "diagnostics-L-KFFN-123-456-a-b.pdf"),
        ("…", "", "diagnostics.pdf"),
    ],
)
def test_a_file_name_has_only_safe_characters(service_id, run, name):
    assert pdf_filename(service_id, run) == name


def test_a_file_name_is_short():
    assert len(pdf_filename("S" * 5_000, "r" * 5_000)) < 150
