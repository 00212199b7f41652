"""The first page of a PDF is drawn in a process of its own, within limits."""

from __future__ import annotations

import asyncio
import io
import os
import random
import signal
import subprocess
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from datetime import timedelta

import pytest
from PIL import Image

from tests.eventually import eventually
from watcher.sandbox.worker import _stop
from watcher.vendors.diagnostics.preview import PdfPreviewer, Preview


def worker(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-c", code)


async def test_the_first_page_is_drawn_and_the_pages_are_counted(make_pdf):
    page = await PdfPreviewer().render(make_pdf(pages=3))
    assert (page.pages, page.error) == (3, "")
    image = Image.open(io.BytesIO(page.png))
    assert image.size == (1200, 1553)
    assert image.convert("L").getextrema()[0] < 128, "something is written on it"


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((0, 0), (1200, 1553)),
        ((612, 100_000), (15, 2400)),
        ((14_400, 14_400), (1200, 1200)),
        ((5_000, 2), (1200, 1)),
    ],
)
async def test_a_page_of_absurd_size_gives_a_picture_of_bounded_size(make_pdf, size, drawn):
    page = await PdfPreviewer().render(make_pdf(size=size))
    assert Image.open(io.BytesIO(page.png)).size == drawn


def written(*objects: str) -> bytes:
    """Write a PDF by hand: its objects, numbered from 1, the first of which is the catalogue."""
    pdf, offsets = b"%PDF-1.7\n", []
    for number, text in enumerate(objects, start=1):
        offsets.append(len(pdf))
        pdf += f"{number} 0 obj\n{text}\nendobj\n".encode()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    return (
        pdf
        + (
            f"xref\n0 {size}\n0000000000 65535 f \n{table}"
            f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(pdf)}\n%%EOF\n"
        ).encode()
    )


