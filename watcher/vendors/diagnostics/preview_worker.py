"""The worker process that renders one page of a PDF, in a sandbox of its own.

Law: PDFium is C++ on hostile input and not thread-safe, so it runs here alone, once, in a process
that may use little memory and time and open neither file nor socket. It reads the PDF on stdin and
writes the number of pages, a line feed and a PNG on stdout. Filled form fields are drawn, unless
`without-forms` is an argument: a form that breaks the drawing must not cost the picture. A number
is the page to draw, else it is the first.
"""

from __future__ import annotations

import io
import sys

import pypdfium2  # type: ignore[import-untyped]  # it ships no type information
from PIL import Image

from watcher.sandbox.confine import confine
from watcher.vendors.diagnostics.preview import CANNOT_OPEN, NEEDS_PASSWORD, WITHOUT_FORMS

WIDTH = 1200  # pixels
MAX_HEIGHT = 2400


def render(
    document: pypdfium2.PdfDocument, *, page_number: int = 1, forms: bool = True
) -> tuple[int, bytes]:
    """Return the number of pages and one as a PNG. Raises pypdfium2.PdfiumError, IndexError."""
    with document:
        if forms:
            document.init_forms()  # before a page is loaded, or its fields stay blank
        page = document[page_number - 1]
        width, height = page.get_size()
        image = page.render(scale=min(WIDTH / width, MAX_HEIGHT / height)).to_pil()
        png = io.BytesIO()
        image.save(png, format="PNG")
        return len(document), png.getvalue()


def main() -> None:
    """Render the PDF on stdin. Whatever goes wrong ends the process with another code than 0."""
    Image.preinit()  # loads Pillow's plug-ins while files can still be opened
    confine()
    try:
        document = pypdfium2.PdfDocument(sys.stdin.buffer.read())
    except pypdfium2.PdfiumError as error:
        is_locked = error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD
        sys.exit(NEEDS_PASSWORD if is_locked else CANNOT_OPEN)
    wanted = next((int(word) for word in sys.argv if word.isdigit()), 1)
    pages, png = render(document, page_number=wanted, forms=WITHOUT_FORMS not in sys.argv)
    sys.stdout.buffer.write(b"%d\n" % pages + png)


if __name__ == "__main__":
    main()
