"""Carriers' notices of planned works, as tests need them."""

from datetime import timedelta

from tests.fakes.engine_world import START
from watcher import model
from watcher.model import WorkImpact, WorkStatus


def window(begin, end):
    """Return a window between these minutes after START."""
    return model.WorkWindow(
        begin=START + timedelta(minutes=begin), end=START + timedelta(minutes=end)
    )


def notice(*windows, circuits=("C1",), impact=WorkImpact.OUTAGE, read=0, stamp=None, **fields):
    """Return a notice with windows in minutes after START, read at a minute after it."""
    fields = {"provider": "lumen", "id": "W1", "status": WorkStatus.CONFIRMED, **fields}
    return model.Notice(
        windows=tuple(window(*edges) for edges in windows),
        circuits=tuple(model.AffectedCircuit(id=name, impact=impact) for name in circuits),
        stamp=None if stamp is None else START + timedelta(minutes=stamp),
        received_at=START + timedelta(minutes=read),
        **fields,
    )
