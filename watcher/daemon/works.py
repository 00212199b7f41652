"""Builds the source that looks for notices of planned works; nothing here connects."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Literal

from watcher import ports
from watcher.clock import Clock, Wakeup
from watcher.daemon import factories
from watcher.metrics import Metrics
from watcher.settings import Settings
from watcher.store.store import Store
from watcher.vendors import settings as vendor_settings
from watcher.works.folder import Folder
from watcher.works.inbound import Inbound
from watcher.works.mailbox import Mailbox
from watcher.works.reader import read_notices
from watcher.works.settings import SOURCE
from watcher.works.source import Checking, WorksSource


class _Timing(vendor_settings.Polled):
    """How the source is polled."""

    kind: Literal["works"] = "works"


def polled(settings: Settings) -> Mapping[str, vendor_settings.Polled]:
    """Return every source that is polled, with how: those of vendors, and `works`."""
    works = settings.works
    if not works.fetches:
        return settings.sources
    timing = _Timing(
        interval=works.interval,
        fast_interval=works.interval,
        blind_after=works.blind_after,
        timeout=works.timeout,
    )
    return {**settings.sources, SOURCE: timing}


def build_source(
    settings: Settings, store: Store, ingest: Wakeup, clock: Clock, metrics: Metrics
) -> dict[str, ports.Source]:
    """Build the source, by its name; none where neither folder nor mailbox is configured."""
    works = settings.works
    inbound = Inbound(
        read=functools.partial(read_notices, parser_python=works.parser_python),
        put=store.inbox.submit,
        wake=ingest.set,
        clock=clock,
        zone=works.zone,
        count=metrics.count_notice,
    )
    places: list[Checking] = []
    if works.directory is not None:
        places.append(Folder(works, works.directory, inbound=inbound, clock=clock))
    if works.imap.host:
        rejected = factories.rejected_folder(settings)
        log = store.mail_log
        places.append(Mailbox(works, inbound=inbound, mail_log=log, rejected=rejected, clock=clock))
    source = WorksSource(works, places, clock, remarks=inbound.remarks)
    return {SOURCE: source} if places else {}
