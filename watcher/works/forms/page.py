"""An HTML page as people see it: lines of text and rows of tables, in their order.

Law: a page is text. Scripts and styles are dropped, nothing is fetched, and no nesting can make
it cost more than its length.
"""

from __future__ import annotations

import quopri
from html.parser import HTMLParser

from msgspec import Struct, field

_HIDDEN = frozenset({"script", "style", "head", "title", "template"})
_BREAKS = frozenset({"br", "p", "div", "li", "hr", "h1", "h2", "h3", "h4", "table", "ul", "ol"})
_DEEPEST = 50  # tables in tables


class Table(Struct):
    """The rows of one table; text of a table within a cell is not the cell's."""

    rows: list[list[str]] = field(default_factory=list)
    before: int = 0  # how many lines of text come before it
    open_cell: list[str] | None = None


class Page(HTMLParser):
    """Reads a page: `lines` are its text outside of tables' cells, `tables` in their order."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self.tables: list[Table] = []
        self._words: list[str] = []
        self._open: list[Table] = []
        self._hidden = 0
        self.feed(unquote(source))
        self.close()
        self._end_line()
        while self._open:
            self._end_cell(self._open.pop())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  # HTMLParser calls it so
        """Begin what a tag begins; a cell or a row ends the one before it."""
        if tag in _HIDDEN:
            self._hidden += 1
        table = self._open[-1] if self._open else None
        if tag == "table" and len(self._open) < _DEEPEST:
            self._end_line()
            inner = Table(before=len(self.lines))
            self.tables.append(inner)
            self._open.append(inner)
        elif tag == "tr" and table is not None:
            self._end_cell(table)
            table.rows.append([])
        elif tag in {"td", "th"} and table is not None:
            self._end_cell(table)
            if not table.rows:
                table.rows.append([])
            table.open_cell = []
        elif tag in _BREAKS:
            self._break()

    def handle_endtag(self, tag: str) -> None:
        """End what a tag ends."""
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        table = self._open[-1] if self._open else None
        if table is not None and tag in {"td", "th", "tr"}:
            self._end_cell(table)
        elif table is not None and tag == "table":
            self._end_cell(self._open.pop())
        elif tag in _BREAKS:
            self._break()

    def handle_data(self, data: str) -> None:
        """Add text to the cell that is open, or else to the line."""
        if self._hidden:
            return
        cell = self._open[-1].open_cell if self._open else None
        (self._words if cell is None else cell).append(data)
        if cell is not None and not data.isspace():
            # Mails lay out their text in tables as well: it is a line too, of its own.
            self._words.append(data)

    def _break(self) -> None:
        cell = self._open[-1].open_cell if self._open else None
        if cell is not None:
            cell.append(" ")
        self._end_line()

    def _end_cell(self, table: Table) -> None:
        if table.open_cell is not None:
            table.rows[-1].append(" ".join("".join(table.open_cell).split()))
            table.open_cell = None
        self._end_line()

    def _end_line(self) -> None:
        line = " ".join("".join(self._words).split())
        self._words = []
        if line:
            self.lines.append(line)


def unquote(source: str) -> str:
    """Return a page that is still quoted-printable, as it travels in a mail, in plain form."""
    if "=3D" not in source and "=\n" not in source and "=\r\n" not in source:
        return source
    return quopri.decodestring(source.encode()).decode(errors="replace")
