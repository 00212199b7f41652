"""Documents made smaller, for a broker that does not take them whole. Pure.

Law: what a program acts on stays to the last: which incident it is, how bad, and its state. A
document that is not whole has `truncated: true`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

import msgspec

from watcher import text
from watcher.operations.documents import EventDocument, IncidentDocument, OpenDocument

Fits = Callable[[int], bool]
_CONTACTS = 2
_SHORT = 120  # characters of a text that is cut
_FINDINGS = 3
_replace = msgspec.structs.replace


def incident(document: IncidentDocument, fits: Fits) -> bytes | None:
    """Return the document as JSON, as whole as fits; None when not even its core does."""
    return _first(chain([document], _smaller_incidents(document)), fits)


def event(document: EventDocument, fits: Fits) -> bytes | None:
    """Return the event as JSON, as whole as fits; None when not even its core does."""
    return _first(chain([document], _smaller_events(document)), fits)


def open_list(document: OpenDocument, fits: Fits) -> bytes | None:
    """Return the list as JSON, with as many incidents as fit; None when not even none do."""
    return _first(chain([document], _shorter_lists(document)), fits)


def _first(
    documents: Iterator[IncidentDocument] | Iterator[EventDocument] | Iterator[OpenDocument],
    fits: Fits,
) -> bytes | None:
    return next(
        (payload for document in documents if fits(len(payload := document.encode()))), None
    )


def _smaller_incidents(document: IncidentDocument) -> Iterator[IncidentDocument]:
    """Yield smaller and smaller documents: fewer alerts, then findings, labels, links."""
    document = _replace(document, truncated=True)
    count = len(document.alerts)
    while count > 1:
        count //= 2
        yield _replace(document, alerts=document.alerts[:count])
    alerts = [_replace(alert, labels={}) for alert in document.alerts[:1]]
    document = _replace(
        document,
        alerts=alerts,
        summary=text.clean(document.summary, _SHORT),
        contacts=document.contacts[:_CONTACTS],
        likely_side=None,
        diagnostics=[
            _replace(
                run,
                actions=tuple(text.clean(words, _SHORT) for words in run.actions[:_FINDINGS]),
                disposition=text.clean(run.disposition, _SHORT),
                message=text.clean(run.message, _SHORT),
                findings=[text.clean(words, _SHORT) for words in run.findings[:_FINDINGS]],
            )
            for run in document.diagnostics
        ],
    )
    yield document
    yield _replace(document, diagnostics=document.diagnostics[-1:])
    document = _replace(
        document, diagnostics=[], links={}, title=text.clean(document.title, _SHORT)
    )
    yield document
    yield _replace(document, alerts=[], remedy=None, runbook="", contacts=())


def _smaller_events(document: EventDocument) -> Iterator[EventDocument]:
    document = _replace(document, truncated=True, text=text.clean(document.text, 1_000))
    yield document
    document = _replace(document, data={})
    yield document
    yield _replace(
        document, text=text.clean(document.text, _SHORT), title=text.clean(document.title, _SHORT)
    )


def _shorter_lists(document: OpenDocument) -> Iterator[OpenDocument]:
    count = len(document.incidents)
    while count:
        count //= 2
        yield _replace(document, truncated=True, incidents=document.incidents[:count])
