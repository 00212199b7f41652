"""What an answer says of further pages, in whatever spelling its vendor uses."""

from __future__ import annotations

from typing import Any

import msgspec

from watcher import text

_INSIDE = ("pagination", "paging")
_NEXT = ("hasnext", "hasnextpage", "hasmore")
_PAGE = ("currentpage", "pagenumber")
_PAGES = ("totalpages", "pagecount")
_SIZE = ("pagesize",)
_TOTAL = ("totalrecords", "totalelements", "totalcount")
_LISTED = ("resultcount",)
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """What one page says of the whole. A figure is 0 where it is missing or cannot be read.

    `has_next` is None in that case. `total` counts items; so does `listed`, of this page or of the
    whole. `given` is whether the answer says anything of pages at all.
    """

    has_next: bool | None = None
    page: int = 0
    pages: int = 0
    size: int = 0
    total: int = 0
    listed: int = 0
    given: bool = False

    def figures_promise(self, read: int) -> bool:
        """Return whether there are more pages by their number; `read` is how many were read."""
        return self.pages > max(self.page, read)

    def promises(self, read: int) -> bool:
        """Return whether anything says that there are more pages."""
        return self.has_next is True or self.figures_promise(read)

    def doubt(self, read: int) -> str:
        """Return how what it says contradicts itself, or the pages read; empty if it does not."""
        if self.has_next is False and self.figures_promise(read):
            return f"page {max(self.page, read)} of {self.pages} says that it is the last one"
        if 0 < self.pages < read:
            return f"there are more pages than the {self.pages} that are announced"
        if self.given and self.has_next is None and not self.pages:
            return "whether there are more pages cannot be read"
        return ""


def read_paging(body: dict[str, Any]) -> Paging:
    """Read what an answer says of its pages: beside its items, or in an object `pagination`."""
    fields = _normalised(body)
    for name in _INSIDE:
        inside = fields.get(name)
        inside = inside[0] if isinstance(inside, list) and inside else inside
        if isinstance(inside, dict):
            fields |= _normalised(inside)
    has_next = _first(fields, _NEXT)
    return Paging(
        has_next=_WORDS.get(text.as_text(has_next).strip().casefold())
        if not isinstance(has_next, bool)
        else has_next,
        page=_count(_first(fields, _PAGE)),
        pages=_count(_first(fields, _PAGES)),
        size=_count(_first(fields, _SIZE)),
        total=_count(_first(fields, _TOTAL)),
        listed=_count(_first(fields, _LISTED)),
        given=any(name in fields for name in (*_NEXT, *_PAGE, *_PAGES)),
    )


def _normalised(body: dict[str, Any]) -> dict[str, Any]:
    return {key.replace("_", "").replace("-", "").casefold(): body[key] for key in body}


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> object:
    return next((fields[name] for name in names if name in fields), None)


def _count(value: object) -> int:
    if isinstance(value, float) and value.is_integer() and 0 <= value < 1e9:
        return int(value)
    digits = text.as_text(value).strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
