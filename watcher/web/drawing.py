"""Draws pages from the templates in assets/.

Law: whatever a template puts into a page is one line, printable, bounded and escaped, because the
environment sees to it for every expression: text from vendors is never interpreted.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from importlib import resources
from typing import Any

import jinja2

from watcher import model, why
from watcher.vendors import texts
from watcher.web import api, board

LONGEST = 1_000  # of one piece of text
STATIC = {"watcher.css": "text/css", "refresh.js": "text/javascript", "icon.svg": "image/svg+xml"}
_SIDES = {
    model.FaultDomain.LUMEN: "likely Lumen side",
    model.FaultDomain.ORANGE: "likely Orange side",
    model.FaultDomain.SOURCE: "likely source side",
    model.FaultDomain.UNDETERMINED: "side at fault undetermined",
}


class Easel:
    """Draws; `instance` is on every page."""

    def __init__(self, instance: str) -> None:
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("watcher.web", "assets"),
            autoescape=True,
            finalize=_tame,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._templates.globals["instance"] = instance
        self._templates.globals["report_address"] = api.report_address
        self._templates.filters |= {
            "time": model.format_time,
            "ago": _ago,
            "side": lambda domain: _SIDES.get(domain, ""),
            "ending": lambda told: why.ENDINGS[told.resolution] if told.resolution else "Resolved",
            "sight": board.sight,
            "telling": board.telling,
            "reached": why.reached,
            "alerted": why.alerted,
            "value": _value,
            "mbps": model.format_mbps,
        }
        self._templates.tests |= {"address": _is_address, "lagging": board.lags}

    def draw(self, template: str, **names: Any) -> str:
        """Draw a page."""
        return self._templates.get_template(template).render(**names)

    def refusal(self, status: int, sentence: str) -> str:
        """Draw the page of a request that cannot be answered."""
        return self.draw("refusal.html", title=HTTPStatus(status).phrase, sentence=sentence)


def static(name: str) -> str:
    """Read a file that pages are made of."""
    return (resources.files("watcher.web") / "assets" / name).read_text(encoding="utf-8")


def _tame(value: object) -> object:
    """See finalize of jinja2: what becomes of every expression before it is escaped."""
    if isinstance(value, str) and not hasattr(value, "__html__"):  # that is drawn already
        return texts.clean(value, LONGEST)
    return "" if value is None else value


def _ago(at: datetime, now: datetime) -> str:
    return model.format_duration(now - at)


def _value(value: model.Scalar) -> str:
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.2f}".rstrip("0").rstrip(".")
        case _:
            return str(value)


def _is_address(text: str) -> bool:
    """Whether a link may lead there."""
    return text.startswith(("https://", "http://"))