def form(value: str) -> bytes:
    """Write a page with nothing on it but a field, filled as by a program that draws no fields."""
    return written(
        "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] /NeedAppearances true"
        " /DA (/Helv 24 Tf 0 g) /DR << /Font << /Helv 5 0 R >> >> >> >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Annots [4 0 R] >>",
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (verdict) /F 4 /Rect [50 600 550 650]"
        f" /DA (/Helv 24 Tf 0 g) /P 3 0 R /V ({value}) >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )


def darkest(png: bytes) -> int:
    return Image.open(io.BytesIO(png)).convert("L").getextrema()[0]


@pytest.mark.covers("diag/form")
@pytest.mark.parametrize("value", ["Power failure at the site", "No trouble found"])
async def test_a_filled_field_of_a_form_is_drawn(value):
    preview = await PdfPreviewer().render(form(value))
    assert (preview.pages, preview.error) == (1, "")
    assert darkest(preview.png) < 64


@pytest.mark.covers("diag/form")
@pytest.mark.parametrize("failure", ["os.kill(os.getpid(), 11)", "sys.exit(1)", "print('odd')"])
async def test_a_form_that_breaks_the_drawing_costs_only_the_form(failure):
    code = (
        "import os, sys\n"
        "from watcher.vendors.diagnostics import preview_worker as worker\n"
        f"if 'without-forms' not in sys.argv: {failure}; sys.exit(1)\n"
        "worker.main()\n"
    )
    preview = await PdfPreviewer(worker=worker(code)).render(form("x"))
    assert (preview.pages, preview.error) == (1, "")


async def test_the_second_try_is_within_the_same_time():
    code = "import sys, time\ntime.sleep(60 if 'without-forms' in sys.argv else 0)\nsys.exit(1)"
    preview = await PdfPreviewer(worker=worker(code), timeout=timedelta(seconds=2)).render(b"")
    assert preview.error == "rendering the PDF took more than 2 s"


@pytest.mark.covers("diag/password")
async def test_a_pdf_that_needs_a_password_says_so():
    locked = written(
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>",
        f"<< /Filter /Standard /V 1 /R 2 /P -44 /O <{'00' * 32}> /U <{'00' * 32}> >>",
    ).replace(b"/Root 1 0 R", b"/Root 1 0 R /Encrypt 4 0 R /ID [<01> <01>]")
    preview = await PdfPreviewer().render(locked)
    assert preview == Preview(error="the PDF needs a password")


@pytest.mark.covers("diag/before-pdf")
@pytest.mark.parametrize("before", [b"\n", b"\xef\xbb\xbf", b"%" + b"x" * 1000 + b"\n"])
async def test_what_is_short_and_before_a_pdf_does_not_keep_it_from_being_drawn(make_pdf, before):
    preview = await PdfPreviewer().render(before + make_pdf())
    assert (preview.pages, preview.error) == (1, "")
    assert darkest(preview.png) < 128


BROKEN = {
    "html": b"%PDF-1.4\n<html><body>Service unavailable</body></html>",
    "signature alone": b"%PDF-1.7",
    "noise": b"%PDF-1.4\n" + random.Random(1).randbytes(100_000),  # noqa: S311  # no secret
    "nothing": b"",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
async def test_a_broken_pdf_gives_a_sentence(content):
    page = await PdfPreviewer().render(content)
    assert page == Preview(error="the PDF cannot be opened")


async def test_a_truncated_pdf_gives_a_sentence(make_pdf):
    whole = make_pdf()
    page = await PdfPreviewer().render(whole[: len(whole) // 4])
    assert page == Preview(error="the PDF cannot be opened")


async def test_a_pdf_whose_pages_are_missing_gives_a_sentence(make_pdf):
    page = await PdfPreviewer().render(make_pdf().replace(b"/Type /Page\n", b"/Type /Pig\n"))
    assert page == Preview(error="the PDF cannot be opened")


async def test_a_pdf_that_claims_ten_thousand_pages_costs_one(make_pdf):
    whole = make_pdf().replace(b"/Count 1", b"/Count 10000")
    page = await PdfPreviewer().render(whole)
    assert Image.open(io.BytesIO(page.png)).width == 1200


async def test_javascript_in_a_pdf_is_not_run(make_pdf):
    trap = b"/OpenAction << /S /JavaScript /JS (while \\(true\\) {}) >> /Type /Catalog"
    whole = make_pdf().replace(b"/Type /Catalog", trap)
    assert trap in whole
    page = await PdfPreviewer(timeout=timedelta(seconds=20)).render(whole)
    assert page.png


async def test_a_worker_that_hangs_is_killed_and_the_next_one_draws(make_pdf, tmp_path):
    pid_file = tmp_path / "pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    previewer = PdfPreviewer(worker=worker(code), timeout=timedelta(seconds=0.5))
    began = time.perf_counter()
    page = await previewer.render(make_pdf())
    assert page.error == "rendering the PDF took more than 0.5 s"
    assert time.perf_counter() - began < 5
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    assert (await PdfPreviewer().render(make_pdf())).png


async def test_what_a_flooding_worker_still_had_to_say_does_not_keep_it_from_ending():
    code = "import sys\nwhile True: sys.stdout.buffer.write(b'x' * 65536)"
    process = await asyncio.create_subprocess_exec(
        *worker(code), stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    await process.stdout.readexactly(1_000_000)
    await eventually(lambda: process.stdout._paused)  # a flag of asyncio's own
    async with asyncio.timeout(10):
        await _stop(process)
    assert process.returncode == -signal.SIGKILL


async def test_a_worker_that_floods_is_stopped(make_pdf):
    code = "import sys\nwhile True: sys.stdout.buffer.write(b'x' * 65536)"
    previewer = PdfPreviewer(worker=worker(code), timeout=timedelta(seconds=90))  # a busy machine
    page = await previewer.render(make_pdf())
    assert page.error == "the picture of the PDF is too large"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import os; os.kill(os.getpid(), 11)", "the PDF cannot be opened"),
        ("raise SystemExit(3)", "the PDF cannot be opened"),
        ("print('no picture')", "the PDF cannot be rendered"),
        ("print('1')", "the PDF cannot be rendered"),
    ],
    ids=["crash", "exit", "babble", "no picture"],
)
async def test_a_worker_that_fails_costs_a_sentence(make_pdf, code, error):
    big = make_pdf() + b"\n%" + b"0" * 1_000_000  # more than a pipe holds
    page = await PdfPreviewer(worker=worker(code)).render(big)
    assert page.error == error


async def test_two_pdfs_are_drawn_one_after_the_other(make_pdf, tmp_path):
    code = (
        "import pathlib, sys, time\n"
        f"lock = pathlib.Path({str(tmp_path / 'lock')!r})\n"
        "lock.touch(exist_ok=False)\n"
        "time.sleep(0.1)\n"
        "lock.unlink()\n"
        r"sys.stdout.buffer.write(b'1\n\x89PNG\r\n')"
    )
    previewer = PdfPreviewer(worker=worker(code))
    pages = await asyncio.gather(*(previewer.render(make_pdf()) for _ in range(3)))
    assert [page.error for page in pages] == ["", "", ""]


async def test_the_worker_sees_no_environment(make_pdf, monkeypatch):
    monkeypatch.setenv("WATCHER_SLACK__BOT_TOKEN", "xoxb-secret")
    code = (
        "import os, sys\n"
        "secret = any('WATCHER' in name for name in os.environ)\n"
        r"sys.stdout.buffer.write(b'%d\n\x89PNG\r\n' % (2 if secret else 1))"
    )
    assert (await PdfPreviewer(worker=worker(code)).render(make_pdf())).pages == 1


@pytest.mark.parametrize(
    "act",
    [
        "open('/etc/hostname')",
        "import socket; socket.socket()",
        "bytearray(1 << 30)",
    ],
)
def test_the_worker_gives_up_files_sockets_and_memory(act):
    code = (
        "import socket\nfrom watcher.vendors.diagnostics import preview_worker as worker\n"
        "worker.confine()\n"
        f"try:\n    {act}\nexcept (OSError, MemoryError):\n    raise SystemExit(7)\n"
    )
    ended = subprocess.run(worker(code), check=False, stderr=subprocess.PIPE)
    assert ended.returncode == 7, ended.stderr.decode()


@pytest.mark.parametrize(
    "act",
    [
        "os.open('/etc/hostname', os.O_RDONLY)",
        "os.open(__import__('sys').executable, os.O_WRONLY | os.O_CREAT)",
        "socket.socket()",
        "socket.socketpair()",
        "os.execv('/bin/true', ['true'])",
        "os.fork()",
        "os.kill(os.getppid(), 0)",
        "os.unlink('/nothing/there')",
        "os.mkdir('/tmp/of-a-worker')",
    ],
)
def test_the_kernel_refuses_what_the_worker_does_not_need_even_with_free_descriptors(act):
    code = (
        "import errno, os, socket\n"
        "from watcher.sandbox import confine as sandbox\n"
        "assert sandbox.confine(), 'libseccomp is missing'\n"
        "os.close(0); os.close(1)\n"
        f"try:\n    {act}\n"
        "except OSError as error:\n    raise SystemExit(7 if error.errno == errno.EPERM else 8)\n"
    )
    ended = subprocess.run(worker(code), check=False, stderr=subprocess.PIPE)
    assert ended.returncode == 7, ended.stderr.decode()


def test_without_the_seccomp_the_limits_are_what_is_left():
    code = (
        "import socket\nfrom watcher.sandbox import confine as sandbox\n"
        "sandbox._seccomp = None\nassert not sandbox.confine()\n"
        "try:\n    socket.socket()\nexcept OSError:\n    raise SystemExit(7)\n"
    )
    ended = subprocess.run(worker(code), check=False, stderr=subprocess.PIPE)
    assert ended.returncode == 7, ended.stderr.decode()
