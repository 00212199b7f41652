"""Renders the pages from the templates in assets/, and serves the files beside them."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from datetime import datetime
from http import HTTPStatus
from importlib import resources
from typing import Any

import jinja2
from aiohttp import web
from markupsafe import Markup, escape

from watcher import model, text
from watcher.ledger import page
from watcher.operations import explain, silences, subject_works
from watcher.web import api, board, middleware, triage

LONGEST = 1_000  # of one part of text
STATIC = {"watcher.css": "text/css", "refresh.js": "text/javascript", "icon.svg": "image/svg+xml"}


class PageRenderer:
    """Renders the templates in assets/; `instance` is on every page."""

    def __init__(self, instance: str) -> None:
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("watcher.web", "assets"),
            autoescape=True,
            finalize=_finalize,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._rendering = asyncio.Semaphore(1)
        self._templates.globals["instance"] = instance
        self._templates.globals["report_address"] = api.report_address
        self._templates.filters |= page.FILTERS | {
            "time": model.format_time,
            "duration": _duration_until,
            "lasted": lambda incident, now: model.format_duration(incident.lasted(now)),
            "course": _course,
            "side": model.format_side,
            "ending": lambda incident: model.format_ending(incident.resolution).capitalize(),
            "visibility": board.describe_visibility,
            "delivery": board.describe_delivery,
            "delivered": explain.describe_delivery,
            "alert": explain.describe_alert,
            "value": _value,
            "lines": lambda several: escape(text.for_terminal(several)),
            "mbps": model.format_mbps,
            "suppression": silences.describe_suppression,
            "subject_work": subject_works.describe,
            "days": describe_cells,
            "describe_cells": describe_cells,
            "condition_word": condition_word,
            "phones": phones,
            "notified_until": triage.notified_until,
            "describe_entries": triage.describe_entries,
            "took": triage.took,
            "thread": triage.thread,
        }
        self._templates.tests |= {"link": _is_link, "behind": board.is_behind}

    async def respond(self, template: str, *, http_status: int = 200, **names: Any) -> web.Response:
        """Render in a thread: a storm's page takes longer than the event loop may be blocked."""
        async with self._rendering:
            shown = await asyncio.to_thread(self.render, template, **names)
        return middleware.html_response(shown, http_status)

    def render(self, template: str, **names: Any) -> str:
        """Return a page as HTML."""
        return self._templates.get_template(template).render(**names)

    def render_error(self, status: int, sentence: str) -> str:
        """Return the page for a request that cannot be answered."""
        return self.render("error.html", title=HTTPStatus(status).phrase, sentence=sentence)


def static_file(name: str) -> str:
    """Return the text of a file in assets/."""
    return (resources.files("watcher.web") / "assets" / name).read_text(encoding="utf-8")


def _finalize(value: object) -> object:
    """Clean what an expression gives before jinja2 escapes it (its `finalize`): one short line."""
    if isinstance(value, str) and not hasattr(value, "__html__"):  # else it is markup already
        return text.clean(value, LONGEST)
    return "" if value is None else value


def _duration_until(at: datetime, end: datetime) -> str:
    return model.format_duration(end - at)


def _course(alert: model.IncidentAlert, now: datetime) -> str:
    return explain.describe_course(alert, lambda at: model.format_time(at, now))


def _value(value: model.Scalar) -> str:
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case float():
            return model.format_number(value)
        case _:
            return str(value)


def condition_word(condition: str) -> str:
    """Return a condition as people read it: `blind` is of sources, a circuit is unknown then."""
    return "unknown" if condition == "blind" else condition


def describe_cells(conditions: list[str], unit: str = "day") -> str:
    """Return in words what a band of days or hours shows: `28 days up, 1 day down`."""
    counted = Counter(map(condition_word, conditions)).most_common()
    return ", ".join(f"{model.format_count(count, unit)} {what}" for what, count in counted)


_PHONE = re.compile(r"\+\d[\d ().-]{5,24}\d|(?<![\d.])0\d[\d ()-]{5,20}\d(?![\d.])")


def phones(contact: str) -> list[tuple[Markup, str]]:
    """Split a contact into parts, each with the number that it dials, or none."""
    parts, end, cleaned = [], 0, text.clean(contact, LONGEST)
    for match in _PHONE.finditer(cleaned):
        number = "".join(c for c in match[0] if c in "+0123456789")
        parts += [(cleaned[end : match.start()], ""), (match[0], number)]
        end = match.end()
    parts.append((cleaned[end:], ""))
    return [(escape(part), number) for part, number in parts if part]


def _is_link(text: str) -> bool:
    """Whether it may be the target of a link."""
    return text.startswith(("https://", "http://"))
