"""The worker process that renders the first page of a PDF, in a sandbox of its own.

Law: PDFium is C++ on hostile input and not thread-safe, so it runs here alone, once, in a process
that may use little memory and time and open neither file nor socket. It reads the PDF on stdin and
writes the number of pages, a line feed and a PNG on stdout.
"""

from __future__ import annotations

import io
import resource
import sys

import pypdfium2  # type: ignore[import-untyped]  # it ships no type information
from PIL import Image

WIDTH = 1200  # pixels
MAX_HEIGHT = 2400
MEMORY = 512 * 1024 * 1024  # bytes of address space, libraries included
CPU_SECONDS = 15


def render(pdf: bytes) -> tuple[int, bytes]:
    """Return the number of pages and the first as a PNG. Raises pypdfium2.PdfiumError."""
    with pypdfium2.PdfDocument(pdf) as document:
        page = document[0]
        width, height = page.get_size()
        image = page.render(scale=min(WIDTH / width, MAX_HEIGHT / height)).to_pil()
        png = io.BytesIO()
        image.save(png, format="PNG")
        return len(document), png.getvalue()


def confine() -> None:
    """Give up what rendering does not need; nothing in this process can take it back."""
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 3),  # stdin, stdout and stderr are open; nothing else will be
    ):
        inherited = resource.getrlimit(limit)[1]
        bounded = value if inherited == resource.RLIM_INFINITY else min(value, inherited)
        resource.setrlimit(limit, (bounded, bounded))


def main() -> None:
    """Render the PDF on stdin. Whatever goes wrong ends the process with exit code 1."""
    Image.preinit()  # loads Pillow's plug-ins while files can still be opened
    confine()
    pages, png = render(sys.stdin.buffer.read())
    sys.stdout.buffer.write(b"%d\n" % pages + png)


if __name__ == "__main__":
    main()
